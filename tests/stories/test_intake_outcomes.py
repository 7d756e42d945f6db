"""Outcomes of many lines with few keys, over batches and files, against a plain loop over the lines."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

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
