"""Adding a file's lines to the append-only table of their feed, each with its outcome, in one transaction.

Outcomes are found first, by comparing with what is held for the keys of a batch; what is new is then copied, sorted by
the leading key column, straight into the table. The unique key is only the guard.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cair.kernel.days import instant_of
from cair.kernel.reasons import Outcome
from cair.rules.tables import FEEDS
from cair.store.database import Database, without_values
from cair.store.engine import compiled
from cair.store.naming import stored_name
from cair.store.records.known import Keys, KnownKeys
from cair.store.records.reading import Origin, ReadLines, without_extension, without_extensions
from cair.store.standing import StandingQuery

ASKED_AS_ONE_READ = 5
"""Asking for one key costs about as much as reading so many of a table from end to end."""
_PIECE = 1_000
"""Rows handed to the database at once: it works on them while the next are encoded."""
_SESSION = (
    "SET jit = off",
    "SET max_parallel_workers_per_gather = 0",
    # What is asked for are the keys of one batch: the index always knows best.
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
)


class EvidenceWriter:
    """Writes files, each in one transaction of its own. Only for who holds the lock of intake.

    Rows that surely are new are copied, in a thread of its own, while the others of their batch are compared and the next
    batch is looked at. Those that were compared wait in memory and go with the next ones. What goes wrong with the
    copying is raised by the next call that needs the database.
    """

    def __init__(
        self,
        connection: Any,
        engine: duckdb.DuckDBPyConnection,
        expected: Mapping[str, int],
        thread: ThreadPoolExecutor,
    ) -> None:
        self._connection, self._expected, self._thread = connection, expected, thread
        self._copying: Future[None] | None = None
        self._waiting: list[pa.Table] = []
        self._outcomes = StandingQuery(engine, compiled("intake/outcomes"))
        self._cursor = connection.cursor()
        for statement in _SESSION:
            self._cursor.execute(statement)
        self._sizes = self._sizes_by_feed()
        held = sum(self._sizes.get(feed, 0) for feed in expected if self._is_worth_reading(feed))
        self._known = KnownKeys(held + sum(expected.values()))
        self._complete: dict[str, bool] = {}
        connection.commit()

    def is_known_content(self, name: str, sha256: str) -> bool:
        """Whether a file of this name and these bytes was taken in before.

        :raises UnableToUseDatabase: the database refused.
        """
        with self._database():
            self._cursor.execute(
                "SELECT 1 FROM intake_file WHERE sha256 = $1 AND name = $2 AND refusal = '' LIMIT 1", [sha256, name]
            )
            return self._cursor.fetchone() is not None

    def add_lines(self, origin: Origin, read: ReadLines, *, keep_rejects: bool) -> dict[str, int]:
        """Add a batch of a file's lines; count them by outcome.

        Rejects are counted but not written again when `keep_rejects` is false: the same bytes came in before.

        :raises UnableToUseDatabase: the database refused.
        """
        counts = dict.fromkeys(map(str, Outcome), 0)
        if read.rejects is not None:
            counts[Outcome.REJECTED] = read.rejects.num_rows
            if keep_rejects:
                self._copy("reject", read.rejects)
        if read.rows.num_rows:
            for outcome, count in self._judge(origin.feed, read.rows).items():
                counts[outcome] += count
        return counts

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
        if self._waiting:
            self._copy(origin.feed, *self._taken_out())
        self._copy("intake_file", pa.table(row))
        with self._database():
            self._connection.commit()

    def forget(self) -> None:
        """Take back what was written of a file that is not to be taken in."""
        self._waiting = []
        with self._database():
            self._connection.rollback()

    def _judge(self, feed: str, rows: pa.Table) -> dict[str, int]:
        """Say what becomes of rows, and have those that are no duplicates copied; count them by outcome.

        A key that is surely new and occurs once in the batch needs no comparison.
        """
        keys = _beginnings(rows["key"])
        perhaps_held = self._perhaps_held(feed, keys)
        self._known.add(feed, keys)
        compared = perhaps_held | _repeated(keys)
        if not compared.any():
            self._copy(feed, *self._taken_out(), _accepted(rows))
            return {Outcome.ACCEPTED: rows.num_rows}
        stated = rows.filter(pa.array(compared))
        held = self._held(feed, rows.filter(pa.array(perhaps_held)))
        new = rows.filter(pa.array(~compared))
        self._copy(feed, *self._taken_out(), _accepted(new))
        outcomes = self._compared(stated, held)
        counts = {entry["values"]: entry["counts"] for entry in outcomes.value_counts().to_pylist()}
        judged = stated.append_column("outcome", outcomes)
        self._waiting = [judged.filter(pc.not_equal(outcomes, str(Outcome.DUPLICATE)))]
        counts[Outcome.ACCEPTED] = counts.get(Outcome.ACCEPTED, 0) + new.num_rows
        return counts

    def _compared(self, rows: pa.Table, held: pa.Table) -> pa.Array:
        """Apply the rule to some rows, among which are all of their keys: the outcome of each."""
        stated = rows.select(["key", "revision", "fingerprint"])
        order = rows["taken_in"].to_numpy()
        judged = self._outcomes.ask(keyed=stated.append_column("line", pa.array(order)), held=held.cast(stated.schema))
        places = np.empty(len(order), np.int64)
        places[np.argsort(order)] = np.argsort(judged["line"].to_numpy())
        return judged["outcome"].combine_chunks().take(pa.array(places))

    def _taken_out(self) -> list[pa.Table]:
        """Give the rows that wait, which then no longer do."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _copy(self, table: str, *rows: pa.Table) -> None:
        """Begin to copy rows, once those before them are in."""
        whole = pa.concat_tables(rows)
        if not whole.num_rows:
            return
        with self._database():
            self._copying = self._thread.submit(_ingest, self._cursor, table, whole)

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Have the connection for oneself: what was being copied is in."""
        with without_values():
            if self._copying:
                copying, self._copying = self._copying, None
                copying.result()
            yield

    def _held(self, feed: str, rows: pa.Table) -> pa.Table:
        """Give key, revision and fingerprint of the reports held for the leading key column of some rows."""
        held = [waiting.select(["key", "revision", "fingerprint"]) for waiting in self._waiting]
        if rows.num_rows:
            held.append(self._fetched(feed, rows).cast(rows.select(["key", "revision", "fingerprint"]).schema))
        return pa.concat_tables(held) if held else rows.select(["key", "revision", "fingerprint"])

    def _fetched(self, feed: str, rows: pa.Table) -> pa.Table:
        anchor = stored_name(FEEDS[feed].column(FEEDS[feed].anchor))
        anchors = rows[anchor].unique()
        asked = f"asked_{feed}"
        with self._database():
            self._cursor.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {asked} AS SELECT {anchor} AS anchor FROM {feed} LIMIT 0"
            )
            self._cursor.execute(f"TRUNCATE {asked}")
            self._cursor.adbc_ingest(asked, pa.table({"anchor": anchors}), mode="append", temporary=True)
            self._cursor.execute(
                f"SELECT key, revision, fingerprint FROM {asked} JOIN {feed} ON {feed}.{anchor} = {asked}.anchor"
            )
            return without_extensions(self._cursor.fetch_arrow_table())

    def _perhaps_held(self, feed: str, keys: Keys) -> npt.NDArray[np.bool_]:
        if feed not in self._complete:
            self._complete[feed] = self._is_worth_reading(feed)
            if self._complete[feed]:
                self._read_keys(feed)
        return self._known.perhaps(feed, keys) if self._complete[feed] else np.ones(len(keys), bool)

    def _is_worth_reading(self, feed: str) -> bool:
        """Whether to read all keys of a table once, rather than ask for those of each batch."""
        return self._sizes.get(feed, 0) <= ASKED_AS_ONE_READ * self._expected.get(feed, 0)

    def _read_keys(self, feed: str) -> None:
        with self._database():
            self._cursor.execute(f"SELECT key FROM {feed}")
            for batch in self._cursor.fetch_record_batch():
                self._known.add(feed, _beginnings(pa.chunked_array([without_extension(batch.column(0))])))

    def _sizes_by_feed(self) -> dict[str, int]:
        """Say about how many reports of each feed are held."""
        with without_values():
            self._cursor.execute(
                "SELECT feed, sum(accepted + superseding + outdated + conflict)::bigint FROM intake_file GROUP BY feed"
            )
            return dict(self._cursor.fetchall())


def _ingest(cursor: Any, table: str, rows: pa.Table) -> None:
    cursor.adbc_ingest(table, rows.to_reader(max_chunksize=_PIECE), mode="append")


def _accepted(rows: pa.Table) -> pa.Table:
    return rows.append_column("outcome", pa.repeat(pa.scalar(str(Outcome.ACCEPTED)), rows.num_rows))


def _beginnings(keys: pa.ChunkedArray) -> Keys:
    """Give the first 64 bits of each key."""
    whole = keys.combine_chunks()
    words = np.frombuffer(whole.buffers()[1] or b"", np.uint64)
    return words[2 * whole.offset : 2 * (whole.offset + len(whole)) : 2]


def _repeated(keys: Keys) -> npt.NDArray[np.bool_]:
    """Mark the keys that occur more than once."""
    ordered = np.sort(keys)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.isin(keys, again) if len(again) else np.zeros(len(keys), bool)


@contextmanager
def evidence_writer(
    database: Database, engine: duckdb.DuckDBPyConnection, *, expected: Mapping[str, int]
) -> Iterator[EvidenceWriter]:
    """Open a writer on a connection of its own; `expected` says about how many lines of each feed will come.

    :raises UnableToUseDatabase: the database refused.
    """
    with without_values():
        connection = adbc.connect(database.uri)
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="copying") as thread:
            with without_values():
                writer = EvidenceWriter(connection, engine, expected, thread)
            yield writer
    finally:
        _close(connection)


def _close(connection: Any) -> None:
    """Close a connection, which also takes back what was not committed; it may be dead already."""
    with suppress(adbc.Error):
        connection.rollback()
    with suppress(adbc.Error):
        connection.close()
