"""Feed folders with the results of an independent implementation: outcomes, rejects, decisions, breaks, figures, equal."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cair.journeys.export_rows import export_rows
from cair.journeys.take_evidence import Intake, take_files
from cair.store.configuration import Configuration
from cair.store.office import Office, open_office
from tests.reference.conformance import laid_out

FOLDERS = Path(__file__).parent.parent / "conformance"
NAMES = sorted(plan.parent.name for plan in FOLDERS.glob("*/plan.json"))


def quiet(*_: object) -> None:
    """Tell nobody."""


@contextmanager
def fresh_office(home: Path) -> Iterator[Office]:
    with open_office(Configuration(home, home / "keys"), announce=quiet) as office:
        yield office


def take_plan(office: Office, folder: Path) -> Intake:
    taken = Intake()
    for step in json.loads((folder / "plan.json").read_text())["steps"]:
        received = datetime.fromisoformat(step["received_at"])
        files = [folder / name for name in step["files"]]
        result = take_files(office, files, received_at=received, now=datetime.now(UTC), progress=quiet)
        taken.files += result.files
        taken.refused += result.refused
    return taken


def outcomes(taken: Intake) -> dict[str, object]:
    files = [
        {"name": f.name, "feed": f.feed, "partner": f.partner, "lines": sum(f.counts.values()), **f.counts}
        for f in taken.files
    ]
    return {"files": files, "refused": [{"name": n, "reason": str(reason)} for n, reason, _ in taken.refused]}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", NAMES)
def test_folder_gives_what_the_pages_say(name: str, tmp_path: Path) -> None:
    folder = laid_out(FOLDERS / name, tmp_path / "folder")
    with fresh_office(tmp_path / "home") as office:
        assert outcomes(take_plan(office, folder)) == json.loads((folder / "expected/outcomes.json").read_text())
        later = datetime.now(UTC)
        export_rows(office, "rejects", tmp_path / "rejects.csv", as_of=later, announce=quiet)
        shown = [
            {k: v for k, v in row.items() if k not in ("message", "raw")} for row in rows(tmp_path / "rejects.csv")
        ]
        assert shown == rows(folder / "expected/rejects.csv")
        for number, as_of in enumerate(json.loads((folder / "plan.json").read_text())["as_ofs"], 1):
            for what in ("decisions", "breaks", "funnel"):
                export_rows(office, what, tmp_path / f"{what}.csv", as_of=datetime.fromisoformat(as_of), announce=quiet)
                expected = folder / "expected" / str(number) / f"{what}.csv"
                assert rows(tmp_path / f"{what}.csv") == rows(expected), f"{what} as of {as_of}"
