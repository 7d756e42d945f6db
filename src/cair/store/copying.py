"""Many rows into a table at once, over the connection whose transaction they belong to."""

import io
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pyarrow import csv

from cair.store.database import without_values

_OPTIONS = csv.WriteOptions(include_header=False, batch_size=16_384, quoting_style="needed")
_PIECE = 65_536
"""Rows that are written to text at once."""
_MANY = 1_000
ROOM, ROOM_FOR_FEW = "128MB", "32MB"
"""Memory of one step of a statement over many rows, and over few."""
_DIGITS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint8).reshape(256, 2)
"""The two hexadecimal digits of each byte."""
_PLACES = [at for at, sign in enumerate(str(UUID(int=0))) if sign != "-"]
"""Where digits stand in the text of a UUID."""


def copy_rows(connection: psycopg.Connection[Any], table: str, rows: pa.Table) -> None:
    """Add rows to a table by COPY; columns are named as the table's. Nulls and empty texts stay apart.

    :raises UnableToUseDatabase: the database refused.
    """
    if not rows.num_rows:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(table), columns)
    with without_values(), connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, rows.num_rows, _PIECE):
            text = io.BytesIO()
            csv.write_csv(_plain(rows.slice(start, _PIECE)), text, _OPTIONS)
            copy.write(text.getbuffer())


def _plain(rows: pa.Table) -> pa.Table:
    columns = []
    for column in rows.columns:
        if pa.types.is_dictionary(column.type):
            columns.append(column.cast(column.type.value_type))
        elif pa.types.is_fixed_size_binary(column.type) and column.type.byte_width == 16:
            columns.append(uuid_texts(column))
        else:
            columns.append(column)
    return pa.table(columns, names=rows.column_names)


def plan_for(connection: psycopg.Connection[Any], rows: int) -> None:
    """Let what follows in this transaction be planned for few rows or for many.

    Many are never joined one by one: statistics may be those from before a table grew, or from a load that failed. They
    have the memory to be sorted, hashed and handed to triggers in.
    """
    many = rows > _MANY
    with without_values():
        connection.execute(f"SET LOCAL enable_nestloop = {'off' if many else 'on'}")
        connection.execute(f"SET LOCAL work_mem = '{ROOM if many else ROOM_FOR_FEW}'")


def uuid_texts(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Give 16 bytes each as the text of a UUID."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    plain = pc.fill_null(whole, bytes(16))
    bytes_ = np.frombuffer(plain.buffers()[1], np.uint8, 16 * len(plain), 16 * plain.offset).reshape(-1, 16)
    texts = np.full((len(plain), 36), ord("-"), np.uint8)
    texts[:, _PLACES] = _DIGITS[bytes_].reshape(-1, 32)
    ends = pa.py_buffer(np.arange(len(plain) + 1, dtype=np.int32) * 36)
    written = pa.StringArray.from_buffers(len(plain), ends, pa.py_buffer(texts))
    return pc.if_else(pc.is_valid(whole), written, pa.scalar(None, pa.string()))


def read_table(connection: psycopg.Connection[Any], statement: str, values: list[Any], schema: pa.Schema) -> pa.Table:
    """Read rows as a table whose columns are those of a schema, in its order. Instants come in UTC.

    :raises UnableToUseDatabase: the database refused.
    """
    asked = psycopg.ClientCursor(connection).mogrify(statement, values)
    text = io.BytesIO()
    told = f"COPY ({asked}) TO STDOUT (FORMAT csv)".encode()
    with without_values(), connection.cursor() as cursor, cursor.copy(told) as copy:
        for piece in copy:
            text.write(piece)
    if not text.tell():
        return schema.empty_table()
    text.seek(0)
    reading = csv.ReadOptions(column_names=schema.names)
    typing = csv.ConvertOptions(
        column_types=schema,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
    )
    return csv.read_csv(
        text, reading, csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False), typing
    ).cast(schema)
