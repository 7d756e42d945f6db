"""Parquet: rows of typed columns become rows of text, numbers as the shortest decimal, instants in UTC."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds

from cair.channels.inbox.framing import LIMIT, RAW_LIMIT, Marks, Places
from cair.channels.inbox.names import UnableToTakeFile
from cair.channels.inbox.texts import TRIMMED
from cair.kernel.reasons import Refusal

ROWS = 131_072
"""Rows in one batch, at most."""

_TEXT = 16 << 20
_SHORT = 16

TROUBLE = (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError)
"""What reading a damaged file may raise."""


@dataclass(frozen=True)
class Rows:
    """Some rows, as one column of bytes per column of the feed (as read, not trimmed), and which are malformed."""

    columns: list[pa.Array]
    malformed: Marks

    def raw(self, row: int, names: Sequence[str]) -> bytes:
        """Render one row as JSON, as there is no line; cut to `RAW_LIMIT`; bytes that are not UTF-8 as `\\xNN`."""
        values = {
            name: column[row].as_py()[:RAW_LIMIT].decode(errors="backslashreplace")
            for name, column in zip(names, self.columns, strict=True)
            if column[row].is_valid
        }
        return json.dumps(values, ensure_ascii=False).encode()[:RAW_LIMIT]


class ParquetFile:
    """A Parquet file that has been opened.

    :raises UnableToTakeFile: UNREADABLE.
    """

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._file = pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 20)
            metadata = self._file.metadata
            self.count = int(metadata.num_rows)
            self.names = [name.strip(TRIMMED) for name in self._file.schema_arrow.names]
            self._rows, short = _sizes(metadata)
            if short:
                self._file.close()
                file.seek(0)
                self._file = pq.ParquetFile(
                    file,
                    page_checksum_verification=True,
                    pre_buffer=False,
                    buffer_size=1 << 20,
                    read_dictionary=short,
                )
        except TROUBLE:
            raise damaged() from None

    def rows(self, columns: Sequence[str]) -> Iterator[Rows]:
        """Yield the rows in their order, those of columns that are not there as null.

        :raises UnableToTakeFile: UNREADABLE.
        """
        seen = 0
        try:
            for batch in self._file.iter_batches(batch_size=self._rows, use_threads=False):
                for part in _parts(pa.RecordBatch.from_arrays([_plain(c) for c in batch.columns], batch.schema.names)):
                    seen += part.num_rows
                    yield _rows(part, self.names, columns)
        except TROUBLE:
            raise damaged() from None
        if seen != self.count:
            raise damaged()


def damaged() -> UnableToTakeFile:
    """Make the refusal of a file that is not Parquet, or is damaged."""
    return UnableToTakeFile(
        Refusal.UNREADABLE, "the file is not Parquet, or it is damaged; ask the sender for it again"
    )


def _sizes(metadata: pq.FileMetaData) -> tuple[int, list[str]]:
    """Return how many rows to read at once, and the columns that repeat few values and so are kept as numbers."""
    rows = max(metadata.num_rows, 1)
    sizes: dict[str, int] = {}
    texts: set[str] = set()
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            sizes[chunk.path_in_schema] = sizes.get(chunk.path_in_schema, 0) + chunk.total_uncompressed_size
            if chunk.physical_type == "BYTE_ARRAY" and "." not in chunk.path_in_schema:
                texts.add(chunk.path_in_schema)
    at_once = min(max(_TEXT * rows // max(sum(sizes.values()), 1), 1), ROWS)
    return at_once, sorted(name for name in texts if sizes[name] < _SHORT * rows)


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch so that its texts, once written out, stay bounded."""
    widths = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        widths += _width(column)
    block = np.cumsum(widths) // _TEXT
    cuts = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), batch.num_rows]
    for start, end in pairwise(cuts):
        if end > start:
            yield batch.slice(start, end - start)


def _width(column: pa.Array) -> Places:
    """Return the bytes of each value of a text column; 0 for others."""
    if kinds.is_dictionary(column.type):
        widths = np.append(_width(column.dictionary), 0)
        of_rows: Places = widths[pc.fill_null(column.indices, len(column.dictionary)).to_numpy(zero_copy_only=False)]
        return of_rows
    if not _is_text(column.type):
        return np.zeros(len(column), np.int64)
    length: Places = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return length


def _rows(batch: pa.RecordBatch, names: Sequence[str], columns: Sequence[str]) -> Rows:
    """Read the listed columns as text; texts of other columns must be text too, as every line is read whole."""
    malformed = np.zeros(batch.num_rows, bool)
    widths = np.zeros(batch.num_rows, np.int64)
    read: dict[str, pa.Array] = {}
    for name, column in zip(names, batch.columns, strict=True):
        plain = column.type.value_type if kinds.is_dictionary(column.type) else column.type
        if name not in columns and not (kinds.is_string(plain) or kinds.is_large_string(plain)):
            continue
        widths += _width(column)
        text, unreadable = _dictionary_text(column) if kinds.is_dictionary(column.type) else _text(column)
        malformed |= unreadable
        if name in columns:
            read[name] = text
    malformed |= widths > LIMIT
    return Rows([read.get(name, pa.nulls(batch.num_rows, pa.binary())) for name in columns], malformed)


def _dictionary_text(column: pa.DictionaryArray) -> tuple[pa.Array, Marks]:
    text, unreadable = _text(column.dictionary)
    indices = pc.fill_null(column.indices, len(text)).to_numpy(zero_copy_only=False)
    return text.take(column.indices), np.append(unreadable, False)[indices]


def _text(column: pa.Array) -> tuple[pa.Array, Marks]:
    """Write the values of one column as text, and mark those that are none."""
    kind = column.type
    none = np.zeros(len(column), bool)
    if _is_text(kind):
        text = column.cast(pa.large_binary()) if kinds.is_fixed_size_binary(kind) else column
        text = text.cast(pa.binary())
        return text, _unreadable(text)
    if kinds.is_timestamp(kind):
        text = _instants(column)
    elif kinds.is_floating(kind) or kinds.is_decimal(kind):
        text = _decimals(column.cast(pa.float64()) if kinds.is_float16(kind) else column)
    elif kinds.is_nested(kind):
        return pa.nulls(len(column), pa.binary()), column.is_valid().to_numpy(zero_copy_only=False)
    elif kinds.is_null(kind):
        text = pa.nulls(len(column), pa.string())
    else:
        text = _as_arrow_writes(column)
    return text.cast(pa.binary()), none


def _as_arrow_writes(column: pa.Array) -> pa.StringArray:
    try:
        return column.cast(pa.string())
    except pa.ArrowNotImplementedError:
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        kinds.is_string(kind)
        or kinds.is_large_string(kind)
        or kinds.is_binary(kind)
        or kinds.is_large_binary(kind)
        or kinds.is_fixed_size_binary(kind)
    )


def _plain(column: pa.Array) -> pa.Array:
    """Take off what a type says beyond how it is stored."""
    if isinstance(column, pa.ExtensionArray):
        if column.type == pa.uuid():
            return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
        return column.storage
    if kinds.is_string_view(column.type):
        return column.cast(pa.large_string())
    return column.cast(pa.large_binary()) if kinds.is_binary_view(column.type) else column


def _unreadable(text: pa.BinaryArray) -> Marks:
    """Mark the values that are not UTF-8 or have a NUL."""
    nul: Marks = pc.fill_null(pc.match_substring(text, b"\x00"), False).to_numpy(zero_copy_only=False)
    try:
        text.cast(pa.string())
    except pa.ArrowInvalid:
        nul = nul | np.array([value.is_valid and not _is_utf8(value.as_py()) for value in text])
    return nul


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decimals(column: pa.Array) -> pa.StringArray:
    """Write numbers as the shortest decimal: without exponent, without zeros at the end of a fraction."""
    text = column.cast(pa.string())
    powers = pc.match_substring_regex(text, "[0-9][eE][+-]?[0-9]")
    if pc.any(powers).as_py():
        plain = [format(Decimal(value), "f") for value in text.filter(powers).to_pylist()]
        text = pc.replace_with_mask(text, powers, pa.array(plain, pa.string()))
    fraction = pc.find_substring(text, ".")
    if pc.any(pc.greater_equal(fraction, 0)).as_py():
        text = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+$", r"\1")
        text = pc.replace_substring_regex(text, r"\.$", "")
    return text


def _instants(column: pa.TimestampArray) -> pa.StringArray:
    """Write timestamps in UTC; one without zone gets no zone, and so is no instant."""
    unit, zone = column.type.unit, column.type.tz
    counts = column.view(pa.int64())
    if unit == "ns":
        micros = pc.divide(counts, 1000)
        whole = pc.equal(pc.multiply(micros, 1000), counts)
        text = _moments(micros, "us")
        if not pc.all(whole, min_count=0).as_py():
            text = pc.if_else(whole, text, _moments(counts, "ns"))
    else:
        text = _moments(counts, unit)
    return pc.binary_join_element_wise(text, pa.scalar("Z"), "") if zone else text


def _moments(counts: pa.Int64Array, unit: str) -> pa.StringArray:
    return counts.view(pa.timestamp(unit)).cast(pa.string())
