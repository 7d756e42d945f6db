"""Lines that were rejected or that contradict, as rows of the contract's exports."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from cair.kernel.identity import show_raw
from cair.programme.sentences import remedy
from cair.rules.tables import FEEDS, Column, Feed, Kind
from cair.store.database import without_values
from cair.store.engine import session
from cair.store.exports import write_rows
from cair.store.naming import stored_name
from cair.store.office import Office
from cair.store.queries.intake import rejects

_PART = 50_000
_REJECT = {
    "file": pa.string(),
    "line": pa.int64(),
    "feed": pa.string(),
    "partner": pa.string(),
    "code": pa.string(),
    "column": pa.string(),
    "message": pa.string(),
    "raw": pa.string(),
}
_CONFLICT = {
    "file": pa.string(),
    "line": pa.int64(),
    "feed": pa.string(),
    "partner": pa.string(),
    "key": pa.string(),
    "revision": pa.int64(),
}


def _batches(rows: Iterator[tuple[object, ...]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    part: list[tuple[object, ...]] = []
    for row in rows:
        part.append(row)
        if len(part) == _PART:
            yield _batch(part, schema)
            part = []
    if part:
        yield _batch(part, schema)


def _batch(part: list[tuple[object, ...]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(column, kind) for column, kind in zip(zip(*part, strict=True), schema.types, strict=True)],
        schema=schema,
    )


def _write(office: Office, path: Path, rows: Iterator[tuple[object, ...]], columns: dict[str, pa.DataType]) -> int:
    schema = pa.schema(list(columns.items()))
    with session(office.home, threads=1) as engine:
        engine.execute("SET preserve_insertion_order = true")
        engine.register("exported", pa.RecordBatchReader.from_batches(schema, _batches(rows, schema)))
        names = ", ".join(
            f'nullif("{name}", \'\') AS "{name}"' if kind == pa.string() else f'"{name}"'
            for name, kind in columns.items()
        )
        return write_rows(engine, f"SELECT {names} FROM exported", path)


def write_rejects(office: Office, path: Path, *, until: datetime, unmasked: bool) -> int:
    """Write the rejects of files received until an instant, in the order of intake.

    Raw lines are masked; `unmasked` shows them in the clear, which is recorded first.
    """
    show: Callable[[int, bytes, str], str]
    if unmasked:
        _record_unmasked(office)
        vault = office.vault

        def show(number: int, sealed: bytes, masked: str) -> str:  # noqa: ARG001
            return show_raw(vault.unseal_bytes("reject", sealed, f"{number}".encode()))
    else:

        def show(number: int, sealed: bytes, masked: str) -> str:  # noqa: ARG001
            return masked

    def rows() -> Iterator[tuple[object, ...]]:
        for number, name, line, feed, partner, code, column, masked, sealed in rejects(office.database, until):
            about = FEEDS[feed].column(column) if column else None
            message = remedy("reject", code, lang="en", column=about)
            yield name, line, feed, partner, code, column, message, show(number, sealed, masked)

    return _write(office, path, rows(), _REJECT)


def _record_unmasked(office: Office) -> None:
    with without_values(), office.database.connect(autocommit=True) as connection:
        connection.execute("INSERT INTO unmasking (seen_at, what) VALUES (now(), 'rejects')")


def _key_text(feed: Feed) -> str:
    """Write the SQL for the key of a report as text: `column=value`, personal values masked."""
    return " || '; ' || ".join(f"'{column.name}=' || {_key_value(column)}" for column in feed.key)


def _key_value(column: Column) -> str:
    if column.secret:
        return "'****'"
    stored = f'"{stored_name(column)}"'
    if column.kind is Kind.INSTANT:
        parted = f"""to_char({stored} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        return f"replace({parted}, '.000000Z', 'Z')"
    if column.kind is Kind.CARD:
        return f"lpad({stored}::text, 16, '0')"
    return f"{stored}::text"


def write_conflicts(office: Office, path: Path, *, until: datetime) -> int:
    """Write the lines that contradict a report of the same key and revision, in the order of intake."""
    selects = " UNION ALL ".join(
        f"SELECT f.name, r.taken_in & 4294967295, '{name}', r.partner, {_key_text(feed)}, r.revision, r.taken_in "
        f"FROM {name} r JOIN intake_file f ON f.number = r.taken_in >> 32 "
        f"WHERE r.outcome = 'conflict' AND f.received_at <= %(until)s"
        for name, feed in FEEDS.items()
    )

    def rows() -> Iterator[tuple[object, ...]]:
        with without_values(), office.database.connect() as connection, connection.cursor("conflicts") as cursor:
            cursor.execute(f"{selects} ORDER BY 7", {"until": until})
            for row in cursor:
                yield row[:6]

    return _write(office, path, rows(), _CONFLICT)
