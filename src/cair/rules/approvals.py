"""How many must agree to a release, in which roles, and which roles exclude each other, on a day. Pure.

The figures are the office's own (`programme/parameters/approval_stages.yaml`, `forbidden_pairs.yaml`). The least that is
asked for stands in `release` and is held by the database: an office may ask for more, and never for less.
"""

from datetime import date, datetime

from cair.kernel.days import JAKARTA
from cair.programme import approvals
from cair.rules.release import FORBIDDEN_PAIRS, MAY_APPROVE, Role


class UnableToUseApprovals(Exception):
    """The office's figures ask for less than the database holds, or name a role that is none; the message says which."""


def day_of(moment: datetime) -> date:
    """Give the Jakarta day whose figures are in force at an instant."""
    return moment.astimezone(JAKARTA).date()


def stages_from_idr(on: date) -> tuple[int, ...]:
    """Give the amounts of a release from which one, two, three approvals are needed, whole rupiah."""
    return tuple(stage.from_idr for stage in approvals.approval_stages(on))


def may_approve(stage: int, on: date) -> tuple[Role, ...]:
    """Give the roles that may give an approval at a stage, from 1, the lowest first.

    A release that was planned under more stages than there are on that day has the last of them for the rest.

    :raises UnableToUseApprovals: the figure lets somebody approve whom the database refuses.
    """
    stages = approvals.approval_stages(on)
    named = stages[min(stage, len(stages)) - 1].roles
    if not set(named) <= set(MAY_APPROVE[min(stage, len(stages))]):
        raise UnableToUseApprovals(
            f"approval_stages.yaml lets {', '.join(named)} approve at stage {stage}; the database takes "
            f"{', '.join(MAY_APPROVE[stage])}. Name no others."
        )
    return tuple(role for role in map(Role, named) if role in MAY_APPROVE[stage])


def forbidden_pair(roles: frozenset[Role], on: date) -> tuple[Role, Role] | None:
    """Give the first pair of roles that one person may not hold together, else None.

    :raises UnableToUseApprovals: the figure leaves out a pair that the database refuses, or names a role that is none.
    """
    pairs = approvals.forbidden_pairs(on)
    wrong = [*(FORBIDDEN_PAIRS - pairs), *(pair for pair in pairs if not pair <= set(Role))]
    if wrong:
        raise UnableToUseApprovals(
            f"forbidden_pairs.yaml: {' and '.join(sorted(wrong[0]))} is missing, or names no role. Pairs may be added, "
            "none left out."
        )
    found = sorted(tuple(sorted(pair)) for pair in pairs if pair <= roles)
    return (Role(found[0][0]), Role(found[0][1])) if found else None
