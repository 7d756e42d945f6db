"""Reports become partners' files: CSV, NDJSON, Parquet, plain and compressed, byte for byte the same every time."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cair.simulation.figures import Partner, read_figures
from cair.simulation.scenario import JAKARTA, Arrivals

FREE_TEXT = frozenset({"full_name", "holder_name", "title", "text", "reason"})
"""Columns whose values may need quoting."""
INSTANT = pa.timestamp("s", tz="UTC")
_BUFFER = 1 << 18

Spoil = Callable[[pa.Array, str, tuple[int, int]], pa.Array]
"""Damages some of the lines (binary, with their line ends); gets the format and (partner, intake) too."""


@dataclass(frozen=True)
class Rows:
    """Reports of one feed: the partner (a number) and the instant of sending of each row, and the columns."""

    feed: str
    sender: np.ndarray
    sent: np.ndarray
    columns: dict[str, pa.Array]


class _Sink(Protocol):
    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class Outbox:
    """The folder in which partners' files grow, block by block; rows beyond the last intake are not sent."""

    def __init__(self, folder: Path, arrivals: Arrivals, spoil: Spoil) -> None:
        self.folder = folder
        self._arrivals = arrivals
        self._spoil = spoil
        self._sinks: dict[tuple[int, str], _Sink] = {}

    def put(self, rows: Rows) -> None:
        """Append rows to the files of their partners and intakes, each in the order of sending."""
        least = read_figures().page["rhythms"]["value"].get(rows.feed, 1)
        every = np.array([max(partner.every, least) for partner in read_figures().partners])
        intake = self._arrivals.intake_of(rows.sent, every[rows.sender])
        kept = np.flatnonzero(intake < len(self._arrivals.days))
        order = kept[np.lexsort((rows.sent[kept], intake[kept], rows.sender[kept]))]
        if len(order) == 0:
            return
        table = pa.table(rows.columns).take(pa.array(order))
        group = rows.sender[order] * len(self._arrivals.days) + intake[order]
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(group)], strict=True):
            partner, step = divmod(int(group[start]), len(self._arrivals.days))
            self._sink(rows.feed, partner, step).write(table.slice(start, end - start))

    def close(self) -> list[tuple[int, str]]:
        """Finish all files; gives the intake and the name of each, in the order they are to be taken in."""
        for sink in self._sinks.values():
            sink.close()
        return sorted(self._sinks)

    def _sink(self, feed: str, partner: int, step: int) -> _Sink:
        sender = read_figures().partners[partner]
        day = self._arrivals.days[step].strftime("%Y%m%d")
        key = (step, f"{feed}.{sender.name}.{day}.{sender.format}")
        if key not in self._sinks:
            path = self.folder / key[1]
            if sender.format == "parquet":
                self._sinks[key] = _ParquetSink(path)
            else:
                self._sinks[key] = _TextSink(path, sender, self._spoil, (partner, step))
        return self._sinks[key]


class _ParquetSink:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd", coerce_timestamps="us")
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _TextSink:
    def __init__(self, path: Path, partner: Partner, spoil: Spoil, place: tuple[int, int]) -> None:
        self._file: BinaryIO | gzip.GzipFile
        self._raw = path.open("wb", buffering=_BUFFER)
        self._packed = partner.format.endswith(".gz")
        if self._packed:
            self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, compresslevel=1, mtime=0)
        else:
            self._file = self._raw
        self._partner = partner
        self._spoil = spoil
        self._place = place
        self._begun = False

    def write(self, table: pa.Table) -> None:
        if self._partner.format.startswith("ndjson"):
            lines = json_lines(table, self._partner.style)
        else:
            table = _quirky(table, self._partner.quirks)
            end = "\r\n" if "crlf" in self._partner.quirks else "\n"
            if not self._begun:
                mark = "\ufeff" if "mark" in self._partner.quirks else ""
                self._file.write((mark + ",".join(table.column_names) + end).encode())
            lines = csv_lines(table, self._partner.style, end=end)
        self._begun = True
        for piece in _bytes_of(self._spoil(lines.cast(pa.binary()), self._partner.format, self._place)):
            self._file.write(piece)

    def close(self) -> None:
        self._file.close()
        if self._packed:
            self._raw.close()


def _bytes_of(lines: pa.Array) -> Iterator[memoryview]:
    chunks = lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]
    for chunk in chunks:
        _, offsets, content = chunk.buffers()
        bounds = np.frombuffer(offsets, dtype=np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        yield memoryview(content)[bounds[0] : bounds[-1]]


def instant_texts(column: pa.Array, style: str) -> pa.Array:
    """Instants as a partner writes them: `wib` and `space` with the offset of Jakarta, `utc` with a Z."""
    if style == "utc":
        return pc.replace_substring(column.cast(pa.string()), " ", "T")
    local = pc.add(column.cast(pa.int64()), JAKARTA).cast(pa.timestamp("s")).cast(pa.string())
    if style == "wib":
        local = pc.replace_substring(local, " ", "T")
    return pc.binary_join_element_wise(local, "+07:00", "")


def _texts(column: pa.Array, style: str) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return instant_texts(column, style)
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _quirky(table: pa.Table, quirks: tuple[str, ...]) -> pa.Table:
    if "remark" in quirks:
        table = table.append_column("keterangan", pa.array(["lengkap"] * len(table)))
    return table.select(table.column_names[::-1]) if "reversed" in quirks else table


def csv_lines(table: pa.Table, style: str, *, end: str = "\n") -> pa.Array:
    """One text a row, with its line end, quoted where RFC 4180 asks for it."""
    parts: list[pa.Array | str] = []
    for name in table.column_names:
        texts = _texts(_whole(table[name]), style)
        if name in FREE_TEXT:
            doubled = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
            texts = pc.if_else(pc.match_substring_regex(texts, '[",\n]'), doubled, texts)
        parts += [",", pc.fill_null(texts, "")]
    return pc.binary_join_element_wise(*parts[1:], end, "")


def json_lines(table: pa.Table, style: str) -> pa.Array:
    """One JSON object a row, with its line end; empty values are null, whole numbers are numbers."""
    parts: list[pa.Array | str] = []
    for name in table.column_names:
        column = _whole(table[name])
        texts = _texts(column, style)
        if name in FREE_TEXT:
            texts = pc.replace_substring(pc.replace_substring(texts, '"', '\\"'), "\n", "\\n")
        if not pa.types.is_integer(column.type):
            texts = pc.binary_join_element_wise('"', texts, '"', "")
        parts += [f'{", " if parts else "{"}"{name}": ', pc.fill_null(texts, "null")]
    return pc.binary_join_element_wise(*parts, "}\n", "")
