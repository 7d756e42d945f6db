"""Places in a block become columns of text: trimmed, the empty ones null, without a copy before the last step."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cair.channels.inbox.framing import COMMA, CR, LF, QUOTE, SPACE, TAB, Places

TRIMMED = " \t\r\n\u00a0"
"""What is taken off both ends of a value."""

_NO_BREAK_SPACE = TRIMMED[-1].encode()
_ROUNDS = 8

_BLANK = np.zeros(256, bool)
_BLANK[[TAB, LF, CR, SPACE]] = True
_TRIMMED_BYTES = _BLANK.copy()
_TRIMMED_BYTES[list(_NO_BREAK_SPACE)] = True
_EDGE = np.zeros(256, bool)
_EDGE[[COMMA, LF, CR, QUOTE]] = True


def trimmed(text: str | None) -> str | None:
    """Trim one value; empty is None."""
    return (text or "").strip(TRIMMED) or None


@dataclass(frozen=True)
class Block:
    """The bytes that values are cut from; `ragged` when some value may begin or end with what is trimmed."""

    content: bytes
    view: npt.NDArray[np.uint8] = field(repr=False)
    ragged: bool

    def column(
        self, starts: Places, ends: Places, *, instead: Mapping[int, str | None] | None = None
    ) -> pa.StringArray:
        """Cut one column: value k lies from `starts[k]` to `ends[k]`, which must not go back from row to row.

        :param instead: values, by row, that cannot be cut because they are written otherwise than they read.
        """
        if self.ragged:
            starts, ends = self._trimmed(starts, ends)
        rows = len(starts)
        if not rows:
            return pa.array([], pa.string())
        places = np.empty((rows, 2), np.int32)
        places[:, 0] = starts
        places[:, 1] = ends
        # Every second piece is a value, those between are what separates them.
        pieces = pa.StringArray.from_buffers(2 * rows - 1, pa.py_buffer(places), pa.py_buffer(self.content))
        taken = pieces.take(pa.array(np.arange(0, 2 * rows, 2, dtype=np.int32)))
        column = _with_nulls(taken, ends > starts)
        return _replaced(column, instead) if instead else column

    def _trimmed(self, starts: Places, ends: Places) -> tuple[Places, Places]:
        starts, ends = starts.copy(), ends.copy()
        rows = np.flatnonzero(ends > starts)
        for _ in range(_ROUNDS):
            left, right = self._blanks_at(starts[rows]), self._blanks_before(ends[rows])
            starts[rows] += left
            ends[rows] -= right
            rows = rows[(left + right) > 0]
            # A single blank is both the first and the last.
            ends[rows] = np.maximum(ends[rows], starts[rows])
            rows = rows[ends[rows] > starts[rows]]
            if not len(rows):
                return starts, ends
        for row in rows.tolist():
            text = self.content[starts[row] : ends[row]].decode()
            kept = text.lstrip(TRIMMED)
            starts[row] += len(text[: len(text) - len(kept)].encode())
            ends[row] = starts[row] + len(kept.rstrip(TRIMMED).encode())
        return starts, ends

    def _blanks_at(self, places: Places) -> Places:
        """Bytes of the white space character at a place, 0 for another character."""
        last = len(self.view) - 1
        one = self.view[places]
        two = self.view[np.minimum(places + 1, last)]
        size: Places = _BLANK[one] + 2 * ((one == _NO_BREAK_SPACE[0]) & (two == _NO_BREAK_SPACE[1]))
        return size

    def _blanks_before(self, places: Places) -> Places:
        one = self.view[places - 1]
        two = self.view[np.maximum(places - 2, 0)]
        size: Places = _BLANK[one] + 2 * ((one == _NO_BREAK_SPACE[1]) & (two == _NO_BREAK_SPACE[0]))
        return size


def is_ragged(content: bytes, view: npt.NDArray[np.uint8]) -> bool:
    """Whether some field of a CSV block may begin or end with what is trimmed; else no value need be looked at."""
    if not content.isascii() and _NO_BREAK_SPACE in content:
        return True
    last = len(view) - 1
    if b"\r" in content:
        carriage = np.flatnonzero(view == CR)
        if carriage[-1] == last or (view[carriage + 1] != LF).any():
            return True
    for blank in (SPACE, TAB):
        if content.find(blank) < 0:
            continue
        places = np.flatnonzero(view == blank)
        if places[0] == 0 or places[-1] == last:
            return True
        if _EDGE[view[places - 1]].any() or _EDGE[view[places + 1]].any():
            return True
    return False


def _with_nulls(column: pa.StringArray, present: npt.NDArray[np.bool_]) -> pa.StringArray:
    if present.all():
        return column
    if not present.any():
        return pa.nulls(len(column), pa.string())
    _, offsets, text = column.buffers()
    valid = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.StringArray.from_buffers(len(column), offsets, text, valid, len(column) - int(present.sum()))


def _replaced(column: pa.StringArray, instead: Mapping[int, str | None]) -> pa.StringArray:
    rows = np.fromiter(instead, np.int64, len(instead))
    sources = np.arange(len(column))
    sources[rows] = len(column) + np.arange(len(rows))
    both = pa.concat_arrays([column, pa.array(list(instead.values()), pa.string())])
    return both.take(pa.array(sources))


def may_be_trimmed(view: npt.NDArray[np.uint8], starts: Places, ends: Places) -> bool:
    """Whether some value may begin or end with what is trimmed."""
    held = ends > starts
    return bool(_TRIMMED_BYTES[view[starts[held]]].any() or _TRIMMED_BYTES[view[ends[held] - 1]].any())


def trimmed_column(column: pa.BinaryArray) -> pa.StringArray:
    """Trim a column of UTF-8 that is at hand already; the empty become null."""
    _, offsets, content = column.buffers()
    if not len(column) or not content:
        return pa.nulls(len(column), pa.string())
    places = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    starts, ends = places[:-1].astype(np.int64), places[1:].astype(np.int64)
    if column.null_count:
        ends = np.where(column.is_null().to_numpy(zero_copy_only=False), starts, ends)
    view = np.frombuffer(content, np.uint8)
    if may_be_trimmed(view, starts, ends):
        return Block(content.to_pybytes(), view, ragged=True).column(starts, ends)
    plain = pa.StringArray.from_buffers(len(column), pa.py_buffer(places), content)
    return _with_nulls(plain, ends > starts)
