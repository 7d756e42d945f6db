"""The two answers: why people have not bought, and why those who finished are not paid."""

from cair.channels.report.charts import MIDDLE, Bar, bars
from cair.channels.report.figures import Cell
from cair.channels.report.markup import Content, Markup, tag
from cair.channels.report.timings import named, timed, timed_bars, whose
from cair.channels.report.view import View, caption_of, panel, picture, section, table


def sums(view: View) -> Markup:
    """The identities of the page, and whether every sum behind it holds."""
    say, figures = view.words.text, view.figures
    failed = [
        tag("li", say("gap", total=" / ".join(one.total), parts=_plain(view, said - gap), said=_plain(view, said)))
        for one, gap in figures.gaps
        for said in (figures.counts.get(one.total, 0),)
    ]
    verdict = (
        tag("div", tag("p", say("sums_fail", count=view.words.number(len(failed)))), tag("ul", *failed), class_="alarm")
        if failed
        else tag("p", say("sums_hold", count=view.words.number(len(figures.sums))), class_="quiet")
    )
    return section(
        view,
        "sums",
        view.identity(("appointed",), [("bought",), ("not_bought",), ("revoked",)]),
        view.identity(("reached", "finished"), [("ladder", "paid"), ("due",), ("blocked",)]),
        verdict,
    )


def _plain(view: View, count: int) -> str:
    return view.words.number(count)


def why_not_bought(view: View) -> Markup:
    """Those who have not bought, by class, with the next step of each."""
    say, word = view.words.text, view.words.word
    classes = view.by_count("not_bought", "reach")
    cells = {name: ("not_bought", "reach", name) for name in classes}
    answer = say(
        "buy_answer",
        count=view.number(("not_bought",)),
        whole=view.number(("appointed",)),
        share=view.share(("not_bought",), ("appointed",)),
    )
    top = classes[0] if classes else None
    largest = top and say(
        "buy_largest",
        name=word("reach", top),
        count=view.number(cells[top]),
        share=view.share(cells[top], ("not_bought",)),
        step=view.words.next_step(top),
    )
    rows = [Bar(word("reach", name), view.parts(cells[name]), view.number(cells[name])) for name in classes]
    drawing = bars(rows, [MIDDLE], caption_of(view, "buy_picture", rows)) if rows else None
    lines = [
        [
            named(word("reach", name), view.words.next_step(name)),
            view.count(cells[name]),
            tag("td", view.share(cells[name], ("not_bought",)), class_="n"),
        ]
        for name in classes
    ]
    total = [
        [
            view.words.screen("total"),
            view.count(("not_bought",)),
            tag("td", view.share(("not_bought",), ("not_bought",)), class_="n"),
        ]
    ]
    return section(
        view,
        "buy",
        tag("p", answer, class_="answer"),
        tag("p", largest) if largest else None,
        panel(
            picture(view, "buy_picture", drawing),
            table(say("buy_table"), [view.words.screen("class"), view.words.screen("people"), "%"], lines, total),
        ),
    )


def why_not_paid(view: View) -> Markup:
    """Finishers who are not paid: by reason and whose move, by whose move, by partner; in time or overdue."""
    say = view.words.text
    answer = say(
        "pay_answer",
        finishers=view.number(("reached", "finished")),
        unpaid=view.number(("unpaid",)),
        due=view.number(("due",)),
        blocked=view.number(("blocked",)),
    )
    reasons = view.by_count("blocked", "why")
    largest = overdue = None
    if reasons:
        top: Cell = ("blocked", "why", reasons[0])
        largest = say(
            "pay_largest", name=_why(view, reasons[0]), count=view.number(top), share=view.share(top, ("blocked",))
        )
    if view.facts.unpaid is not None:
        overdue = say("pay_overdue", count=view.number(("blocked", "overdue")), due=view.number(("due", "overdue")))
    return section(
        view,
        "pay",
        tag("p", answer, class_="answer"),
        tag("p", largest, " ", overdue) if largest or overdue else None,
        None if view.facts.unpaid is not None else tag("p", say("timing_unknown"), class_="quiet"),
        _blocked_panel(view, "why"),
        _blocked_panel(view, "whose_move"),
        _blocked_panel(view, "partner"),
    )


def _blocked_panel(view: View, dimension: str) -> Markup:
    say = view.words.text
    name = {"why": "pay_why_picture", "whose_move": "pay_move_picture", "partner": "pay_partner_picture"}[dimension]
    head = {"why": "reason", "whose_move": "by_move", "partner": "by_partner"}[dimension]
    values = view.by_count("blocked", dimension)
    drawn = [value for value in values if value or dimension != "partner"]
    drawing = timed_bars(view, name, ("blocked", dimension), drawn, lambda value: _label(view, dimension, value))
    rows = [[named(*_label(view, dimension, value)), *timed(view, ("blocked", dimension, value))] for value in values]
    feet: list[list[Content]] = [[view.words.screen("total"), *timed(view, ("blocked",))]]
    if dimension == "why":
        feet.append([say("due_line"), *timed(view, ("due",))])
        feet.append([say("unpaid_line"), *timed(view, ("unpaid",))])
    heads = [
        view.words.screen(head),
        view.words.word("timing", "in_time"),
        view.words.word("timing", "overdue"),
        view.words.screen("total"),
    ]
    return panel(drawing, table(say("pay_why_table" if dimension == "why" else name), heads, rows, feet))


def _label(view: View, dimension: str, value: str) -> tuple[str, str]:
    """Name and note of a bar."""
    if dimension == "why":
        return _why(view, value), whose(view, value)
    return view.words.word("whose_move", value) if dimension == "whose_move" else view.words.partner(value), ""


def _why(view: View, value: str) -> str:
    return view.words.word("reason", value.split(" ")[0])
