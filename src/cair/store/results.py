"""Results that payment partners sent as evidence: the report in force of each, booked where it fits an order."""

from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa

from cair.store.copying import read_table
from cair.store.records.payments import OUTCOMES, add_outcomes

_FITTING = pa.schema(
    [
        ("bucket", pa.string()),
        ("order_ref", pa.string()),
        ("attempt", pa.int64()),
        ("status", pa.string()),
        ("code", pa.string()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("evidence", pa.string()),
    ]
)
_WAITING = """
    WITH standing AS (
        SELECT DISTINCT ON (key) * FROM results WHERE known_at <= %s
        ORDER BY key, revision DESC, known_at, taken_in
    )
    SELECT CASE WHEN ordered.order_ref IS NULL THEN 'UNKNOWN'
                WHEN ordered.partner <> result.partner THEN 'WRONG_PARTNER'
                WHEN ordered.amount_idr <> result.amount_idr THEN 'WRONG_AMOUNT'
                WHEN NOT EXISTS (SELECT FROM sending WHERE (sending.order_ref, sending.attempt, sending.kind)
                                 = (ordered.order_ref, ordered.attempt, 'SEND'))
                 AND forgotten_until(ordered.order_ref, ordered.attempt) IS NULL THEN 'NOT_SENT'
                ELSE result.status END,
           result.order_ref, result.attempt, result.status, result.code, result.occurred_at, 'result ' || result.taken_in
    FROM standing AS result
    LEFT JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (result.order_ref, result.attempt)
    WHERE NOT EXISTS (SELECT FROM payment_outcome AS known WHERE (known.order_ref, known.attempt, known.status)
                      = (result.order_ref, result.attempt, result.status))
    ORDER BY result.taken_in
"""


def waiting_results(connection: psycopg.Connection[Any], now: datetime) -> pa.Table:
    """Give the results in force that are not booked, each with its bucket: its status when it fits its order."""
    return read_table(connection, _WAITING, [now], _FITTING)


def book_results(
    connection: psycopg.Connection[Any], fitting: pa.Table, reasons: list[str | None], now: datetime
) -> list[str]:
    """Book results that fit; give what became of each (`cair.store.records.payments.Taken`)."""
    columns = [fitting[name] for name in ("order_ref", "attempt", "status")]
    rows = pa.table(
        [*columns, pa.array(reasons, pa.string()), fitting["occurred_at"], fitting["evidence"]], schema=OUTCOMES
    )
    return [str(taken) for taken in add_outcomes(connection, rows, now=now).to_pylist()]
