"""Adding a file's lines to the append-only table of their feed, each with its outcome, in one transaction.

Outcomes are found first, by comparing with what is held for the keys of a batch; what is new is then copied, sorted by
the leading key column, straight into the table. The unique key is only the guard.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from cair.kernel.days import instant_of
from cair.kernel.identity import mask_raw
from cair.kernel.reasons import Outcome, RejectCode
from cair.rules.tables import FEEDS, Column, Feed, Kind
from cair.store.database import Database, without_values
from cair.store.engine import compiled
from cair.store.naming import stored_name
from cair.store.vault import Vault

LINES_OF_A_FILE = 2**32
"""`taken_in` is file number x this + line: the order of intake."""
_SESSION = (
    "SET jit = off",
    "SET max_parallel_workers_per_gather = 0",
    # What is asked for are the keys of one batch: the index always knows best.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
)


class Lines(Protocol):
    """A batch of lines as the inbox hands it over."""

    values: pa.Table
    lines: pa.Int64Array
    malformed_lines: list[int]
    malformed_raw: list[bytes]

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


class EvidenceWriter:
    """Writes files, each in one transaction of its own."""

    def __init__(self, connection: Any, engine: duckdb.DuckDBPyConnection, vault: Vault) -> None:
        self._connection, self._engine, self._vault = connection, engine, vault
        self._cursor = connection.cursor()
        for statement in _SESSION:
            self._cursor.execute(statement)
        self._connection.commit()

    def add_lines(self, origin: Origin, batch: Lines, *, keep_rejects: bool) -> dict[str, int]:
        """Add a batch of a file's lines; count them by outcome.

        Rejects are counted but not written again when `keep_rejects` is false: the same bytes came in before.

        :raises UnableToUseDatabase: the database refused.
        """
        feed = FEEDS[origin.feed]
        self._read(feed, origin, batch)
        rejected = self._rejects(origin, batch, keep=keep_rejects)
        counts = dict.fromkeys(Outcome, 0) | {Outcome.REJECTED: rejected}
        if self._key(feed, origin):
            self._judge(feed)
            counts |= self._count()
            self._copy(feed, origin)
        return {str(outcome): count for outcome, count in counts.items()}

    def _read(self, feed: Feed, origin: Origin, batch: Lines) -> None:
        table = batch.values.append_column("line", batch.lines)
        self._engine.register("lines", table)
        received = instant_of(origin.received_at)
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE receipt AS SELECT {received}::BIGINT AS received_at")
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE read AS {compiled(f'intake/{feed.name}')}")
        self._engine.unregister("lines")

    def _rejects(self, origin: Origin, batch: Lines, *, keep: bool) -> int:
        wrong = self._engine.execute(
            "SELECT line, fault, fault_column FROM read WHERE fault IS NOT NULL ORDER BY line"
        ).fetchall()
        count = len(wrong) + len(batch.malformed_lines)
        if not keep or not count:
            return count
        rows = pc.index_in(pa.array([line for line, _, _ in wrong], pa.int64()), batch.lines).to_pylist()
        raws = [*batch.raw(rows), *batch.malformed_raw]
        malformed = [(line, str(RejectCode.MALFORMED_LINE), "") for line in batch.malformed_lines]
        stated = [*wrong, *malformed]
        aad = f"{origin.number}".encode()
        table = pa.table(
            {
                "file_number": pa.array([origin.number] * count, pa.int64()),
                "line": pa.array([line for line, _, _ in stated], pa.int64()),
                "code": [code for _, code, _ in stated],
                "column": [column for _, _, column in stated],
                "masked": [mask_raw(raw) for raw in raws],
                "sealed": [self._vault.seal_bytes("reject", raw, aad) for raw in raws],
            }
        )
        with without_values():
            self._cursor.adbc_ingest("reject", table, mode="append")
        return count

    def _key(self, feed: Feed, origin: Origin) -> int:
        """Make `keyed`: the lines that read, with the hashes of key and content. Personal values enter by index only."""
        good = self._engine.sql("SELECT * EXCLUDE (fault, fault_column) FROM read WHERE fault IS NULL")
        if feed.secrets:
            table = good.to_arrow_table()
            for column in feed.secrets:
                table = table.append_column(
                    stored_name(column), self._vault.indexes(column.secret, table[column.name].combine_chunks())
                )
            self._engine.register("good", table)
        else:
            good.create_view("good")
        key = _hash("good", f"'{origin.partner}'", *(_compared(column) for column in feed.key))
        rest = [_compared(column) for column in feed.columns if not column.key]
        self._engine.execute(
            f"CREATE OR REPLACE TEMP TABLE keyed AS SELECT *, "
            f"{_hash('with_key', 'key', 'revision', *rest)} AS fingerprint FROM (SELECT *, {key} AS key FROM good) AS with_key"
        )
        if feed.secrets:
            self._engine.unregister("good")
        else:
            self._engine.execute("DROP VIEW good")
        return int(self._engine.execute("SELECT count(*) FROM keyed").fetchall()[0][0])

    def _judge(self, feed: Feed) -> None:
        anchor = stored_name(feed.column(feed.anchor))
        anchors = self._engine.sql(f"SELECT DISTINCT {anchor} AS anchor FROM keyed ORDER BY 1").to_arrow_table()
        held = self._held(feed.name, anchor, _plain(anchors))
        self._engine.register("held", held)
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE judged AS {compiled('intake/outcomes')}")
        self._engine.unregister("held")

    def _held(self, feed: str, anchor: str, anchors: pa.Table) -> pa.Table:
        """Fetch key, revision and fingerprint of the reports held for some values of the leading key column."""
        with without_values():
            asked = f"asked_{feed}"
            self._cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {asked} AS SELECT {anchor} AS anchor FROM {feed} LIMIT 0")
            self._cursor.execute(f"TRUNCATE {asked}")
            self._cursor.adbc_ingest(asked, anchors, mode="append", temporary=True)
            self._cursor.execute(
                f"SELECT key, revision, fingerprint FROM {asked} JOIN {feed} ON {feed}.{anchor} = {asked}.anchor"
            )
            return self._cursor.fetch_arrow_table()

    def _count(self) -> dict[Outcome, int]:
        rows = self._engine.execute("SELECT outcome, count(*) FROM judged GROUP BY outcome").fetchall()
        return {Outcome(outcome): count for outcome, count in rows}

    def _copy(self, feed: Feed, origin: Origin) -> None:
        anchor = stored_name(feed.column(feed.anchor))
        columns = ", ".join(f'{_written(column)} AS "{stored_name(column)}"' for column in feed.columns)
        secrets = "".join(f", {column.name} AS plain_{column.name}" for column in feed.secrets)
        rows = self._engine.sql(
            f"""
            SELECT {columns}{secrets}, '{origin.partner}' AS partner, revision, make_timestamptz(known_at) AS known_at,
                   {origin.number * LINES_OF_A_FILE} + line AS taken_in, outcome, key, fingerprint
            FROM keyed JOIN judged USING (line) WHERE outcome <> '{Outcome.DUPLICATE}' ORDER BY {anchor}, fingerprint
            """
        ).to_arrow_table()
        if not rows.num_rows:
            return
        rows = _plain(rows)
        if feed.secrets:
            names = [f"plain_{column.name}" for column in feed.secrets]
            plain = rows.select(names).rename_columns([column.name for column in feed.secrets])
            sealed = self._vault.seal(feed.name, plain, rows["fingerprint"])
            rows = rows.drop_columns(names).append_column("sealed", sealed)
        with without_values():
            self._cursor.adbc_ingest(feed.name, rows, mode="append")

    def add_file(self, origin: Origin, *, sha256: str, size_bytes: int, refusal: str, counts: dict[str, int]) -> None:
        """Add the file itself with what became of its lines, and end its transaction: from here on it is taken in.

        :raises UnableToUseDatabase: the database refused.
        """
        row = {
            "number": [origin.number],
            "name": [origin.name],
            "feed": [origin.feed],
            "partner": [origin.partner],
            "sha256": [sha256],
            "size_bytes": [size_bytes],
            "received_at": pa.array([instant_of(origin.received_at)], pa.timestamp("us", "UTC")),
            "refusal": [refusal],
            "lines": [sum(counts.values())],
            **{str(outcome): [counts.get(str(outcome), 0)] for outcome in Outcome},
        }
        with without_values():
            self._cursor.adbc_ingest("intake_file", pa.table(row), mode="append")
            self._connection.commit()

    def forget(self) -> None:
        """Take back what was written of a file that is not to be taken in."""
        self._connection.rollback()


def _hash(scope: str, *values: str) -> str:
    """128 bits of SHA-256 over values that cannot run into each other: no text has a NUL."""
    joined = ", chr(0), ".join(f"coalesce({value}::VARCHAR, '')" for value in values)
    return f"left(sha256(concat({joined})), 32)::UUID" if scope else ""


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


def _plain(table: pa.Table) -> pa.Table:
    """Take extension types off: the driver writes a UUID's 16 bytes."""
    columns = [
        pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        if isinstance(column.type, pa.BaseExtensionType)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.schema.names)


@contextmanager
def evidence_writer(
    database: Database, engine: duckdb.DuckDBPyConnection, vault: Vault
) -> Iterator[EvidenceWriter]:
    """Open a writer on a connection of its own.

    :raises UnableToUseDatabase: the database refused.
    """
    with without_values():
        connection = adbc.connect(database.uri)
    try:
        yield EvidenceWriter(connection, engine, vault)
    finally:
        connection.rollback()
        connection.close()
