"""Show the figures and the open breaks on a terminal: how far people have come, and whose move the rest waits for.

Every block is summed here anew, and says so when its numbers do not add up (decisions, section 4).
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cair.kernel.reasons import BreakKind, Move
from cair.kernel.states import Step
from cair.programme.sentences import (
    Language,
    day_in_words,
    day_of,
    instant_of_value,
    moment_in_words,
    number_text,
    one_line,
    percent_text,
    remedy,
    word,
    words,
)

BAR_WIDTH = 20
PARTNERS_SHOWN = 10
GROUPS_SHOWN = 20
OLDEST_SHOWN = 5

Counts = dict[str, int]
Figures = dict[tuple[str, str], Counts]


def render_funnel(rows: Sequence[Mapping[str, Any]], *, lang: Language, console: Console) -> None:
    """Print the rows of the export `funnel`: the ladder, the identities, who does not buy, who finished unpaid."""
    figures = _figures(rows)
    if rows:
        moment = moment_in_words(instant_of_value(rows[0]["as_of"]) or 0, lang=lang)
        console.print(Text(f" {word('screen', 'as_of', lang=lang).format(moment=moment)}", style="bold"))
    for part in (_identities, _ladder, _not_bought, _unpaid):
        for shown in part(figures, lang):
            console.print(shown)


def _figures(rows: Iterable[Mapping[str, Any]]) -> Figures:
    figures: Figures = {}
    for row in rows:
        value = "" if row["value"] is None else str(row["value"])
        figures.setdefault((row["measure"], row["dimension"]), {})[value] = int(row["count"])
    return figures


def _total(figures: Figures, measure: str) -> int:
    return figures.get((measure, "total"), {}).get("all", 0)


def _identities(figures: Figures, lang: Language) -> Iterable[object]:
    appointed, bought, not_bought, revoked = (
        _total(figures, measure) for measure in ("appointed", "bought", "not_bought", "revoked")
    )
    ladder = _reached(figures.get(("ladder", "step"), {}))
    unpaid = sum(figures.get(("unpaid_finishers", "timing"), {}).values())
    finishers, paid = ladder.get(Step.FINISHED, 0), ladder.get(Step.PAID, 0)
    yield _identity(
        "identity_appointed",
        appointed == bought + not_bought + revoked,
        {"appointed": appointed, "bought": bought, "not_bought": not_bought, "revoked": revoked},
        lang,
    )
    yield _identity(
        "identity_finishers",
        finishers == paid + unpaid,
        {"finishers": finishers, "paid": paid, "unpaid": unpaid},
        lang,
    )


def _identity(name: str, holds: bool, numbers: Counts, lang: Language) -> Padding:
    shown = {key: number_text(number, lang=lang) for key, number in numbers.items()}
    line = Text(word("screen", name, lang=lang).format(**shown))
    verdict = word("screen", "adds_up" if holds else "does_not_add_up", lang=lang)
    line.append(f"  ({verdict})", style="green" if holds else "bold red")
    return Padding(line, (0, 0, 0, 1))


def _reached(steps: Counts) -> Counts:
    """Give for each step of those who bought how many stand on it or beyond."""
    climbing = list(Step)[list(Step).index(Step.BOUGHT) :]
    return {step: sum(steps.get(later, 0) for later in climbing[at:]) for at, step in enumerate(climbing)}


def _ladder(figures: Figures, lang: Language) -> Iterable[object]:
    steps = figures.get(("ladder", "step"), {})
    appointed = sum(steps.values())
    reached = _reached(steps)
    yield _heading("ladder", lang)
    table = _table(("step", "", "reached", "share", "stopped"), lang)
    for step in Step:
        count = reached.get(step, steps.get(step, 0))
        off_ladder = step in (Step.REVOKED, Step.NOT_BOUGHT)
        table.add_row(
            Text(word("step", step, lang=lang)),
            Text(_bar(count, appointed), style="yellow" if off_ladder else "cyan"),
            Text("" if off_ladder else number_text(count, lang=lang)),
            Text(percent_text(count, appointed, lang=lang)),
            Text(number_text(steps.get(step, 0), lang=lang)),
        )
    adds_up = appointed == _total(figures, "appointed")
    yield _with_total(table, ("", "", "", number_text(appointed, lang=lang)), lang, adds_up=adds_up)


def _not_bought(figures: Figures, lang: Language) -> Iterable[object]:
    counts = figures.get(("not_bought", "reach"), {})
    whole = sum(counts.values())
    yield _heading("not_bought", lang)
    if not whole:
        yield Text(f" {word('screen', 'nobody', lang=lang)}")
        return
    table = _table(("class", "people", "share", "next_step"), lang)
    for code, name in words("reach", lang=lang).items():
        if counts.get(code):
            count, share = number_text(counts[code], lang=lang), percent_text(counts[code], whole, lang=lang)
            table.add_row(*map(Text, (name, count, share, remedy("reach", code, lang=lang))))
    adds_up = whole == _total(figures, "not_bought")
    yield _with_total(table, (number_text(whole, lang=lang), "", ""), lang, adds_up=adds_up)


def _unpaid(figures: Figures, lang: Language) -> Iterable[object]:
    timing = figures.get(("unpaid_finishers", "timing"), {})
    whole = sum(timing.values())
    yield _heading("unpaid", lang)
    if not whole:
        yield Text(f" {word('screen', 'nobody', lang=lang)}")
        return
    shares = [
        f"{name} {number_text(timing[code], lang=lang)} ({percent_text(timing[code], whole, lang=lang)})"
        for code, name in words("timing", lang=lang).items()
        if timing.get(code)
    ]
    yield Padding(Text(f"{number_text(whole, lang=lang)}: {', '.join(shares)}"), (0, 0, 0, 1))
    yield _counted("reason", _named("reason", figures.get(("unpaid_finishers", "reason"), {}), lang), whole, {}, lang)
    yield Text()
    moves = _named("whose_move", figures.get(("unpaid_finishers", "whose_move"), {}), lang)
    late_moves = _named("whose_move", figures.get(("unpaid_finishers", "overdue_whose_move"), {}), lang)
    yield _counted("by_move", moves, whole, late_moves, lang)
    yield Text()
    yield _by_partner(figures, whole, lang)


def _by_partner(figures: Figures, whole: int, lang: Language) -> Table:
    counts = figures.get(("unpaid_finishers", "partner"), {})
    late = figures.get(("unpaid_finishers", "overdue_partner"), {})
    ranked = sorted(counts, key=lambda partner: (-counts[partner], partner))
    others = len(ranked) - PARTNERS_SHOWN
    names = {partner: one_line(partner) or word("screen", "no_partner", lang=lang) for partner in ranked}
    rest = word("screen", "rest", lang=lang).format(count=number_text(others, lang=lang))
    names |= dict.fromkeys(ranked[PARTNERS_SHOWN:], rest)
    return _counted("by_partner", _renamed(counts, names), whole, _renamed(late, names), lang)


def _renamed(counts: Counts, names: Mapping[str, str]) -> Counts:
    """Put names for codes, in the order of the names; counts of one name are added up."""
    renamed = dict.fromkeys(names.values(), 0)
    for code, name in names.items():
        renamed[name] += counts.get(code, 0)
    return renamed


def _named(kind: str, counts: Counts, lang: Language) -> Counts:
    """Put the words of the field for their codes, the most frequent first."""
    known = {**words("bank", lang=lang), **words(kind, lang=lang)}
    ranked = sorted(counts, key=lambda code: (-counts[code], code))
    return _renamed(counts, {code: known.get(code, one_line(code) or "-") for code in ranked})


def _counted(title: str, counts: Counts, whole: int, late: Counts, lang: Language) -> Table:
    """Make a table of names with their counts, shares and bars; with those overdue, where that is known."""
    table = _table((title, "", "people", "share", *(("late",) if late else ())), lang)
    for name, count in counts.items():
        cells = [name, _bar(count, whole), number_text(count, lang=lang), percent_text(count, whole, lang=lang)]
        if late:
            cells.append(number_text(late.get(name, 0), lang=lang))
        table.add_row(*map(Text, cells))
    summed = ["", number_text(sum(counts.values()), lang=lang), ""]
    if late:
        summed.append(number_text(sum(late.values()), lang=lang))
    return _with_total(table, summed, lang, adds_up=sum(counts.values()) == whole)


def render_breaks(rows: Sequence[Mapping[str, Any]], *, lang: Language, console: Console) -> None:
    """Print the rows of the export `breaks`: how many of each kind wait for whom, and those open the longest."""
    if not rows:
        console.print(Text(f" {word('screen', 'no_breaks', lang=lang)}"))
        return
    count = number_text(len(rows), lang=lang)
    console.print(Text(f" {word('screen', 'open_breaks', lang=lang).format(count=count)}", style="bold"))
    console.print(_grouped(rows, lang))
    console.print(_heading("oldest", lang))
    console.print(_oldest(rows, lang))


def _grouped(rows: Sequence[Mapping[str, Any]], lang: Language) -> Table:
    groups = Counter((str(row["kind"]), str(row["whose_move"]), str(row["partner"] or "")) for row in rows)
    kinds, moves = list(BreakKind), list(Move)
    ranked = sorted(
        groups,
        key=lambda group: (-groups[group], kinds.index(BreakKind(group[0])), moves.index(Move(group[1])), group[2]),
    )
    table = _table(("kind", "whose_move", "partner", "count"), lang)
    for kind, move, partner in ranked[:GROUPS_SHOWN]:
        names = (word("break", kind, lang=lang), word("whose_move", move, lang=lang), one_line(partner))
        table.add_row(*map(Text, (*names, number_text(groups[kind, move, partner], lang=lang))))
    rest = ranked[GROUPS_SHOWN:]
    if rest:
        others = word("screen", "other_groups", lang=lang).format(count=number_text(len(rest), lang=lang))
        count = number_text(sum(groups[group] for group in rest), lang=lang)
        table.add_row(*map(Text, (others, "", "", count)))
    return _with_total(table, ("", "", number_text(len(rows), lang=lang)), lang)


def _oldest(rows: Sequence[Mapping[str, Any]], lang: Language) -> Table:
    def age(row: Mapping[str, Any]) -> tuple[int, str]:
        return instant_of_value(row["since"]) or 0, str(row["redeem_code"])

    table = _table(("code", "kind", "partner", "since", "due_on"), lang)
    for row in heapq.nsmallest(OLDEST_SHOWN, rows, key=age):
        due = day_of(row["due_on"])
        cells = (
            one_line(row["redeem_code"]),
            word("break", str(row["kind"]), lang=lang),
            one_line(row["partner"]) or word("whose_move", str(row["whose_move"]), lang=lang),
            moment_in_words(age(row)[0], lang=lang),
            "" if due is None else day_in_words(due, lang=lang, short=True),
        )
        table.add_row(*map(Text, cells))
    return table


def _bar(part: int, whole: int) -> str:
    """Draw a share as a bar; whatever is not nothing shows at least a sliver."""
    eighths = round(8 * BAR_WIDTH * part / whole) if whole else 0
    full, rest = divmod(max(eighths, 1 if part else 0), 8)
    return "█" * full + " ▏▎▍▌▋▊▉"[rest].strip()


def _heading(name: str, lang: Language) -> Text:
    return Text(f"\n {word('screen', name, lang=lang)}", style="bold")


def _table(names: Iterable[str], lang: Language) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), show_edge=False, header_style="dim")
    numbers = ("reached", "share", "stopped", "people", "late", "count")
    for name in names:
        table.add_column(
            word("screen", name, lang=lang) if name else "",
            justify="right" if name in numbers else "left",
            overflow="fold",
            no_wrap=name in (*numbers, "", "since", "due_on"),
        )
    return table


def _with_total(table: Table, cells: Iterable[str], lang: Language, *, adds_up: bool = True) -> Table:
    """Close a table with its sum; one that is not what it should be is said aloud."""
    title = Text(word("screen", "total", lang=lang))
    if not adds_up:
        title.append(f" ({word('screen', 'does_not_add_up', lang=lang)})", style="bold red")
    table.add_section()
    table.add_row(title, *map(Text, cells), style="bold")
    return table
