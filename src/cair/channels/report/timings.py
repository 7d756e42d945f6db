"""Forms for what is in time or overdue, and for rows that say below whose move it is."""

from collections.abc import Callable

from cair.channels.report.charts import DARK, MIDDLE, PALE, Bar, bars
from cair.channels.report.figures import TIMINGS, Cell
from cair.channels.report.markup import Content, Markup, tag
from cair.channels.report.view import MARK, View, caption_of, picture

BARS_AT_MOST = 16


def whose(view: View, value: str) -> str:
    """Whose move a reason or a kind of break is, when that is known."""
    move = value.partition(" ")[2]
    return view.words.text("move_of", who=view.words.word("whose_move", move)) if move else ""


def named(name: str, note: str) -> Content:
    """The name of a row, and under it what is to be done or by whom."""
    return [tag("span", name, class_="name"), tag("span", note, class_="step")] if note else name


def timed(view: View, cell: Cell) -> list[Markup]:
    return [*[view.count((*cell, timing)) for timing in TIMINGS], view.count(cell)]


def timed_bars(
    view: View, name: str, prefix: Cell, values: list[str], label: Callable[[str], tuple[str, str]]
) -> Markup:
    """In time and overdue end to end, or the whole where the timing is not known; a long list ends in all others."""
    cut = len(values) if len(values) <= BARS_AT_MOST else BARS_AT_MOST - 1
    rows = []
    for value in values[:cut]:
        called, note = label(value)
        cell = (*prefix, value)
        rows.append(Bar(called, _timed_parts(view, [cell]), view.number(cell), note))
    others: list[Cell] = [(*prefix, value) for value in values[cut:]]
    if others:
        rest = "rest" if "partner" in prefix else "other_groups"
        called = view.words.screen(rest, count=view.words.number(len(others)))
        rows.append(Bar(called, _timed_parts(view, others), _sum_reading(view, others)))
    drawing = bars(rows, [PALE, DARK, MIDDLE], caption_of(view, name, rows)) if rows else None
    legend = [(PALE, view.words.word("timing", "in_time")), (DARK, view.words.word("timing", "overdue"))]
    if any(row.parts[2] for row in rows):
        legend.append((MIDDLE, view.words.screen("total")))
    return picture(view, name, drawing, legend)


def _timed_parts(view: View, cells: list[Cell]) -> tuple[int | None, ...]:
    """In time, overdue, or else the whole of these cells."""
    timed = [[view.figures.shown((*cell, timing)) for cell in cells] for timing in TIMINGS]
    if all(None not in counts for counts in timed):
        return (*(sum(count or 0 for count in counts) for counts in timed), None)
    return None, None, sum(view.figures.shown(cell) or 0 for cell in cells)


def _sum_reading(view: View, cells: list[Cell]) -> str:
    counts = [view.figures.shown(cell) for cell in cells]
    known = view.words.number(sum(count or 0 for count in counts))
    return f"{known} + {MARK}" if None in counts else known
