"""A few people are decided by SQLite on facts fetched by key: the answers are those of the engine for everybody."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cair.kernel.days import instant_of
from cair.store.engine import session, steps_for
from cair.store.few import FewPeople, _Warm, few_people
from cair.store.few_engine import IS_HERE, columns_of
from cair.store.office import Office
from tests.reference.adversary import make_folder
from tests.reference.conformance import laid_out
from tests.stories.test_against_reference import SEEDS
from tests.stories.test_conformance import FOLDERS, NAMES, fresh_office, take_plan

TARGETS = ("decisions", "breaks", "reach")
pytestmark = pytest.mark.skipif(not IS_HERE, reason="this Python's SQLite is too old")


def plain(value: Any) -> Any:
    """As SQLite says it: booleans are numbers, UUIDs 32 hexadecimal digits."""
    return value.hex if isinstance(value, UUID) else int(value) if isinstance(value, bool) else value


Table = list[dict[str, Any]]


def rows(few: FewPeople, table: str) -> Table:
    """Every column of a table, sorted."""
    names = list(columns_of(table))
    found = few.rows(table, ", ".join(f'"{name}"' for name in names))
    return sorted((dict(zip(names, map(plain, row), strict=True)) for row in found), key=str)


def told_of(tables: dict[str, Table], card: int) -> dict[str, Table]:
    """What the page of a person rests on."""
    codes = {sale["redeem_code"] for sale in tables["sales"] if sale["card_number"] == card}
    return {
        "decisions": [row for row in tables["decisions"] if row["card_number"] == card],
        "reach": [row for row in tables["reach"] if row["reach_card"] == card],
        "breaks": [row for row in tables["breaks"] if row["redeem_code"] in codes],
        "codes": [row for row in tables["codes"] if row["redeem_code"] in codes],
    }


def compare(office: Office, as_ofs: list[str]) -> int:
    """Everybody at once on both, every step; then everybody alone on SQLite. Gives how many decisions there were."""
    decided = 0
    with (
        session(office.home) as engine,
        office.database.connect(autocommit=True) as connection,
        few_people(connection, engine) as few,
    ):
        whole = FewPeople(connection, engine, _Warm(few=None))
        cards = [row[0] for row in connection.execute("SELECT DISTINCT card_number FROM appointments")]
        cards += [row[0] for row in connection.execute("SELECT DISTINCT card_number FROM purchases")]
        for as_of in map(instant_of, map(datetime.fromisoformat, as_ofs)):
            whole.decide(cards, as_of, *TARGETS)
            few.decide(cards, as_of, *TARGETS)
            every = {step.name: rows(whole, step.name) for step in steps_for(*TARGETS)}
            for step, expected in every.items():
                assert rows(few, step) == expected, f"{step} as of {as_of}"
            for card in sorted(set(cards)):
                few.decide([card], as_of, *TARGETS)
                alone = {step: rows(few, step) for step in ("sales", "decisions", "reach", "breaks", "codes")}
                assert told_of(alone, card) == told_of(every, card)
            decided += len(every["decisions"])
    return decided


@pytest.mark.parametrize("seed", SEEDS)
def test_adversary(seed: int, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    make_folder(seed + 4000, folder, steps=4, people=120)
    with fresh_office(tmp_path / "home") as office:
        take_plan(office, folder)
        assert compare(office, json.loads((folder / "plan.json").read_text())["as_ofs"])


@pytest.mark.parametrize("name", NAMES if len(SEEDS) > 1 else NAMES[:1])
def test_conformance(name: str, tmp_path: Path) -> None:
    folder = laid_out(FOLDERS / name, tmp_path / "folder")
    with fresh_office(tmp_path / "home") as office:
        take_plan(office, folder)
        compare(office, json.loads((folder / "plan.json").read_text())["as_ofs"])
