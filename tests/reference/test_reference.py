"""The reference equals every conformance example, row by row."""

import collections
import datetime
import json
from pathlib import Path

import pytest

from tests.reference import World
from tests.reference.adversary import make_folder
from tests.reference.conformance import csv_rows, reject_rows, taken_in
from tests.reference.coverage import everything, occurring

FOLDERS = sorted(path.parent for path in (Path(__file__).parents[1] / "conformance").glob("*/plan.json"))


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def example(request):
    """A folder with everything taken in."""
    world, said, as_ofs = taken_in(request.param)
    return {"expected": request.param / "expected", "world": world, "said": said, "as_ofs": as_ofs}


def test_there_are_examples():
    assert [folder.name for folder in FOLDERS] == ["by-hand", "random-1", "random-2", "random-3", "random-4"]


def test_outcomes(example):
    assert example["said"] == json.loads((example["expected"] / "outcomes.json").read_text("utf-8"))


def test_lines_equal_the_sum_of_the_outcomes(example):
    for file in example["said"]["files"]:
        outcomes = [count for name, count in file.items() if name not in ("name", "feed", "partner", "lines")]
        assert file["lines"] == sum(outcomes)


def test_rejects(example):
    assert reject_rows(example["world"]) == csv_rows(example["expected"] / "rejects.csv")


def test_exports(example):
    for number, as_of in enumerate(example["as_ofs"], start=1):
        decisions, breaks, funnel = example["world"].exports(as_of)
        expected = example["expected"] / str(number)
        assert decisions == csv_rows(expected / "decisions.csv")
        assert breaks == csv_rows(expected / "breaks.csv")
        assert funnel == csv_rows(expected / "funnel.csv")


def test_receipts_never_run_backwards():
    world = World()
    later = datetime.datetime(2020, 7, 1, tzinfo=datetime.UTC)
    world.take_in([], later)
    with pytest.raises(ValueError, match="backwards"):
        world.take_in([], later - datetime.timedelta(microseconds=1))


def test_what_is_shown_of_a_reject_is_masked():
    world = World()
    line = b'3201,"Budi \xff",\xc3\xa9\n'
    world.take_in(
        [("registry.auth.20200601.csv", b"nik,list_name,valid_on\n" + line)],
        datetime.datetime(2020, 6, 1, tzinfo=datetime.UTC),
    )
    assert [reject["raw_masked"] for reject in world.rejects()] == ['9999,"xxxx \\xff",x']


def bytes_of(folder):
    """Everything in a folder by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_seed_always_writes_the_same_folder(tmp_path):
    folders = [make_folder(7, tmp_path / name, steps=3, people=40) for name in ("one", "other")]
    assert bytes_of(folders[0]) == bytes_of(folders[1])


def test_the_adversary_brings_up_every_break_reason_and_refusal(tmp_path):
    counts = collections.Counter()
    for seed in (1, 2):
        counts.update(occurring(make_folder(seed, tmp_path / str(seed), steps=5, people=200)))
    wanted = [thing for thing in everything() if thing[0] in ("break", "reason", "refused", "outcome", "step")]
    assert [thing for thing in wanted if not counts[thing]] == []
