"""`make bench`: the goals for speed and size, each beside its yardstick in the same run; into JSON and a page."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import decision, explain, intake, money

SIZES = (10_000, 100_000, 680_880)
MOST_PAID = 1_000_000
"""People up to whom money is measured: half a million payments are due then, as many as the goals name."""
PARTS = ("decision", "intake", "demo", "explain", "money")
PAGE = Path("docs/benchmarks.md")
RESULTS = Path("docs/benchmarks.json")
_LEAD = """# Benchmarks

Measured by `make bench` (figures as printed; goals in brackets where there is one). A benchmark runs its yardstick in the
same run: on a shared machine read the ratios. Decisions: the cold command `cair export decisions FILE.parquet`.

"""


def _demo(people: int, folder: Path) -> dict[str, object]:
    """Run the demonstration (P10), its home kept for what comes after."""
    environment = {**os.environ, "CAIR_HOME": str(folder)}
    begun = time.perf_counter()
    program = (sys.executable, "-m", "cair.cli.main", "demo", "--people", str(people), "--json")
    done = subprocess.run(program, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    seconds = json.loads(done.stdout)["seconds"]
    return {"people": people, "wall_s": round(time.perf_counter() - begun, 1), "goal_wall_s": 180, **seconds}


def _measure(sizes: list[int], folder: Path, only: set[str]) -> Iterator[tuple[str, dict[str, object]]]:
    for people in sizes:
        parts: dict[str, Callable[[], dict[str, object]]] = {
            "decision": lambda p=people: decision.run(p, folder / f"decision-{p}"),
            "intake": lambda p=people: intake.run(p, folder / f"intake-{p}"),
            "demo": lambda p=people: _demo(p, folder / f"demo-{p}"),
            "explain": lambda p=people: explain.run(folder / f"demo-{p}", p),
            "money": lambda p=people: money.run(p, folder / f"money-{p}"),
        }
        for name, part in parts.items():
            if name in only and (name != "money" or people <= MOST_PAID):
                yield f"{name}, {people:,} people", part()


def _page(results: dict[str, dict[str, object]], about: str) -> str:
    lines = [_LEAD, about, "\n"]
    for name, row in results.items():
        lines.append(f"\n## {name}\n\n| figure | value |\n| --- | ---: |\n")
        lines += [f"| {figure.replace('_', ' ')} | {value} |\n" for figure, value in row.items()]
    return "".join(lines)


def main() -> None:
    """Measure, print, and write the page and the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=list(SIZES), help="sizes to measure")
    parser.add_argument("--only", nargs="+", default=list(PARTS), help="parts to measure")
    parser.add_argument("--folder", type=Path, help="where the made-up evidence goes; a temporary folder if not given")
    chosen = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    about = (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.strip() or 'unknown'}, {os.cpu_count()} processors, "
        f"{platform.machine()}, Python {platform.python_version()}, load at the start {load}.\n"
    )
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as made:
        for name, row in _measure(chosen.people, chosen.folder or Path(made), set(chosen.only)):
            results[name] = row
            print(f"{name}: {json.dumps(row)}", flush=True)
            RESULTS.write_text(
                json.dumps({"about": about.strip(), "results": results}, indent=1) + "\n", encoding="utf-8"
            )
            PAGE.write_text(_page(results, about), encoding="utf-8")


if __name__ == "__main__":
    main()
