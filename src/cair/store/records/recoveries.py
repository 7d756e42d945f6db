"""Recoveries: that a database was restored, that the lost time is known again, and payments found in banks' lines."""

from collections import Counter
from datetime import date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pyarrow as pa

from cair.kernel.days import JAKARTA
from cair.kernel.remedies import MENDED_BY_OFFICE, BankReason
from cair.rules.approvals import day_of, may_approve
from cair.rules.release import MAY_RUN
from cair.store.database import without_values
from cair.store.queries.recoveries import newest_on_record
from cair.store.records.audit import add_audit
from cair.store.records.ledger import CLOCKS_DIFFER_BY
from cair.store.records.payments import OUTCOMES, Taken, add_outcomes
from cair.store.records.settlement import MOVES
from cair.store.records.staff import Actor
from cair.store.vault import Vault

Connection = psycopg.Connection[Any]


class UnableToRecover(Exception):
    """The actor may not, or there is nothing to end; the message says why and what to do."""


def begin_recovery(connection: Connection, *, lost_until: datetime, why: str, by: Actor, now: datetime) -> int:
    """Put on record that the database was restored, in the caller's transaction; give the recovery's number.

    From here on whatever may have been sent until then is asked for, and sent by nobody until the recovery ends.

    :raises UnableToRecover: the actor may not, or the instant cannot be.
    """
    if not MAY_RUN & by.roles:
        raise UnableToRecover(f"{by.name} may not begin a recovery. Roles that may: {', '.join(sorted(MAY_RUN))}.")
    known_until = newest_on_record(connection)
    if lost_until > now or (known_until and lost_until < known_until - CLOCKS_DIFFER_BY):
        newest = f"{known_until:%Y-%m-%d %H:%M} UTC" if known_until else "nothing"
        raise UnableToRecover(
            f"The lost database sent nothing after now, and something until the newest that is on record ({newest}). "
            "Name an instant between, or none: then it is now."
        )
    with without_values():
        connection.execute("LOCK TABLE recovery IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            "INSERT INTO recovery (number, known_until, lost_until, why, begun_at, begun_by) "
            "SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s FROM recovery RETURNING number",
            [known_until, lost_until, why, now, by.name],
        ).fetchone()
    assert row is not None, "the row that was added is given back"
    _audit(connection, "recovery.begin", by, now, row[0])
    return int(row[0])


def end_recovery(connection: Connection, *, by: Actor, now: datetime) -> int:
    """End the recovery that goes on, in the caller's transaction; give its number.

    :raises UnableToRecover: none goes on, or the actor began it or may not end it.
    """
    with without_values():
        connection.execute("LOCK TABLE recovery_end IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            "SELECT number, begun_by FROM recovery WHERE number NOT IN (SELECT recovery FROM recovery_end) "
            "ORDER BY number LIMIT 1"
        ).fetchone()
    if row is None:
        raise UnableToRecover("No recovery goes on.")
    number, begun_by = row
    allowed = may_approve(1, day_of(now))
    if by.name == begun_by or not set(allowed) & by.roles:
        raise UnableToRecover(
            f"A recovery is ended by somebody else than who began it ({begun_by}), in one of these roles: "
            f"{', '.join(allowed)}."
        )
    with without_values():
        connection.execute(
            "INSERT INTO recovery_end (recovery, begun_by, ended_by, ended_at) VALUES (%s, %s, %s, %s)",
            [number, begun_by, by.name, now],
        )
    _audit(connection, "recovery.end", by, now, number)
    return int(number)


def _audit(connection: Connection, act: str, by: Actor, now: datetime, number: int) -> None:
    add_audit(connection, act=act, actor=by.name, roles=list(by.roles), at=now, subject=f"recovery {number}", facts={})


class _Line(NamedTuple):
    """A line of a bank about an order that may have been forgotten. `fits`: of which end it is a proof, if it fits.

    `attempt`: None when there is no such attempt of the order (yet).
    """

    file_number: int
    line: int
    number: int
    order_ref: str
    attempt: int | None
    fits: str
    is_statement: bool
    is_settled: bool
    booked_on: date | None
    reason: str | None
    is_of_amount: bool
    is_of_partner: bool
    sealed: bytes | None
    account_ref_index: UUID | None


def book_found(connection: Connection, vault: Vault, *, now: datetime) -> dict[str, int]:
    """Look again at lines of banks that fitted nothing on record, and speak of an order that may have been forgotten.

    What fits is booked. What is of another amount, account, partner or attempt keeps the order from being sent, until
    people have looked. In the caller's transaction; again changes nothing.

    :returns: how many lines came into which bucket.
    """
    with without_values():
        lines = [_Line(*row) for row in connection.execute(_FOUND, [[*FAILURES]]).fetchall()]
    misfits = _misfits(lines, vault)
    fitting = [line for line, misfit in zip(lines, misfits, strict=True) if not misfit]
    taken = dict(zip(fitting, _book(connection, fitting, now), strict=True))
    settled = {(line.order_ref, line.attempt, line.fits) for line in lines if line.is_settled}
    verdicts = []
    for line, misfit in zip(lines, misfits, strict=True):
        if bucket := misfit or _bucket_of(line, taken[line], settled):
            told = (bucket, MOVES.get(bucket, "PMO"), line.order_ref, line.attempt, now)
            verdicts.append((line.file_number, line.line, line.number + 1, *told))
    with without_values(), connection.cursor() as cursor:
        cursor.executemany(_VERDICT, verdicts)
    return dict(sorted(Counter(bucket for *_, bucket, _, _, _, _ in verdicts).items()))


FAILURES = tuple(str(reason) for reason in BankReason if reason not in MENDED_BY_OFFICE)
"""Reasons of a rejection that are a proof that a payment failed."""
_FOUND = """
    SELECT said.file_number, said.line, said.number, named.order_ref, ordered.attempt, named.fits,
           file.format LIKE 'camt.053%%',
           EXISTS (SELECT FROM line_verdict AS settled WHERE (settled.order_ref, settled.attempt, settled.bucket)
                   = (ordered.order_ref, ordered.attempt, named.fits)),
           line.booked_on, line.reason, coalesce(line.amount, ordered.amount_idr) = ordered.amount_idr,
           file.partner = ordered.partner, line.sealed, item.account_ref_index
    FROM line_verdict AS said
    JOIN bank_line AS line ON (line.file_number, line.line) = (said.file_number, said.line)
    JOIN bank_file AS file ON file.number = said.file_number
    CROSS JOIN LATERAL (
        SELECT regexp_replace(line.reference, '-[0-9]+$', '') AS order_ref,
               substring(line.reference FROM '-([0-9]{1,6})$')::bigint AS attempt,
               CASE line.status WHEN 'BOOKED' THEN 'PAID' WHEN 'RETURNED' THEN 'RETURNED' ELSE 'FAILED' END AS fits
    ) AS named
    LEFT JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (named.order_ref, named.attempt)
    LEFT JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
    WHERE said.bucket IN ('UNKNOWN', 'NOT_SENT', 'OTHER_ATTEMPT') AND EXISTS (SELECT FROM recovery)
      AND NOT EXISTS (SELECT FROM line_verdict AS newer WHERE newer.number > said.number
                        AND (newer.file_number, newer.line) = (said.file_number, said.line))
      AND (line.status = 'BOOKED' AND line.direction <> 'CREDIT' OR line.status = 'RETURNED'
           OR line.status = 'REJECTED' AND line.reason = ANY(%s))
      AND CASE WHEN ordered.attempt IS NOT NULL THEN forgotten_until(ordered.order_ref, ordered.attempt) IS NOT NULL
               ELSE said.bucket <> 'OTHER_ATTEMPT' AND line.status <> 'REJECTED' AND EXISTS (
                   SELECT FROM payment_order AS other WHERE other.order_ref = named.order_ref) END
    ORDER BY said.file_number, said.line
"""
_VERDICT = """
    INSERT INTO line_verdict (file_number, line, number, bucket, whose_move, order_ref, attempt, decided_at, decided_by)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '')
"""


def _misfits(lines: list[_Line], vault: Vault) -> list[str]:
    """Say for each line in which bucket it is when it does not fit its order; empty when it does."""
    opened = [
        vault.unseal_bytes("bank", line.sealed).decode().partition("\n")[0] if line.sealed else "" for line in lines
    ]
    accounts = vault.indexes("account", pa.array([account or None for account in opened], pa.string())).to_pylist()
    return [_misfit(line, account) for line, account in zip(lines, accounts, strict=True)]


def _misfit(line: _Line, account: bytes | None) -> str:
    if line.attempt is None:
        return "OTHER_ATTEMPT"
    if not line.is_of_amount:
        return "WRONG_AMOUNT"
    if account and line.account_ref_index:
        return "" if account == line.account_ref_index.bytes else "WRONG_ACCOUNT"
    return "" if line.is_of_partner else "WRONG_PARTNER"


def _book(connection: Connection, lines: list[_Line], now: datetime) -> list[str]:
    """Book what lines prove; a day stands for its first instant in Jakarta, none for when the line came."""
    if not lines:
        return []
    rows = [
        (line.order_ref, line.attempt, line.fits, None if line.fits == "PAID" else line.reason or "OTHER",
         datetime.combine(line.booked_on, time(), JAKARTA) if line.booked_on else now,
         f"line {line.file_number}/{line.line}")
        for line in lines
    ]  # fmt: skip
    columns = [pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), OUTCOMES, strict=True)]
    return [str(each) for each in add_outcomes(connection, pa.table(columns, schema=OUTCOMES), now=now).to_pylist()]


def _bucket_of(line: _Line, taken: str, settled: set[tuple[str, int | None, str]]) -> str:
    """Name the bucket of a line that fits, empty when it stays where it is: it came back before it was paid."""
    if taken not in (Taken.BOOKED, Taken.KNOWN):
        return "" if taken == Taken.TOO_EARLY else "CONTRADICTS"
    if line.fits == "FAILED":
        return "FAILED"
    returned = line.fits == "RETURNED"
    if not line.is_statement:
        return "NOTIFIED_RETURN" if returned else "NOTIFIED"
    if (line.order_ref, line.attempt, line.fits) in settled:
        return "DUPLICATE_RETURN" if returned else "DUPLICATE"
    settled.add((line.order_ref, line.attempt, line.fits))
    return line.fits
