"""The reference pages, made from the code: `make docs` writes them, a test holds that they are current."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from ibis.expr import operations as ops
from ibis.expr import types as ir

from cair.kernel.days import instant_of
from cair.kernel.reasons import BENEFIT_TRANCHE_1, BreakKind, Move, Reason
from cair.kernel.states import TRANSITIONS, State
from cair.programme.reader import rulebooks
from cair.programme.sentences import LANGUAGES, break_sentence, explain_sentence, word
from cair.rules import breaks, incentives, reconciliation
from cair.rules.tables import FEEDS, PMO, REVISION, Column, Feed, Kind

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Made from the code by `make docs`: change the code, not this page. -->\n"

WRITTEN = {
    Kind.CARD: "16 digits",
    Kind.NIK: "16 digits",
    Kind.INSTANT: "`2020-06-30T14:05:00+07:00`",
    Kind.DAY: "`2020-06-30`",
    Kind.WHOLE: "whole number, digits only",
    Kind.DECIMAL: "number, at most 4 decimals",
    Kind.WORD: "one of",
    Kind.TEXT: "text",
}
EXAMPLES = {
    "card_number": "8000000000000011",
    "nik": "3273015701950001",
    "holder_nik": "3273015701950001",
    "full_name": "Ani Contoh",
    "holder_name": "ANI CONTOH",
    "phone": "+6281200000000",
    "email": "ani@example.org",
    "birth_date": "1995-01-17",
    "region_code": "3273",
    "wave": "1",
    "appointed_on": "2020-04-17",
    "rulebook": "semi-bansos-2020",
    "course_code": "BARISTA",
    "title": "Menjadi barista",
    "provider": "lembaga-lontar",
    "platforms": "platform-pandan;platform-palem",
    "hours": "10.5",
    "approved_from": "2020-04-01",
    "sessions": "1",
    "tasks": "1",
    "invoice_code": "INV-1",
    "redeem_code": "KODE-1",
    "amount_idr": "500000",
    "price_idr": "500000",
    "sequence": "1",
    "score": "87.5",
    "certificate_no": "SERT-1",
    "stars": "5",
    "text": "Pengajar jelas dan sabar",
    "account_ref": "0811000011",
    "checked_at": "2020-04-18T10:00:00+07:00",
    "survey_no": "1",
    "message_ref": "PESAN-1",
    "contact_ref": "KONTAK-1",
    "list_name": "bantuan-lain",
    "valid_on": "2020-04-01",
    "hold_ref": "TAHAN-1",
    "owner": "inspektorat",
    "expected_end": "2020-06-26",
    "revocation_ref": "CABUT-1",
    "resolution_ref": "PUTUS-1",
    "by": "Dewi",
    "order_ref": "ORDER-1",
    "attempt": "1",
    "occurred_at": "2020-04-20T10:00:00+07:00",
}
_PARTNERS = {
    Move.PLATFORM: "platform-pandan",
    Move.PROVIDER: "lembaga-lontar",
    Move.PMO: PMO,
    Move.OWNER: "inspektorat",
}
_DUE_COLUMNS = {
    "hold_until": "expected end of the hold",
    "buy_by": "last buying day",
    "break_due": "that of the break",
    "ruled_by": "last day for the training",
}
_SINCE, _TODAY, _DUE = datetime(2020, 6, 5, 5, tzinfo=UTC), datetime(2020, 6, 15, 5, tzinfo=UTC), date(2020, 6, 20)


def feeds_page() -> str:
    """The feed reference: what partners send, column by column."""
    parts = [NOTE, "# Feeds\n"]
    parts.append(
        "What partners send. A file is named `<feed>.<partner>.<YYYYMMDD>[.<serial>].<csv|ndjson|parquet>[.gz]`; the "
        "columns may come in any order, unknown ones are kept but unused. Each line is kept under its **key**, within "
        "feed and partner; `revision` numbers corrections of it. Described once, in `src/cair/rules/tables.py`.\n"
    )
    rows = [f"| [`{feed.name}`](#{feed.name}) | {feed.sender} | {feed.meaning} |" for feed in FEEDS.values()]
    parts.append("\n".join(["| feed | from | what |", "| --- | --- | --- |", *rows]) + "\n")
    parts += [_feed(feed) for feed in FEEDS.values()]
    return "\n".join(parts)


def _feed(feed: Feed) -> str:
    known = "the receipt alone" if not feed.known_from else f"the later of the receipt and `{feed.known_from}`"
    lines = [f"## {feed.name}\n", f"{feed.meaning} From: {feed.sender}. Known from: {known}.\n"]
    lines += ["| column | written as | | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{c.name}` | {_written(c)} | {_role(c)} | {c.meaning} |" for c in (*feed.columns, REVISION)]
    columns = [column for column in feed.columns if column.name in EXAMPLES or column.words]
    lines += ["", "```csv", ",".join(column.name for column in columns), ",".join(map(example, columns)), "```\n"]
    return "\n".join(lines)


def _written(column: Column) -> str:
    if column.words:
        return "one of " + ", ".join(f"`{one}`" for one in column.words)
    if column.span:
        return f"whole number, {column.span[0]} to {column.span[1]}"
    limit = f", at most {column.limit:,} characters" if column.kind is Kind.TEXT else ""
    return WRITTEN[column.kind] + limit


def _role(column: Column) -> str:
    role = "key" if column.key else "may be empty" if column.optional else "needed"
    return f"{role}, personal" if column.secret else role


def example(column: Column) -> str:
    """A value that a column may have."""
    return EXAMPLES.get(column.name) or column.words[0]


def reasons_page() -> str:
    """Why somebody is not paid: every reason in precedence."""
    person = _table("candidates")
    parts = [NOTE, "# Reasons\n"]
    parts.append(
        "Why the first incentive waits, in the order of the 2020 scheme. All checks are evaluated; the first that fails "
        "is the reason. Each has one function in `src/cair/rules/incentives.py`, one ground in "
        "`src/cair/programme/grounds.yaml`, its sentences in `src/cair/programme/sentences/` and its cases in "
        "`tests/cases/`. The sentences below are examples of 15 June 2020.\n"
    )
    for reason, rule in incentives.CHECKS.items():
        check = rule(person)
        moves = _moves(check.move)
        schemes = [book.name for book in rulebooks() if reason in book.checks]
        row = _decision(reason, moves, has_due=bool(_due(check.due.term, check.due.day)))
        parts.append(_title(word("reason", reason, lang="en"), word("reason", reason, lang="id"), reason))
        parts.append(_ground("reasons", reason))
        parts.append(
            f"Whose move: {_said(moves) or 'that of the break'}. "
            f"Due: {_due(check.due.term, check.due.day) or 'no day'}. "
            f"Schemes: {', '.join(schemes)}. Rule: `{rule.__name__}`.\n"
        )
        as_of = instant_of(_TODAY)
        parts += [f"> {explain_sentence(row, lang=lang, as_of_us=as_of, rulebook=schemes[0])}\n" for lang in LANGUAGES]
    return "\n".join(parts)


def breaks_page() -> str:
    """Disagreements about a redeem code: every kind in precedence."""
    code = _table("suspects")
    parts = [NOTE, "# Breaks\n"]
    parts.append(
        "Reports on one redeem code that do not agree, in precedence; due three working days after they began. Each has "
        "one function in `src/cair/rules/breaks.py`. An officer's resolution sets a break aside, unless it is marked.\n"
    )
    for kind, rule in breaks.BREAKS.items():
        moves = _moves(rule(code).move)
        parts.append(_title(word("break", kind, lang="en"), word("break", kind, lang="id"), kind))
        parts.append(_ground("breaks", kind))
        final = " Never set aside." if kind in breaks.NEVER_SET_ASIDE else ""
        parts.append(f"{rule.__doc__} Whose move: {_said(moves)}. Rule: `{rule.__name__}`.{final}\n")
        partner = None if kind is BreakKind.NO_PURCHASE else _PARTNERS[moves[0]]
        row = {"redeem_code": "KODE-1", "kind": kind, "whose_move": moves[0], "partner": partner, "due_on": _DUE}
        as_of = instant_of(_TODAY)
        parts += [f"> {break_sentence(row, lang=lang, as_of_us=as_of)}\n" for lang in LANGUAGES]
    return "\n".join(parts)


def _title(english: str, indonesian: str, code: str) -> str:
    return f"## {code}\n\n*{english}* / *{indonesian}*\n"


def _table(step: str) -> ir.Table:
    return next(expression for found, expression in reconciliation.expressions() if found.name == step)


def _literals(*values: ir.Value) -> list[Any]:
    return [node.value for value in values for node in value.op().find(ops.Literal) if node.value is not None]


def _columns(value: ir.Value) -> list[str]:
    own = value.op()
    return [own.name] if isinstance(own, ops.Field) else [node.name for node in own.find(ops.Field)]


def _moves(move: ir.Value) -> list[Move]:
    """The moves that stand in the rule itself; none where another rule says it."""
    if isinstance(move.op(), ops.Field):
        return []
    said = set(_literals(move))
    return [one for one in Move if one in said]


def _said(moves: list[Move]) -> str:
    return " or ".join(f"{word('whose_move', move, lang='en')} (`{move}`)" for move in moves)


def _due(term: ir.Value, day: ir.Value) -> str:
    named = [value for value in _literals(term) if isinstance(value, str) and value.startswith("working_")]
    if named:
        count = named[0].removeprefix("working_")
        return f"{count} working day{'' if count == '1' else 's'} later"
    if isinstance(term.op(), ops.Field):
        return _DUE_COLUMNS[term.op().name]
    found = [_DUE_COLUMNS[name] for name in _columns(day) if name in _DUE_COLUMNS]
    if isinstance(day.op(), ops.Field):
        return found[0]
    return f"{found[0]} while nothing is bought" if found else ""


def _decision(reason: Reason, moves: list[Move], *, has_due: bool) -> dict[str, Any]:
    details = {
        Reason.HELD: "TAHAN-1",
        Reason.BREAK: BreakKind.WRONG_PROVIDER,
        Reason.DUPLICATE_PERSON: EXAMPLES["card_number"],
    }
    move = moves[0] if moves else Move.PMO
    about_account = reason.startswith(("NO_ACCOUNT", "ACCOUNT"))
    return {
        "card_number": EXAMPLES["card_number"],
        "benefit": BENEFIT_TRANCHE_1,
        "state": State.CLOSED if reason is Reason.REVOKED else State.WAITING,
        "reason": reason,
        "detail": details.get(reason),
        "whose_move": move,
        "partner": _PARTNERS.get(move),
        "since": _SINCE,
        "due_on": _DUE if has_due and not about_account else None,
        "amount_idr": 0,
        "redeem_code": None if reason is Reason.NOT_BOUGHT else "KODE-1",
    }


def _ground(part: str, code: str) -> str:
    ground = grounds()[part][code]
    source = ground["source"]
    title = sources()[source["instrument"]]["title"]
    return f"{ground['rule']} ({title}: {source['article']}.)\n"


def grounds() -> dict[str, Any]:
    """What each reason and break rests on."""
    return yaml.safe_load((files("cair.programme") / "grounds.yaml").read_text(encoding="utf-8"))


def sources() -> dict[str, Any]:
    """The instruments that figures and rules rest on."""
    return yaml.safe_load((files("cair.programme") / "sources.yaml").read_text(encoding="utf-8"))


def states_page() -> str:
    """The states of a decision, and which may follow which."""
    arrows = [(before, after) for before, afters in TRANSITIONS.items() for after in afters]
    lines = [NOTE, "# States of a benefit\n"]
    lines.append("Evidence moves a decision until it is released; from then on only the payment does.\n")
    lines += ["```mermaid", "stateDiagram-v2", "    [*] --> WAITING"]
    lines += [f"    {before} --> {after}" for before, after in arrows]
    lines += ["```\n", "| state | means | may become |", "| --- | --- | --- |"]
    for state, afters in TRANSITIONS.items():
        meaning = f"{word('state', state, lang='en')} / {word('state', state, lang='id')}"
        lines.append(f"| `{state}` | {meaning} | {', '.join(f'`{after}`' for after in afters)} |")
    return "\n".join(lines) + "\n"


def pages() -> Iterator[tuple[str, str]]:
    """Give the name and content of every reference page."""
    yield "feeds.md", feeds_page()
    yield "reasons.md", reasons_page()
    yield "breaks.md", breaks_page()
    yield "states.md", states_page()


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in pages():
        (FOLDER / name).write_text(content.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
