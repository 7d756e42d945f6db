"""Outcomes of many lines with few keys, over batches and files, against a plain loop over the lines."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from cair.journeys.export_rows import export_rows
from cair.journeys.take_evidence import take_files
from cair.store.configuration import Configuration
from cair.store.office import Office, open_office

HEADER = "card_number,survey_no,occurred_at,revision\n"
RECEIVED = datetime(2020, 7, 28, tzinfo=UTC)
LINES_OF_A_FILE = 2**32

Line = tuple[int, int, int, int]


def quiet(*_: object) -> None:
    """Tell nobody."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    home = tmp_path / "home"
    with open_office(Configuration(home, home / "keys"), announce=quiet) as opened:
        yield opened


def made_up(rng: Random, lines: int, keys: int) -> list[Line]:
    return [
        (9_990_000_000_000_000 + rng.randrange(keys), rng.randrange(3), rng.randint(1, 3), rng.randrange(3))
        for _ in range(lines)
    ]


def written(path: Path, lines: list[Line]) -> Path:
    rows = (f"{card},{number},2020-07-0{1 + day}T00:00:00Z,{revision}\n" for card, number, revision, day in lines)
    path.write_text(HEADER + "".join(rows))
    return path


def outcomes(lines: list[Line], held: dict[tuple[int, int], set[tuple[int, int]]]) -> list[str]:
    """Take the lines one by one, as the contract says."""
    told = []
    for card, number, revision, day in lines:
        here = held.setdefault((card, number), set())
        highest = max((known for known, _ in here), default=None)
        if (revision, day) in here:
            told.append("duplicate")
            continue
        here.add((revision, day))
        if highest is None:
            told.append("accepted")
        else:
            told.append("superseding" if revision > highest else "outdated" if revision < highest else "conflict")
    return told


@pytest.mark.parametrize("keys", [30, 20_000])
def test_outcomes_are_those_of_a_loop_over_the_lines(office: Office, tmp_path: Path, keys: int) -> None:
    """Most lines of a batch are contested: it is here that the order of a large result would show."""
    rng, held = Random(keys), {}
    numbers = 0
    for command in range(2):
        files, expected = [], []
        for place in range(2):
            lines = made_up(rng, 60_000, keys)
            files.append(written(tmp_path / f"surveys.pmo.2020070{1 + place}.{command}.csv", lines))
            expected.append(outcomes(lines, held))
        taken = take_files(office, files, received_at=RECEIVED, now=datetime.now(UTC), progress=quiet)
        for file, told in zip(taken.files, expected, strict=True):
            assert {name: count for name, count in file.counts.items() if count} == Counter(told)
            numbers += 1
            with office.database.connect() as connection:
                kept = connection.execute(
                    "SELECT taken_in - %(first)s, outcome FROM surveys WHERE taken_in BETWEEN %(first)s AND %(last)s",
                    {"first": numbers * LINES_OF_A_FILE, "last": (numbers + 1) * LINES_OF_A_FILE - 1},
                ).fetchall()
            said = {place: outcome for place, outcome in enumerate(told, 1) if outcome != "duplicate"}
            assert dict(kept) == said


def test_the_key_of_a_conflict_is_written_as_the_exports_write(office: Office, tmp_path: Path) -> None:
    file, told = tmp_path / "accounts.bank.20200701.csv", tmp_path / "conflicts.csv"
    instants = (
        "2020-07-01T10:00:00+07:00",
        "2020-07-01T03:00:00Z",
        "2020-07-01T03:00:00.5Z",
        "2020-07-01T03:00:00.50Z",
    )
    rows = (f"0012340000000012,A-1,{kyc},LINKED,{at}\n" for kyc, at in zip(("full", "none") * 2, instants, strict=True))
    file.write_text("card_number,account_ref,kyc,status,checked_at\n" + "".join(rows))
    now = datetime.now(UTC)
    take_files(office, [file], received_at=RECEIVED, now=now, progress=quiet)
    assert export_rows(office, "conflicts", told, as_of=now, announce=quiet) == 2
    key = "card_number=0012340000000012; account_ref=****; checked_at=2020-07-01T03:00:00"
    assert told.read_text().splitlines()[1:] == [
        f"{file.name},2,accounts,bank,{key}Z,1",
        f"{file.name},4,accounts,bank,{key}.500000Z,1",
    ]
