"""Every case comes out as it is written, through the rules that take files in and the steps that decide everybody."""

from typing import Any

import pytest

from cair.kernel.reasons import BreakKind, ReachClass, Reason
from tests.cases.deciding import Court
from tests.cases.telling import Case, all_cases


def test_every_case_comes_out_as_written(subtests: pytest.Subtests) -> None:
    cases = all_cases()
    came_out = Court().decide(cases)
    for case in cases:
        with subtests.test(f"{case.subject}: {case.name}"):
            _compare(case, came_out[case.number])


def _compare(case: Case, came_out: dict[str, list[dict[str, Any]]]) -> None:
    decisions = {row["card_number"]: row for row in came_out["decisions"]}
    assert set(decisions) == set(case.expected)
    for person, expected in case.expected.items():
        assert {name: decisions[person][name] for name in expected} == expected, person
    breaks = case.told.get("breaks", [])
    assert [row["kind"] for row in came_out["breaks"]] == [row["kind"] for row in breaks]
    for row, expected in zip(came_out["breaks"], breaks, strict=True):
        assert {name: row[name] for name in expected} == expected
    if "reach" in case.told:
        assert [row["reach"] for row in came_out["reach"]] == [case.told["reach"]]


def test_every_reason_break_and_class_has_a_case() -> None:
    expected = [decision for case in all_cases() for decision in case.expected.values()]
    assert {row.get("reason") for row in expected} >= {str(reason) for reason in Reason}
    kinds = {row["kind"] for case in all_cases() for row in case.told.get("breaks", [])}
    assert kinds >= {str(kind) for kind in BreakKind}
    assert {case.told.get("reach") for case in all_cases()} >= {str(kind) for kind in ReachClass}
