"""The evidence as immutable Parquet files with a manifest of hashes: derived from the database, rebuilt at will.

Reports lie in buckets, by card number or by redeem code, so that everybody is decided a bucket at a time in bounded
memory. A generation holds what came in since the one before; when the later ones grow, all become one. A key with more
than one report is *contested*: files know it of their own generation, `contested` lists tell it of later ones.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cair.kernel.reasons import Outcome
from cair.rules.reports import DECIDING, schema_of
from cair.store.database import Database, without_values
from cair.store.facts import seen_columns
from cair.store.private_files import own_folder

AT_A_TIME = 2
"""So many feeds are fetched at a time."""
PATIENCE = 300
"""Seconds to wait for others that read or write."""
PEOPLE_PER_BUCKET = 230_000
GROWTH = 4
"""Everything is written anew when the later generations hold more than a part in so many of the first."""
MOST_GENERATIONS = 12
FORM = f"3, DuckDB {duckdb.__version__}"
"""Name of the layout; segments of another are thrown away and made again. Buckets hang on the engine's own hash, which
may change from version to version."""
BY_CARD = ("appointments", "accounts", "purchases", "messages", "contacts")
BY_CODE = ("redemptions", "activities", "completions", "confirmations", "reviews")
_OPTIONS = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880"


@dataclass
class Segment:
    """One file: its feed, generation and bucket (-1: the list of contested keys), its rows and its SHA-256.

    `contested`: the keys of its reports have several; a file has only such reports, or none.
    """

    feed: str
    generation: int
    bucket: int
    contested: bool
    path: str
    rows: int
    sha256: str


@dataclass
class Manifest:
    """What there is: in how many buckets, up to which report of which database, in which files.

    `head` names the database and the last file of it that is in: another database, or one restored to an earlier
    state and gone on from there, has another.
    """

    form: str = FORM
    buckets: int = 1
    taken_in: int = -1
    head: str = ""
    generations: int = 0
    segments: list[Segment] = field(default_factory=list)

    def rows(self, *, after: int = -1) -> int:
        """Count the reports in generations after one."""
        return sum(segment.rows for segment in self.segments if segment.bucket >= 0 and segment.generation > after)

    def of(self, feed: str, bucket: int | None = None) -> list[Segment]:
        """Give the report files of a feed, of one bucket or of all."""
        return [s for s in self.segments if s.feed == feed and s.bucket >= 0 and bucket in (None, s.bucket)]

    def contested(self, feed: str, *, after: int) -> list[Segment]:
        """Give the lists of keys of a feed that became contested in generations after one."""
        return [s for s in self.segments if s.feed == feed and s.bucket < 0 and s.generation > after and s.rows]


def bucket_of(feed: str, buckets: int) -> str:
    """Write the SQL expression for the bucket of a report."""
    if feed in BY_CARD:
        return card_bucket("card_number", buckets)
    return code_bucket("redeem_code", buckets) if feed in BY_CODE else "0"


def card_bucket(column: str, buckets: int) -> str:
    """Write the bucket of a card number."""
    return f"(hash({column}) % {buckets})::INTEGER"


def code_bucket(column: str, buckets: int) -> str:
    """Write the bucket of a redeem code."""
    return f"(hash({column}) % {buckets})::INTEGER"


class UnableToWaitForSegments(Exception):
    """Others hold the segments for too long; the message says what to do."""


class Segments:
    """The segments of one home. Held for reading, once brought up to date, as long as this object lives."""

    def __init__(self, home: Path) -> None:
        self.folder = own_folder(home / "segments", private=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        weakref.finalize(self, os.close, self._lock)
        self.manifest = self._read()

    def _read(self) -> Manifest:
        file = self.folder / "manifest.json"
        if not file.exists():
            return Manifest()
        read = json.loads(file.read_text(encoding="utf-8"))
        if read["form"] != FORM:
            return Manifest()
        return Manifest(**{**read, "segments": [Segment(**segment) for segment in read["segments"]]})

    def put_in_place(self, manifest: Manifest) -> None:
        """Put a manifest in place at once; then remove what it does not name."""
        unfinished = self.folder / "manifest.new"
        unfinished.write_text(json.dumps(asdict(manifest)), encoding="utf-8")
        unfinished.rename(self.folder / "manifest.json")
        self.manifest = manifest
        named = {Path(segment.path).parts[0] for segment in manifest.segments}
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name not in named:
                shutil.rmtree(entry, ignore_errors=True)

    def path(self, segment: Segment) -> str:
        """Give the place of a file."""
        return str(self.folder / segment.path)

    def adopt(self, folder: Path) -> None:
        """Take over segments made elsewhere, with their manifest (benchmarks make them without a database)."""
        shutil.copytree(folder, self.folder, dirs_exist_ok=True)
        self.manifest = self._read()

    def bring_up_to_date(
        self, database: Database, engine: duckdb.DuckDBPyConnection, announce: Callable[[str, int, int], None]
    ) -> None:
        """Fetch what came into the database since; make one generation of all when the later ones have grown.

        :raises UnableToUseDatabase: the database refused.
        """
        with self._alone():
            self._bring_up_to_date(database, engine, announce)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Write alone; from then on read beside others: nobody takes the files away while they are read."""
        self._wait_for(fcntl.LOCK_EX)
        self.manifest = self._read()
        yield
        self._wait_for(fcntl.LOCK_SH)

    def _wait_for(self, kind: int) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return fcntl.flock(self._lock, kind | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > until:
                    raise UnableToWaitForSegments(
                        "Other commands are reading or writing the segments of this home. Wait for them and try again."
                    ) from None
                time.sleep(0.05)

    def _bring_up_to_date(
        self, database: Database, engine: duckdb.DuckDBPyConnection, announce: Callable[[str, int, int], None]
    ) -> None:
        newest, people = _state(database)
        if self.manifest.taken_in >= 0 and _head(database, self.manifest.taken_in) != self.manifest.head:
            self.put_in_place(Manifest())  # another database, or another history of this one
        if newest == self.manifest.taken_in:
            return
        if not self.manifest.generations:
            self.manifest = Manifest(buckets=buckets_for(people))
        self._fetch(database, engine, newest, announce)
        first = sum(s.rows for s in self.manifest.segments if s.bucket >= 0 and s.generation == 0)
        late = self.manifest.rows(after=0)
        wanted = buckets_for(people)
        if (
            late * GROWTH > max(first, 1_000)
            or self.manifest.generations > MOST_GENERATIONS
            or wanted > 2 * self.manifest.buckets
        ):
            self._unite(engine, wanted)

    def _fetch(
        self,
        database: Database,
        engine: duckdb.DuckDBPyConnection,
        newest: int,
        announce: Callable[[str, int, int], None],
    ) -> None:
        import adbc_driver_postgresql.dbapi  # noqa: F401 - once, before two threads would at the same time

        generation = self.manifest.generations
        folder = f"{generation}-{secrets.token_hex(4)}"
        found: list[Segment] = []

        def fetch(feed: str, own: duckdb.DuckDBPyConnection) -> list[Segment]:
            return self._fetch_feed(database, own, feed, newest, folder)

        cursors = [engine.cursor() for _ in DECIDING]  # here: a connection is no place for two threads
        # Two at a time: while one waits for the database the other writes.
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="segments") as threads:
            made = threads.map(fetch, DECIDING, cursors)
            for place, (feed, segments) in enumerate(zip(DECIDING, made, strict=True), 1):
                announce(feed, place, len(DECIDING))
                found += segments
        self.put_in_place(
            Manifest(
                buckets=self.manifest.buckets,
                taken_in=newest,
                head=_head(database, newest),
                generations=generation + 1,
                segments=[*self.manifest.segments, *found],
            )
        )

    def _fetch_feed(
        self, database: Database, engine: duckdb.DuckDBPyConnection, feed: str, newest: int, folder: str
    ) -> list[Segment]:
        """Fetch the reports of a feed that came in since, on a connection of its own."""
        import adbc_driver_postgresql.dbapi as adbc  # brings pandas, and deciding needs neither

        new = f"FROM {feed} WHERE taken_in > {self.manifest.taken_in} AND taken_in <= {newest}"
        with engine, without_values(), adbc.connect(database.uri) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT DISTINCT key {new} AND outcome <> '{Outcome.ACCEPTED}'")
            disputed = cursor.fetch_arrow_table()
            cursor.execute(f"SELECT {seen_columns(feed)} {new}")
            reader = cursor.fetch_record_batch()
            return write_generation(
                self, engine, feed, reader, disputed, folder=folder, generation=self.manifest.generations
            )

    def _unite(self, engine: duckdb.DuckDBPyConnection, buckets: int) -> None:
        """Write all generations as one, in as many buckets as there are people for."""
        folder = f"0-{secrets.token_hex(4)}"
        found: list[Segment] = []
        taken_in, head = self.manifest.taken_in, self.manifest.head
        for feed in DECIDING:
            if self.manifest.of(feed):
                whole = self.reading(feed)
                found += _write_files(self, engine, feed, whole, folder=folder, generation=0, buckets=buckets)
        self.put_in_place(Manifest(buckets=buckets, taken_in=taken_in, head=head, generations=1, segments=found))

    def reading(self, feed: str, bucket: int | None = None) -> str:
        """Write the SELECT of a feed's reports, of one bucket or of all, each with `contested` as of all generations."""
        together: dict[tuple[int, bool], list[Segment]] = {}
        for segment in self.manifest.of(feed, bucket):
            together.setdefault((segment.generation, segment.contested), []).append(segment)
        parts = [self._reading_of(feed, *which, segments) for which, segments in sorted(together.items())]
        return " UNION ALL ".join(parts) if parts else f"SELECT {_nothing(feed)} WHERE false"

    def _reading_of(self, feed: str, generation: int, contested: bool, segments: list[Segment]) -> str:
        later = [] if contested else self.manifest.contested(feed, after=generation)
        mark = "true" if contested else "false"
        if later:
            mark = f"key IN (SELECT key FROM read_parquet({_list(self.path(segment) for segment in later)}))"
        files = _list(self.path(segment) for segment in segments)
        return f"SELECT *, {mark} AS contested FROM read_parquet({files}, hive_partitioning = false)"

    def check(self) -> list[str]:
        """Compare every file with the manifest; give a sentence for each that is missing or differs."""
        wrong = []
        for segment in self.manifest.segments:
            path = self.folder / segment.path
            if not path.exists():
                wrong.append(f"segment {segment.path} is missing")
            elif _sha256(path) != segment.sha256:
                wrong.append(f"segment {segment.path} is not what was written")
        return wrong


def buckets_for(people: int) -> int:
    """Say in how many buckets people are decided."""
    return max(1, -(-people // PEOPLE_PER_BUCKET))


def _state(database: Database) -> tuple[int, int]:
    """Give the newest report number there can be, and about how many people are appointed."""
    with without_values(), database.connect(autocommit=True) as connection:
        row = connection.execute(
            "SELECT (coalesce(max(number), -1) + 1) * 4294967296 - 1, "
            "coalesce(sum(accepted) FILTER (WHERE feed = 'appointments'), 0) FROM intake_file"
        ).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0]), int(row[1])


def _head(database: Database, taken_in: int) -> str:
    """Name a database, and the file that its report number `taken_in` ends with; empty where there is no such file."""
    with without_values(), database.connect(autocommit=True) as connection:
        row = connection.execute(
            "SELECT (SELECT min(applied) FROM django_migrations), number, sha256, name, received_at "
            "FROM intake_file WHERE number = %s",
            [taken_in >> 32],
        ).fetchone()
    return "/".join(map(str, row)) if row else ""


def write_generation(
    segments: Segments,
    engine: duckdb.DuckDBPyConnection,
    feed: str,
    reports: pa.RecordBatchReader,
    disputed: pa.Table,
    *,
    folder: str,
    generation: int,
) -> list[Segment]:
    """Write the new reports of a feed as they come: their files by bucket, and the list of keys they make contested.

    `reports` have the columns of `facts.schema_of`; `disputed` has the `key` of every one that was not simply accepted.
    """
    engine.register("disputed", disputed)
    engine.register("arriving", reports)
    columns = ", ".join(
        "key IN (FROM disputed) AS contested" if column == "contested" else f'"{column}"' for column in schema_of(feed)
    )
    arriving = f"SELECT {columns} FROM arriving"
    found = _write_files(
        segments, engine, feed, arriving, folder=folder, generation=generation, buckets=segments.manifest.buckets
    )
    if disputed.num_rows:
        name = f"{folder}/{feed}-contested.parquet"
        engine.execute(f"COPY disputed TO '{segments.folder / name}' ({_OPTIONS})")
        found.append(Segment(feed, generation, -1, True, name, disputed.num_rows, _sha256(segments.folder / name)))
    engine.unregister("arriving")
    engine.unregister("disputed")
    return found


def _write_files(
    segments: Segments,
    engine: duckdb.DuckDBPyConnection,
    feed: str,
    rows: str,
    *,
    folder: str,
    generation: int,
    buckets: int,
) -> list[Segment]:
    """Write reports with `contested`: the contested ones to files of their own, so that neither is read for the other."""
    target = own_folder(segments.folder / folder, private=True) / feed
    engine.execute(
        f"COPY (SELECT *, {bucket_of(feed, buckets)} AS bucket FROM ({rows})) TO '{target}' "
        f"({_OPTIONS}, PARTITION_BY (contested, bucket), OVERWRITE_OR_IGNORE)"
    )
    found = []
    for path in sorted(target.glob("contested=*/bucket=*/*.parquet")):
        count = _one(engine, f"SELECT num_rows FROM parquet_file_metadata('{path}')")
        bucket = int(path.parent.name.removeprefix("bucket="))
        contested = path.parent.parent.name == "contested=true"
        name = str(path.relative_to(segments.folder))
        found.append(Segment(feed, generation, bucket, contested, name, count, _sha256(path)))
    return found


def _one(engine: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(engine.execute(sql).fetchall()[0][0])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _list(paths: Any) -> str:
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"[{quoted}]"


_DUCKDB_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "boolean": "BOOLEAN", "uuid": "UUID"}


def _nothing(feed: str) -> str:
    return ", ".join(f'NULL::{_DUCKDB_TYPES[kind]} AS "{name}"' for name, kind in schema_of(feed).items())
