"""CSV: the header, and the records of a frame as columns of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from cair.channels.inbox.framing import COMMA, QUOTE, Frame, Marks, Places
from cair.channels.inbox.texts import TRIMMED, Block, is_ragged, trimmed


def read_header(frame: Frame) -> list[str] | None:
    """Read the first record of a frame as the names of columns, trimmed; None when it cannot be read."""
    record = frame.content[frame.starts[0] : frame.ends[0]]
    if frame.faulty[0] or b"\x00" in record:
        return None
    view = np.frombuffer(record, np.uint8)
    separators = _separators(view, np.flatnonzero(view == QUOTE))
    cuts = [-1, *separators.tolist(), len(record)]
    try:
        fields = [record[start + 1 : end].decode() for start, end in pairwise(cuts)]
    except UnicodeDecodeError:
        return None
    return [_unquoted(name).strip(TRIMMED) for name in fields]


@dataclass(frozen=True)
class Layout:
    """Which field of a record holds which column of the feed; None for a column that the file lacks."""

    width: int
    fields: tuple[int | None, ...]

    @classmethod
    def of(cls, header: Sequence[str], columns: Sequence[str]) -> "Layout":
        """Lay the columns of a feed over the names of a header."""
        return cls(len(header), tuple(header.index(name) if name in header else None for name in columns))


def read_records(frame: Frame, layout: Layout, first: int) -> tuple[Marks, list[pa.StringArray]]:
    """Mark the malformed records from `first` on, and read the others as one column of text per column of the feed."""
    view = frame.view
    starts, ends = frame.starts[first:], frame.ends[first:]
    malformed = (frame.faulty | frame.unreadable())[first:]
    begin, stop = (int(starts[0]), int(ends[-1])) if len(starts) else (0, 0)
    quotes = (
        _within(_places(view, QUOTE, begin, stop), starts, ends, ~malformed) if b'"' in frame.content else starts[:0]
    )
    separators = _moved(_separators(view[begin:stop], _moved(quotes, -begin)), begin)
    places, fitting = _fields(separators, starts, ends, layout.width, ~malformed)
    malformed = ~fitting
    starts, ends = starts[fitting], ends[fitting]
    has_doubled = bool((quotes[2::2] == quotes[1:-1:2] + 1).any())
    block = Block(frame.content, view, frame.has_breaks or is_ragged(frame.content, view))
    columns = []
    for place in layout.fields:
        if place is None:
            columns.append(pa.nulls(len(starts), pa.string()))
            continue
        left = starts if place == 0 else places[:, place - 1] + 1
        right = ends if place == layout.width - 1 else places[:, place]
        instead = {}
        if len(quotes):
            left, right, quoted = _inside_quotes(frame, left, right)
            instead = _undoubled(frame, left, right, quotes, quoted) if has_doubled else {}
        columns.append(block.column(left, right, instead=instead))
    return malformed, columns


def _separators(view: "np.typing.NDArray[np.uint8]", quotes: Places) -> Places:
    """Return the commas that are not between quotes, given the quotes of well-formed records."""
    commas = np.flatnonzero(view == COMMA)
    return commas[np.searchsorted(quotes, commas) & 1 == 0] if len(quotes) else commas


def _places(view: "np.typing.NDArray[np.uint8]", byte: int, begin: int, stop: int) -> Places:
    return _moved(np.flatnonzero(view[begin:stop] == byte), begin)


def _moved(places: Places, by: int) -> Places:
    return places + by if by else places


def _within(places: Places, starts: Places, ends: Places, wanted: Marks) -> Places:
    """Return the places that lie in a wanted record."""
    if wanted.all():
        return places
    record = np.searchsorted(starts, places, side="right") - 1
    return places[wanted[record] & (places < ends[record])]


def _fields(separators: Places, starts: Places, ends: Places, width: int, wanted: Marks) -> tuple[Places, Marks]:
    """Return the separators of each wanted record that has `width` fields, a row each, and which records these are."""
    per_record = width - 1
    if wanted.all() and len(starts) and len(separators) == per_record * len(starts) and per_record:
        places = separators.reshape(len(starts), per_record)
        if (places[:, 0] >= starts).all() and (places[:, -1] < ends).all():
            return places, wanted
    low, high = np.searchsorted(separators, starts), np.searchsorted(separators, ends)
    fitting = wanted & (high - low == per_record)
    return separators[low[fitting][:, None] + np.arange(per_record)], fitting


def _inside_quotes(frame: Frame, left: Places, right: Places) -> tuple[Places, Places, Marks]:
    """Move the places of quoted fields inside their quotes; also mark these fields."""
    quoted = (right > left) & (frame.view[np.minimum(left, len(frame.view) - 1)] == QUOTE)
    return left + quoted, right - quoted, quoted


def _undoubled(frame: Frame, left: Places, right: Places, quotes: Places, quoted: Marks) -> dict[int, str | None]:
    """Read the quoted fields that have a doubled quote, one by one."""
    rows = np.flatnonzero(quoted)
    doubled = rows[np.searchsorted(quotes, left[rows]) < np.searchsorted(quotes, right[rows])]
    return {row: trimmed(frame.content[left[row] : right[row]].decode().replace('""', '"')) for row in doubled.tolist()}


def _unquoted(written: str) -> str:
    return written[1:-1].replace('""', '"') if written.startswith('"') else written
