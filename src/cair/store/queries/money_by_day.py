"""Money by day of release and partner, added up from orders and how they ended."""

from typing import Any

import psycopg
import pyarrow as pa

from cair.store.copying import read_table
from cair.store.database import without_values

Connection = psycopg.Connection[Any]
_SUMS = """
    SELECT ((ended_at AT TIME ZONE 'UTC') + interval '7 hours')::date, partner,
           coalesce(sum(amount_idr) FILTER (WHERE attempt = 1), 0)::bigint,
           coalesce(sum(amount_idr) FILTER (WHERE is_in_flight), 0)::bigint,
           coalesce(sum(amount_idr) FILTER (WHERE paid IS NOT NULL AND closed IS NULL), 0)::bigint,
           coalesce(sum(amount_idr) FILTER (WHERE closed = 'RETURNED'), 0)::bigint,
           coalesce(sum(amount_idr) FILTER (WHERE closed = 'FAILED'), 0)::bigint,
           count(*) FILTER (WHERE paid IS NOT NULL AND closed IS NULL)
    FROM (
        SELECT ordered.*, release_end.ended_at, paid.status AS paid, closed.status AS closed,
               CASE WHEN paid.status IS NULL AND closed.status IS NULL THEN
                   EXISTS (SELECT FROM sending AS s WHERE (s.order_ref, s.attempt, s.kind)
                           = (ordered.order_ref, ordered.attempt, 'SEND')) END AS is_in_flight
        FROM payment_order AS ordered JOIN release_end USING (release)
        LEFT JOIN payment_outcome AS paid
          ON (paid.order_ref, paid.attempt, paid.status) = (ordered.order_ref, ordered.attempt, 'PAID')
        LEFT JOIN payment_outcome AS closed
          ON (closed.order_ref, closed.attempt) = (ordered.order_ref, ordered.attempt)
         AND closed.status IN ('FAILED', 'RETURNED')
    ) AS ordered GROUP BY 1, 2 ORDER BY 1, 2
"""
_NAMES = ("day", "partner", "released_idr", "in_flight_idr", "paid_idr", "returned_idr", "failed_idr", "count")


def money_by_day(connection: Connection) -> list[dict[str, object]]:
    """Give released, in flight, paid, returned and failed rupiah, and people paid, by day and partner."""
    with without_values():
        rows = connection.execute(_SUMS).fetchall()
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]


_FIRST = pa.schema([("card_number", pa.int64()), ("account_fingerprint", pa.string())])


def first_orders(connection: Connection, partner: str, limit: int) -> pa.Table:
    """Give card and account report of the first orders of a partner that nobody has sent."""
    sql = """
        SELECT ordered.card_number, item.account_fingerprint::text FROM payment_order AS ordered
        JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
        WHERE ordered.partner = %s AND NOT EXISTS (SELECT FROM sending WHERE (sending.order_ref, sending.attempt)
                                                   = (ordered.order_ref, ordered.attempt))
        ORDER BY ordered.transfer LIMIT %s
    """
    return read_table(connection, sql, [partner, limit], _FIRST)
