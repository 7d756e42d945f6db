"""Recoveries from a restore: which there are, and which orders may have been sent by the database that is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from cair.store.database import Database, without_values

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Recovery:
    """A recovery as it stands. `known_until`: the newest instant on record; `ended_at`: None while it goes on."""

    number: int
    known_until: datetime | None
    lost_until: datetime
    why: str
    begun_at: datetime
    begun_by: str
    ended_by: str
    ended_at: datetime | None


@dataclass(frozen=True)
class Forgotten:
    """An order may have been sent until an instant, and that is forgotten; `waits`: nothing may be sent for it yet."""

    until: datetime
    waits: bool


@dataclass(frozen=True)
class InDoubt:
    """Orders without an end that may have been sent and forgotten, by what is known of them."""

    orders: int
    booked: int
    """The partner says by call that it has them; the statement has yet to prove it."""
    unexplained: int
    """A bank has a payment of this name that is another one: people look."""


_KEEPS_IN_DOUBT = """
    said.bucket IN ('WRONG_AMOUNT', 'WRONG_ACCOUNT', 'WRONG_PARTNER', 'OTHER_ATTEMPT')
    AND NOT EXISTS (SELECT FROM line_verdict AS newer WHERE newer.number > said.number
                      AND (newer.file_number, newer.line) = (said.file_number, said.line))
"""
"""Whether the verdict `said` is the newest of its line and says that a bank has another payment of the order's name."""

_RECOVERIES = """
    SELECT number, known_until, lost_until, why, begun_at, recovery.begun_by, coalesce(ended_by, ''), ended_at
    FROM recovery LEFT JOIN recovery_end ON recovery_end.recovery = recovery.number ORDER BY number
"""


def recoveries(connection: Connection) -> list[Recovery]:
    """Give all recoveries, the oldest first."""
    with without_values():
        return [Recovery(*row) for row in connection.execute(_RECOVERIES).fetchall()]


def forgotten(connection: Connection, orders: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Forgotten]:
    """Give those of some orders, by name and attempt, that may have been sent and forgotten."""
    with without_values():
        rows = connection.execute(
            _FORGOTTEN, [[order_ref for order_ref, _ in orders], [attempt for _, attempt in orders]]
        ).fetchall()
    return {(order_ref, attempt): Forgotten(until, waits) for order_ref, attempt, until, waits in rows}


_FORGOTTEN = """
    SELECT order_ref, attempt, until, waits_for_recovery(order_ref, attempt)
    FROM unnest(%s::text[], %s::bigint[]) AS asked (order_ref, attempt)
    CROSS JOIN LATERAL forgotten_until(order_ref, attempt) AS until
    WHERE EXISTS (SELECT FROM recovery) AND until IS NOT NULL
"""


def newest_on_record(connection: Connection) -> datetime | None:
    """Give the newest instant at which anything of money was put on record; None: nothing ever was."""
    with without_values():
        row = connection.execute(_NEWEST).fetchone()
    return row[0] if row else None


_NEWEST = """
    SELECT greatest(
        (SELECT booked_at FROM transfer ORDER BY number DESC LIMIT 1),
        (SELECT begun_at FROM sending ORDER BY number DESC LIMIT 1),
        (SELECT received_at FROM bank_file ORDER BY number DESC LIMIT 1)
    )
"""


def in_doubt(database: Database) -> InDoubt:
    """Count orders without an end that may have been sent and forgotten."""
    with without_values(), database.connect() as connection:
        row = connection.execute(_IN_DOUBT).fetchone()
    assert row is not None, "an aggregate has one row"
    return InDoubt(*row)


_IN_DOUBT = f"""
    SELECT count(*), count(*) FILTER (WHERE last.action = 'BOOKED'), count(*) FILTER (WHERE EXISTS (
        SELECT FROM line_verdict AS said
        WHERE said.order_ref = ordered.order_ref AND {_KEEPS_IN_DOUBT}
    ))
    FROM payment_order AS ordered
    JOIN LATERAL forgotten_until(ordered.order_ref, ordered.attempt) AS until ON until IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT answer.action FROM sending JOIN answer ON answer.sending = sending.number
        WHERE (sending.order_ref, sending.attempt) = (ordered.order_ref, ordered.attempt)
        ORDER BY sending.number DESC LIMIT 1
    ) AS last ON true
    WHERE EXISTS (SELECT FROM recovery) AND NOT EXISTS (
        SELECT FROM payment_outcome AS ended
        WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt)
    )
"""


def unexplained(connection: Connection, limit: int = 20) -> list[dict[str, object]]:
    """Give lines that keep orders from being sent: of which order, in which bucket, where the line stands."""
    names = ("order_ref", "bucket", "file", "line")
    with without_values():
        rows = connection.execute(_UNEXPLAINED, [limit]).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


_UNEXPLAINED = f"""
    SELECT said.order_ref, said.bucket, bank_file.name, said.line FROM line_verdict AS said
    JOIN bank_file ON bank_file.number = said.file_number
    WHERE said.order_ref IS NOT NULL AND {_KEEPS_IN_DOUBT}
      AND EXISTS (
          SELECT FROM payment_order AS ordered LEFT JOIN payment_outcome AS ended USING (order_ref, attempt)
          WHERE ordered.order_ref = said.order_ref AND ended.status IS NULL
            AND forgotten_until(ordered.order_ref, ordered.attempt) IS NOT NULL
      )
    ORDER BY said.order_ref, said.file_number, said.line LIMIT %s
"""


def remembers(connection: Connection, number: int, external_id: str, at: datetime) -> bool:
    """Whether a sending that once was on record still is, or a recovery covers its instant."""
    with without_values():
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM sending WHERE number = %s AND external_id = %s) "
            "OR EXISTS (SELECT FROM recovery WHERE lost_until >= %s)",
            [number, external_id, at],
        ).fetchone()
    return bool(row and row[0])
