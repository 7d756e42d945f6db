"""Releases: what is on them, who approved them, how they ended, and who would be decided otherwise now."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import psycopg
import pyarrow as pa

from cair.ledger.chart import Purpose
from cair.ledger.chart import available as available_account
from cair.programme.reader import rulebooks
from cair.rules.release import ITEMS
from cair.store.copying import copy_rows, plan_for, read_table
from cair.store.database import Database, without_values

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Release:
    """A release as it stands. `approved_by`: one name per stage so far; `ended`: RUN, REFUSED, WITHDRAWN or empty."""

    number: int
    as_of: datetime
    planned_at: datetime
    planned_by: str
    seed: int
    items: int
    amount_idr: int
    stages: int
    list_hash: bytes
    approved_by: tuple[str, ...]
    ended: str


_RELEASE = """
    SELECT number, as_of, planned_at, planned_by, seed, items, amount_idr, release.stages, release.list_hash,
           ARRAY(SELECT approved_by FROM approval WHERE approval.release = number ORDER BY stage),
           coalesce(release_end.how, '')
    FROM release LEFT JOIN release_end ON release_end.release = number
"""


def _release(row: tuple[Any, ...]) -> Release:
    number, as_of, planned_at, planned_by, seed, items, amount, stages, list_hash, approved_by, ended = row
    approved = tuple(approved_by)
    return Release(
        number, as_of, planned_at, planned_by, seed, items, amount, stages, bytes(list_hash), approved, ended
    )


def read_release(connection: Connection, number: int) -> Release:
    """Give one release, as the caller's transaction sees it.

    :raises KeyError: there is none of this number.
    """
    with without_values():
        row = connection.execute(f"{_RELEASE} WHERE number = %s", [number]).fetchone()
    if row is None:
        raise KeyError(number)
    return _release(row)


def releases(database: Database) -> list[Release]:
    """Give all releases, the newest first."""
    with without_values(), database.connect(autocommit=True) as connection:
        return [_release(row) for row in connection.execute(f"{_RELEASE} ORDER BY number DESC").fetchall()]


STORED = pa.schema([*ITEMS, ("is_sampled", pa.bool_()), ("position", pa.int64())])
PART = 50_000
"""Benefits that are due, or items of a list, that are in memory at a time, however many there are."""
_UUIDS = frozenset({"account_ref_index", "account_fingerprint", "facts"})


def read_items(connection: Connection, release: int, *columns: str) -> Iterator[pa.Table]:
    """Give the list of a release in its order, in parts: some columns of `STORED`, or all. Uuids are texts."""
    wanted = columns or tuple(STORED.names)
    yield from in_parts(connection, f"SELECT {_written(wanted)} FROM release_item WHERE release = {release:d}", wanted)


def read_sample(connection: Connection, release: int) -> pa.Table:
    """Give the items of a release that were drawn for inspection, as `read_items` does."""
    asked = f"SELECT {_written(STORED.names)} FROM release_item WHERE release = %s AND is_sampled ORDER BY position"
    return read_table(connection, asked, [release], STORED)


def _written(columns: Sequence[str]) -> str:
    return ", ".join(f"{name}::text" if name in _UUIDS else name for name in columns)


def in_parts(
    connection: Connection, items: str, columns: Sequence[str], values: Sequence[Any] = ()
) -> Iterator[pa.Table]:
    """Give items in the order of their positions, which have no gaps; other statements may run between the parts.

    :param items: a SELECT, with a condition, of columns of `STORED`.
    """
    schema = pa.schema([STORED.field(name) for name in columns])
    first = 1
    while True:
        asked = f"{items} AND position BETWEEN %s AND %s ORDER BY position"
        part = read_table(connection, asked, [*values, first, first + PART - 1], schema)
        if part.num_rows:
            yield part
        if part.num_rows < PART:
            return
        first += PART


def standing(connection: Connection, references: Iterable[pa.Array]) -> Iterator[pa.Table]:
    """Give for each payment its order_ref and the attempt that may come next: null while one is in force.

    All are looked up at once, and given in the parts in which they were asked for.
    """
    with without_values():
        connection.execute('CREATE TEMP TABLE asked_order (place bigint, order_ref text COLLATE "C") ON COMMIT DROP')
    ends = [0]
    for part in references:
        ends.append(ends[-1] + len(part))
        places = pa.array(range(ends[-2], ends[-1]), pa.int64())
        copy_rows(connection, "asked_order", pa.table({"place": places, "order_ref": part}))
    with without_values():
        connection.execute("ANALYZE asked_order")
        plan_for(connection, ends[-1])
        connection.execute(_STANDING)
        connection.execute("CREATE UNIQUE INDEX ON standing_order (place)")
    schema = pa.schema([("order_ref", pa.string()), ("attempt", pa.int64())])
    asked = "SELECT order_ref, attempt FROM standing_order WHERE place >= %s AND place < %s ORDER BY place"
    for first, end in pairwise(ends):
        yield read_table(connection, asked, [first, end], schema)


_STANDING = """
    CREATE TEMP TABLE standing_order ON COMMIT DROP AS
    SELECT asked.place, asked.order_ref,
           CASE WHEN newest.attempt IS NULL THEN 1 WHEN ended.order_ref IS NOT NULL THEN newest.attempt + 1 END AS attempt
    FROM asked_order AS asked
    LEFT JOIN (
        SELECT order_ref, max(attempt) AS attempt FROM payment_order
        WHERE order_ref IN (SELECT order_ref FROM asked_order) GROUP BY order_ref
    ) AS newest ON newest.order_ref = asked.order_ref
    LEFT JOIN payment_outcome AS ended
      ON ended.order_ref = newest.order_ref AND ended.attempt = newest.attempt
     AND ended.status IN ('FAILED', 'RETURNED')
    ORDER BY asked.place
"""


def available(connection: Connection) -> dict[str, int]:
    """Give what each budget line may still promise as incentives, whole rupiah by name of the rulebook."""
    with without_values():
        rows = connection.execute(
            "SELECT name, -coalesce(sum(amount_idr), 0) FROM account LEFT JOIN leg "
            "ON leg.account = account.number AND card_number IS NULL WHERE is_capped GROUP BY name"
        ).fetchall()
    free = {name: int(amount) for name, amount in rows}
    return {book.name: free.get(available_account(book.name, Purpose.INCENTIVES).name, 0) for book in rulebooks()}


def no_longer_due(connection: Connection, release: int) -> list[tuple[str, int, str | None]]:
    """Give items of a release whose newest stored decision is another one than the list was made from.

    :returns: order_ref, attempt, reason that stands against it (None: due still, but on other facts).
    """
    with without_values():
        return connection.execute(_NO_LONGER_DUE, [release]).fetchall()


_NO_LONGER_DUE = """
    SELECT item.order_ref, item.attempt, decided.reason FROM release_item AS item
    JOIN LATERAL (
        SELECT state, reason, facts FROM decision
        WHERE decision.card_number = item.card_number AND decision.benefit = item.benefit
        ORDER BY run_number DESC LIMIT 1
    ) AS decided ON decided.state IN ('WAITING', 'CLOSED') OR decided.facts <> item.facts
    WHERE item.release = %s ORDER BY item.position
"""


def decided_otherwise(database: Database) -> Iterator[tuple[str, int, str, str]]:
    """Give orders in force whose newest stored decision says that nothing would be due now.

    :returns: order_ref, attempt, reason that stands against it now, and whether it was `SENT`.
    """
    with without_values(), database.connect() as connection, connection.cursor("otherwise") as cursor:
        cursor.execute(_OTHERWISE)
        yield from cursor


_OTHERWISE = """
    SELECT ordered.order_ref, ordered.attempt, decided.reason,
           CASE WHEN EXISTS (SELECT FROM sending WHERE (sending.order_ref, sending.attempt, sending.kind)
                             = (ordered.order_ref, ordered.attempt, 'SEND')) THEN 'SENT' ELSE 'RELEASED' END
    FROM payment_order AS ordered
    JOIN LATERAL (
        SELECT state, reason FROM decision
        WHERE decision.card_number = ordered.card_number AND decision.benefit = ordered.benefit
        ORDER BY run_number DESC LIMIT 1
    ) AS decided ON decided.state IN ('WAITING', 'CLOSED')
    WHERE NOT EXISTS (SELECT FROM payment_outcome AS ended
                      WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt)
                        AND ended.status IN ('FAILED', 'RETURNED'))
    ORDER BY ordered.order_ref, ordered.attempt
"""
