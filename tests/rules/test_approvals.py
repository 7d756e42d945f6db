"""Who must agree, from when: the figures of the office, more than the database asks for if it likes, never less."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import combinations
from typing import Any

import pytest

from cair.programme import approvals as figures
from cair.programme import reader
from cair.rules.approvals import UnableToUseApprovals, day_of, forbidden_pair, may_approve, stages_from_idr
from cair.rules.release import FORBIDDEN_PAIRS, MAY_APPROVE, STAGES_FROM_IDR, Role

TODAY = date(2026, 1, 1)
Set = Callable[[str, list[tuple[date, Any]]], None]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Write other figures than those that come along."""

    def write(name: str, values: list[tuple[date, Any]]) -> None:
        read = reader._read
        told = {"values": [{"from": day, "value": value} for day, value in values]}
        monkeypatch.setattr(reader, "_read", lambda asked: told if asked == f"parameters/{name}.yaml" else read(asked))
        monkeypatch.setattr(figures, name, getattr(figures, name).__wrapped__)

    return write


def test_what_comes_along_is_the_least() -> None:
    assert stages_from_idr(TODAY) == STAGES_FROM_IDR
    assert {stage: may_approve(stage, TODAY) for stage in MAY_APPROVE} == MAY_APPROVE
    pairs = {frozenset(pair) for pair in combinations(Role, 2) if forbidden_pair(frozenset(pair), TODAY)}
    assert pairs == FORBIDDEN_PAIRS


def test_figures_change_on_their_day(written: Set) -> None:
    few = [{"from_idr": 0, "roles": ["DIRECTOR"]}]
    written("approval_stages", [(date(2020, 4, 11), few),
                                (date(2021, 1, 1), [*few, {"from_idr": 600_000, "roles": ["DIRECTOR"]}])])  # fmt: skip
    days = [date(2019, 1, 1), date(2020, 4, 11), date(2020, 12, 31), date(2021, 1, 1)]
    assert [stages_from_idr(day) for day in days] == [(0,), (0,), (0,), (0, 600_000)]
    assert may_approve(1, days[2]) == may_approve(2, days[2]) == (Role.DIRECTOR,)
    assert stages_from_idr(day_of(datetime(2020, 12, 31, 17, tzinfo=UTC))) == (0, 600_000)


def test_pairs_may_be_added_and_none_left_out(written: Set) -> None:
    least = [sorted(pair) for pair in FORBIDDEN_PAIRS]
    more = [*least, ["CHECKER", "DIRECTOR"]]
    written("forbidden_pairs", [(date(2020, 4, 11), least), (date(2021, 1, 1), more), (date(2022, 1, 1), least[1:])])
    both = frozenset({Role.CHECKER, Role.DIRECTOR})
    assert forbidden_pair(both, date(2020, 12, 31)) is None
    assert forbidden_pair(both, date(2021, 1, 1)) == (Role.CHECKER, Role.DIRECTOR)
    with pytest.raises(UnableToUseApprovals, match="is missing"):
        forbidden_pair(both, date(2022, 1, 1))


def test_nobody_approves_whom_the_database_refuses(written: Set) -> None:
    written("approval_stages", [(date(2020, 4, 11), [{"from_idr": 0, "roles": ["OFFICER", "CHECKER"]}])])
    with pytest.raises(UnableToUseApprovals, match="OFFICER"):
        may_approve(1, TODAY)


@pytest.mark.parametrize(
    "stages",
    [
        [],
        [{"from_idr": 1, "roles": ["DIRECTOR"]}],
        [{"from_idr": 0, "roles": []}],
        [{"from_idr": 0, "roles": ["DIRECTOR"]}] * 2,
    ],
)
def test_every_release_is_approved_by_somebody(stages: list[dict[str, Any]], written: Set) -> None:
    written("approval_stages", [(date(2020, 4, 11), stages)])
    with pytest.raises(AssertionError):
        stages_from_idr(TODAY)
