"""The counts of the report by name, and the sums that tie them together.

A cell names one count, for instance `("not_bought", "reach", "TRIED")`. A cell that is not there is not known; a zero
is there. The public report withholds cells of this one system: what pictures and tables show is decided here, once.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cair.channels.report.facts import ReportFacts, UnableToWriteReport
from cair.kernel.reasons import Move, Outcome, ReachClass
from cair.kernel.states import State, Step
from cair.rules.disclosure import Sum, gaps, withheld

Cell = tuple[str, ...]
Rows = Iterable[dict[str, Any]]

LADDER = tuple(step.value for step in Step)
"""Everyone appointed stands on one step (decisions, section 4). From `bought` on, each step includes those before."""

CLIMB = LADDER[LADDER.index(Step.BOUGHT) :]
TIMINGS = ("in_time", "overdue")
MEASURES = ("bought", "not_bought", "revoked")
WAIT_BINS = ((0, 1), (2, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, None))
"""Whole days, both ends included; None is no end."""
WAIT_STATES = (State.WAITING.value, State.DUE.value)
OUTCOMES = tuple(outcome.value for outcome in Outcome)
DUE = State.DUE.value


@dataclass(frozen=True)
class Spread:
    """How long a group has waited: half of it at most `median` days, nine in ten at most `ninety`."""

    median: int
    ninety: int


@dataclass
class Figures:
    """Counts, the sums that hold among them, what is withheld, and the sums that do not hold."""

    counts: dict[Cell, int] = field(default_factory=dict)
    sums: list[Sum[Cell]] = field(default_factory=list)
    spreads: dict[str, Spread] = field(default_factory=dict)
    withheld: frozenset[Cell] = frozenset()
    gaps: list[tuple[Sum[Cell], int]] = field(default_factory=list)

    def add(self, cell: Cell, count: int = 0) -> None:
        """Adds to the cell's count; with 0, says that the cell is known."""
        self.counts[cell] = self.counts.get(cell, 0) + count

    def tie(self, total: Cell, parts: Iterable[Cell]) -> None:
        """Says that the total is the sum of the parts."""
        self.sums.append(Sum(total, tuple(parts)))

    def shown(self, cell: Cell) -> int | None:
        """The count as it may be shown; None when it is withheld or not known."""
        return None if cell in self.withheld else self.counts.get(cell)

    def under(self, *prefix: str) -> list[str]:
        """The values that follow this prefix, in the order they came."""
        size = len(prefix)
        return list(dict.fromkeys(cell[size] for cell in self.counts if cell[:size] == prefix and len(cell) > size))

    def share(self, part: Cell, whole: Cell) -> tuple[int, int] | None:
        """Part and whole, when both may be shown and the whole is not zero."""
        numerator, denominator = self.shown(part), self.shown(whole)
        return None if numerator is None or not denominator else (numerator, denominator)


def figures_of(facts: ReportFacts, *, public: bool) -> Figures:
    """Names and ties all counts; for the public, withholds what must not be said.

    Raises UnableToWriteReport when the public report is asked for and the counts do not add up, or cannot be told to.
    """
    if public and facts.unpaid is None:
        raise UnableToWriteReport(
            "The public report was not written: without the crossed rows of unpaid finishers (`unpaid`) nobody can say "
            "which tables share people, so small counts cannot be protected. Give them, or write the internal report."
        )
    figures = Figures()
    funnel: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in facts.funnel:
        funnel[row["measure"], row["dimension"]][row["value"] or ""] = row["count"]
    _appointed(figures, funnel)
    _ladder(figures, funnel)
    _unpaid(figures, funnel, facts.unpaid)
    _waits(figures, facts.waits)
    _breaks(figures, facts.breaks)
    _intake(figures, facts.intake)
    figures.gaps = gaps(figures.counts, figures.sums)
    if public:
        if figures.gaps:
            first = " / ".join(figures.gaps[0][0].total)
            raise UnableToWriteReport(
                f"The public report was not written: {len(figures.gaps)} of its sums do not add up, the first is "
                f"'{first}', so small counts cannot be protected. Write the internal report, which lists them."
            )
        figures.withheld = withheld(figures.counts, figures.sums)
    return figures


def _appointed(figures: Figures, funnel: dict[tuple[str, str], dict[str, int]]) -> None:
    for measure in ("appointed", *MEASURES):
        figures.add((measure,), funnel[measure, "total"].get("all", 0))
    figures.tie(("appointed",), [(measure,) for measure in MEASURES])
    for dimension in ("province", "wave", "rulebook"):
        values = sorted({value for measure in ("appointed", *MEASURES) for value in funnel[measure, dimension]})
        for measure in ("appointed", *MEASURES):
            for value in values:
                figures.add((measure, dimension, value), funnel[measure, dimension].get(value, 0))
            figures.tie((measure,), [(measure, dimension, value) for value in values])
        for value in values:
            figures.tie(("appointed", dimension, value), [(measure, dimension, value) for measure in MEASURES])
    reach = funnel["not_bought", "reach"]
    for value in [*ReachClass, *sorted(reach.keys() - set(ReachClass))]:
        figures.add(("not_bought", "reach", str(value)), reach.get(value, 0))
    figures.tie(("not_bought",), [("not_bought", "reach", value) for value in figures.under("not_bought", "reach")])


def _ladder(figures: Figures, funnel: dict[tuple[str, str], dict[str, int]]) -> None:
    """The steps, and from `bought` on how many reached each: those on it and beyond."""
    steps = funnel["ladder", "step"]
    for step in LADDER:
        figures.add(("ladder", step), steps.get(step, 0))
    for step in CLIMB:
        figures.add(("reached", step), sum(steps.get(later, 0) for later in CLIMB[CLIMB.index(step) :]))
    for step, later in zip(CLIMB, (*CLIMB[1:], None), strict=True):
        figures.tie(("reached", step), [("ladder", step), *([("reached", later)] if later else [])])
    figures.tie(("appointed",), [("ladder", step) for step in LADDER])
    figures.tie(("revoked",), [("ladder", "revoked")])
    figures.tie(("not_bought",), [("ladder", "not_bought")])
    figures.tie(("bought",), [("reached", "bought")])


def _unpaid(figures: Figures, funnel: dict[tuple[str, str], dict[str, int]], crossed: Rows | None) -> None:
    """Finishers = paid + unpaid; unpaid = due + blocked; blocked by reason, by whose move, by partner, by timing."""
    if crossed is None:
        _blocked_from_margins(figures, funnel)
    else:
        _blocked_from_rows(figures, crossed)
    reasons = funnel["unpaid_finishers", "reason"]
    figures.add(("unpaid",), sum(reasons.values()))
    for timing in TIMINGS:
        figures.add(("unpaid", timing), funnel["unpaid_finishers", "timing"].get(timing, 0))
        if crossed is not None:
            figures.tie(("unpaid", timing), [("blocked", timing), ("due", timing)])
    figures.tie(("unpaid",), [("unpaid", timing) for timing in TIMINGS])
    figures.tie(("unpaid",), [("due",), ("blocked",)])
    figures.tie(("reached", "finished"), [("ladder", "paid"), ("unpaid",)])
    if figures.counts[("due",)] == figures.counts[("ladder", "payable")]:
        figures.tie(("due",), [("ladder", "payable")])
    for dimension in ("why", "whose_move", "partner"):
        values = figures.under("blocked", dimension)
        figures.tie(("blocked",), [("blocked", dimension, value) for value in values])
        if crossed is not None:
            _tie_timings(figures, ("blocked",), dimension, values)


def _tie_timings(figures: Figures, group: Cell, dimension: str, values: list[str]) -> None:
    for timing in TIMINGS:
        figures.tie((*group, timing), [(*group, dimension, value, timing) for value in values])
    for value in values:
        figures.tie((*group, dimension, value), [(*group, dimension, value, timing) for timing in TIMINGS])


def _tie_relatives(figures: Figures, group: Cell, pairs: Iterable[tuple[Cell, Cell]]) -> None:
    """Rows of two tables that share people without sharing with others: both sides come to the same.

    Everybody knows which reasons are whose move and which partner is a platform, so a count that is withheld in one
    table must not follow from the other.
    """
    relatives: dict[Cell, set[Cell]] = {}
    for pair in pairs:
        joined = set(pair).union(*(relatives.get(place, set()) for place in pair))
        for place in joined:
            relatives[place] = joined
    families = {id(family): sorted(family) for family in relatives.values()}
    for number, family in enumerate(sorted(families.values())):
        for ending in ((), *((timing,) for timing in TIMINGS)):
            sides: dict[str, list[Cell]] = defaultdict(list)
            for place in family:
                sides[place[0]].append((*group, *place, *ending))
            whole = (*group, "family", str(number), *ending)
            for side in sides.values():
                figures.counts[whole] = sum(figures.counts[cell] for cell in side)
                figures.tie(whole, side)


def _blocked_from_rows(figures: Figures, rows: Rows) -> None:
    for cell in (("due",), ("blocked",), *((group, timing) for group in ("due", "blocked") for timing in TIMINGS)):
        figures.add(cell)
    places = []
    for row in rows:
        group = "due" if row["reason"] == DUE else "blocked"
        figures.add((group,), row["count"])
        figures.add((group, row["timing"]), row["count"])
        if group == "due":
            continue
        why = ("why", f"{row['reason']} {row['whose_move']}")
        move, partner = ("whose_move", row["whose_move"]), ("partner", row["partner"] or "")
        for place in (why, move, partner):
            for timing in TIMINGS:
                figures.add(("blocked", *place, timing), row["count"] if timing == row["timing"] else 0)
            figures.add(("blocked", *place), row["count"])
        places += [(why, move), (partner, move)]
    _tie_relatives(figures, ("blocked",), places)


def _blocked_from_margins(figures: Figures, funnel: dict[tuple[str, str], dict[str, int]]) -> None:
    """Without the crossed rows: the due are the office's, so they come off its totals; their timing is not known."""
    due = funnel["unpaid_finishers", "reason"].get(DUE, 0)
    figures.add(("due",), due)
    figures.add(("blocked",), sum(funnel["unpaid_finishers", "reason"].values()) - due)
    for reason, count in funnel["unpaid_finishers", "reason"].items():
        if reason != DUE:
            figures.add(("blocked", "why", f"{reason} "), count)
    for dimension, office in (("whose_move", Move.PMO.value), ("partner", "pmo")):
        overdue = funnel["unpaid_finishers", f"overdue_{dimension}"]
        for value, count in funnel["unpaid_finishers", dimension].items():
            if value == office:
                figures.add(("blocked", dimension, value), count - due)
                continue
            figures.add(("blocked", dimension, value), count)
            figures.add(("blocked", dimension, value, "overdue"), overdue.get(value, 0))
            figures.add(("blocked", dimension, value, "in_time"), count - overdue.get(value, 0))
            figures.tie(("blocked", dimension, value), [("blocked", dimension, value, timing) for timing in TIMINGS])


def _bin_of(days: int) -> str:
    for first, last in WAIT_BINS:
        if last is None or days <= last:
            return bin_name(first, last)
    raise AssertionError("the last bin has no end")


def bin_name(first: int, last: int | None) -> str:
    """`8-14`, or `61+` for the bin without end."""
    return f"{first}+" if last is None else f"{first}-{last}"


def _waits(figures: Figures, rows: Rows) -> None:
    """Unpaid finishers by days waited and state, and by whom they wait for."""
    days_of: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    names = [bin_name(*ends) for ends in WAIT_BINS]
    for name in names:
        figures.add(("waits", name))
        for state in WAIT_STATES:
            figures.add(("waits", name, state))
    for row in rows:
        state = DUE if row["state"] == DUE else "WAITING"
        name = _bin_of(row["days"])
        figures.add(("waits", name), row["count"])
        figures.add(("waits", name, state), row["count"])
        days_of[DUE if state == DUE else row["whose_move"]][row["days"]] += row["count"]
    for name in names:
        figures.tie(("waits", name), [("waits", name, state) for state in WAIT_STATES])
    figures.tie(("unpaid",), [("waits", name) for name in names])
    figures.tie(("due",), [("waits", name, DUE) for name in names])
    figures.tie(("blocked",), [("waits", name, "WAITING") for name in names])
    for who in [*(move.value for move in Move if move.value in days_of), *([DUE] if DUE in days_of else [])]:
        figures.add(("waits_for", who), sum(days_of[who].values()))
        figures.spreads[who] = Spread(_quantile(days_of[who], 50), _quantile(days_of[who], 90))
        figures.tie(("due",) if who == DUE else ("blocked", "whose_move", who), [("waits_for", who)])


def _quantile(counts: dict[int, int], percent: int) -> int:
    """The smallest value that at least so many in a hundred do not exceed."""
    wanted, seen = percent * sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if 100 * seen >= wanted:
            return value
    raise AssertionError("a quantile of nobody")


def _breaks(figures: Figures, rows: Rows) -> None:
    for cell in (("breaks",), *(("breaks", timing) for timing in TIMINGS)):
        figures.add(cell)
    places = []
    for row in rows:
        counts = {"in_time": row["count"] - row["overdue"], "overdue": row["overdue"]}
        figures.add(("breaks",), row["count"])
        for timing, count in counts.items():
            figures.add(("breaks", timing), count)
        partner, kind = ("partner", row["partner"] or ""), ("kind", f"{row['kind']} {row['whose_move']}")
        places.append((partner, kind))
        for place in (partner, kind):
            figures.add(("breaks", *place), row["count"])
            for timing, count in counts.items():
                figures.add(("breaks", *place, timing), count)
    figures.tie(("breaks",), [("breaks", timing) for timing in TIMINGS])
    for dimension in ("partner", "kind"):
        values = figures.under("breaks", dimension)
        figures.tie(("breaks",), [("breaks", dimension, value) for value in values])
        _tie_timings(figures, ("breaks",), dimension, values)
    _tie_relatives(figures, ("breaks",), places)


def _intake(figures: Figures, rows: Rows) -> None:
    feeds = list(rows)
    for row in feeds:
        for column in ("lines", *OUTCOMES):
            figures.add(("intake", row["feed"], column), row[column])
            figures.add(("intake_all", column), row[column])
    for row in feeds:
        figures.tie(("intake", row["feed"], "lines"), [("intake", row["feed"], outcome) for outcome in OUTCOMES])
    if feeds:
        figures.tie(("intake_all", "lines"), [("intake_all", outcome) for outcome in OUTCOMES])
        for column in ("lines", *OUTCOMES):
            figures.tie(("intake_all", column), [("intake", row["feed"], column) for row in feeds])
