"""Where every payment is: derived from orders, sendings and outcomes, never kept."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pyarrow as pa

from cair.kernel.states import State
from cair.store.copying import read_table

PAYMENTS = pa.schema(
    [
        ("card_number", pa.int64()),
        ("benefit", pa.string()),
        ("order_ref", pa.string()),
        ("attempt", pa.int64()),
        ("partner", pa.string()),
        ("amount_idr", pa.int64()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("released_at", pa.timestamp("us", "UTC")),
        ("sent_at", pa.timestamp("us", "UTC")),
        ("ended_at", pa.timestamp("us", "UTC")),
    ]
)
"""`state` is RELEASED, SENT, PAID, FAILED or RETURNED; `reason` the normalised one of the last two; `ended_at` when the

partner says that it was paid, failed or came back.
"""


def payments(connection: psycopg.Connection[Any], *, cards: Sequence[int] | None = None) -> pa.Table:
    """Give the newest attempt of every benefit, of some participants or of all: columns of `PAYMENTS`."""
    where, values = ("card_number = ANY(%s)", [list(cards)]) if cards is not None else ("true", [])
    return read_table(connection, _PAYMENTS.format(where=where), values, PAYMENTS)


_PAYMENTS = f"""
    WITH newest AS (
        SELECT DISTINCT ON (card_number, benefit) * FROM payment_order WHERE {{where}}
        ORDER BY card_number, benefit, attempt DESC
    ), sent AS (
        SELECT order_ref, attempt, max(begun_at) AS sent_at FROM sending JOIN newest USING (order_ref, attempt)
        WHERE kind = 'SEND' GROUP BY order_ref, attempt
    )
    SELECT newest.card_number, newest.benefit, newest.order_ref, newest.attempt, newest.partner, newest.amount_idr,
           coalesce(closed.status, paid.status,
                    CASE WHEN sent.sent_at IS NULL THEN '{State.RELEASED}' ELSE '{State.SENT}' END),
           closed.reason, release_end.ended_at, sent.sent_at, coalesce(closed.occurred_at, paid.occurred_at)
    FROM newest JOIN release_end USING (release)
    LEFT JOIN sent ON (sent.order_ref, sent.attempt) = (newest.order_ref, newest.attempt)
    LEFT JOIN payment_outcome AS paid
      ON (paid.order_ref, paid.attempt, paid.status) = (newest.order_ref, newest.attempt, '{State.PAID}')
    LEFT JOIN payment_outcome AS closed
      ON (closed.order_ref, closed.attempt) = (newest.order_ref, newest.attempt)
     AND closed.status IN ('{State.FAILED}', '{State.RETURNED}')
    ORDER BY newest.card_number, newest.benefit
"""
