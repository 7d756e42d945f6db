"""Payments held back: which hold covers whom. Source: decisions, section 3 (Hold).

Holds are ranked once by (`occurred_at`, `hold_ref`). Per scope the best hold of each value is found among the holds,
which are few, and joined to the people; the smallest rank counts.
"""

from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from cair.rules.checks import text
from cair.rules.facts import beside

_DIGITS = r"^[0-9]{1,18}$"


@dataclass(frozen=True)
class Scope:
    """A scope of holds: the column of a person that its value is compared with; none for `all`."""

    name: str
    column: str | None


SCOPES = (
    Scope("person", "card_number"),
    Scope("wave", "wave"),
    Scope("region", "region_code"),
    Scope("provider", "provider"),
    Scope("platform", "p_partner"),
    Scope("payment_partner", "account_partner"),
    Scope("all", None),
)


def ranked(holds: ir.Table) -> ir.Table:
    """Give the STARTs in force with the END, if any, and a rank in the order (`occurred_at`, `hold_ref`)."""
    starts = holds.filter(holds.status == text("START"))
    ends = holds.filter(holds.status == text("END")).select(end_ref="hold_ref", end_known="known_at")
    joined = beside(starts, ends, {"hold_ref": "end_ref"})
    return joined.select(
        "hold_ref",
        "scope",
        "scope_value",
        "owner",
        "expected_end",
        "end_known",
        hold_since="occurred_at",
        rank=ibis.row_number().over(order_by=[joined.occurred_at, joined.hold_ref]),
    )


def _values(rows: ir.Table, scope: Scope, regions: ir.Table) -> ir.Table:
    """Give the holds of a scope with the very value of the people's column that each covers."""
    rows = rows.filter(rows.scope == text(scope.name))
    if scope.column is None:
        return rows.mutate(covered=ibis.literal(0, type="int64"))
    rows = rows.filter(rows.scope_value.notnull())
    if scope.name == "region":
        pairs = regions.cross_join(rows)
        length = pairs.scope_value.length()
        return pairs.filter(pairs.region_code.substr(0, length) == pairs.scope_value).rename(covered="region_code")
    if scope.name in ("person", "wave"):
        rows = rows.filter(rows.scope_value.re_search(_DIGITS))
        if scope.name == "person":
            rows = rows.filter(rows.scope_value.length() == 16)
        return rows.mutate(covered=rows.scope_value.cast("int64"))
    return rows.rename(covered="scope_value")


def _best_by_value(rows: ir.Table, scope: Scope) -> ir.Table:
    return rows.group_by(**{f"{scope.name}_covered": rows.covered}).agg(
        **{
            f"{scope.name}_rank": rows["rank"].min(where=rows.end_known.isnull()),
            f"{scope.name}_end_known": rows.end_known.max(),
        }
    )


def with_holds(people: ir.Table, holds: ir.Table, regions: ir.Table) -> ir.Table:
    """Add the hold that covers each person, and the newest END of a hold that would.

    `regions`: every region_code there is, once.
    """
    rows = ranked(holds)
    covered = people.mutate(everyone=ibis.literal(0, type="int64"))
    for scope in SCOPES:
        chosen = _best_by_value(_values(rows, scope, regions), scope)
        covered = beside(covered, chosen, {scope.column or "everyone": f"{scope.name}_covered"})
    covered = covered.mutate(
        hold_rank=ibis.least(*(covered[f"{scope.name}_rank"] for scope in SCOPES)),
        hold_ended_known=ibis.greatest(*(covered[f"{scope.name}_end_known"] for scope in SCOPES)),
    )
    spent = [f"{scope.name}_{what}" for scope in SCOPES for what in ("rank", "end_known")]
    about = rows.select("hold_ref", "hold_since", about_rank="rank", hold_owner="owner", hold_until="expected_end")
    return beside(covered.drop("everyone", *spent), about, {"hold_rank": "about_rank"}).drop("hold_rank")
