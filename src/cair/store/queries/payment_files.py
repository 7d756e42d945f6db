"""Files of payments: whose orders wait to be written, and which files were begun and not finished."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from cair.store.database import without_values

Connection = psycopg.Connection[Any]
WRITTEN = "pay.file"
"""The act of the audit that says that a file is whole and on disk."""


@dataclass(frozen=True)
class PaymentFile:
    """A file of payments as it is on record: its lines are the sendings that carry its name."""

    file_ref: str
    partner: str
    begun_at: datetime


def partners_to_pay(connection: Connection, *, partner: str | None) -> list[str]:
    """Give the partners with orders that nobody has sent, claimed or settled."""
    with without_values():
        rows = connection.execute(_TO_PAY, [partner, partner]).fetchall()
    return [row[0] for row in rows]


def unfinished_files(connection: Connection, rail: str) -> list[PaymentFile]:
    """Give the files whose lines are on record and which nobody has said are written."""
    with without_values():
        rows = connection.execute(_UNFINISHED, [rail, WRITTEN]).fetchall()
    return [PaymentFile(*row) for row in rows]


_TO_PAY = """
    SELECT DISTINCT partner FROM payment_order AS ordered
    WHERE (%s::text IS NULL OR partner = %s)
      AND NOT EXISTS (SELECT FROM payment_outcome AS ended
                      WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt))
      AND NOT EXISTS (SELECT FROM claim WHERE (claim.order_ref, claim.attempt) = (ordered.order_ref, ordered.attempt))
      AND NOT EXISTS (SELECT FROM sending
                      WHERE (sending.order_ref, sending.attempt) = (ordered.order_ref, ordered.attempt))
    ORDER BY partner
"""
_UNFINISHED = """
    SELECT sending.file_ref, min(ordered.partner), min(sending.begun_at)
    FROM sending
    JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (sending.order_ref, sending.attempt)
    WHERE sending.rail = %s AND sending.file_ref <> '' AND sending.file_ref NOT IN (
        SELECT content::jsonb ->> 'subject' FROM audit WHERE content::jsonb ->> 'act' = %s
    )
    GROUP BY sending.file_ref ORDER BY min(sending.number)
"""
