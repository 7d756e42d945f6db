"""P4: gzipped CSV of mixed feeds to durable, deduplicated, accounted rows.

The yardstick is what one would write first: the same lines, parsed already, by COPY into an unlogged staging table and
from there merged into one table with a unique key, on the same server with the same settings, a transaction a file.
"""

import gzip
import io
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from cair.channels.inbox.names import UnableToTakeFile, read_name
from cair.channels.inbox.reader import read
from cair.journeys.take_evidence import take_files
from cair.rules.tables import FEEDS
from cair.simulation import Scenario, write_files
from cair.store.configuration import Configuration
from cair.store.database import open_database
from cair.store.office import open_office

SEED = 680_880
RECEIVED = datetime(2020, 7, 28, tzinfo=UTC)
_TABLES = (
    "CREATE UNLOGGED TABLE staging (feed text, partner text, key text, revision text, content text)",
    "CREATE TABLE bare (LIKE staging, PRIMARY KEY (feed, partner, key, revision))",
)
_MERGE = "INSERT INTO bare SELECT * FROM staging ON CONFLICT DO NOTHING"


def run(people: int, folder: Path) -> dict[str, object]:
    """Take in all files of so many made-up people; lines a second, and how many times the yardstick that is.

    `folder` holds the files and the databases meanwhile; it should be on the disk that is meant. Processor time is that
    of this process; the server's comes on top of it.
    """
    files = _gzipped(people, folder / "made", folder / "gzipped")
    ours = _ours(files, folder / "office")
    bare = _bare(files, folder / "bare")
    return {
        "goal": "P4",
        "people": people,
        "files": len(files),
        **ours,
        "bare_lines_per_s": bare,
        "times_bare": round(float(str(ours["lines_per_s"])) / bare, 2),
    }


def _gzipped(people: int, made: Path, gzipped: Path) -> list[Path]:
    """Write the made-up population's files again, all as gzipped CSV."""
    write_files(Scenario(people=people, seed=SEED), made, progress=lambda *_: None)
    gzipped.mkdir(parents=True)
    for path in sorted((made / "files").iterdir()):
        for rows in _rows(path):
            whole = (
                gzipped / f"{path.name.partition('.csv')[0].removesuffix('.ndjson').removesuffix('.parquet')}.csv.gz"
            )
            is_new = not whole.exists()
            with gzip.open(whole, "ab", compresslevel=1) as packed:
                options = pa.csv.WriteOptions(include_header=is_new, quoting_style="needed")
                written = io.BytesIO()
                pa.csv.write_csv(rows, written, options)
                packed.write(written.getbuffer())
    shutil.rmtree(made)
    return sorted(gzipped.iterdir())


def _rows(path: Path) -> Iterator[pa.Table]:
    try:
        for batch in read(path, read_name(path.name)):
            yield batch.values
    except UnableToTakeFile:
        return


def _ours(files: list[Path], home: Path) -> dict[str, object]:
    with open_office(Configuration(home, home / "keys"), announce=lambda _: None) as office:
        wall, work = time.perf_counter(), time.process_time()
        taken = take_files(office, files, received_at=RECEIVED, now=datetime.now(UTC), progress=lambda *_: None)
        wall, work = time.perf_counter() - wall, time.process_time() - work
    shutil.rmtree(home)
    lines = sum(sum(file.counts.values()) for file in taken.files)
    return {
        "lines": lines,
        "wall_s": round(wall, 1),
        "lines_per_s": round(lines / wall),
        "processor_us_per_line": round(1e6 * work / lines, 2),
    }


def _bare(files: list[Path], home: Path) -> int:
    """Lines a second of COPY and merge; making the columns ready is not counted."""
    lines, wall = 0, 0.0
    with (
        open_database(home, None, announce=lambda _: None) as database,
        adbc.connect(database.uri) as connection,
        connection.cursor() as cursor,
    ):
        for statement in _TABLES:
            cursor.execute(statement)
        connection.commit()
        for path in files:
            for batch in _rows(path):
                rows = _bare_columns(path, batch)
                begun = time.perf_counter()
                cursor.execute("TRUNCATE staging")
                cursor.adbc_ingest("staging", rows, mode="append")
                cursor.execute(_MERGE)
                lines, wall = lines + rows.num_rows, wall + time.perf_counter() - begun
            begun = time.perf_counter()
            connection.commit()
            wall += time.perf_counter() - begun
    shutil.rmtree(home)
    return round(lines / wall)


def _bare_columns(path: Path, rows: pa.Table) -> pa.Table:
    name = read_name(path.name)
    feed = FEEDS[name.feed]
    texts = {column: pc.fill_null(rows[column], "") for column in rows.column_names}
    texts["feed"], texts["partner"] = (pa.repeat(text, rows.num_rows) for text in (name.feed, name.partner))
    texts["key"] = pc.binary_join_element_wise(*(texts[column.name] for column in feed.key), "\x1f")
    rest = (texts[column.name] for column in feed.columns if not column.key)
    texts["content"] = pc.binary_join_element_wise(texts["revision"], *rest, "\x1f")
    return pa.table({column: texts[column] for column in ("feed", "partner", "key", "revision", "content")})


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        print(run(int(sys.argv[1]), Path(place)))
