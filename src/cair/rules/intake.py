"""Which lines are typed rows and which are rejects, and what becomes of each: set-wise, a batch of lines at a time.

Source: contract, section 2. Values come trimmed, an empty one as NULL; `channels.inbox` has already set aside lines
that are no records at all.
"""

import ibis
from ibis.expr import types as ir

from cair.kernel.days import DAY, JAKARTA_OFFSET, MINUTE
from cair.kernel.reasons import Outcome, RejectCode
from cair.programme.reader import steady
from cair.rules.checks import latest, no_text, text
from cair.rules.tables import REVISION, Column, Feed, Kind

GREATEST_NUMBER = 10**12
FUTURE_TOLERANCE = steady("future_tolerance_minutes") * MINUTE
"""How far in the future an instant may lie when it is received: clocks differ."""
TEN_THOUSANDTHS = 10_000

_INSTANT = (
    r"^(20[0-9][0-9]|2100)-(0[1-9]|1[0-2])-[0-3][0-9][T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,6})?(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))$"
)
_DAY = r"^(19[0-9][0-9]|20[0-9][0-9]|2100)-[0-1][0-9]-[0-3][0-9]$"
_WHOLE = r"^0*[0-9]{1,13}$"
_DECIMAL = r"^[0-9]{1,9}(\.[0-9]{1,4})?$"
_SIXTEEN = r"^[0-9]{16}$"
_PATTERNS = {
    Kind.CARD: _SIXTEEN,
    Kind.NIK: _SIXTEEN,
    Kind.INSTANT: _INSTANT,
    Kind.DAY: _DAY,
    Kind.WHOLE: _WHOLE,
    Kind.DECIMAL: _DECIMAL,
}
_AROUND_SEMICOLON = "[ \\t\\r\\n\u00a0]*;[ \\t\\r\\n\u00a0]*"


def _day_number(written: ir.Value) -> ir.Value:
    """Days since 1970-01-01 of `YYYY-MM-DD`; NULL for a day that is not in the calendar."""
    return written.try_cast("date").delta(ibis.date("1970-01-01"), unit="day").cast("int64")


def _kept(column: Column, value: ir.Value) -> ir.Value:
    """Give the text where it is written as its type asks, else NULL, so that a cast never meets a wrong text."""
    if column.kind in _PATTERNS:
        fits = value.re_search(_PATTERNS[column.kind])
    elif column.kind is Kind.WORD:
        fits = value.isin(list(column.words))
    else:
        fits = value.length() <= column.limit
    return fits.ifelse(value, no_text())


def _instant(kept: ir.Value) -> ir.Value:
    """Microseconds UTC of an instant as the contract writes it; NULL for a day that is not in the calendar."""
    # By way of UTC without zone: the engine subtracts instants with zone by a calendar, which is slow.
    utc = kept.try_cast("timestamp('UTC')").cast("timestamp")
    return utc.delta(ibis.timestamp("1970-01-01T00:00:00"), unit="microsecond")


def _whole(kept: ir.Value) -> ir.Value:
    number = kept.right(13).cast("int64")
    return (number <= GREATEST_NUMBER).ifelse(number, ibis.null("int64"))


def _decimal(kept: ir.Value) -> ir.Value:
    """Whole ten-thousandths."""
    return (kept.try_cast("decimal(13, 4)") * TEN_THOUSANDTHS).cast("int64")


_CODES = {
    Kind.CARD: RejectCode.BAD_CARD_NUMBER,
    Kind.NIK: RejectCode.BAD_NIK,
    Kind.INSTANT: RejectCode.BAD_TIMESTAMP,
    Kind.DAY: RejectCode.BAD_DATE,
    Kind.WHOLE: RejectCode.BAD_NUMBER,
    Kind.DECIMAL: RejectCode.BAD_NUMBER,
    Kind.WORD: RejectCode.BAD_VALUE,
    Kind.TEXT: RejectCode.BAD_VALUE,
}
"""What a value is that is not written as its column's type asks."""


def _typed(column: Column, kept: ir.Value) -> ir.Value:
    """Give the typed value of a text that is written as it should be, NULL where it says nothing that exists."""
    match column.kind:
        case Kind.CARD:
            return kept.cast("int64")
        case Kind.INSTANT:
            return _instant(kept)
        case Kind.DAY:
            return _day_number(kept)
        case Kind.WHOLE:
            return _whole(kept)
        case Kind.DECIMAL:
            return _decimal(kept)
        case Kind.TEXT if column.name == "platforms":
            return kept.re_replace(_AROUND_SEMICOLON, ";")
        case _:
            return kept


def _fault(column: Column, lines: ir.Table) -> ir.Value:
    """Give the code of what is wrong with a column of each line, NULL where nothing is."""
    value, typed = lines[column.name], lines[f"{column.name}_typed"]
    faults = [(value.notnull() & typed.isnull(), text(_CODES[column.kind]))]
    if not column.optional:
        faults.insert(0, (value.isnull(), text(RejectCode.MISSING_VALUE)))
    if column.kind is Kind.INSTANT:
        faults.append((typed > lines.received_at + FUTURE_TOLERANCE, text(RejectCode.FUTURE_TIMESTAMP)))
    if column.span:
        low, high = column.span
        faults.append(((typed < low) | (typed > high), text(RejectCode.BAD_VALUE)))
    return ibis.cases(*faults, else_=no_text())


def _known_at(feed: Feed, lines: ir.Table) -> ir.Value:
    """Give the later of the receipt and what the report says of its own time (decisions, section 1)."""
    if not feed.known_from:
        return lines.received_at
    said = lines[f"{feed.known_from}_typed"]
    if feed.column(feed.known_from).kind is Kind.DAY:
        said = said * DAY - JAKARTA_OFFSET
    return latest(lines.received_at, said)


def read_lines(feed: Feed, lines: ir.Table, receipt: ir.Table) -> ir.Table:
    """Read a batch of lines of a feed.

    `lines`: line (record number), the feed's columns and revision as text. `receipt`: one row, received_at.
    :returns: line; fault and fault_column of the first wrong column in the order of the feed's table, then revision
        (both NULL for a row that reads); the typed columns; known_at. Instants are microseconds UTC, days numbers since
        1970-01-01, decimals whole ten-thousandths, card numbers whole numbers.
    """
    columns = (*feed.columns, REVISION)
    read = lines.mutate(
        received_at=receipt.received_at.as_scalar(),
        **{f"{column.name}_kept": _kept(column, lines[column.name]) for column in columns},
    )
    read = read.mutate(**{f"{column.name}_typed": _typed(column, read[f"{column.name}_kept"]) for column in columns})
    read = read.mutate(**{f"{column.name}_fault": _fault(column, read) for column in columns})
    faults = {column.name: read[f"{column.name}_fault"] for column in columns}
    return read.select(
        "line",
        fault=ibis.coalesce(*faults.values()),
        fault_column=ibis.cases(*((fault.notnull(), text(name)) for name, fault in faults.items()), else_=no_text()),
        revision=read.revision_typed.fill_null(1),
        known_at=_known_at(feed, read),
        **{column.name: read[f"{column.name}_typed"] for column in feed.columns},
    )


def outcomes(lines: ir.Table, held: ir.Table) -> ir.Table:
    """Say what becomes of each line that reads, as if they were taken one by one in the order of the file.

    `lines`: line, key, revision, fingerprint (of key, revision and content). `held`: key, revision and fingerprint
    of the reports that are here already, for at least the keys of these lines.
    :returns: line and outcome.
    """
    here = held.select(held_fingerprint="fingerprint").distinct()
    highest = held.group_by(held_key="key").agg(held_revision=held.revision.max())
    repeat = ibis.row_number().over(group_by=lines.fingerprint, order_by=lines.line)
    fresh = lines.mutate(repeat=repeat)
    fresh = fresh.left_join(here, fresh.fingerprint == here.held_fingerprint)
    fresh = fresh.mutate(is_duplicate=(fresh["repeat"] > 0) | fresh.held_fingerprint.notnull())
    before = ibis.window(group_by=fresh.key, order_by=fresh.line, preceding=(None, 1))
    fresh = fresh.mutate(seen=fresh.revision.max().over(before))
    judged = fresh.left_join(highest, fresh.key == highest.held_key)
    top = ibis.greatest(judged.seen, judged.held_revision)
    return judged.select(
        "line",
        outcome=ibis.cases(
            (judged.is_duplicate, text(Outcome.DUPLICATE)),
            (top.isnull(), text(Outcome.ACCEPTED)),
            (judged.revision > top, text(Outcome.SUPERSEDING)),
            (judged.revision < top, text(Outcome.OUTDATED)),
            else_=text(Outcome.CONFLICT),
        ),
    )
