"""Orders for workers that pay by calls: claimed while something is to be done, with all that is on record of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from cair.store.database import without_values

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class CallOrder:
    """An order that is this worker's until its claim expires."""

    order_ref: str
    attempt: int
    epoch: int
    card_number: int
    benefit: str
    amount_idr: int
    account_fingerprint: str


@dataclass(frozen=True)
class CallOnRecord:
    """A call as it was recorded; `action` is None while no answer is."""

    kind: str
    external_id: str
    at: datetime
    action: str | None
    reason: str | None


def claim_ready(
    connection: Connection,
    *,
    worker: str,
    partner: str,
    resting: Sequence[str],
    limit: int,
    lease: timedelta,
    now: datetime,
) -> list[CallOrder]:
    """Claim orders of a partner that no file carries and whose last answer leaves something to do, the oldest first.

    :param resting: actions after which nothing is done by itself.
    """
    with without_values(), connection.cursor() as cursor:
        cursor.execute(_READY, [partner, now, list(resting), limit])
        orders = cursor.fetchall()
        cursor.execute(_CLAIM, [worker, now, now + lease, [row[0] for row in orders], [row[1] for row in orders], now])
        cursor.execute(_CLAIMED, [worker, now])
        return [CallOrder(*row) for row in cursor.fetchall()]


_READY = """
    SELECT ordered.order_ref, ordered.attempt FROM payment_order AS ordered
    WHERE partner = %s
      AND NOT EXISTS (SELECT FROM payment_outcome AS ended
                      WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt))
      AND NOT EXISTS (SELECT FROM claim WHERE (claim.order_ref, claim.attempt) = (ordered.order_ref, ordered.attempt)
                                          AND expires_at > %s)
      AND NOT EXISTS (
          SELECT FROM (
              SELECT number, file_ref FROM sending
              WHERE (sending.order_ref, sending.attempt) = (ordered.order_ref, ordered.attempt)
              ORDER BY number DESC LIMIT 1
          ) AS last LEFT JOIN answer ON answer.sending = last.number
          WHERE last.file_ref <> '' OR answer.action = ANY(%s)
      )
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
           item.account_fingerprint::text
    FROM claim JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (claim.order_ref, claim.attempt)
    JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
    WHERE claim.worker = %s AND claim.claimed_at = %s AND claim.xmin = pg_current_xact_id()::xid
    ORDER BY ordered.transfer
"""


def calls_of(connection: Connection, orders: Sequence[CallOrder]) -> dict[tuple[str, int], list[CallOnRecord]]:
    """Give the calls on record of some orders, in their order."""
    found: dict[tuple[str, int], list[CallOnRecord]] = {}
    with without_values():
        rows = connection.execute(
            _CALLS, [[each.order_ref for each in orders], [each.attempt for each in orders]]
        ).fetchall()
    for order_ref, attempt, *call in rows:
        found.setdefault((order_ref, attempt), []).append(CallOnRecord(*call))
    return found


_CALLS = """
    SELECT sending.order_ref, sending.attempt, sending.kind, sending.external_id, sending.begun_at, answer.action,
           answer.reason
    FROM unnest(%s::text[], %s::bigint[]) AS asked (order_ref, attempt)
    JOIN sending ON (sending.order_ref, sending.attempt) = (asked.order_ref COLLATE "C", asked.attempt)
    LEFT JOIN answer ON answer.sending = sending.number
    ORDER BY sending.number
"""
