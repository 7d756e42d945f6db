"""Say in one sentence what blocks the money, who must act, by when, and what to do; and name every word of the field.

All wording stands in `sentences/id.yaml` and `sentences/en.yaml`; here it is only chosen and filled in. The same
sentence is shown to the participant, the helpdesk and the auditor.

Fillings of the sentences: `{benefit}` which incentive; `{amount}` rupiah; `{who}` who must act; `{by}`, `{until}`,
`{end}` the due day of a partner, of the participant, of a hold, each empty without a due day and saying for how long it
is overdue; `{risk}` that buying late may cost the participation; `{wait}` what the participant does meanwhile; `{on}`,
`{since}` the day since when; `{what}`, `{do}` of a break; `{cause}`, `{mend}` of a failed payment.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Protocol

import yaml

from cair.kernel.days import JAKARTA, date_of, day_number, instant_of, jakarta_day, moment_of
from cair.kernel.money import rupiah_text
from cair.kernel.reasons import BENEFIT_TRANCHE_1, BreakKind, Move, Outcome, ReachClass, Reason, Refusal, RejectCode
from cair.kernel.remedies import BankReason, mended_by
from cair.kernel.states import State, Step
from cair.programme.reader import default_rulebook, rulebooks, steady

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")

READY = "DUE"
"""Stands among the reasons of unpaid finishers for those whom nothing blocks any more (contract, section 3)."""
ACCOUNT_CHECKS = (Reason.NO_ACCOUNT, Reason.ACCOUNT_NOT_OWN, Reason.ACCOUNT_NOT_VERIFIED, Reason.ACCOUNT_NOT_ACTIVE)

_WORDS: dict[str, Iterable[str]] = {
    "state": State,
    "reason": (*Reason, READY),
    "check": Reason,
    "whose_move": Move,
    "break": BreakKind,
    "step": Step,
    "reach": ReachClass,
    "outcome": Outcome,
    "reject": RejectCode,
    "refusal": Refusal,
    "bank": BankReason,
}
_OTHER_NAMES = {"move": "whose_move", "overdue_whose_move": "whose_move", "break_kind": "break", "kind": "break"}


class Written(Protocol):
    """How a column of a feed must be written, as the data dictionary describes it."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def words(self) -> Sequence[str]: ...
    @property
    def span(self) -> tuple[int, int] | None: ...
    @property
    def limit(self) -> int: ...


@cache
def wording(lang: Language) -> Mapping[str, Any]:
    """Read all wording of a language, once, and see that no word of the field is without."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (files("cair.programme") / "sentences" / f"{lang}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    missing = list(_missing(content))
    assert not missing, f"sentences/{lang}.yaml has no wording for {', '.join(missing)}"
    return content


def _missing(content: Mapping[str, Any]) -> Iterable[str]:
    needed: list[tuple[tuple[str, ...], Iterable[str]]] = [(("words", kind), codes) for kind, codes in _WORDS.items()]
    needed += [
        (("reasons",), (reason for reason in Reason if reason not in ACCOUNT_CHECKS)),
        (("accounts",), ACCOUNT_CHECKS),
        (("states",), (state for state in State if state not in (State.WAITING, State.CLOSED))),
        (("breaks",), BreakKind),
        (("bank",), BankReason),
        (("account_check",), ("ACCEPTED", "LOOK", "REFUSED")),
        (("remedies", "refusal"), Refusal),
        (("remedies", "reject"), RejectCode),
        (("remedies", "reach"), ReachClass),
        (("outreach",), ReachClass),
    ]
    for path, codes in needed:
        found = content
        for name in path:
            found = found.get(name, {})
        yield from (".".join((*path, code)) for code in codes if code not in found)


def word(kind: str, code: str, *, lang: Language) -> str:
    """Give the short name of a word of the field: of a `state`, `reason`, `whose_move`, `break`, `step`, `reach`, ...

    `check` names what holds when a reason does not; `screen` names parts of screens; `rulebook` gives a scheme's title,
    and the name itself of a scheme that nobody knows.

    :raises KeyError: no such word.
    """
    if kind == "rulebook":
        return next((book.titles[lang] for book in rulebooks() if book.name == code), one_line(code))
    text: str = (wording(lang)["screen"] if kind == "screen" else words(kind, lang=lang))[code]
    return text


def benefit_name(benefit: object, *, lang: Language) -> str:
    """Give the name of a benefit; of one that nobody knows its own code."""
    names: Mapping[str, str] = wording(lang)["benefits"]
    return names.get(str(benefit), one_line(benefit))


def words(kind: str, *, lang: Language) -> Mapping[str, str]:
    """Give all words of a kind by their code, in the order of the field.

    :raises KeyError: no such kind.
    """
    found: Mapping[str, str] = wording(lang)["words"][_OTHER_NAMES.get(kind, kind)]
    return found


def remedy(kind: str, code: str, *, lang: Language, column: Written | None = None) -> str:
    """Say what to do about a refused file (`refusal`), a rejected line (`reject`) or a class of section 5 (`reach`).

    For rejects `column` names the wrong column and how it must be written. The value itself is never shown.

    :raises KeyError: no such remedy.
    """
    remedies = wording(lang)["remedies"][kind]
    if kind != "reject":
        text: str = remedies[code]
        return text
    return _reject(code, remedies, column)


def outreach_text(reach: str, *, last_day: int, today: int, lang: Language) -> str:
    """Write the message to somebody who has not bought, of a class of section 5, with the countdown to the last day.

    :raises KeyError: no such class.
    """
    text: str = wording(lang)["outreach"][reach]
    filled = _fillings({"due_on": last_day}, lang=lang, today=today)
    return text.format(until=filled["until"], risk=filled["risk"])


def _reject(code: str, remedies: Mapping[str, str], column: Written | None) -> str:
    if column is None:
        return remedies[code].format(column=remedies["column"], ahead=steady("future_tolerance_minutes"))
    if code == RejectCode.BAD_NUMBER and column.kind == "decimal":
        code = "BAD_DECIMAL"
    if code == RejectCode.BAD_VALUE:
        if column.words:
            code = "BAD_VALUE_WORDS"
        elif column.span:
            code = "BAD_VALUE_SPAN"
        elif column.kind == "text":
            code = "BAD_VALUE_LONG"
    low, high = column.span or ("", "")
    told = {"words": ", ".join(column.words), "low": low, "high": high, "limit": column.limit}
    return remedies[code].format(column=column.name, ahead=steady("future_tolerance_minutes"), **told)


def explain_sentence(
    decision: Mapping[str, object], *, lang: Language, as_of_us: int, rulebook: str | None = None
) -> str:
    """Explain a row of the export `decisions` in one sentence, as of an instant (microseconds UTC).

    Days may be dates or texts, instants microseconds, datetimes or RFC 3339. `rulebook` is the name that the
    appointment carries; without it the sentence only says less.
    """
    state, reason = str(decision["state"]), str(decision.get("reason") or "")
    fillings = _fillings(decision, lang=lang, today=jakarta_day(as_of_us))
    content = wording(lang)
    if state in (State.FAILED, State.RETURNED):
        return _sentence(content["states"][state], fillings | _failure(reason, fillings, lang=lang))
    if state not in (State.WAITING, State.CLOSED):
        return _sentence(content["states"][state], fillings)
    if not reason:
        return _sentence(content["states"]["NOT_YET"], fillings)
    if reason == Reason.BREAK:
        return _sentence(content["reasons"][reason], fillings | content["breaks"][str(decision["detail"])])
    if reason in ACCOUNT_CHECKS:
        frame = content["accounts"]["frame"][_moment_of_account(decision, rulebook)]
        return _sentence(frame, fillings | content["accounts"][reason])
    if reason == Reason.NOT_BOUGHT:
        fillings["restored"] = _restored(decision, rulebook, lang=lang)
    if reason in (Reason.NOT_RATED, Reason.NOT_REVIEWED):
        book = next((book for book in rulebooks() if book.name == rulebook), default_rulebook())
        fillings["characters"] = str(book.review_characters)
    return _sentence(content["reasons"][reason], fillings)


def break_sentence(row: Mapping[str, object], *, lang: Language, as_of_us: int | None = None) -> str:
    """Explain a row of the export `breaks` in one sentence; with an as-of it also says for how long it is overdue."""
    today = None if as_of_us is None else jakarta_day(as_of_us)
    fillings = _fillings(row, lang=lang, today=today) | wording(lang)["breaks"][str(row["kind"])]
    return _sentence(wording(lang)["break"], fillings | {"code": one_line(row.get("redeem_code"))})


def account_check_sentence(check: Mapping[str, object], *, partner: str, lang: Language) -> str:
    """Say what a payment partner answered about an account when it was asked, and what to do: verdict, reason, asked_at."""
    asked = instant_of_value(check.get("asked_at"))
    day = "" if asked is None else day_in_words(jakarta_day(asked), lang=lang)
    told = _failure(str(check.get("reason")), {"wait": wording(lang)["wait"]["waiting"]}, lang=lang)
    return _sentence(
        wording(lang)["account_check"][str(check["verdict"])], told | {"partner": one_line(partner), "day": day}
    )


def _fillings(row: Mapping[str, object], *, lang: Language, today: int | None) -> dict[str, str]:
    content = wording(lang)
    due, since = day_of(row.get("due_on")), instant_of_value(row.get("since"))
    since_day = "" if since is None else day_in_words(jakarta_day(since), lang=lang)
    timing = _timing(due, today)
    count = 0 if due is None or today is None else abs(due - today)
    deadline = {
        "day": "" if due is None else day_in_words(due, lang=lang),
        "days": days_in_words(count, lang=lang),
    }
    partner_timing = "ahead" if timing == "tomorrow" else timing
    benefit = str(row.get("benefit") or BENEFIT_TRANCHE_1)
    return {
        "benefit": benefit_name(benefit, lang=lang),
        "amount": rupiah_text(int(str(row.get("amount_idr") or 0)), lang=lang),
        "who": _who(row, lang=lang),
        "by": content["by"][partner_timing].format(**deadline),
        "until": content["until"][timing].format(**deadline),
        "end": content["end"][partner_timing].format(**deadline),
        "risk": content["risk"]["ahead" if timing in ("tomorrow", "today") else timing],
        "wait": content["wait"]["late" if timing == "late" else "waiting"],
        "on": content["on"].format(day=since_day) if since_day else "",
        "since": content["since"].format(day=since_day) if since_day else "",
        "planned": content["planned"].format(**deadline) if due is not None else "",
        "restored": "",
        "ref": one_line(row.get("detail")),
        "card": one_line(row.get("detail"))[-4:],
    }


def _timing(due: int | None, today: int | None) -> str:
    if due is None:
        return "undated"
    if today is None or due > today + 1:
        return "ahead"
    return {1: "tomorrow", 0: "today"}.get(due - today, "late")


def _who(row: Mapping[str, object], *, lang: Language) -> str:
    partner = one_line(row.get("partner"))
    state = str(row.get("state") or State.WAITING)
    move = str(row.get("whose_move") or Move.PMO)
    if state == State.SENT:
        move, partner = "PAYMENT_PARTNER", "" if partner == "pmo" else partner
    elif state == State.RELEASED or move in (Move.PARTICIPANT, Move.NONE):
        move = Move.PMO
    names = wording(lang)["who"]
    named = move == Move.PMO or partner
    text: str = names[move if named else f"{move}_UNNAMED"]
    return text.format(partner=partner)


def _moment_of_account(decision: Mapping[str, object], rulebook: str | None) -> str:
    if decision.get("benefit") not in (None, "", BENEFIT_TRANCHE_1):
        return "other"
    if day_of(decision.get("due_on")) is not None and not decision.get("redeem_code"):
        return "first"
    checks = next((book.checks for book in rulebooks() if book.name == rulebook), ())
    return "last" if checks[-len(ACCOUNT_CHECKS) :] == ACCOUNT_CHECKS else "other"


def _restored(decision: Mapping[str, object], rulebook: str | None, *, lang: Language) -> str:
    due, since = day_of(decision.get("due_on")), instant_of_value(decision.get("since"))
    book = next((book for book in rulebooks() if book.name == rulebook), None)
    if book is None or due is None or since is None:
        return ""
    days = due - jakarta_day(since) + 1 - book.buying_days
    return wording(lang)["restored"].format(days=days_in_words(days, lang=lang)) if days > 0 else ""


def _failure(reason: str, fillings: Mapping[str, str], *, lang: Language) -> dict[str, str]:
    known = BankReason(reason) if reason in BankReason.__members__ else BankReason.OTHER
    texts = wording(lang)["bank"][known]
    who = _who({"whose_move": mended_by(known)}, lang=lang)
    return {"cause": texts["cause"], "mend": texts["mend"].format(who=who, wait=fillings["wait"])}


def _sentence(template: str, fillings: Mapping[str, str]) -> str:
    text = template.format_map(fillings)
    return text[:1].upper() + text[1:]


def one_line(value: object) -> str:
    """Make a partner's text fit to be shown: no control or formatting characters, one line; None is empty."""
    text = "" if value is None else str(value)
    shown = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text)
    shown = "".join(sign for sign in shown if unicodedata.category(sign) not in ("Cf", "Cs", "Co", "Cn"))
    return " ".join(shown.split())


def day_of(value: object) -> int | None:
    """Give the number of a day that is a date, a text `YYYY-MM-DD` or a number already; empty is None."""
    if value is None or value == "":
        return None
    if isinstance(value, int):
        return value
    day = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    return day_number(date(day.year, day.month, day.day))


def instant_of_value(value: object) -> int | None:
    """Give the microseconds of an instant that is a datetime, an RFC 3339 text or a number already; empty is None.

    A datetime without zone is UTC: so typed tables hand instants over.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int):
        return value
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return instant_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def day_in_words(day: int, *, lang: Language, short: bool = False) -> str:
    """Write a day as people say it: `13 Maret 2024`, short `13 Mar 2024`."""
    moment = date_of(day)
    months = wording(lang)["months_short" if short else "months"]
    return f"{moment.day} {months[moment.month - 1]} {moment.year}"


def moment_in_words(instant: int, *, lang: Language) -> str:
    """Write an instant by the clock of Jakarta (WIB), to the minute: `13 Mar 2024 09.05`."""
    local = moment_of(instant).astimezone(JAKARTA)
    day = day_in_words(jakarta_day(instant), lang=lang, short=True)
    text: str = wording(lang)["moment"].format(day=day, hour=local.hour, minute=local.minute)
    return text


def days_in_words(count: int, *, lang: Language) -> str:
    """Write a number of days: `1 hari`, `20 hari`."""
    text: str = wording(lang)["days"]["one" if count == 1 else "many"]
    return text.format(count=number_text(count, lang=lang))


def number_text(number: int, *, lang: Language) -> str:
    """Write a whole number with the thousands apart: `680.880`, in English `680,880`."""
    return f"{number:,}".replace(",", wording(lang)["thousands"])


def percent_text(part: int, whole: int, *, lang: Language) -> str:
    """Write a share in percent with one decimal: `88,1%`; of nothing it is empty."""
    if not whole:
        return ""
    return f"{100 * part / whole:.1f}%".replace(".", wording(lang)["decimal"])
