"""Who must agree before money leaves, by day: the stages of approval, and roles that no one person may hold together."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise

from cair.programme.reader import dated

MOST_STAGES = 3


@dataclass(frozen=True)
class Stage:
    """One stage: from which amount of a release on (whole rupiah) it is needed, and who may give it, the lowest first."""

    from_idr: int
    roles: tuple[str, ...]


@cache
def approval_stages(on: date) -> tuple[Stage, ...]:
    """Give the stages in force on a day, the first at any amount."""
    value = dated("approval_stages", on)
    assert isinstance(value, list), "approval_stages: a value is a list of stages"
    stages = tuple(Stage(int(each["from_idr"]), tuple(each["roles"])) for each in value)
    assert 1 <= len(stages) <= MOST_STAGES, f"approval_stages: one to {MOST_STAGES} stages"
    assert stages[0].from_idr == 0, "approval_stages: every release needs an approval"
    assert all(low.from_idr < high.from_idr for low, high in pairwise(stages)), (
        "approval_stages: more money, more stages"
    )
    assert all(stage.roles for stage in stages), "approval_stages: somebody may give each of them"
    return stages


@cache
def forbidden_pairs(on: date) -> frozenset[frozenset[str]]:
    """Give the pairs of roles in force on a day that no one person may hold together."""
    value = dated("forbidden_pairs", on)
    assert isinstance(value, list), "forbidden_pairs: a value is a list of pairs"
    assert all(len(set(pair)) == 2 for pair in value), "forbidden_pairs: two roles each"
    return frozenset(frozenset(map(str, pair)) for pair in value)
