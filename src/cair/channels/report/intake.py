"""What came in and what became of it, money, and how to read the page."""

from cair.channels.report.charts import DARK, PALE, Bar, bars
from cair.channels.report.figures import OUTCOMES
from cair.channels.report.markup import Content, Markup, tag
from cair.channels.report.view import View, caption_of, picture, section, table
from cair.programme.sentences import one_line


def intake(view: View, *, with_refused: bool) -> Markup:
    """Files and lines by feed, every line with one outcome; the files refused whole."""
    say, word = view.words.text, view.words.word
    feeds = [row["feed"] for row in view.facts.intake]
    good = [outcome for outcome in OUTCOMES if outcome != "rejected"]
    rows = []
    for feed in feeds:
        counts = [view.figures.shown(("intake", feed, outcome)) for outcome in good]
        taken = None if None in counts else sum(count or 0 for count in counts)
        bad = view.figures.shown(("intake", feed, "rejected"))
        rows.append(Bar(word("feed", feed), (taken, bad), view.number(("intake", feed, "lines"))))
    drawing = bars(rows, [PALE, DARK], caption_of(view, "intake_picture", rows)) if rows else None
    lines = [
        [
            word("feed", row["feed"]),
            tag("td", view.words.number(row["files"]), class_="n"),
            *[view.count(("intake", row["feed"], column)) for column in ("lines", *OUTCOMES)],
        ]
        for row in view.facts.intake
    ]
    heads = [say("feed"), say("files"), say("lines"), *[word("outcome", outcome) for outcome in OUTCOMES]]
    files_in_all = view.words.number(sum(row["files"] for row in view.facts.intake))
    foot: list[Content] = [view.words.screen("total"), tag("td", files_in_all, class_="n")]
    foot += [view.count(("intake_all", column)) for column in ("lines", *OUTCOMES)] if feeds else []
    return section(
        view,
        "intake",
        tag("p", say("intake_intro")),
        picture(view, "intake_picture", drawing, [(PALE, say("taken")), (DARK, word("outcome", "rejected"))]),
        table(say("intake_table"), heads, lines, [foot] if feeds else []),
        _refused(view) if with_refused else None,
    )


def _refused(view: View) -> Markup:
    say = view.words.text
    lines = [
        [one_line(row["name"]), tag("td", view.words.word("refusal", row["reason"]))]
        for row in sorted(view.facts.refused, key=lambda row: (row["name"], row["reason"]))
    ]
    return table(
        say("refused_table"),
        [say("file"), view.words.screen("reason")],
        lines or [[view.words.screen("nobody"), tag("td")]],
    )


MONEY = ("released_idr", "in_flight_idr", "paid_idr", "returned_idr")


def money(view: View) -> Markup:
    """Money by day and partner, in whole rupiah."""
    say, rows = view.words.text, view.facts.money or []
    lines = [
        [str(row["day"]), tag("td", view.words.partner(row["partner"])), *_amounts(view, [row])]
        for row in sorted(rows, key=lambda row: (str(row["day"]), row["partner"]))
    ]
    heads = [say("day"), view.words.screen("by_partner"), *[say(column) for column in MONEY]]
    return section(
        view,
        "money",
        table(say("money_table"), heads, lines, [[view.words.screen("total"), tag("td"), *_amounts(view, rows)]]),
        _books(view) if view.facts.books else None,
    )


BOOKS = (
    "appropriated",
    "available",
    "payable",
    "in_flight",
    "paid",
    "returned",
    "available_training",
    "granted_balance",
    "reserved",
    "earned_by_platforms",
    "given_back",
)


def _books(view: View) -> Markup:
    """What the ledger comes to, incentives and training money, by rulebook and in all."""
    say, books = view.words.text, view.facts.books or {}
    lines: list[list[Content]] = []
    for name in BOOKS:
        amounts = [book.get(name, 0) for book in books.values()]
        cells = [tag("td", view.words.number(amount), class_="n") for amount in (*amounts, sum(amounts))]
        lines.append([say(f"book_{name}"), *cells])
    heads = [say("book"), *[view.words.word("rulebook", line) for line in books], view.words.screen("total")]
    return table(say("books_table"), heads, lines)


def _amounts(view: View, rows: list[dict[str, int]]) -> list[Markup]:
    return [tag("td", view.words.number(sum(row[column] for row in rows)), class_="n") for column in MONEY]


def notes(view: View) -> Markup:
    """How to read the page."""
    points = ("note_as_of", "note_overdue", "note_first", "note_offline")
    return section(view, "notes", tag("ul", *[tag("li", view.words.text(point)) for point in points]))
