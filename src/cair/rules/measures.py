"""The figures: each with one definition, a numerator, a grain and an as-of instant. Source: decisions, section 4."""

import ibis
from ibis.expr import types as ir

from cair.kernel.reasons import Reason
from cair.kernel.states import State, Step
from cair.rules.checks import jakarta_day, passing, text

FINISHERS = (Step.FINISHED, Step.REPORTED, Step.CERTIFIED, Step.REVIEWED, Step.SETTLED, Step.PAYABLE,
             Step.RELEASED)  # fmt: skip
"""Steps of those who have finished and are not paid yet."""
_EMPTY = ""


def profiles(decisions: ir.Table, moment: ir.Table) -> ir.Table:
    """Count people who are alike in everything that figures ask: as many rows as there are kinds of people."""
    today = jakarta_day(moment.as_of.as_scalar())
    described = decisions.mutate(
        is_revoked=~decisions[passing(Reason.REVOKED)],
        has_bought=decisions[passing(Reason.NOT_BOUGHT)],
        timing=(today > decisions.due_day).fill_null(False).ifelse(text("overdue"), text("in_time")),
        province=decisions.region_code.substr(0, 2),
        wave_text=decisions.wave.cast("string"),
        stated=decisions.reason.fill_null(decisions.state),
        party=decisions.partner.fill_null(_EMPTY),
    )
    kinds = ["is_revoked", "has_bought", "timing", "province", "wave_text", "rulebook", "step", "state", "stated",
             "whose_move", "party"]  # fmt: skip
    return described.group_by(kinds).agg(people=described.count())


def _figure(rows: ir.Table, measure: str, dimension: str, value: ir.Value) -> ir.Table:
    counted = rows.mutate(measure=text(measure), dimension=text(dimension), value=value)
    return counted.group_by("measure", "dimension", "value").agg(count=counted.people.sum().cast("int64"))


def _by_group(rows: ir.Table, measure: str) -> list[ir.Table]:
    dimensions = {"total": text("all"), "wave": rows.wave_text, "province": rows.province, "rulebook": rows.rulebook}
    return [_figure(rows, measure, name, value) for name, value in dimensions.items()]


def figures(people: ir.Table) -> ir.Table:
    """Give every figure but those about reaching people: measure, dimension, value, count. `people` from `profiles`."""
    waiting = people.filter(people.state == text(State.WAITING))
    finishers = people.filter(people.step.isin([str(step) for step in FINISHERS]))
    late = finishers.filter(finishers.timing == text("overdue"))
    rows = [
        *_by_group(people, "appointed"),
        *_by_group(people.filter(~people.is_revoked & people.has_bought), "bought"),
        *_by_group(people.filter(~people.is_revoked & ~people.has_bought), "not_bought"),
        *_by_group(people.filter(people.is_revoked), "revoked"),
        _figure(people, "ladder", "step", people.step),
        _figure(people, "state", "state", people.state),
        _figure(waiting, "waiting", "reason", waiting.stated),
        _figure(waiting, "waiting", "whose_move", waiting.whose_move),
        _figure(waiting, "waiting", "partner", waiting.party),
        _figure(finishers, "unpaid_finishers", "timing", finishers.timing),
        _figure(finishers, "unpaid_finishers", "reason", finishers.stated),
        _figure(finishers, "unpaid_finishers", "whose_move", finishers.whose_move),
        _figure(finishers, "unpaid_finishers", "partner", finishers.party),
        _figure(late, "unpaid_finishers", "overdue_whose_move", late.whose_move),
        _figure(late, "unpaid_finishers", "overdue_partner", late.party),
    ]
    return ibis.union(*rows)


def unpaid(people: ir.Table) -> ir.Table:
    """Count unpaid finishers crossed by reason (`DUE` for those due), whose move, partner and timing."""
    finishers = people.filter(people.step.isin([str(step) for step in FINISHERS]))
    grouped = finishers.group_by("stated", "whose_move", "party", "timing")
    return grouped.agg(count=finishers.people.sum().cast("int64")).rename(reason="stated", partner="party")


def reach_figures(reach: ir.Table) -> ir.Table:
    """Give how many of those who have not bought stand in each class. `reach` from `reach.classify`."""
    counted = reach.mutate(measure=text("not_bought"), dimension=text("reach"), value=reach.reach)
    return counted.group_by("measure", "dimension", "value").agg(count=counted.count())


def waits(decisions: ir.Table, moment: ir.Table) -> ir.Table:
    """Count unpaid finishers by whole days since the reason, or the last evidence of those due, began to stand."""
    finishers = decisions.filter(decisions.step.isin([str(step) for step in FINISHERS]))
    today = jakarta_day(moment.as_of.as_scalar())
    dated = finishers.mutate(days=ibis.greatest(today - jakarta_day(finishers.since), 0))
    return dated.group_by("days", "state", "whose_move").agg(count=dated.count())


def broken_by(breaks: ir.Table, moment: ir.Table) -> ir.Table:
    """Count open breaks by partner, whose move and kind, and how many of them are overdue."""
    today = jakarta_day(moment.as_of.as_scalar())
    rows = breaks.filter(breaks.is_open)
    rows = rows.mutate(party=rows.partner.fill_null(_EMPTY), late=(today > rows.due_day).fill_null(False))
    grouped = rows.group_by("party", "whose_move", "kind").agg(count=rows.count(), overdue=rows.late.sum())
    return grouped.rename(partner="party")
