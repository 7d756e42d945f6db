"""Show one person's story on a terminal: the sentence first, then what is in, what is missing, and whose move it is.

Nothing here knows a NIK, a name, a phone or an account; the card number is shown by its last four digits.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cair.kernel.days import jakarta_day
from cair.kernel.money import rupiah_text
from cair.programme.sentences import (
    Language,
    benefit_name,
    day_in_words,
    day_of,
    days_in_words,
    instant_of_value,
    moment_in_words,
    one_line,
    remedy,
    word,
    words,
)

SIDES = ("purchase", "redemption", "completion", "confirmation", "review")
COLOURS = {"WAITING": "yellow", "DUE": "cyan", "PAID": "green", "FAILED": "red", "RETURNED": "red", "CLOSED": "red"}
IN, NOT_IN = "✓", "✗"


def render_story(story: Mapping[str, Any], *, lang: Language, console: Console) -> None:
    """Print the story that `explain --json` gives: everything an officer on the telephone needs, in 80 columns."""
    today = jakarta_day(instant_of_value(story["as_of"]) or 0)
    console.print(_sentence(story, lang))
    console.print(_standing(story, today, lang))
    for part in (_evidence, _activities, _checks, _breaks, _accounts, _payments, _holds, _purchases, _reach):
        for shown in part(story, lang):
            console.print(shown)


def _sentence(story: Mapping[str, Any], lang: Language) -> Panel:
    card = "•••• " + one_line(story["card_number"])[-4:]
    moment = _moment(story["as_of"], lang)
    title = word("screen", "story", lang=lang).format(card=card, moment=moment)
    colour = COLOURS.get(story["decision"]["state"], "cyan")
    return Panel(Text(one_line(story["sentence"])), title=Text(title), title_align="left", border_style=colour)


def _standing(story: Mapping[str, Any], today: int, lang: Language) -> Table:
    decision = story["decision"]
    state = word("state", decision["state"], lang=lang)
    if decision.get("reason"):
        kind = "bank" if decision["state"] in ("FAILED", "RETURNED") else "reason"
        state += ": " + words(kind, lang=lang).get(decision["reason"], one_line(decision["reason"]))
    if decision.get("reason") == "BREAK":
        state += f" ({word('break', decision['detail'], lang=lang)})"
    shown = {
        "state": state,
        "amount": rupiah_text(int(decision.get("amount_idr") or 0), lang=lang),
        "whose_move": _move(decision, lang),
        "since": _moment(decision.get("since"), lang),
        "due_on": _due(decision.get("due_on"), today, lang),
    }
    table = Table.grid(padding=(0, 1))
    for key, value in shown.items():
        if key != "amount" or decision.get("amount_idr"):
            table.add_row(Text(f" {word('screen', key, lang=lang)}", style="dim"), Text(value))
    table.add_row(Text(""), Text(_appointment(story, lang), style="dim"))
    return table


def _move(row: Mapping[str, Any], lang: Language) -> str:
    if not row.get("whose_move"):
        return word("screen", "none_set", lang=lang)
    partner = one_line(row.get("partner"))
    move = word("whose_move", row["whose_move"], lang=lang)
    return f"{move}: {partner}" if partner not in ("", "pmo") else move


def _due(value: object, today: int, lang: Language) -> str:
    due = day_of(value)
    if due is None:
        return word("screen", "none_set", lang=lang)
    text = day_in_words(due, lang=lang)
    if due < today:
        return f"{text}, {word('screen', 'overdue', lang=lang).format(days=days_in_words(today - due, lang=lang))}"
    return f"{text}, {word('screen', 'days_left', lang=lang).format(days=days_in_words(due - today, lang=lang))}"


def _appointment(story: Mapping[str, Any], lang: Language) -> str:
    return word("screen", "appointed", lang=lang).format(
        wave=one_line(story.get("wave")),
        region=one_line(story.get("region_code")),
        day=_day(story.get("appointed_on"), lang),
        rulebook=word("rulebook", str(story.get("rulebook") or ""), lang=lang),
    )


def _evidence(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    training = story.get("training")
    yield _heading("evidence", lang)
    if not training:
        yield Text(f" {word('screen', 'no_training', lang=lang)}")
        return
    course = " ".join(filter(None, (one_line(training.get("course_code")), one_line(training.get("course_title")))))
    code = one_line(training["redeem_code"])
    yield _indented(word("screen", "training", lang=lang).format(code=code, course=course or "?"))
    table = _table(("what", "from", "happened", "known"), lang, whole="what")
    for side in SIDES:
        rows = [row for row in training.get("sides") or () if row["side"] == side]
        for row in rows:
            table.add_row(*_side(row, lang))
        if not rows:
            what = _marked(passes=False, text=word("side", side, lang=lang))
            table.add_row(what, Text(word("screen", "missing", lang=lang), style="red"), Text(), Text())
    yield table


def _side(row: Mapping[str, Any], lang: Language) -> tuple[Text, ...]:
    origin = Text(one_line(row.get("partner")))
    if row["side"] == "review":
        stars = row.get("stars")
        note = word("screen", "stars" if stars else "no_stars", lang=lang).format(count=stars)
        origin.append(f"\n{note}", style="dim")
    elif row.get("certificate_no"):
        number = one_line(row["certificate_no"])
        origin.append("\n" + word("screen", "certificate", lang=lang).format(number=number), style="dim")
    when = (_moment(row.get("occurred_at"), lang), _moment(row.get("known_at"), lang))
    return (_marked(passes=True, text=word("side", row["side"], lang=lang)), origin, *map(Text, when))


def _activities(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    rows = (story.get("training") or {}).get("activities") or ()
    by_kind: dict[str, set[int]] = {}
    for row in rows:
        by_kind.setdefault(str(row["kind"]), set()).add(int(row["sequence"]))
    known = words("activity", lang=lang)
    parts = [f"{known[kind]} {', '.join(map(str, sorted(by_kind[kind])))}" for kind in known if kind in by_kind]
    if parts:
        yield _indented(f"{word('screen', 'activities', lang=lang)}: {'; '.join(parts)}")


def _checks(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    checks: Sequence[Mapping[str, Any]] = story.get("checks") or ()
    if not checks:
        return
    yield _heading("checks", lang)
    blocking = next((check["reason"] for check in checks if not check["passes"]), None)
    shown = []
    for check in checks:
        text = _marked(passes=bool(check["passes"]), text=word("check", check["reason"], lang=lang))
        if check["reason"] == blocking:
            text.append(f"  ← {word('screen', 'blocking', lang=lang)}", style="bold red")
        shown.append(text)
    yield Columns(shown, width=38, column_first=True, padding=(0, 1))


def _breaks(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    rows = story.get("breaks") or ()
    if rows:
        yield _heading("breaks", lang)
    for row in rows:
        text = _marked(passes=False, text=word("break", row["kind"], lang=lang))
        text.append(f"  {_move(row, lang)}", style="dim")
        yield text
        yield _indented(one_line(row.get("sentence")))


def _accounts(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    rows = story.get("accounts") or ()
    yield _heading("accounts", lang)
    if not rows:
        yield Text(f" {word('screen', 'no_accounts', lang=lang)}")
        return
    table = _table(("partner", "account_status", "kyc", "own", "checked"), lang)
    for row in rows:
        partner = Text(one_line(row.get("partner")))
        if row.get("linked"):
            partner.append(f"\n  {word('screen', 'linked', lang=lang)}", style="dim")
        own = {True: "yes", False: "no"}.get(row.get("is_own"), "unknown")
        status, kyc = word("account_status", row["status"], lang=lang), word("kyc", row["kyc"], lang=lang)
        table.add_row(
            partner,
            Text(status, style="" if row["status"] == "LINKED" else "red"),
            Text(kyc, style="" if row["kyc"] == "full" else "red"),
            Text(word("screen", own, lang=lang), style="" if own == "yes" else "red"),
            Text(_moment(row.get("checked_at"), lang)),
        )
    yield table
    for row in rows:
        check = row.get("check")
        if check:
            text = _marked(passes=check["verdict"] == "ACCEPTED", text=one_line(check["sentence"]))
            yield Padding(text, (0, 0, 0, 1))


def _payments(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    """Every attempt with the days on which it was planned, sent and ended, and why it failed."""
    rows = story.get("payments") or ()
    if not rows:
        return
    yield _heading("payments", lang)
    table = _table(("payment", "state", "planned", "sent", "ended"), lang)
    for row in rows:
        state = word("state", row["state"], lang=lang)
        if row.get("reason"):
            state += ": " + words("bank", lang=lang).get(row["reason"], one_line(row["reason"]))
        what = f"{benefit_name(row['benefit'], lang=lang)} {row['attempt']}\n{one_line(row.get('partner'))}"
        ended = row.get("ended_at") or row.get("paid_at")
        days = (_day_of_moment(value, lang) for value in (row.get("released_at"), row.get("sent_at"), ended))
        table.add_row(Text(what), Text(state), *map(Text, days))
    yield table


def _holds(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    rows = story.get("holds") or ()
    if rows:
        yield _heading("holds", lang)
    for row in rows:
        end = word("screen", "hold_open", lang=lang)
        if day_of(row.get("expected_end")) is not None:
            end = word("screen", "hold_end", lang=lang).format(day=_day(row["expected_end"], lang))
        scope = words("scope", lang=lang).get(row["scope"], one_line(row["scope"]))
        owner = one_line(row.get("owner")) or "?"
        line = word("screen", "hold", lang=lang).format(
            ref=one_line(row["hold_ref"]), scope=scope, owner=owner, end=end
        )
        yield _indented(line)


def _purchases(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    rows: Sequence[Mapping[str, Any]] = story.get("purchases") or ()
    if len(rows) < 2 and all(row.get("status", "SUCCESS") == "SUCCESS" for row in rows):
        return
    yield _heading("purchases", lang)
    table = _table(("invoice", "course", "amount", "state", "happened"), lang)
    for row in rows:
        status = words("purchase_status", lang=lang).get(str(row.get("status")), "")
        origin = f"{one_line(row.get('invoice_code'))}\n{one_line(row.get('partner'))}".strip()
        amount = rupiah_text(int(row.get("amount_idr") or 0), lang=lang)
        course = one_line(row.get("course_code"))
        table.add_row(*map(Text, (origin, course, amount, status, _moment(row.get("occurred_at"), lang))))
    yield table


def _reach(story: Mapping[str, Any], lang: Language) -> Iterable[object]:
    reach = story.get("reach")
    if not reach:
        return
    yield _heading("reach", lang)
    line = word("reach", reach["class"], lang=lang)
    if day_of(reach.get("last_day")) is not None:
        last_day = word("screen", "last_day", lang=lang).format(day=_day(reach["last_day"], lang))
        line += f"; {last_day}"
    yield _indented(line)
    yield _indented(one_line(reach.get("next_step")) or remedy("reach", reach["class"], lang=lang))


def _heading(name: str, lang: Language) -> Text:
    return Text(f"\n {word('screen', name, lang=lang)}", style="bold")


def _table(names: Iterable[str], lang: Language, *, whole: str = "") -> Table:
    """Make a table with these columns; the column `whole` is never broken, nor are times."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), show_edge=False, header_style="dim")
    for name in names:
        table.add_column(
            word("screen", name, lang=lang),
            justify="right" if name == "amount" else "left",
            overflow="fold",
            no_wrap=name in (whole, "happened", "known", "checked"),
        )
    return table


def _marked(*, passes: bool, text: str) -> Text:
    return Text.assemble((f" {IN if passes else NOT_IN} ", "green" if passes else "bold red"), text)


def _indented(text: str) -> Padding:
    return Padding(Text(text), (0, 0, 0, 3))


def _moment(value: object, lang: Language) -> str:
    instant = instant_of_value(value)
    return "" if instant is None else moment_in_words(instant, lang=lang)


def _day_of_moment(value: object, lang: Language) -> str:
    """The Jakarta day of an instant."""
    instant = instant_of_value(value)
    return "" if instant is None else day_in_words(jakarta_day(instant), lang=lang, short=True)


def _day(value: object, lang: Language) -> str:
    day = day_of(value)
    return "?" if day is None else day_in_words(day, lang=lang)
