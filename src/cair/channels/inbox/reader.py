"""A partner's file, read exactly: columns of text in batches, each malformed line by its number, or the file refused.

Memory is bounded whatever the size of the file. Nothing is lost in silence: bytes framed are bytes read, and records
are rows and malformed lines, or the file is refused.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from cair.channels.inbox import csv, ndjson
from cair.channels.inbox.framing import Frame, Framer, Marks
from cair.channels.inbox.names import FileName, UnableToTakeFile, read_name
from cair.channels.inbox.parquet import ParquetFile, Rows
from cair.channels.inbox.source import Source
from cair.channels.inbox.texts import trimmed_column
from cair.kernel.reasons import Refusal
from cair.rules.tables import FEEDS, REVISION, Feed

__all__ = ["Batch", "FileName", "UnableToTakeFile", "read", "read_name"]

_ENOUGH = 100_000
_FRAMES = 4
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_FORMATS = (b"\x1f\x8b\x08", b"PAR1\x15", b"PK\x03\x04")


@dataclass(frozen=True)
class Batch:
    """Some records of a file, in its order.

    `values` has a column of text for each column of the feed, in the order of the feed, then `revision`; values are
    trimmed, empty and absent ones are null. Row k is record `lines[k]` of the file: counted from 1, the header not
    counted, malformed records counted. `malformed_raw` holds at most the first 64 KiB of a record that is over 1 MiB.
    `position` says how many bytes of the file have been read (compressed ones of a compressed file).
    """

    values: pa.Table
    lines: pa.Int64Array
    malformed_lines: list[int]
    malformed_raw: list[bytes]
    position: int
    _raw: Callable[[int], bytes] = field(repr=False)

    def raw(self, rows: Sequence[int]) -> list[bytes]:
        """Return rows of `values` as they were written, without line break; of Parquet, rendered as JSON."""
        return [self._raw(row) for row in rows]


def read(path: Path, name: FileName) -> Iterator[Batch]:
    """Read a file; a file without records yields nothing.

    :raises UnableToTakeFile: at the start or midway; then nothing of the file may be taken. UNREADABLE, TRUNCATED,
        MISSING_COLUMN or REPEATED_COLUMN, the first that applies (damage is looked for in all of the file before a
        refusal for its columns).
    """
    feed = FEEDS[name.feed]
    source = Source(path)
    with source.file:
        if name.format == "parquet":
            yield from _read_parquet(source, feed)
            return
        blocks = _without_mark(source.blocks(compressed=name.compressed))
        framer = Framer(quoting=name.format == "csv")
        frames = framer.frames(blocks)
        if name.format == "csv":
            yield from _gathered(_read_csv(source, frames, feed, compressed=name.compressed))
        else:
            yield from _gathered(_read_ndjson(source, frames, feed))
        if framer.bytes_read != framer.bytes_framed:
            raise _lost("bytes")


def columns_of(feed: Feed) -> tuple[str, ...]:
    """Return the columns of `Batch.values`."""
    return (*(column.name for column in feed.columns), REVISION.name)


def _gathered(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Join small batches: blocks that fit the processor's cache are cut faster, larger batches are stored faster."""
    waiting: list[Batch] = []
    records = 0
    for batch in batches:
        waiting.append(batch)
        records += batch.values.num_rows + len(batch.malformed_lines)
        if records >= _ENOUGH or len(waiting) == _FRAMES:
            yield _joined(waiting)
            waiting, records = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    ends = np.cumsum([batch.values.num_rows for batch in batches]).tolist()

    def raw(row: int) -> bytes:
        place = bisect_right(ends, row)
        return batches[place].raw([row - (ends[place - 1] if place else 0)])[0]

    return Batch(
        pa.concat_tables([batch.values for batch in batches]),
        pa.concat_arrays([batch.lines for batch in batches]),
        [line for batch in batches for line in batch.malformed_lines],
        [line for batch in batches for line in batch.malformed_raw],
        batches[-1].position,
        raw,
    )


def _without_mark(blocks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(blocks, b"")
    return chain([first.removeprefix(_BYTE_ORDER_MARK)], blocks)


def _read_csv(source: Source, frames: Iterator[Frame], feed: Feed, *, compressed: bool) -> Iterator[Batch]:
    names = columns_of(feed)
    layout: csv.Layout | None = None
    line = 0
    for frame in frames:
        first = 0
        if layout is None:
            layout, first = _layout(frame, frames, feed, compressed=compressed), 1
        malformed, columns = csv.read_records(frame, layout, first)
        yield _batch(source, frame, malformed, names, columns, line, first)
        line += len(malformed)
    if layout is None:
        raise _missing(feed.required)


def _layout(frame: Frame, frames: Iterable[Frame], feed: Feed, *, compressed: bool) -> csv.Layout:
    """Lay the columns of the feed over the header, the first record."""
    header = csv.read_header(frame)
    if header is None:
        why = "the header cannot be read (quotes, encoding, length); ask the sender for a plain header row in UTF-8"
        raise UnableToTakeFile(Refusal.UNREADABLE, why)
    try:
        _check_columns(header, feed)
    except UnableToTakeFile:
        if compressed:
            for _ in frames:
                pass
        raise
    return csv.Layout.of(header, columns_of(feed))


def _read_ndjson(source: Source, frames: Iterator[Frame], feed: Feed) -> Iterator[Batch]:
    names = columns_of(feed)
    line = 0
    for frame in frames:
        if line == 0 and frame.content.startswith(_OTHER_FORMATS):
            why = "the file is not text, though its name says NDJSON; ask the sender to name it for what it is"
            raise UnableToTakeFile(Refusal.UNREADABLE, why)
        malformed, columns = ndjson.read_lines(frame, names)
        yield _batch(source, frame, malformed, names, columns, line, 0)
        line += len(malformed)


def _batch(
    source: Source,
    frame: Frame,
    malformed: Marks,
    names: Sequence[str],
    columns: Sequence[pa.Array],
    line: int,
    first: int,
) -> Batch:
    """Put the records of a frame from `first` on together; `line` is the number of the last record before them."""
    rows, others = np.flatnonzero(~malformed), np.flatnonzero(malformed)
    values = pa.table(dict(zip(names, columns, strict=True)))
    if values.num_rows != len(rows):
        raise _lost("records")
    return Batch(
        values,
        pa.array(rows + (line + 1)),
        (others + (line + 1)).tolist(),
        [frame.raw(first + record) for record in others.tolist()],
        source.position,
        lambda row: frame.raw(first + int(rows[row])),
    )


def _read_parquet(source: Source, feed: Feed) -> Iterator[Batch]:
    names = columns_of(feed)
    file = ParquetFile(source.file)
    try:
        _check_columns(file.names, feed)
    except UnableToTakeFile:
        for _ in file.rows(()):
            pass
        raise
    line = 0
    for rows in file.rows(names):
        yield _parquet_batch(source, rows, names, line)
        line += len(rows.malformed)


def _parquet_batch(source: Source, read: Rows, names: Sequence[str], line: int) -> Batch:
    rows, others = np.flatnonzero(~read.malformed), np.flatnonzero(read.malformed)
    kept = pa.array(~read.malformed)
    columns = [trimmed_column(column.filter(kept) if len(others) else column) for column in read.columns]
    return Batch(
        pa.table(dict(zip(names, columns, strict=True))),
        pa.array(rows + (line + 1)),
        (others + (line + 1)).tolist(),
        [read.raw(row, names) for row in others.tolist()],
        source.position,
        lambda row: read.raw(int(rows[row]), names),
    )


def _check_columns(header: Sequence[str], feed: Feed) -> None:
    missing = [name for name in feed.required if name not in header]
    if missing:
        raise _missing(missing)
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        why = "two columns have the same name; ask the sender to leave one of them out"
        raise UnableToTakeFile(Refusal.REPEATED_COLUMN, why)


def _missing(columns: Sequence[str]) -> UnableToTakeFile:
    why = f"the header lacks {', '.join(columns)}; ask the sender for a file with these columns"
    return UnableToTakeFile(Refusal.MISSING_COLUMN, why)


def _lost(what: str) -> UnableToTakeFile:
    why = f"the {what} of the file do not add up after reading; report this as a fault of the program"
    return UnableToTakeFile(Refusal.UNREADABLE, why)
