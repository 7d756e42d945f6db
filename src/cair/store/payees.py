"""To whom orders are paid: account and name in the clear, for as long as they are written to a partner."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from cair.rules.tables import FEEDS
from cair.store.copying import copy_rows, read_table
from cair.store.database import without_values
from cair.store.vault import Vault

Connection = psycopg.Connection[Any]
AT_ONCE = 100_000
"""Payees that are in memory in the clear."""
_SEALED = pa.schema([("place", pa.int64()), ("fingerprint", pa.string()), ("sealed", pa.string())])
_ACCOUNTS = """
    SELECT asked.place, encode(uuid_send(account.fingerprint), 'hex'), encode(account.sealed, 'hex')
    FROM asked_payee AS asked JOIN accounts AS account
      ON account.card_number = asked.card_number AND account.fingerprint = asked.fingerprint
    ORDER BY asked.place
"""
_PEOPLE = """
    SELECT DISTINCT ON (asked.place) asked.place, encode(uuid_send(person.fingerprint), 'hex'),
           encode(person.sealed, 'hex')
    FROM asked_payee AS asked JOIN appointments AS person ON person.card_number = asked.card_number
    WHERE asked.place = ANY(%s)
    ORDER BY asked.place, person.revision DESC, person.known_at, person.taken_in
"""


def with_payees(connection: Connection, vault: Vault, orders: pa.Table) -> Iterator[pa.Table]:
    """Give orders, some at a time, with `account` and `holder_name` (the participant's, where the partner told none).

    :param orders: card_number and account_fingerprint among its columns.
    """
    for start in range(0, orders.num_rows, AT_ONCE):
        part = orders.slice(start, AT_ONCE)
        _ask(connection, part)
        opened = _open(vault, "accounts", read_table(connection, _ACCOUNTS, [], _SEALED))
        assert opened.num_rows == part.num_rows, "an order names a report of its account"
        names = _with_names(connection, vault, opened["holder_name"].combine_chunks())
        yield part.append_column("account", opened["account_ref"]).append_column("holder_name", names)


def participants(connection: Connection, vault: Vault, orders: pa.Table) -> list[str]:
    """Give the name of the participant of each order, as in the appointment."""
    _ask(connection, orders)
    people = read_table(connection, _PEOPLE, [list(range(orders.num_rows))], _SEALED)
    return [name or "" for name in _open(vault, "appointments", people)["full_name"].to_pylist()]


def _ask(connection: Connection, orders: pa.Table) -> None:
    with without_values():
        connection.execute("DROP TABLE IF EXISTS asked_payee")
        connection.execute("CREATE TEMP TABLE asked_payee (place bigint, card_number bigint, fingerprint uuid)")
    rows = {
        "place": pa.array(range(orders.num_rows), pa.int64()),
        "card_number": orders["card_number"],
        "fingerprint": orders["account_fingerprint"],
    }
    copy_rows(connection, "asked_payee", pa.table(rows))
    with without_values():
        connection.execute("ANALYZE asked_payee")


def _with_names(connection: Connection, vault: Vault, names: pa.Array) -> pa.Array:
    missing = pc.is_null(names)
    places = [place for place, is_missing in enumerate(missing.to_pylist()) if is_missing]
    if not places:
        return names
    people = _open(vault, "appointments", read_table(connection, _PEOPLE, [places], _SEALED))
    return pc.replace_with_mask(names, missing, people["full_name"].combine_chunks())


def _open(vault: Vault, feed: str, rows: pa.Table) -> pa.Table:
    columns = tuple(column.name for column in FEEDS[feed].secrets)
    ids = _plain(rows["fingerprint"]).cast(pa.binary(16))
    return vault.unseal_rows(feed, columns, _plain(rows["sealed"]), ids)


def _plain(digits: pa.ChunkedArray) -> pa.Array:
    """Give the bytes that hexadecimal digits stand for."""
    ends = np.zeros(len(digits) + 1, np.int32)
    np.cumsum(pc.binary_length(digits).to_numpy() // 2, out=ends[1:])
    plain = bytes.fromhex("".join(digits.to_pylist()))
    return pa.BinaryArray.from_buffers(pa.binary(), len(digits), [None, pa.py_buffer(ends), pa.py_buffer(plain)])
