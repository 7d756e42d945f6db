"""Random adversarial folders: the product against the slow reference, row by row; shuffled, sent twice, bit by bit.

`CAIR_SEEDS=20` runs more of them.
"""

import csv
import json
import os
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cair.journeys.export_rows import export_rows
from cair.journeys.reconcile import reconcile_now
from cair.journeys.take_evidence import take_files
from cair.store.office import Office
from tests.reference.adversary import make_folder
from tests.reference.intake import World
from tests.stories.test_conformance import fresh_office, outcomes, quiet, take_plan

SEEDS = range(1, 1 + int(os.environ.get("CAIR_SEEDS", "1")))


def reference_of(folder: Path, plan: dict[str, object]) -> tuple[World, dict[str, list[object]]]:
    world, said = World(), {"files": [], "refused": []}
    for step in plan["steps"]:
        files = [(Path(name).name, content_of(folder / name)) for name in step["files"]]
        result = world.take_in(files, datetime.fromisoformat(step["received_at"]))
        said = {part: said[part] + result[part] for part in said}
    return world, said


def content_of(path: Path) -> bytes | None:
    """None for a file that is named but is not there."""
    return path.read_bytes() if path.exists() else None


def exported(office: Office, what: str, as_of: datetime, path: Path) -> list[dict[str, str]]:
    export_rows(office, what, path, as_of=as_of, announce=quiet)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def as_text(rows: Iterable[dict[str, object]]) -> list[dict[str, str]]:
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("seed", SEEDS)
def test_product_equals_reference(seed: int, tmp_path: Path) -> None:
    """Every outcome, reject, decision, break and figure, on files in another order than they were made in."""
    folder = tmp_path / "folder"
    make_folder(seed, folder, steps=3, people=100)
    plan = json.loads((folder / "plan.json").read_text())
    for step in plan["steps"]:
        random.Random(seed).shuffle(step["files"])
    (folder / "plan.json").write_text(json.dumps(plan))
    world, said = reference_of(folder, plan)
    with fresh_office(tmp_path / "home") as office:
        assert outcomes(take_plan(office, folder)) == said
        rejects = exported(office, "rejects", datetime.now(UTC), tmp_path / "rejects.csv")
        names = ("file", "line", "feed", "partner", "code", "column")
        assert [tuple(row[n] for n in names) for row in rejects] == [
            tuple(row[n] for n in names) for row in as_text(world.rejects())
        ]
        for as_of in map(datetime.fromisoformat, plan["as_ofs"]):
            assert exported(office, "decisions", as_of, tmp_path / "d.csv") == as_text(world.decisions(as_of))
            assert exported(office, "breaks", as_of, tmp_path / "b.csv") == as_text(world.breaks(as_of))
            assert exported(office, "funnel", as_of, tmp_path / "f.csv") == as_text(world.funnel(as_of))


def test_repetition_changes_nothing(tmp_path: Path) -> None:
    """A file that comes again in its step, also under another serial, is nothing but duplicates and rejects."""
    folder = tmp_path / "folder"
    make_folder(1001, folder, steps=2, people=60)
    plan = json.loads((folder / "plan.json").read_text())
    last = datetime.fromisoformat(plan["as_ofs"][-1])
    answers = []
    for home, times in (("once", 1), ("again", 2)):
        with fresh_office(tmp_path / home) as office:
            for step in plan["steps"]:
                files = [folder / name for name in step["files"]] * times
                received = datetime.fromisoformat(step["received_at"])
                take_files(office, files, received_at=received, now=datetime.now(UTC), progress=quiet)
            exported(office, "decisions", last, tmp_path / f"{home}.csv")
            answers.append((tmp_path / f"{home}.csv").read_bytes())
    assert answers[0] == answers[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_incremental_equals_full(seed: int, tmp_path: Path) -> None:
    """After every step only those concerned are decided again; a full run finds nothing that differs, facts and all."""
    folder = tmp_path / "folder"
    make_folder(seed + 2000, folder, steps=4, people=80)
    plan = json.loads((folder / "plan.json").read_text())
    with fresh_office(tmp_path / "home") as office:
        moments = [datetime.fromisoformat(step["received_at"]) for step in plan["steps"]]
        for step, received in zip(plan["steps"], moments, strict=True):
            files = [folder / name for name in step["files"]]
            take_files(office, files, received_at=received, now=datetime.now(UTC), progress=quiet)
            reconcile_now(office, received, full=False, announce=quiet)
        for as_of in sorted(moment for moment in map(datetime.fromisoformat, plan["as_ofs"]) if moment > moments[-1]):
            run = reconcile_now(office, as_of, full=False, announce=quiet)
            again = reconcile_now(office, as_of, full=True, announce=quiet)
            assert again.changed == 0, f"run {run.number} as of {as_of} missed somebody"
