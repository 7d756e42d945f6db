"""Checks fail closed: an unknown is a no. The one place that says so (decisions, section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from cair.kernel.days import DAY, JAKARTA_OFFSET
from cair.kernel.reasons import Move, Reason

MOVE_OF_OWNER = Move.OWNER


def text(value: str) -> ir.StringScalar:
    """A constant text."""
    return ibis.literal(str(value), type="string")


def no_text() -> ir.StringScalar:
    """An unknown text."""
    return ibis.null("string")


def unknown() -> ir.IntegerScalar:
    """An unknown number, instant or day."""
    return ibis.null("int64")


def latest(*instants: ir.Value) -> ir.Value:
    """The latest of those instants that are known."""
    return ibis.greatest(*instants)


def jakarta_day(instant: ir.Value) -> ir.Value:
    """Number of the Jakarta day of an instant."""
    return ((instant + JAKARTA_OFFSET) / DAY).floor().cast("int64")


def day_start(day: ir.Value) -> ir.Value:
    """Instant at which a Jakarta day begins."""
    return day * DAY - JAKARTA_OFFSET


@dataclass(frozen=True)
class Due:
    """By when: the day that follows from `day` under a term, or `day` itself where the term is empty."""

    term: ir.Value
    day: ir.Value


def on(day: ir.Value) -> Due:
    """Due on a day itself."""
    return Due(no_text(), day)


def never() -> Due:
    """No due day."""
    return Due(no_text(), unknown())


def working_days(count: int, after: ir.Value) -> Due:
    """Due on the first or third working day after the Jakarta day of an instant."""
    return Due(text(f"working_{count}"), jakarta_day(after))


@dataclass(frozen=True)
class Check:
    """One condition for money: whether it passes, and if not whose move it is, since when, by when."""

    passes: ir.Value
    move: ir.Value
    since: ir.Value
    due: Due
    detail: ir.Value


def fails(check: Check) -> ir.Value:
    """Whether a check fails; an unknown is a no."""
    return ~check.passes.fill_null(False)


def passing(reason: Reason) -> str:
    """Name the column that says whether a check passes."""
    return f"passes_{reason.lower()}"


def first_failing(people: ir.Table, order: tuple[Reason, ...]) -> ir.Value:
    """The first reason in an order whose check fails; NULL when none does."""
    return ibis.cases(*((~people[passing(reason)], text(reason)) for reason in order), else_=no_text())


def by_reason(people: ir.Table, values: Mapping[Reason, ir.Value], otherwise: ir.Value) -> ir.Value:
    """The value that belongs to each person's reason."""
    return ibis.cases(*((people.reason == text(reason), value) for reason, value in values.items()), else_=otherwise)
