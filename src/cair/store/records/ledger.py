"""Booking: transfers into the books, one booking after the other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from cair.ledger import transfers as events
from cair.ledger.chart import Purpose, account_named
from cair.ledger.transfers import Transfers, faults, together
from cair.store.copying import copy_rows
from cair.store.database import UnableToUseDatabase, without_values

CLOCKS_DIFFER_BY = timedelta(minutes=10)
"""How far behind the last booking a clock may be; the booking then takes the instant of the last one."""

Connection = psycopg.Connection[Any]


class UnableToBook(Exception):
    """The books do not take it; the message says why and what to do. `is_above`: more than was appropriated."""

    is_above = False


def add_transfers(connection: Connection, transfers: Transfers, *, now: datetime) -> int:
    """Book transfers in the caller's transaction; give the number of the first (they follow each other).

    Bookings of others wait until that transaction ends. An event that is in the books already is refused.

    :raises UnableToBook: an event is booked already, the appropriation does not suffice, or the clock is wrong.
    """
    if not transfers.heads.num_rows:
        return 0
    found = faults(transfers)
    assert not found, f"transfers must balance: {found[0]}"
    number, booked_at = _turn(connection, now)
    heads, legs = transfers.heads, transfers.legs
    count = heads.num_rows
    head_columns = {
        "number": pa.array(np.arange(number, number + count)),
        "booked_at": pa.repeat(pa.scalar(booked_at, pa.timestamp("us", "UTC")), count),
    } | {name: heads[name] for name in heads.column_names}
    leg_columns = {name: legs[name] for name in legs.column_names}
    leg_columns |= {
        "transfer": pc.add(legs["transfer"], number),
        "account": _account_numbers(connection, legs["account"], booked_at),
    }
    try:
        copy_rows(connection, "transfer", pa.table(head_columns))
        copy_rows(connection, "leg", pa.table(leg_columns))
    except UnableToUseDatabase as error:
        raise _refusal(error) from None
    return number


def take_turn(connection: Connection) -> None:
    """Wait until no other transaction books; from here on nobody else does until this one ends."""
    with without_values():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('cair.books'))")


def _turn(connection: Connection, now: datetime) -> tuple[int, datetime]:
    """Take the turn; give the next free number and the instant of booking."""
    take_turn(connection)
    with without_values():
        row = connection.execute("SELECT number, booked_at FROM transfer ORDER BY number DESC LIMIT 1").fetchone()
    if row is None:
        return 1, now
    last_number, last_at = row
    if now < last_at - CLOCKS_DIFFER_BY:
        raise UnableToBook(
            f"The books go until {_minute(last_at)} UTC and this is to be booked at {_minute(now)} UTC. "
            "Nothing is booked backwards: set the clock right, or name a later instant."
        )
    return last_number + 1, max(now, last_at)


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def _account_numbers(connection: Connection, accounts: pa.ChunkedArray, now: datetime) -> pa.Array:
    """Give the number of the account of each leg; open those that are new."""
    encoded = accounts.unify_dictionaries().combine_chunks()
    names = encoded.dictionary.to_pylist()
    with without_values():
        rows = connection.execute("SELECT name, number FROM account").fetchall()
        known: dict[str, int] = dict(rows)
        for name in (each for each in names if each not in known):
            known[name] = len(known) + 1
            account = account_named(name)
            connection.execute(
                "INSERT INTO account (number, name, is_personal, is_capped, opened_at) VALUES (%s, %s, %s, %s, %s)",
                [known[name], name, account.is_personal, account.is_capped, now],
            )
    return pa.array([known[name] for name in names], pa.int64()).take(encoded.indices)


def _refusal(error: UnableToUseDatabase) -> UnableToBook | UnableToUseDatabase:
    if error.constraint == "never_above_appropriation":
        above = UnableToBook(
            "More would be promised than was appropriated. Nothing was booked. Appropriate more, or plan for less."
        )
        above.is_above = True
        return above
    if error.kind == "UniqueViolation" and error.table == "transfer":
        return UnableToBook("An event of this booking is in the books already. Nothing was booked a second time.")
    return error


def appropriate(
    connection: Connection, *, document: str, line: str, purpose: Purpose, amount_idr: int, by: str, now: datetime
) -> int:
    """Give a budget line money for a purpose by a budget document (below zero: cut it); give the transfer's number.

    :raises UnableToBook: this document has done so already, or the cut takes what is promised.
    """
    take_turn(connection)
    _check_new(connection, document, line, purpose)
    moved = events.appropriate(f"appropriate/{document}/{line}/{purpose}", line, purpose, amount_idr)
    try:
        number = add_transfers(connection, moved, now=now)
    except UnableToBook as error:
        if not error.is_above:
            raise
        raise UnableToBook(
            f"A cut of Rp{-amount_idr:,} takes more than what is left of {purpose} of {line}: the rest is promised or was "
            "never given. Nothing was booked. `cair ledger balance` shows what is left."
        ) from None
    with without_values():
        connection.execute(
            "INSERT INTO appropriation (document, line, purpose, amount_idr, appropriated_at, by_name, transfer) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [document, line, purpose, amount_idr, now, by, number],
        )
    return number


def _check_new(connection: Connection, document: str, line: str, purpose: Purpose) -> None:
    with without_values():
        row = connection.execute(
            "SELECT amount_idr, appropriated_at, by_name FROM appropriation "
            "WHERE (document, line, purpose) = (%s, %s, %s)",
            [document, line, purpose],
        ).fetchone()
    if row:
        raise UnableToBook(
            f"{document!r} has given Rp{row[0]:,} to {purpose} of {line} already, on {row[1]:%Y-%m-%d} by {row[2]}. "
            "Nothing was booked a second time. More money, or a cut, comes by a document of its own."
        )


def book(connection: Connection, parts: list[Transfers], *, now: datetime) -> int:
    """Book several groups of transfers as one; give the number of the first."""
    return add_transfers(connection, together(parts), now=now)
