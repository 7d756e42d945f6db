"""Bytes become records: where each line of a partner's file begins and ends, whatever is wrong with it.

A record ends at a line break (LF or CRLF). In CSV a line break inside quotes is content, so whole records are found by
the parity of quotes: a well-formed record of several lines opens with a line that has an odd number of quotes and
closes with the next line that has one. A record with faulty quoting or of more than `LIMIT` bytes ends at its first
line break, and reading goes on after it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Places = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]

LIMIT = 1 << 20
"""Bytes of the longest record that is read, without its line break."""

RAW_LIMIT = 64 << 10
"""Bytes that are kept of a record that is longer than `LIMIT`."""

LINES = 200_000
"""Lines in one frame, at most (and those that the frame before left over)."""

TAB, LF, CR, SPACE, QUOTE, COMMA = b'\t\n\r ",'
_BLANKS = b" \t\r\n"
_NO_BREAK_SPACE = b"\xc2\xa0"


@dataclass(frozen=True)
class Frame:
    """Whole records: record k is `content[starts[k]:ends[k]]`, its line break not counted; empty lines are left out.

    `faulty` marks faulty quoting (CSV) and records over `LIMIT`; such a record may have been cut to `RAW_LIMIT`.
    `has_breaks` says that some record holds a line break. A frame is never empty.
    """

    content: bytes
    starts: Places
    ends: Places
    faulty: Marks
    view: npt.NDArray[np.uint8] = field(repr=False)
    has_breaks: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    def raw(self, record: int) -> bytes:
        """Bytes of one record, cut to `RAW_LIMIT` when it is over `LIMIT`."""
        start, end = int(self.starts[record]), int(self.ends[record])
        return self.content[start : end if end - start <= LIMIT else start + RAW_LIMIT]

    def unreadable(self) -> Marks:
        """Mark the records that have a NUL or are not UTF-8."""
        bad = np.zeros(len(self), bool)
        if b"\x00" in self.content:
            bad[self._holding(self.view == 0)] = True
        if not _is_text(self.content, int(self.ends[-1])):
            for record in self._holding(self.view > 0x7F).tolist():
                try:
                    self.content[self.starts[record] : self.ends[record]].decode()
                except UnicodeDecodeError:
                    bad[record] = True
        return bad

    def _holding(self, marked: Marks) -> Places:
        """Return the records in which a byte is marked, each once."""
        places = np.flatnonzero(marked)
        records = np.searchsorted(self.starts, places, side="right") - 1
        within = (records >= 0) & (places < self.ends[np.maximum(records, 0)])
        return np.unique(records[within])


class Framer:
    """Cuts blocks of bytes into frames of whole records; holds one block and one record, whatever the file's size.

    After exhaustion `bytes_read` and `bytes_framed` are equal, or something is wrong with the framing.
    """

    def __init__(self, *, quoting: bool, limit: int = LIMIT) -> None:
        self.quoting = quoting
        self.limit = limit
        self.bytes_read = 0
        self.bytes_framed = 0

    def frames(self, blocks: Iterable[bytes]) -> Iterator[Frame]:
        """Yield the records in their order."""
        rest = b""
        giant: _Giant | None = None
        for block in blocks:
            self.bytes_read += len(block)
            for piece in _of_bounded_lines(block):
                content = rest + piece
                if giant:
                    content = self._past(giant, piece)
                    if not giant.ended:
                        continue
                    if giant.counts:
                        yield _frame_of_one(giant.head)
                    giant = None
                frame, taken = self._frame(content, final=False)
                if len(frame):
                    yield frame
                rest = content[taken:]
                if len(rest) > self.limit + 1:
                    giant = _Giant(rest, blank=not self.quoting)
                    self.bytes_framed += len(rest)
                    rest = b""
        if giant and giant.counts:
            yield _frame_of_one(giant.head)
        if rest:
            frame, _ = self._frame(rest, final=True)
            if len(frame):
                yield frame

    def _past(self, giant: "_Giant", piece: bytes) -> bytes:
        """Go on with a record over the limit; return what comes after its line break."""
        left = giant.go_on(piece)
        self.bytes_framed += len(piece) - len(left)
        return left

    def _frame(self, content: bytes, *, final: bool) -> tuple[Frame, int]:
        """Frame what is certain; also the number of bytes that were taken."""
        view = np.frombuffer(content, np.uint8)
        starts, ends, following = _lines(content, view, final=final)
        faulty = np.zeros(len(starts), bool)
        heads = None
        if self.quoting and b'"' in content:
            known = len(starts)
            ends, faulty, heads, known = _records(view, starts, ends, limit=self.limit, final=final)
            starts, ends, following = starts[:known], ends[:known], following[:known]
            faulty, heads = faulty[:known], heads[:known]
        taken = int(following[-1]) if len(following) else 0
        self.bytes_framed += int((following - starts).sum())
        faulty |= ends - starts > self.limit
        kept = ends > starts
        if heads is not None:
            kept &= heads
        if not self.quoting:
            kept &= ~_blank_lines(content, view, starts, ends)
        if not kept.all():
            starts, ends, faulty = starts[kept], ends[kept], faulty[kept]
        return Frame(content, starts, ends, faulty, view, heads is not None and not heads.all()), taken


class _Giant:
    """A line over the limit whose line break has not been seen yet: its beginning is kept, the rest let go."""

    def __init__(self, beginning: bytes, *, blank: bool) -> None:
        self.head = beginning[:RAW_LIMIT]
        self.ended = False
        self._blank = blank
        self._half = b""
        self._look_at(beginning)

    @property
    def counts(self) -> bool:
        """Whether it is a record; a line of nothing but white space is none (in NDJSON)."""
        return not (self._blank and not self._half)

    def go_on(self, piece: bytes) -> bytes:
        """Take a further piece; return what comes after the line break, once it is there."""
        at = piece.find(b"\n")
        self.ended = at >= 0
        self._look_at(piece[:at] if self.ended else piece)
        return piece[at + 1 :] if self.ended else b""

    def _look_at(self, piece: bytes) -> None:
        if self._blank:
            piece = self._half + piece
            self._half = piece[-1:] if piece.endswith(_NO_BREAK_SPACE[:1]) else b""
            self._blank = is_blank(piece.removesuffix(self._half))


def is_blank(line: bytes) -> bool:
    """Whether there is nothing but white space: space, tab, CR, LF, U+00A0."""
    return not line.replace(_NO_BREAK_SPACE, b"").translate(None, _BLANKS)


def _frame_of_one(raw: bytes) -> Frame:
    one = np.zeros(1, np.int64)
    return Frame(raw, one, one + len(raw), np.ones(1, bool), np.frombuffer(raw, np.uint8))


def _is_text(content: bytes, size: int) -> bool:
    """Whether the first bytes of a content are UTF-8."""
    if content.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, size], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(content)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _of_bounded_lines(block: bytes) -> Iterator[bytes]:
    """Cut a block of very short lines, so that what is made of each line stays bounded too."""
    breaks = np.frombuffer(block, np.uint8) == LF
    if np.count_nonzero(breaks) <= LINES:
        yield block
        return
    cuts = [0, *(np.flatnonzero(breaks)[LINES - 1 :: LINES] + 1).tolist(), len(block)]
    for start, end in pairwise(cuts):
        yield block[start:end]


def _lines(content: bytes, view: npt.NDArray[np.uint8], *, final: bool) -> tuple[Places, Places, Places]:
    """Return where lines start, where they end without their line break, and where the next begins.

    Before the end of the file a last line without line break is left out.
    """
    breaks = np.flatnonzero(view == LF)
    following = breaks + 1
    last = int(following[-1]) if len(following) else 0
    unbroken = final and last < len(content)
    if unbroken:
        breaks = np.append(breaks, len(content))
        following = np.append(following, len(content))
    starts = np.empty(len(following), np.int64)
    starts[:1] = 0
    starts[1:] = following[:-1]
    ends = breaks
    if b"\r" in content:
        before = view[np.maximum(breaks - 1, 0)]
        carriage = (before == CR) & (breaks > starts)
        if unbroken:
            carriage[-1] = False
        ends = breaks - carriage
    return starts, ends, following


def _blank_lines(content: bytes, view: npt.NDArray[np.uint8], starts: Places, ends: Places) -> Marks:
    """Mark the lines of nothing but white space; only lines that begin with it are looked at."""
    blank = np.zeros(len(starts), bool)
    held = np.flatnonzero(ends > starts)
    first = view[starts[held]]
    suspects = held[(first <= SPACE) | (first == _NO_BREAK_SPACE[0])]
    for line in suspects.tolist():
        blank[line] = is_blank(content[starts[line] : ends[line]])
    return blank


def _records(
    view: npt.NDArray[np.uint8], starts: Places, ends: Places, *, limit: int, final: bool
) -> tuple[Places, Marks, Marks, int]:
    """Join lines to records by their quotes.

    Return per line the end of its record, whether that is faulty, whether the line begins a record; and how many lines
    are certain: without the end of the file, the last one that opens a quote may still be waiting for its other end.
    """
    count, sound, sound_inside = _soundness(view, starts, ends)
    odd = np.flatnonzero(count & 1)
    faulty = ~sound
    heads = np.ones(len(starts), bool)
    if not len(odd):
        return ends, faulty, heads, len(starts)
    opening, closing = odd[:-1], odd[1:]
    unsound = np.concatenate(([0], np.cumsum(~sound_inside)))
    joined = (
        sound[opening] & (unsound[closing + 1] == unsound[opening + 1]) & (ends[closing] - starts[opening] <= limit)
    )
    joined = _every_other(np.append(joined, False))
    second = np.concatenate(([False], joined[:-1]))
    faulty[odd] = ~joined
    known = len(starts)
    if not final and not second[-1] and sound[odd[-1]] and len(view) - starts[odd[-1]] <= limit + 1:
        known = int(odd[-1])
    first, last = odd[joined], odd[second]
    ends = ends.copy()
    ends[first] = ends[last]
    depth = np.zeros(len(starts) + 1, np.int8)
    depth[first + 1] += 1
    depth[last + 1] -= 1
    heads = np.cumsum(depth[:-1], dtype=np.int8) == 0
    return ends, faulty, heads, known


def _soundness(view: npt.NDArray[np.uint8], starts: Places, ends: Places) -> tuple[Places, Marks, Marks]:
    """Return per line the number of quotes, and whether each stands where it may.

    Twice: for a line that begins outside quotes, and for one that begins inside. The quotes of a record open and close
    in turn. One that opens follows a comma, a line break or (in a doubled quote) a quote; one that closes is followed
    by one of these.
    """
    count = np.zeros(len(starts), np.int64)
    sound, sound_inside = np.ones(len(starts), bool), np.ones(len(starts), bool)
    quotes = np.flatnonzero(view[: ends[-1]] == QUOTE) if len(starts) else starts
    if not len(quotes):
        return count, sound, sound_inside
    before = view[np.maximum(quotes - 1, 0)]
    before[quotes == 0] = LF
    padded = np.concatenate((view, np.array([LF, LF], np.uint8)))
    after = padded[quotes + 1]
    opens = (before == COMMA) | (before == LF) | (before == QUOTE)
    closes = (after == COMMA) | (after == LF) | (after == QUOTE)
    carriage = np.flatnonzero(after == CR)
    if len(carriage):
        places = quotes[carriage] + 2
        closes[carriage] = (padded[places] == LF) & (places < len(view))
    first = np.searchsorted(quotes, starts)
    count = np.diff(np.append(first, len(quotes)))
    quoted = np.flatnonzero(count)
    first = first[quoted]
    even = ((np.arange(len(quotes)) - np.repeat(first, count[quoted])) & 1) == 0
    sound[quoted] = np.logical_and.reduceat(np.where(even, opens, closes), first)
    sound_inside[quoted] = np.logical_and.reduceat(np.where(even, closes, opens), first)
    return count, sound, sound_inside


def _every_other(marks: Marks) -> Marks:
    """Of each run of marks keep the first, third, fifth, ..."""
    places = np.arange(len(marks))
    stops = np.maximum.accumulate(np.where(marks, -1, places))
    chosen: Marks = marks & ((places - stops) & 1 == 1)
    return chosen
