"""A partner's file about payments: its lines, a verdict for each, and the outcomes that follow, in one transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from cair.store.copying import copy_rows, plan_for
from cair.store.database import without_values
from cair.store.records.payments import add_outcomes_found
from cair.store.vault import Vault

Connection = psycopg.Connection[Any]
LATE_AFTER_DAYS = 3
"""Days from sending after which a booking counts as late."""

ARRIVED = pa.schema(
    [
        ("line", pa.int64()),
        ("reference", pa.string()),
        ("direction", pa.string()),
        ("status", pa.string()),
        ("rejected_as", pa.string()),
        ("reason", pa.string()),
        ("amount", pa.int64()),
        ("currency", pa.string()),
        ("booked_on", pa.date32()),
        ("bank_reference", pa.string()),
        ("account", pa.string()),
        ("narrative", pa.string()),
        ("trouble", pa.string()),
        ("is_fee", pa.bool_()),
        ("whole", pa.string()),
    ]
)
"""What of a line counts. `rejected_as`: bucket of a rejected payment; `whole`: the file or group it speaks for."""

_SETTLED = ("PAID", "LATE", "RETURNED", "FAILED", "NOTIFIED", "NOTIFIED_RETURN", "ACCEPTED", "PENDING", "FEE", "WHOLE")
MOVES: Mapping[str, str] = {
    **dict.fromkeys(_SETTLED, "NONE"),
    **dict.fromkeys(("WRONG_AMOUNT", "WRONG_ACCOUNT", "DUPLICATE", "DUPLICATE_RETURN", "CONTRADICTS"), "PARTNER"),
}
"""Whose move a line is, by its bucket; where it is not named here, the office's."""


@dataclass(frozen=True)
class Source:
    """A file as it is put on record.

    :ivar kind: STATEMENT (books of the bank), NOTICE, ANSWER (to our orders), or CALLBACK: notices that the partner signed
        one by one, each of its own payments alone, and any number of times.
    """

    name: str
    partner: str
    form: str
    sha256: str
    kind: str
    received_at: datetime


@dataclass
class Settled:
    """What became of a file's lines: how many in each bucket. `why`: a sentence where it was refused."""

    file: str
    lines: int = 0
    refusal: str = ""
    why: str = ""
    is_known: bool = False
    first_name: str = ""
    buckets: dict[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """Give it for people and programs."""
        moves = {bucket: MOVES.get(bucket, "PMO") for bucket in self.buckets}
        told: dict[str, object] = {"file": self.file, "lines": self.lines, "buckets": self.buckets}
        told["whose_move"] = {bucket: move for bucket, move in moves.items() if move != "NONE"}
        if self.refusal:
            told |= {"refused": self.refusal, "why": self.why}
        if self.is_known:
            told |= {"known": True, "first_name": self.first_name}
        return told


def known_file(connection: Connection, sha256: str, *, name: str) -> Settled | None:
    """Give what became of a file with these bytes when it was taken in, whatever its name was then.

    One that was refused is not known: it may have been read by a wrong mapping.
    """
    with without_values():
        row = connection.execute(
            "SELECT number, name, lines FROM bank_file WHERE sha256 = %s AND refusal = ''", [sha256]
        ).fetchone()
    if row is None:
        return None
    number, first_name, lines = row
    return Settled(name, lines, is_known=True, first_name=first_name, buckets=_buckets(connection, number))


def refuse_file(connection: Connection, source: Source, refusal: str, *, why: str) -> Settled:
    """Put on record that a file was refused whole, and by which name; `why` is told and not kept."""
    _add_file(connection, source, refusal=refusal, totals=(0, 0, 0), proof="")
    return Settled(source.name, refusal=refusal, why=why)


def open_intake(connection: Connection) -> None:
    """Make room for the lines of one file, in this transaction; others wait."""
    with without_values():
        connection.execute("LOCK TABLE bank_file IN SHARE ROW EXCLUSIVE MODE")
        connection.execute("DROP TABLE IF EXISTS arrived")
        connection.execute(
            'CREATE TEMP TABLE arrived (line bigint, reference text COLLATE "C", direction text, status text, '
            "rejected_as text, reason text, amount bigint, currency text, booked_on date, bank_reference text, "
            'trouble text, is_fee boolean, whole text COLLATE "C", account_index uuid, sealed text, '
            'order_ref text COLLATE "C", attempt bigint) ON COMMIT DROP'
        )


def add_lines(connection: Connection, vault: Vault, rows: pa.Table) -> None:
    """Add some lines of the file; account and narrative are sealed. Columns of `ARRIVED`."""
    named = pc.extract_regex(rows["reference"], pattern=r"^(?P<order_ref>.+)-(?P<attempt>[1-9][0-9]{0,5})$")
    named = named.combine_chunks() if isinstance(named, pa.ChunkedArray) else named
    accounts = rows["account"].combine_chunks()
    sealed = [
        None
        if account is None and told is None
        else vault.seal_bytes("bank", f"{account or ''}\n{told or ''}".encode()).hex()
        for account, told in zip(accounts.to_pylist(), rows["narrative"].to_pylist(), strict=True)
    ]
    kept = rows.drop_columns(["account", "narrative"])
    kept = kept.append_column("account_index", vault.indexes("account", accounts))
    kept = kept.append_column("sealed", pa.array(sealed, pa.string()))
    kept = kept.append_column("order_ref", pc.struct_field(named, "order_ref"))
    copy_rows(connection, "arrived", kept.append_column("attempt", pc.struct_field(named, "attempt").cast(pa.int64())))


def settle_lines(
    connection: Connection, source: Source, *, totals: tuple[int, int, int], proof: str, now: datetime
) -> Settled:
    """Match the lines that were added with orders, sendings and what is booked; book what follows.

    :param totals: lines, sum of debits, sum of credits, as the reader counted them.
    """
    plan_for(connection, totals[0])
    with without_values():
        connection.execute("ANALYZE arrived")
    number = _add_file(connection, source, refusal="", totals=totals, proof=proof)
    with without_values():
        connection.execute(_LINES, [number])
        connection.execute("DROP TABLE IF EXISTS judged")
        only_of = source.partner if source.kind == "CALLBACK" else ""
        named = connection.execute("SELECT FROM arrived WHERE account_index IS NOT NULL LIMIT 1").fetchone()
        judged = _JUDGED.format(items=_ITEMS if named is not None else _NO_ITEMS)
        connection.execute(judged, [only_of, only_of, source.kind == "ANSWER", LATE_AFTER_DAYS])
        connection.execute("ANALYZE judged")
    found = [
        (_OUTCOMES, [now, f"{source.kind.lower()} {number}/"]),
        (_OUTCOMES_OF_WHOLE, [now, f"answer {number}/"]),
    ]
    add_outcomes_found(connection, found, now=now)
    plan_for(connection, totals[0])
    with without_values():
        kinds = [source.kind == "STATEMENT", source.kind == "CALLBACK"]
        connection.execute(_VERDICTS, [*kinds, number, json.dumps(dict(MOVES)), now])
    return Settled(source.name, totals[0], buckets=_buckets(connection, number))


_LINES = """
    INSERT INTO bank_line (file_number, line, reference, direction, status, reason, amount, currency, booked_on,
                           bank_reference, sealed)
    SELECT %s, line, reference, coalesce(direction, ''), status, reason, amount, currency, booked_on, bank_reference,
           decode(sealed, 'hex') FROM arrived
"""
_ITEMS = "LEFT JOIN release_item AS item ON (item.release, item.position) = (came.release, came.position)"
_NO_ITEMS = "CROSS JOIN (SELECT NULL::uuid AS account_ref_index) AS item"
"""Many files name no account: then nobody asks which account was ordered."""
_JUDGED = """
    CREATE TEMP TABLE judged ON COMMIT DROP AS
    WITH came AS MATERIALIZED (
        SELECT arrived.*, ordered.transfer, ordered.amount_idr, ordered.release, ordered.position, ordered.partner
        FROM arrived
        LEFT JOIN payment_order AS ordered
          ON (ordered.order_ref, ordered.attempt) = (arrived.order_ref, arrived.attempt)
    ), sent AS (
        SELECT line, min(begun_at) AS begun_at
        FROM came JOIN sending ON (sending.order_ref, sending.attempt, kind) = (came.order_ref, came.attempt, 'SEND')
        GROUP BY line
    ), settled AS (
        SELECT came.line, bool_or(bucket IN ('PAID', 'LATE')) AS paid, bool_or(bucket = 'RETURNED') AS returned
        FROM came JOIN line_verdict AS verdict
          ON (verdict.order_ref, verdict.attempt) = (came.order_ref, came.attempt)
         AND bucket IN ('PAID', 'LATE', 'RETURNED')
        GROUP BY came.line
    ), matched AS (
        SELECT came.line, came.order_ref, came.attempt, came.reason, came.transfer,
               CASE WHEN came.booked_on = ((sent.begun_at AT TIME ZONE 'UTC') + interval '7 hours')::date THEN sent.begun_at
                    ELSE (came.booked_on::timestamp - interval '7 hours') AT TIME ZONE 'UTC' END AS booked_at,
               CASE WHEN came.whole IS NOT NULL THEN 'WHOLE'
                    WHEN came.is_fee THEN 'FEE'
                    WHEN came.trouble IS NOT NULL THEN came.trouble
                    WHEN came.transfer IS NULL THEN 'UNKNOWN'
                    WHEN %s <> '' AND came.partner <> %s THEN 'WRONG_PARTNER'
                    WHEN came.amount <> came.amount_idr THEN 'WRONG_AMOUNT'
                    WHEN came.account_index <> item.account_ref_index THEN 'WRONG_ACCOUNT'
                    WHEN sent.begun_at IS NULL THEN 'NOT_SENT'
                    WHEN came.status = 'REJECTED' THEN coalesce(came.rejected_as, 'ASK_PERSON')
                    WHEN came.status = 'RETURNED' THEN 'RETURNED'
                    WHEN came.status <> 'BOOKED' THEN came.status
                    WHEN NOT %s AND came.amount IS NULL THEN 'NO_AMOUNT'
                    WHEN came.direction = 'CREDIT' THEN 'UNEXPECTED_CREDIT'
                    WHEN came.booked_on > ((sent.begun_at AT TIME ZONE 'UTC') + interval '7 hours')::date + %s::int THEN 'LATE'
                    ELSE 'PAID' END AS bucket,
               coalesce(settled.paid, false) AS paid_before, coalesce(settled.returned, false) AS returned_before
        FROM came
        {items}
        LEFT JOIN sent ON sent.line = came.line
        LEFT JOIN settled ON settled.line = came.line
    )
    -- Lines that settle are about orders, and an order has one pending transfer: lines are counted by its number.
    SELECT line, order_ref, attempt, reason, transfer IS NOT NULL AS known, booked_at, bucket, paid_before,
           returned_before, row_number() OVER (
               PARTITION BY transfer, CASE bucket WHEN 'LATE' THEN 'PAID' ELSE bucket END ORDER BY line
           ) AS nth
    FROM matched
"""
# A day of booking stands for its first instant in Jakarta, on the day of sending for that of sending; a line without
# one counts from when it came.
_OUTCOMES = """
    SELECT order_ref, attempt, CASE bucket WHEN 'LATE' THEN 'PAID' ELSE bucket END,
           CASE WHEN bucket IN ('FAILED', 'RETURNED') THEN coalesce(reason, 'OTHER') END,
           coalesce(booked_at, %s), %s || line, line
    FROM judged
    WHERE bucket IN ('PAID', 'LATE', 'FAILED', 'RETURNED') AND nth = 1
      AND NOT (bucket IN ('PAID', 'LATE') AND paid_before) AND NOT (bucket = 'RETURNED' AND returned_before)
"""
# What is said of a whole file or group counts for those of its payments that have no line of their own.
_OUTCOMES_OF_WHOLE = """
    SELECT DISTINCT ON (sending.order_ref, sending.attempt) sending.order_ref, sending.attempt, 'FAILED',
           coalesce(whole.reason, 'PARTNER_FAULT'), %s::timestamptz, %s || whole.line, whole.line
    FROM arrived AS whole
    JOIN sending ON sending.kind = 'SEND'
     AND (sending.file_ref = whole.whole OR whole.whole LIKE sending.file_ref || '-%%') AND sending.file_ref <> ''
    WHERE whole.whole IS NOT NULL AND whole.rejected_as = 'FAILED'
      AND NOT EXISTS (SELECT FROM arrived AS own WHERE (own.order_ref, own.attempt) = (sending.order_ref, sending.attempt))
    ORDER BY sending.order_ref, sending.attempt, whole.line
"""
_VERDICTS = """
    INSERT INTO line_verdict (file_number, line, number, bucket, whose_move, order_ref, attempt, decided_at, decided_by)
    SELECT file_number, line, 1, bucket, coalesce(moves.said ->> bucket, 'PMO'), order_ref, attempt, decided_at, ''
    FROM (
        SELECT line, CASE WHEN known THEN judged.order_ref END AS order_ref,
               CASE WHEN known THEN judged.attempt END AS attempt,
               CASE WHEN bucket IN ('PAID', 'LATE') THEN
                        CASE WHEN (nth > 1 AND NOT repeats) OR (paid_before AND books) THEN 'DUPLICATE'
                             WHEN ended.paid IS NOT TRUE THEN 'CONTRADICTS'
                             WHEN books THEN bucket ELSE 'NOTIFIED' END
                    WHEN bucket = 'RETURNED' THEN
                        CASE WHEN (nth > 1 AND NOT repeats) OR (returned_before AND books) THEN 'DUPLICATE_RETURN'
                             WHEN ended.closed IS DISTINCT FROM 'RETURNED' THEN 'TOO_EARLY'
                             WHEN books THEN bucket ELSE 'NOTIFIED_RETURN' END
                    WHEN bucket = 'FAILED' AND ended.closed IS DISTINCT FROM 'FAILED' THEN 'CONTRADICTS'
                    ELSE bucket END AS bucket
        FROM (SELECT judged.*, %s AS books, %s AS repeats FROM judged) AS judged
        LEFT JOIN (
            SELECT line, bool_or(status = 'PAID') AS paid, max(status) FILTER (WHERE status <> 'PAID') AS closed
            FROM judged JOIN payment_outcome USING (order_ref, attempt)
            WHERE bucket IN ('PAID', 'LATE', 'RETURNED', 'FAILED') GROUP BY line
        ) AS ended USING (line)
    ) AS decided,
    (SELECT %s::bigint AS file_number, %s::jsonb AS said, %s::timestamptz AS decided_at) AS moves
"""


def missing(connection: Connection, *, partner: str, until: datetime) -> tuple[int, list[str]]:
    """Give how many orders of a partner (empty: of all) were sent before an instant and have no end, and some of them."""
    with without_values():
        rows = connection.execute(_MISSING, [partner, partner, until]).fetchall()
    return (rows[0][1], [row[0] for row in rows]) if rows else (0, [])


_MISSING = """
    SELECT ordered.order_ref || '-' || ordered.attempt, count(*) OVER () FROM payment_order AS ordered
    WHERE (%s = '' OR ordered.partner = %s)
      AND EXISTS (SELECT FROM sending WHERE (sending.order_ref, sending.attempt, sending.kind)
                  = (ordered.order_ref, ordered.attempt, 'SEND') AND begun_at < %s)
      AND NOT EXISTS (SELECT FROM payment_outcome AS ended
                      WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt))
    ORDER BY ordered.transfer LIMIT 20
"""


def _buckets(connection: Connection, number: int) -> dict[str, int]:
    with without_values():
        rows = connection.execute(
            "SELECT bucket, count(*) FROM line_verdict WHERE file_number = %s AND number = 1 GROUP BY 1 ORDER BY 1",
            [number],
        ).fetchall()
    return dict(rows)


def _add_file(connection: Connection, source: Source, *, refusal: str, totals: tuple[int, int, int], proof: str) -> int:
    with without_values():
        row = connection.execute(
            "INSERT INTO bank_file (number, name, partner, format, sha256, received_at, refusal, lines, debit_idr, "
            "credit_idr, proof) SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s "
            "FROM bank_file RETURNING number",
            [source.name, source.partner, source.form, source.sha256, source.received_at, refusal, *totals, proof],
        ).fetchone()
    assert row is not None, "the row that was added is given back"
    return int(row[0])
