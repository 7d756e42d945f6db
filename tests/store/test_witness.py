"""What was sent last is noted by many workers at once, and the last one stands."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cair.store.witness import note_sent

START = datetime(2020, 7, 27, 2, tzinfo=UTC)


def noted(home: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads((home / "last-sent.json").read_text())
    return told


def test_workers_that_note_at_once_leave_the_last(tmp_path: Path) -> None:
    def note(number: int) -> None:
        note_sent(tmp_path, number, f"name-{number}", START + timedelta(seconds=number))

    with ThreadPoolExecutor(16) as workers:
        list(workers.map(note, range(400)))
    assert noted(tmp_path)["number"] == 399
    assert {path.name for path in tmp_path.iterdir()} == {"last-sent.json", ".last-sent.json.lock"}


def test_after_a_restore_numbers_begin_lower_and_are_noted(tmp_path: Path) -> None:
    note_sent(tmp_path, 50, "before", START)
    note_sent(tmp_path, 20, "after", START + timedelta(hours=1))
    assert noted(tmp_path)["external_id"] == "after"


def test_a_clock_that_goes_back_hides_nothing(tmp_path: Path) -> None:
    note_sent(tmp_path, 50, "ahead", START + timedelta(days=1))
    note_sent(tmp_path, 51, "behind", START)
    assert noted(tmp_path)["external_id"] == "behind"


def test_a_note_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "last-sent.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        note_sent(tmp_path, 1, "first", START)
