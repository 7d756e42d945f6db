"""How far everyone got, how long they have waited, and where the reports disagree."""

from collections.abc import Callable

from cair.channels.report.charts import MIDDLE, PALE, Bar, bars, short_bars
from cair.channels.report.figures import CLIMB, DUE, LADDER, TIMINGS, WAIT_BINS, WAIT_STATES, Cell, bin_name
from cair.channels.report.markup import Markup, tag
from cair.channels.report.timings import named, timed, timed_bars, whose
from cair.channels.report.view import MARK, UNKNOWN, View, caption_of, panel, picture, section, table


def ladder(view: View) -> Markup:
    """Everyone on exactly one step, with how many reached it."""
    say, word = view.words.text, view.words.word
    rows = []
    for place, step in enumerate(CLIMB):
        beyond = ("reached", CLIMB[place + 1]) if place + 1 < len(CLIMB) else None
        parts = (*view.parts(("ladder", step)), view.figures.shown(beyond) if beyond else 0)
        reading = f"{view.number(('ladder', step))} / {view.number(('reached', step))}"
        rows.append(Bar(word("step", step), parts, reading))
    lines = [
        [
            word("step", step),
            view.count(("ladder", step)),
            view.count(("reached", step)) if step in CLIMB else tag("td", UNKNOWN, class_="n"),
            tag("td", view.share(("reached", step), ("appointed",)) if step in CLIMB else UNKNOWN, class_="n"),
        ]
        for step in LADDER
    ]
    blank = tag("td")
    heads = [*[view.words.screen(key) for key in ("step", "stopped", "reached")], "%"]
    return section(
        view,
        "ladder",
        tag("p", say("ladder_intro")),
        view.identity(("appointed",), [("ladder", step) for step in LADDER if view.figures.counts["ladder", step]]),
        panel(
            picture(
                view,
                "ladder_picture",
                bars(rows, [MIDDLE, PALE], caption_of(view, "ladder_picture", rows)),
                [(MIDDLE, say("stands")), (PALE, say("beyond"))],
            ),
            table(
                say("ladder_picture"),
                heads,
                lines,
                [[view.words.screen("total"), view.count(("appointed",)), blank, blank]],
            ),
        ),
    )


def waits(view: View) -> Markup:
    """How long unpaid finishers have waited, and for whom; the payable in a picture of their own, for they are many."""
    say, names = view.words.text, [bin_name(*ends) for ends in WAIT_BINS]
    lines = [
        [
            say("days_range", days=name),
            *[view.count(("waits", name, state)) for state in WAIT_STATES],
            view.count(("waits", name)),
        ]
        for name in names
    ]
    heads = [say("days"), say("blocked"), say("due"), view.words.screen("total")]
    foot = [[view.words.screen("total"), view.count(("blocked",)), view.count(("due",)), view.count(("unpaid",))]]
    return section(
        view,
        "waits",
        tag("p", say("waits_intro")),
        panel(
            tag("div", *[_waits_picture(view, state) for state in WAIT_STATES]),
            tag("div", table(say("waits_table"), heads, lines, foot), _waits_by_move(view)),
        ),
    )


def _waits_picture(view: View, state: str) -> Markup:
    name = "waits_due_picture" if state == DUE else "waits_blocked_picture"
    cells: dict[str, Cell] = {ends: ("waits", ends, state) for ends in (bin_name(*ends) for ends in WAIT_BINS)}
    rows = [
        Bar(view.words.text("days_range", days=ends), (view.figures.shown(cell),), view.number(cell))
        for ends, cell in cells.items()
    ]
    return picture(view, name, short_bars(rows, [MIDDLE], caption_of(view, name, rows)))


def _waits_by_move(view: View) -> Markup:
    say, lines = view.words.text, []
    for who, spread in view.figures.spreads.items():
        hidden = view.figures.shown(("waits_for", who)) is None
        days = [MARK if hidden else view.words.number(days) for days in (spread.median, spread.ninety)]
        name = say("due") if who == DUE else view.words.word("whose_move", who)
        lines.append([name, view.count(("waits_for", who)), *[tag("td", text, class_="n") for text in days]])
    heads = [view.words.screen("by_move"), view.words.screen("people"), say("median"), say("ninety")]
    return table(say("waits_by_move"), heads, lines or [[view.words.screen("nobody"), *[tag("td")] * 3]])


def breaks(view: View) -> Markup:
    """Open breaks by partner and by kind."""
    return section(
        view,
        "breaks",
        tag("p", view.words.text("breaks_intro", count=view.number(("breaks",)))),
        _breaks_by(view, "partner", "by_partner", lambda name: (view.words.partner(name), "")),
        _breaks_by(
            view, "kind", "kind", lambda name: (view.words.word("break", name.split(" ")[0]), whose(view, name))
        ),
    )


def _breaks_by(view: View, dimension: str, head: str, label: Callable[[str], tuple[str, str]]) -> Markup:
    values = view.by_count("breaks", dimension)
    rows = [[named(*label(value)), *timed(view, ("breaks", dimension, value))] for value in values]
    timings = [view.words.word("timing", timing) for timing in TIMINGS]
    return panel(
        timed_bars(
            view, f"breaks_{dimension}_picture", ("breaks", dimension), [name for name in values if name], label
        ),
        table(
            view.words.text(f"breaks_by_{dimension}"),
            [view.words.screen(head), *timings, view.words.screen("total")],
            rows,
            [[view.words.screen("total"), *timed(view, ("breaks",))]],
        ),
    )
