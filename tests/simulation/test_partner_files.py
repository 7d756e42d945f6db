"""The made-up population: the same bytes for the same seed, files that can be read, and the published funnel."""

import datetime
import hashlib
import json
import re
from collections import Counter

import numpy as np
import pytest

from cair.rules.tables import FEEDS
from cair.simulation import Scenario, UnableToSimulate, write_files
from cair.simulation.catalogue import make_catalogue
from cair.simulation.evidence import REVIEW_TEXTS
from cair.simulation.figures import read_figures
from cair.simulation.population import card_numbers
from tests.reference.conformance import taken_in
from tests.reference.feeds import read_name

REAL_NAMES = (
    "tokopedia",
    "bukalapak",
    "skillacademy",
    "ruangguru",
    "maubelajarapa",
    "pintaria",
    "harukaedu",
    "sekolah.mu",
    "sekolahmu",
    "pijar",
    "sisnaker",
    "kemnaker",
    "bni",
    "ovo",
    "linkaja",
    "gopay",
    "gojek",
    "dana",
    "bca",
    "bri",
    "mandiri",
    "shopeepay",
    "udemy",
    "coursera",
    "karier.mu",
    "cakap",
    "dicoding",
    "telkom",
    "grab",
)
PEOPLE = 6_000
PUBLISHED = 680_880


def made(folder, **scenario):
    folder.mkdir()
    write_files(Scenario(**scenario), folder, progress=lambda *_: None)
    return folder


def digest(folder):
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


@pytest.fixture(scope="module")
def july(tmp_path_factory):
    """Some thousand people, taken in by the reference."""
    folder = made(tmp_path_factory.mktemp("july") / "made", people=PEOPLE)
    world, said, as_ofs = taken_in(folder)
    return folder, world, said, as_ofs


def counts(rows, measure, dimension):
    return {
        row["value"]: int(row["count"]) for row in rows if (row["measure"], row["dimension"]) == (measure, dimension)
    }


def test_same_seed_same_bytes_and_another_seed_others(tmp_path):
    first = digest(made(tmp_path / "first", people=700))
    assert first == digest(made(tmp_path / "again", people=700))
    assert first != digest(made(tmp_path / "other", people=700, seed=2021))


def test_without_faults_every_line_of_every_feed_can_be_read(tmp_path):
    folder = made(tmp_path / "clean", people=1_500, faults=0.0)
    world, said, _ = taken_in(folder)
    assert said["refused"] == []
    assert world.rejects() == []
    assert world.conflicts() == []
    assert {file["feed"] for file in said["files"]} == set(FEEDS) - {"results"}
    formats = {re.sub(r"^.*?\d{8}\.", "", path.name) for path in (folder / "files").iterdir()}
    assert formats == {"csv", "csv.gz", "ndjson", "ndjson.gz", "parquet"}


def test_every_feed_is_there_at_the_smallest_size(tmp_path):
    files = [path.name for path in (made(tmp_path / "small", people=100, faults=0.0) / "files").iterdir()]
    assert {read_name(name)["feed"] for name in files} == set(FEEDS) - {"results"}


def test_faults_make_every_outcome_and_refusal(july):
    _, world, said, _ = july
    outcomes = Counter()
    for file in said["files"]:
        outcomes.update({name: file[name] for name in ("superseding", "outdated", "conflict", "duplicate", "rejected")})
    assert all(outcomes[name] > 0 for name in outcomes), outcomes
    assert {"MALFORMED_LINE", "BAD_TIMESTAMP", "FUTURE_TIMESTAMP"} <= {reject["code"] for reject in world.rejects()}
    refused = {refusal["reason"] for refusal in said["refused"]}
    assert refused == {"BAD_NAME", "UNKNOWN_FEED", "WRONG_PARTNER", "TRUNCATED", "MISSING_COLUMN", "REPEATED_COLUMN"}


def test_the_funnel_is_that_of_july_2020(july):
    _, world, _, as_ofs = july
    _, breaks, rows = world.exports(as_ofs[-1])
    share = PEOPLE / PUBLISHED
    assert counts(rows, "appointed", "total")["all"] == PEOPLE
    assert counts(rows, "appointed", "wave") == {"1": 1481, "2": 2540, "3": 1979}
    assert counts(rows, "bought", "total")["all"] == pytest.approx(600_000 * share, rel=0.015)
    unpaid = counts(rows, "unpaid_finishers", "reason")
    assert sum(unpaid.values()) == pytest.approx(495_000 * share, rel=0.025)
    assert 10_000 * share <= sum(unpaid.values()) - unpaid["DUE"] <= 21_000 * share
    assert len(unpaid) >= 11
    assert set(counts(rows, "not_bought", "reach")) >= {
        "TRIED",
        "SIGNED_IN",
        "LOCKED_OUT",
        "REACHED",
        "DELIVERED",
        "UNREACHABLE",
    }
    assert len({entry["kind"] for entry in breaks}) >= 10
    assert {"PLATFORM", "PROVIDER"} <= set(counts(rows, "unpaid_finishers", "overdue_whose_move"))


def test_the_plan_takes_every_file_once_and_never_runs_backwards(july):
    folder, *_ = july
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    named = [name for step in plan["steps"] for name in step["files"]]
    assert sorted(named) == sorted(f"files/{path.name}" for path in (folder / "files").iterdir())
    received = [step["received_at"] for step in plan["steps"]]
    assert received == sorted(set(received))
    assert 8 <= len(received) <= 16
    assert len(named) <= 320
    for step in plan["steps"]:
        day = step["received_at"][:10].replace("-", "")
        assert all(day in name or "ulang" in name for name in step["files"])


def test_an_earlier_end_leaves_out_what_was_sent_later(tmp_path):
    folder = made(tmp_path / "may", people=500, until=datetime.date(2020, 5, 19))
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    assert plan["steps"][-1]["received_at"] == "2020-05-19T15:00:00Z"
    assert plan["as_ofs"] == ["2020-05-19T16:59:59Z"]


def test_no_real_organisation_is_named():
    texts = [partner.name for partner in read_figures().partners]
    texts += [*REVIEW_TEXTS, *make_catalogue(Scenario()).title.to_pylist()]
    words = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in REAL_NAMES))
    assert [text for text in texts if words.search(text.lower())] == []
    assert not any(name in partner.name for partner in read_figures().partners for name in REAL_NAMES)


def test_card_numbers_are_unique_and_well_formed():
    cards = card_numbers(np.arange(300_000)).to_pylist()
    assert len(set(cards)) == 300_000
    assert all(len(card) == 16 and card.isdigit() for card in cards[::997])


@pytest.mark.parametrize("wrong", [{"people": 99}, {"until": datetime.date(2020, 4, 1)}, {"faults": 0.5}])
def test_impossible_scenarios_are_refused(wrong):
    with pytest.raises(UnableToSimulate):
        Scenario(**wrong)


def test_a_folder_that_holds_something_is_refused(tmp_path):
    folder = made(tmp_path / "full", people=100)
    with pytest.raises(UnableToSimulate, match="not empty"):
        write_files(Scenario(people=100), folder, progress=lambda *_: None)
