"""A batch of lines made ready to be written: typed, hashed, personal values indexed, rejects set aside.

Nothing here asks the database, so that the next batch can be made ready while the one before is written.
"""

import hashlib
from binascii import unhexlify
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.kernel.days import instant_of
from cair.kernel.identity import mask_raw
from cair.kernel.reasons import RejectCode
from cair.rules.tables import FEEDS, Column, Feed, Kind
from cair.store.engine import compiled
from cair.store.naming import stored_name
from cair.store.standing import StandingQuery
from cair.store.vault import Vault

LINES_OF_A_FILE = 2**32
"""`taken_in` is file number x this + line: the order of intake."""


class Lines(Protocol):
    """A batch of lines as the inbox hands it over."""

    @property
    def values(self) -> pa.Table: ...
    @property
    def lines(self) -> pa.Int64Array: ...
    @property
    def malformed_lines(self) -> list[int]: ...
    @property
    def malformed_raw(self) -> list[bytes]: ...

    def raw(self, rows: list[int]) -> list[bytes]:
        """Give the bytes of some rows as received."""


@dataclass(frozen=True)
class Origin:
    """Which file lines come from."""

    number: int
    name: str
    feed: str
    partner: str
    received_at: datetime


@dataclass(frozen=True)
class ReadLines:
    """Lines ready to be written: `rows` but for the outcome, `rejects` as their table has them.

    `rows` are sorted by the leading key column.
    """

    rows: pa.Table
    rejects: pa.Table | None

    @property
    def count(self) -> int:
        """How many lines these are."""
        return self.rows.num_rows + (self.rejects.num_rows if self.rejects is not None else 0)


class LineReader:
    """Makes lines ready, on a session of its own that writes no file."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, vault: Vault) -> None:
        self._engine, self._vault = engine, vault
        self._queries: dict[str, StandingQuery] = {}

    def read(self, origin: Origin, batch: Lines) -> ReadLines:
        """Make a batch of a file's lines ready. What is in the clear leaves with this step."""
        feed = FEEDS[origin.feed]
        table = self._typed(feed, origin, batch)
        faulty = table.num_rows - table["fault"].null_count
        wrong = table.filter(pc.is_valid(table["fault"])) if faulty else table.slice(0, 0)
        good = table.filter(pc.is_null(table["fault"])) if faulty else table
        rejects = self._rejects(origin, batch, wrong) if faulty or batch.malformed_lines else None
        lines = ReadLines(self._sealed(feed, good.drop_columns(["fault", "fault_column"])), rejects)
        assert lines.count == batch.values.num_rows + len(batch.malformed_lines), "no line is lost in reading"
        return lines

    def _typed(self, feed: Feed, origin: Origin, batch: Lines) -> pa.Table:
        """Give typed values, hashes and faults of all lines that are records, sorted by the leading key column."""
        lines = batch.values.append_column("line", batch.lines)
        receipt = pa.table({"received_at": pa.array([instant_of(origin.received_at)], pa.int64())})
        whence = (origin.partner, origin.number * LINES_OF_A_FILE)
        query = compiled(f"intake/{feed.name}")
        if not feed.secrets:
            table = self._ask(_hashing(feed, query), *whence, lines=lines, receipt=receipt)
        else:
            read = self._ask(query, lines=lines, receipt=receipt)
            for column in feed.secrets:
                index = self._vault.indexes(column.secret, read[column.name].combine_chunks())
                read = read.append_column(stored_name(column), index)
            table = self._ask(_hashing(feed, f"SELECT * FROM read_{feed.name}"), *whence, **{f"read_{feed.name}": read})
        for name in ("key", "fingerprint"):
            table = table.set_column(table.schema.get_field_index(name), name, _hashes(table[name]))
        return table.take(pc.sort_indices(table[stored_name(feed.column(feed.anchor))]))

    def _sealed(self, feed: Feed, rows: pa.Table) -> pa.Table:
        """Seal the personal values of rows."""
        if not feed.secrets:
            return rows
        names = [f"plain_{column.name}" for column in feed.secrets]
        plain = rows.select(names).rename_columns([column.name for column in feed.secrets])
        seals = self._vault.seal(feed.name, plain, rows["fingerprint"])
        return rows.drop_columns(names).append_column("sealed", seals)

    def _ask(self, query: str, *parameters: str | int, **tables: pa.Table) -> pa.Table:
        if query not in self._queries:
            self._queries[query] = StandingQuery(self._engine, query)
        return without_extensions(self._queries[query].ask(*parameters, **tables))

    def _rejects(self, origin: Origin, batch: Lines, wrong: pa.Table) -> pa.Table:
        lines = pc.subtract(wrong["taken_in"], origin.number * LINES_OF_A_FILE).combine_chunks()
        raws = batch.raw(pc.index_in(lines, batch.lines).to_pylist()) + batch.malformed_raw
        malformed = len(batch.malformed_lines)
        aad = f"{origin.number}".encode()
        return pa.table(
            {
                "file_number": pa.repeat(pa.scalar(origin.number, pa.int64()), len(raws)),
                "line": pa.array(lines.to_pylist() + batch.malformed_lines, pa.int64()),
                "code": wrong["fault"].to_pylist() + [str(RejectCode.MALFORMED_LINE)] * malformed,
                "column": wrong["fault_column"].to_pylist() + [""] * malformed,
                "masked": [mask_raw(raw) for raw in raws],
                "sealed": [self._vault.seal_bytes("reject", raw, aad) for raw in raws],
            }
        )


@cache
def _columns(feed: Feed) -> str:
    columns = [f'{_written(column)} AS "{stored_name(column)}"' for column in feed.columns]
    columns += [f"{column.name} AS plain_{column.name}" for column in feed.secrets]
    return ", ".join((*columns, "revision", "make_timestamptz(known_at) AS known_at", "fault", "fault_column"))


@cache
def _hashing(feed: Feed, read: str) -> str:
    """Write the query that adds hashes, partner and place to what was read, given partner and number before line 1.

    Personal values enter hashes by index only.
    """
    key = ["$1::VARCHAR", *(_compared(column) for column in feed.key)]
    rest = [_compared(column) for column in feed.columns if not column.key]
    return f"""
        SELECT {_columns(feed)}, $1::VARCHAR AS partner, $2::BIGINT + line AS taken_in,
               {_hash(*key)} AS key, {_hash(*key, "revision", *rest)} AS fingerprint
        FROM ({read}) AS read
    """


def _hash(*values: str) -> str:
    """SHA-256, in hex, over values that cannot run into each other: no text has a NUL."""
    joined = ", chr(0), ".join(f"coalesce({value}::VARCHAR, '')" for value in values)
    return f"sha256(concat({joined}))"


def _hashes(column: pa.ChunkedArray) -> pa.FixedSizeBinaryArray:
    """Give the first 128 bits of each SHA-256. (In the engine the conversion costs as much as the hash.)"""
    width = 2 * hashlib.sha256().digest_size
    whole = column.combine_chunks().cast(pa.large_string())
    first = np.frombuffer(whole.buffers()[1], np.int64, 1, 8 * whole.offset)[0] if len(whole) else 0
    digits = np.frombuffer(whole.buffers()[2] or b"", np.uint8)[first : first + width * len(whole)]
    halves = unhexlify(digits.reshape(-1, width)[:, : width // 2].tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width // 4), len(whole), [None, pa.py_buffer(halves)])


def _compared(column: Column) -> str:
    return f"hex({stored_name(column)})" if column.secret else f'"{column.name}"'


def _written(column: Column) -> str:
    if column.secret:
        return stored_name(column)
    if column.kind is Kind.INSTANT:
        return f'make_timestamptz("{column.name}")'
    if column.kind is Kind.DAY:
        return f"(DATE '1970-01-01' + \"{column.name}\"::INTEGER)"
    return f'"{column.name}"'


def without_extension(column: pa.Array) -> pa.Array:
    """Take an extension type off: the driver reads and writes a UUID's 16 bytes."""
    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


def without_extensions(table: pa.Table) -> pa.Table:
    """Take extension types off every column."""
    columns = [pa.chunked_array(map(without_extension, column.chunks), _bare(column.type)) for column in table.columns]
    return pa.table(columns, names=table.schema.names)


def _bare(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
