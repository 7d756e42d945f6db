"""Plans of revocations: who is on them, who approved them, how far they were carried out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa

from cair.rules.revocation import ITEMS
from cair.store.copying import read_table
from cair.store.database import without_values

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class RevocationPlan:
    """A plan as it stands; `approved_by` is empty and `begun_at` None until then."""

    number: int
    as_of: datetime
    planned_by: str
    people: int
    list_hash: bytes
    approved_by: str
    begun_at: datetime | None


_PLAN = """
    SELECT number, as_of, revocation_plan.planned_by, people, revocation_plan.list_hash, coalesce(approved_by, ''), begun_at
    FROM revocation_plan LEFT JOIN revocation_approval ON revocation_approval.plan = number
    LEFT JOIN revocation_run ON revocation_run.plan = number
"""


def _plan(row: tuple[Any, ...]) -> RevocationPlan:
    number, as_of, planned_by, people, list_hash, approved_by, begun_at = row
    return RevocationPlan(number, as_of, planned_by, people, bytes(list_hash), approved_by, begun_at)


def read_plan(connection: Connection, number: int) -> RevocationPlan:
    """Give one plan, as the caller's transaction sees it.

    :raises KeyError: there is none of this number.
    """
    with without_values():
        row = connection.execute(f"{_PLAN} WHERE number = %s", [number]).fetchone()
    if row is None:
        raise KeyError(number)
    return _plan(row)


def read_plans(connection: Connection) -> list[RevocationPlan]:
    """Give all plans, the newest first."""
    with without_values():
        return [_plan(row) for row in connection.execute(f"{_PLAN} ORDER BY number DESC").fetchall()]


_ITEMS = """
    SELECT card_number, reach, last_day - DATE '1970-01-01', proof FROM revocation_item
    WHERE plan = %s AND position > %s AND position <= %s ORDER BY position
"""


def read_items(connection: Connection, plan: int, *, after: int = 0, until: int = 2**62) -> pa.Table:
    """Give the list of a plan in its order, or the positions after one until another: columns of `ITEMS`."""
    return read_table(connection, _ITEMS, [plan, after, until], ITEMS)


def parts(people: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut positions into parts: each after one until another."""
    for start in range(0, people, size):
        yield start, min(start + size, people)
