"""Files of payments: whose orders wait to be written, and which files were begun and not finished."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from cair.store.database import without_values

Connection = psycopg.Connection[Any]
WRITTEN = "pay.file"
"""The act of the audit that says that a file is whole and on disk."""

PAYMENT_FILES = "payments"
"""The folder of the home in which they appear: `<partner>.<file_ref>.<ending>`."""


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


def last_line(connection: Connection, file_ref: str) -> tuple[int, str] | None:
    """Give number and name of the last sending that is a line of a file; None: it has no lines."""
    with without_values():
        return connection.execute(
            "SELECT number, external_id FROM sending WHERE file_ref = %s ORDER BY number DESC LIMIT 1", [file_ref]
        ).fetchone()


def files_on_record(connection: Connection) -> set[str]:
    """Give the names (`file_ref`) of all files that have lines."""
    with without_values():
        rows = connection.execute("SELECT DISTINCT file_ref FROM sending WHERE file_ref <> ''").fetchall()
    return {row[0] for row in rows}


_TO_PAY = """
    SELECT DISTINCT partner FROM payment_order AS ordered
    WHERE (%s::text IS NULL OR partner = %s)
      AND NOT EXISTS (SELECT FROM payment_outcome AS ended
                      WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt))
      AND NOT EXISTS (SELECT FROM claim WHERE (claim.order_ref, claim.attempt) = (ordered.order_ref, ordered.attempt))
      AND NOT EXISTS (SELECT FROM sending
                      WHERE (sending.order_ref, sending.attempt) = (ordered.order_ref, ordered.attempt))
      AND (NOT EXISTS (SELECT FROM recovery) OR NOT waits_for_recovery(ordered.order_ref, ordered.attempt))
    ORDER BY partner
"""
# A file that was begun before a restore may have been finished, and brought to its bank, in the time that is forgotten:
# it is written when the recovery has ended and nothing of it has been paid or refused.
_UNFINISHED = """
    SELECT sending.file_ref, min(ordered.partner), min(sending.begun_at)
    FROM sending
    JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (sending.order_ref, sending.attempt)
    WHERE sending.rail = %s AND sending.file_ref <> '' AND sending.file_ref NOT IN (
        SELECT content::jsonb ->> 'subject' FROM audit WHERE content::jsonb ->> 'act' = %s
    )
    GROUP BY sending.file_ref
    HAVING NOT EXISTS (SELECT FROM recovery WHERE lost_until > min(sending.begun_at)) OR NOT (
        bool_or(waits_for_recovery(sending.order_ref, sending.attempt)) OR bool_or(EXISTS (
            SELECT FROM payment_outcome AS ended
            WHERE (ended.order_ref, ended.attempt) = (sending.order_ref, sending.attempt)
        ))
    )
    ORDER BY min(sending.number)
"""
