"""Partners' files of a made-up population."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from cair.simulation import Scenario, write_files

Progress = Callable[[str, int, int], None]


def simulate_files(folder: Path, *, people: int, seed: int, until: date, faults: float, progress: Progress) -> Path:
    """Write the files and the plan that says when each is received; give the plan's path.

    :raises cair.simulation.UnableToSimulate: the folder is not empty or cannot be written, or a figure is out of range.
    """
    return write_files(Scenario(people=people, seed=seed, until=until, faults=faults), folder, progress=progress)
