"""Payments on their way: claims, what is sent (committed before it leaves), what is answered, how each order ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from cair.ledger.transfers import confirm_incentives, fail_incentives, return_incentives, together
from cair.store.copying import copy_rows, plan_for, read_table
from cair.store.database import UnableToUseDatabase, without_values
from cair.store.records.ledger import add_transfers, take_turn

Connection = psycopg.Connection[Any]


class UnableToSend(Exception):
    """The order is no longer this worker's, or has ended. It must not be sent."""


@dataclass(frozen=True)
class Claimed:
    """An order that is this worker's until the claim expires, with what is on record of its sendings.

    `first_at`, `last_at`, `external_id` are those of its SEND rows: None and empty when it was never sent. What was
    sent and not clearly answered is asked for before it is sent again.
    """

    order_ref: str
    attempt: int
    epoch: int
    card_number: int
    benefit: str
    amount_idr: int
    partner: str
    account_fingerprint: str
    first_at: datetime | None
    last_at: datetime | None
    external_id: str


def claim(
    connection: Connection, *, worker: str, partner: str, limit: int, lease: timedelta, now: datetime
) -> list[Claimed]:
    """Claim orders in force of a payment partner that nobody else holds, the oldest first; commit to hold them.

    An order comes again when its claim has expired. Workers do not wait for each other.
    """
    with without_values(), connection.cursor() as cursor:
        cursor.execute(_CLAIMABLE, [partner, now, limit])
        orders = cursor.fetchall()
        refs, attempts = [order[0] for order in orders], [order[1] for order in orders]
        cursor.execute(_CLAIM, [worker, now, now + lease, refs, attempts, now])
        cursor.execute(_CLAIMED, [worker, now])
        return [Claimed(*row) for row in cursor.fetchall()]


_CLAIMABLE = """
    SELECT ordered.order_ref, ordered.attempt FROM payment_order AS ordered
    WHERE partner = %s
      AND NOT EXISTS (SELECT FROM payment_outcome AS ended
                      WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt))
      AND NOT EXISTS (SELECT FROM claim WHERE (claim.order_ref, claim.attempt) = (ordered.order_ref, ordered.attempt)
                                          AND expires_at > %s)
    ORDER BY transfer LIMIT %s FOR UPDATE SKIP LOCKED
"""
# What another worker claimed and committed between the two statements is seen here, and left to it.
_CLAIM = """
    INSERT INTO claim (order_ref, attempt, epoch, worker, claimed_at, expires_at)
    SELECT asked.order_ref, asked.attempt, coalesce(max(epoch), 0) + 1, %s, %s, %s
    FROM unnest(%s::text[], %s::bigint[]) AS asked (order_ref, attempt)
    LEFT JOIN claim ON (claim.order_ref, claim.attempt) = (asked.order_ref COLLATE "C", asked.attempt)
    GROUP BY asked.order_ref, asked.attempt HAVING coalesce(bool_and(expires_at <= %s), true)
"""
_CLAIMED = """
    SELECT ordered.order_ref, ordered.attempt, claim.epoch, ordered.card_number, ordered.benefit, ordered.amount_idr,
           ordered.partner, item.account_fingerprint::text, sent.first_at, sent.last_at, coalesce(sent.external_id, '')
    FROM claim JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (claim.order_ref, claim.attempt)
    JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
    LEFT JOIN LATERAL (
        SELECT min(begun_at) AS first_at, max(begun_at) AS last_at,
               (array_agg(external_id ORDER BY number DESC))[1] AS external_id
        FROM sending WHERE (sending.order_ref, sending.attempt, kind) = (claim.order_ref, claim.attempt, 'SEND')
    ) AS sent ON true
    WHERE claim.worker = %s AND claim.claimed_at = %s AND claim.xmin = pg_current_xact_id()::xid
    ORDER BY ordered.transfer
"""

FILED = pa.schema(
    [
        ("order_ref", pa.string()),
        ("attempt", pa.int64()),
        ("card_number", pa.int64()),
        ("benefit", pa.string()),
        ("amount_idr", pa.int64()),
        ("account_fingerprint", pa.string()),
    ]
)


def put_in_file(
    connection: Connection, *, partner: str, rail: str, file_ref: str, limit: int, now: datetime
) -> pa.Table:
    """Record orders of a partner that nobody sent or claimed as lines of one file, set-wise, the oldest first.

    Commit before the file leaves. A `file_ref` that is known gives the lines it has, and takes no others.

    :returns: columns of `FILED`, in the order of the lines.
    :raises UnableToSend: a worker or another file has taken some of them at the same time; try again.
    """
    plan_for(connection, limit)
    try:
        with without_values():
            connection.execute("DROP TABLE IF EXISTS filing")
            connection.execute(_FREE, [partner, rail, file_ref, limit])
            count = connection.execute(_FILE, [rail, file_ref, now]).rowcount
    except UnableToUseDatabase as error:
        if error.constraint in {"sending_by_newest_claim", "sending_before_the_end", "sending_one_first_file"}:
            raise UnableToSend("Orders of this file have just been taken by somebody else. Try again.") from None
        raise
    if not count:
        return lines_of_file(connection, rail=rail, file_ref=file_ref)
    return read_table(connection, _FILING, [], FILED)


def lines_of_file(connection: Connection, *, rail: str, file_ref: str) -> pa.Table:
    """Give the lines that are on record for a file: columns of `FILED`, in their order."""
    return read_table(connection, _FILED, [rail, file_ref], FILED)


_FREE = """
    CREATE TEMP TABLE filing ON COMMIT DROP AS
    SELECT nextval('sending_number') AS number, free.* FROM (
        SELECT order_ref, attempt, card_number, benefit, amount_idr, release, position FROM payment_order AS ordered
        WHERE partner = %s
          AND NOT EXISTS (SELECT FROM payment_outcome AS ended
                          WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt))
          AND NOT EXISTS (SELECT FROM claim
                          WHERE (claim.order_ref, claim.attempt) = (ordered.order_ref, ordered.attempt))
          AND NOT EXISTS (SELECT FROM sending
                          WHERE (sending.order_ref, sending.attempt) = (ordered.order_ref, ordered.attempt))
          AND NOT EXISTS (SELECT FROM sending WHERE rail = %s AND file_ref = %s)
          AND (NOT EXISTS (SELECT FROM recovery) OR NOT waits_for_recovery(ordered.order_ref, ordered.attempt))
        ORDER BY transfer LIMIT %s
    ) AS free
"""
_FILE = """
    INSERT INTO sending (number, order_ref, attempt, epoch, kind, rail, external_id, file_ref, begun_at)
    SELECT number, order_ref, attempt, 0, 'SEND', %s, order_ref || '-' || attempt || '-0', %s, %s FROM filing
"""
_FILING = """
    SELECT filing.order_ref, filing.attempt, filing.card_number, filing.benefit, filing.amount_idr,
           item.account_fingerprint::text
    FROM filing JOIN release_item AS item ON (item.release, item.position) = (filing.release, filing.position)
    ORDER BY filing.number
"""
_FILED = """
    SELECT ordered.order_ref, ordered.attempt, ordered.card_number, ordered.benefit, ordered.amount_idr,
           item.account_fingerprint::text
    FROM sending
    JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (sending.order_ref, sending.attempt)
    JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
    WHERE sending.rail = %s AND sending.file_ref = %s AND sending.kind = 'SEND' ORDER BY sending.number
"""

SENDINGS = pa.schema(
    [
        ("order_ref", pa.string()),
        ("attempt", pa.int64()),
        ("epoch", pa.int64()),
        ("kind", pa.string()),
        ("rail", pa.string()),
        ("external_id", pa.string()),
        ("file_ref", pa.string()),
    ]
)


def add_sendings(connection: Connection, sendings: pa.Table, *, now: datetime) -> pa.Array:
    """Record what is about to leave; give the numbers. Commit before anything leaves.

    :param sendings: columns of `SENDINGS`; kind is SEND, ASK or CHECK, file_ref empty for calls.
    :raises UnableToSend: a newer claim exists, or the order has ended.
    """
    with without_values():
        rows = connection.execute(
            "SELECT nextval('sending_number') FROM generate_series(1, %s)", [sendings.num_rows]
        ).fetchall()
    numbers = pa.array([row[0] for row in rows], pa.int64())
    begun = pa.repeat(pa.scalar(now, pa.timestamp("us", "UTC")), sendings.num_rows)
    try:
        copy_rows(connection, "sending", sendings.append_column("number", numbers).append_column("begun_at", begun))
    except UnableToUseDatabase as error:
        if error.constraint in {"sending_by_newest_claim", "sending_before_the_end"}:
            raise UnableToSend("The order has been taken over or has ended. Nothing may be sent.") from None
        raise
    return numbers


ANSWERS = pa.schema(
    [
        ("sending", pa.int64()),
        ("action", pa.string()),
        ("code", pa.string()),
        ("raw_code", pa.string()),
        ("reason", pa.string()),
        ("bank_reference", pa.string()),
    ]
)


def add_answers(connection: Connection, answers: pa.Table, *, now: datetime) -> None:
    """Record answers to sendings, one each: columns of `ANSWERS`."""
    at = pa.repeat(pa.scalar(now, pa.timestamp("us", "UTC")), answers.num_rows)
    copy_rows(connection, "answer", answers.append_column("answered_at", at))


class Taken(StrEnum):
    """What became of an outcome that was handed in."""

    BOOKED = "BOOKED"
    KNOWN = "KNOWN"
    """It was booked before: no effect."""
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    CONTRADICTS = "CONTRADICTS"
    """The order has ended another way: a case for people."""
    TOO_EARLY = "TOO_EARLY"
    """It came back before it was paid, as far as is known."""


OUTCOMES = pa.schema(
    [
        ("order_ref", pa.string()),
        ("attempt", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("evidence", pa.string()),
    ]
)


def add_outcomes(connection: Connection, outcomes: pa.Table, *, now: datetime) -> pa.Array:
    """Book how orders ended, in the caller's transaction: PAID posts, FAILED voids, RETURNED brings money back.

    Handing in the same again changes nothing. Of several outcomes of one order in one table PAID and FAILED count
    before RETURNED; the first of each counts.

    :param outcomes: columns of `OUTCOMES`; status PAID, FAILED or RETURNED, reason for the latter two.
    :returns: one `Taken` per row.
    """
    known = pc.is_in(outcomes["status"], pa.array(["PAID", "FAILED", "RETURNED"]))
    assert pc.all(known).as_py() is not False, "a status is PAID, FAILED or RETURNED"
    _make_room(connection)
    place = pa.array(np.arange(outcomes.num_rows))
    copy_rows(connection, "handed_in", outcomes.append_column("place", place))
    judged = _book(connection, now).sort_by("place")
    return judged["taken"].combine_chunks()


def add_outcomes_found(connection: Connection, found: Sequence[tuple[str, Sequence[Any]]], *, now: datetime) -> None:
    """Book outcomes that statements find in the database, as `add_outcomes` books those of a table.

    :param found: SELECTs that give the columns of `OUTCOMES` and a place, with their values.
    """
    _make_room(connection)
    with without_values():
        for statement, values in found:
            connection.execute(f"INSERT INTO handed_in ({', '.join(OUTCOMES.names)}, place) {statement}", values)
    _book(connection, now)


def _make_room(connection: Connection) -> None:
    with without_values():
        connection.execute("DROP TABLE IF EXISTS handed_in")
        connection.execute(
            "CREATE TEMP TABLE handed_in ON COMMIT DROP AS SELECT order_ref, attempt, status, reason, occurred_at, "
            "evidence, attempt AS place FROM payment_outcome WITH NO DATA"
        )


_JUDGED = pa.schema(
    [*OUTCOMES, ("place", pa.int64()), ("taken", pa.string()), ("card_number", pa.int64()), ("line", pa.string()),
     ("amount_idr", pa.int64()), ("transfer", pa.int64())]
)  # fmt: skip


def _book(connection: Connection, now: datetime) -> pa.Table:
    """Book what was handed in; give it with what became of it: columns of `_JUDGED`."""
    take_turn(connection)
    with without_values():
        connection.execute("ANALYZE handed_in")
        row = connection.execute("SELECT count(*) FROM handed_in").fetchone()
    plan_for(connection, row[0] if row else 0)
    judged = []
    for statuses in (["PAID", "FAILED"], ["RETURNED"]):
        judged.append(read_table(connection, _JUDGE, [statuses], _JUDGED))
        _book_judged(connection, judged[-1], now)
    return pa.concat_tables(judged)


def _book_judged(connection: Connection, judged: pa.Table, now: datetime) -> None:
    # In the order of their keys rows find their places in the indexes one beside the other.
    booked = judged.filter(pc.equal(judged["taken"], Taken.BOOKED)).sort_by(
        [("order_ref", "ascending"), ("attempt", "ascending")]
    )
    of = {status: booked.filter(pc.equal(booked["status"], status)) for status in ("PAID", "FAILED", "RETURNED")}
    ordered = pa.concat_tables(of.values())
    first = add_transfers(
        connection,
        together([confirm_incentives(of["PAID"]), fail_incentives(of["FAILED"]), return_incentives(of["RETURNED"])]),
        now=now,
    )
    came_back = pc.if_else(pc.equal(ordered["status"], "RETURNED"), "PAID", pa.scalar(None, pa.string()))
    rows = ordered.select(OUTCOMES.names).append_column("previous_status", came_back)
    numbers = pa.array(np.arange(first, first + ordered.num_rows))
    copy_rows(connection, "payment_outcome", rows.append_column("transfer", numbers))


# An order has one pending transfer: what is said of it is counted by that number.
_JUDGE = f"""
    WITH handed AS MATERIALIZED (
        SELECT handed_in.*, ordered.card_number, ordered.line, ordered.amount_idr, ordered.transfer
        FROM handed_in LEFT JOIN payment_order AS ordered USING (order_ref, attempt)
        WHERE status = ANY(%s)
    ), before AS (
        SELECT handed.transfer, handed.status, bool_or(ended.status = handed.status) AS known,
               bool_or(ended.status = 'PAID') AS paid,
               bool_or(ended.status = CASE handed.status WHEN 'FAILED' THEN 'PAID' ELSE 'FAILED' END) AS other
        FROM handed JOIN payment_outcome AS ended USING (order_ref, attempt) GROUP BY 1, 2
    )
    SELECT order_ref, attempt, status, CASE WHEN status <> 'PAID' THEN coalesce(reason, 'OTHER') END, occurred_at,
           evidence, place,
           CASE WHEN transfer IS NULL THEN '{Taken.UNKNOWN_ORDER}'
                WHEN before.known THEN '{Taken.KNOWN}'
                WHEN before.other THEN '{Taken.CONTRADICTS}'
                WHEN status = 'RETURNED' AND before.paid IS NOT TRUE THEN '{Taken.TOO_EARLY}'
                WHEN row_number() OVER (PARTITION BY transfer, status ORDER BY place) > 1 THEN '{Taken.KNOWN}'
                WHEN row_number() OVER (PARTITION BY transfer ORDER BY place) > 1 THEN '{Taken.CONTRADICTS}'
                ELSE '{Taken.BOOKED}' END,
           card_number, line, amount_idr, transfer
    FROM handed LEFT JOIN before USING (transfer, status)
"""
