"""NDJSON: the lines of a frame as columns of text; what is not one strict JSON object a line is malformed.

msgspec says whether a line is JSON. Of lines without backslashes and without nested values the members are then found
by their quotes, for the whole frame at once; the others are read one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cair.channels.inbox.framing import CR, QUOTE, SPACE, TAB, Frame, Marks, Places
from cair.channels.inbox.strict_json import NotStrictError, read_object
from cair.channels.inbox.texts import Block, may_be_trimmed, trimmed

_ROUNDS = 8
_COLON, _BACKSLASH, _N = b":\\n"

_SPACE = np.zeros(256, bool)
_SPACE[[TAB, CR, SPACE]] = True
_AFTER_SCALAR = _SPACE.copy()
_AFTER_SCALAR[list(b",}")] = True
_NESTED = np.zeros(256, bool)
_NESTED[list(b"[{")] = True


class _AnyObject(msgspec.Struct, gc=False):
    """Any JSON object; its members are passed over."""


def read_lines(frame: Frame, columns: Sequence[str]) -> tuple[Marks, list[pa.StringArray]]:
    """Mark the malformed lines, and read the others as one column of text per column of the feed."""
    malformed = frame.faulty | frame.unreadable()
    one_by_one = _check(frame, malformed)
    members = _members(frame, ~malformed & ~one_by_one, one_by_one)
    repeated = members.lines_with_a_name_twice(len(frame))
    malformed |= repeated & ~one_by_one
    singly = _read_singly(frame, one_by_one, malformed, columns)
    good = np.flatnonzero(~malformed)
    row_of = np.cumsum(~malformed) - 1
    fast = members.among(~(malformed | one_by_one))
    block = Block(frame.content, frame.view, ragged=may_be_trimmed(frame.view, fast.starts, fast.ends))
    texts = []
    for place, name in enumerate(columns):
        left, right = _spread(fast, name, row_of, len(good))
        instead = {int(row_of[line]): values[place] for line, values in singly.items()}
        texts.append(block.column(left, right, instead=instead))
    return malformed, texts


def _check(frame: Frame, malformed: Marks) -> Marks:
    """Mark more lines malformed that are not one JSON object; return those that must be read one by one."""
    one_by_one = np.zeros(len(frame), bool)
    if b"\\" in frame.content:
        escaped = np.flatnonzero(frame.view == _BACKSLASH)
        line = np.searchsorted(frame.starts, escaped, side="right") - 1
        one_by_one[line[(line >= 0) & (escaped < frame.ends[line])]] = True
    one_by_one &= ~malformed
    decode = msgspec.json.Decoder(_AnyObject).decode
    lines = np.flatnonzero(~malformed & ~one_by_one)
    spans = zip(frame.starts[lines].tolist(), frame.ends[lines].tolist(), strict=True)
    content = memoryview(frame.content)
    at = 0
    while at < len(lines):
        try:
            for start, end in spans:
                decode(content[start:end])
                at += 1
        except RecursionError:
            one_by_one[lines[at]] = True
        except msgspec.DecodeError:
            malformed[lines[at]] = True
        at += 1
    return one_by_one


def _read_singly(
    frame: Frame, one_by_one: Marks, malformed: Marks, columns: Sequence[str]
) -> dict[int, list[str | None]]:
    """Read the lines that must be read one by one; mark those malformed that are not one strict JSON object."""
    singly: dict[int, list[str | None]] = {}
    for line in np.flatnonzero(one_by_one).tolist():
        text = frame.content[frame.starts[line] : frame.ends[line]].decode()
        try:
            members = read_object(text, columns)
        except NotStrictError:
            malformed[line] = True
            continue
        singly[line] = [trimmed(members.get(name)) for name in columns]
    return singly


@dataclass(frozen=True)
class _Members:
    """Names and values of flat objects, in the order of the file.

    Member k belongs to line `lines[k]`, has the name `names[codes[k]]` and the value from `starts[k]` to `ends[k]`.
    """

    lines: Places
    codes: npt.NDArray[np.int32]
    names: list[str]
    starts: Places
    ends: Places

    def among(self, wanted: Marks) -> "_Members":
        """Return the members of wanted lines."""
        kept = wanted[self.lines]
        if kept.all():
            return self
        return _Members(self.lines[kept], self.codes[kept], self.names, self.starts[kept], self.ends[kept])

    def lines_with_a_name_twice(self, count: int) -> Marks:
        """Mark, of `count` lines, those in which a name occurs twice."""
        twice = np.zeros(count, bool)
        if not len(self.lines):
            return twice
        if self._all_alike():
            return twice
        both = np.sort(self.lines * len(self.names) + self.codes)
        twice[both[1:][both[1:] == both[:-1]] // len(self.names)] = True
        return twice

    def _all_alike(self) -> bool:
        """Whether every line has the same names in the same order, each once."""
        per_line = int(np.argmax(self.lines != self.lines[0])) or len(self.lines)
        if len(self.lines) % per_line or len(set(self.codes[:per_line].tolist())) < per_line:
            return False
        lines, codes = self.lines.reshape(-1, per_line), self.codes.reshape(-1, per_line)
        one_line_each = (lines[:, 0] == lines[:, -1]).all() and (lines[1:, 0] > lines[:-1, 0]).all()
        return bool(one_line_each and (codes == codes[0]).all())


def _members(frame: Frame, wanted: Marks, one_by_one: Marks) -> _Members:
    """Find the members of valid objects without backslashes; lines with nested values are marked to be read singly."""
    view = frame.view
    quotes = np.flatnonzero(view[: frame.ends[-1]] == QUOTE)
    line = np.searchsorted(frame.starts, quotes, side="right") - 1
    inside = (line >= 0) & wanted[line] & (quotes < frame.ends[line])
    if not inside.all():
        quotes, line = quotes[inside], line[inside]
    opens, closes, line = quotes[::2], quotes[1::2], line[::2]
    after, unsure = _skip(view, closes + 1, _SPACE)
    named = view[np.minimum(after, len(view) - 1)] == _COLON
    keys = np.flatnonzero(named)
    starts, unsure_too = _skip(view, after[keys] + 1, _SPACE)
    first = view[starts]
    stop = np.append(opens, len(view))[keys + 1]
    last_of_line = np.append(line, -1)[keys + 1] != line[keys]
    stop[last_of_line] = frame.ends[line[keys[last_of_line]]]
    text = first == QUOTE
    ends, unsure_three = _skip_back(view, stop, ~text)
    starts = starts + text
    following = np.minimum(keys + 1, len(closes) - 1)
    ends = np.where(text, closes[following], ends) if len(keys) else ends
    null = ~text & (first == _N)
    ends[null] = starts[null]
    singly = _NESTED[first] | unsure_too | unsure_three
    one_by_one[line[keys[singly]]] = True
    one_by_one[line[unsure]] = True
    codes, names = _coded(frame.content, opens[keys] + 1, closes[keys])
    return _Members(line[keys], codes, names, starts, ends)


def _skip(view: npt.NDArray[np.uint8], places: Places, passed: Marks) -> tuple[Places, Marks]:
    """Move places past white space; also mark those that could not be moved far enough."""
    places = places.copy()
    moving = np.arange(len(places))
    last = len(view) - 1
    for _ in range(_ROUNDS):
        moving = moving[passed[view[np.minimum(places[moving], last)]]]
        if not len(moving):
            break
        places[moving] += 1
    unsure = np.zeros(len(places), bool)
    unsure[moving] = True
    return np.minimum(places, last), unsure


def _skip_back(view: npt.NDArray[np.uint8], ends: Places, wanted: Marks) -> tuple[Places, Marks]:
    """Move the wanted ends back to where a number or a literal ends."""
    ends = ends.copy()
    moving = np.flatnonzero(wanted)
    for _ in range(_ROUNDS):
        moving = moving[_AFTER_SCALAR[view[ends[moving] - 1]]]
        if not len(moving):
            break
        ends[moving] -= 1
    unsure = np.zeros(len(ends), bool)
    unsure[moving] = True
    return ends, unsure


def _coded(content: bytes, starts: Places, ends: Places) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Number the names of members."""
    if not len(starts):
        return np.zeros(0, np.int32), []
    places = np.empty((len(starts), 2), np.int32)
    places[:, 0], places[:, 1] = starts, ends
    pieces = pa.StringArray.from_buffers(2 * len(starts) - 1, pa.py_buffer(places), pa.py_buffer(content))
    names = pieces.take(pa.array(np.arange(0, 2 * len(starts), 2, dtype=np.int32))).dictionary_encode()
    return names.indices.to_numpy(), names.dictionary.to_pylist()


def _spread(members: _Members, name: str, row_of: Places, rows: int) -> tuple[Places, Places]:
    """Return where each row has its value of a name; a row without it gets an empty place after the row before."""
    chosen = np.flatnonzero(members.codes == members.names.index(name)) if name in members.names else row_of[:0]
    row = row_of[members.lines[chosen]]
    if len(row) == rows:
        return members.starts[chosen], members.ends[chosen]
    left, right = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    right[row] = members.ends[chosen]
    right = np.maximum.accumulate(right)
    left[:] = right
    left[row] = members.starts[chosen]
    return left, right
