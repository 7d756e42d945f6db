"""The names and values of flat JSON objects, one a line, found by their quotes for a whole frame at once.

Only for lines that are known to be one JSON object each, without backslashes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cair.channels.inbox.framing import CR, QUOTE, SPACE, TAB, Frame, Marks, Places

_ROUNDS = 8
_WORD = 8
_COLON, _N = b":n"

_SPACE = np.zeros(256, bool)
_SPACE[[TAB, CR, SPACE]] = True
_AFTER_SCALAR = _SPACE.copy()
_AFTER_SCALAR[list(b",}")] = True
_NESTED = np.zeros(256, bool)
_NESTED[list(b"[{")] = True


@dataclass(frozen=True)
class Members:
    """Names and values, in the order of the file.

    Member k belongs to line `lines[k]`, has the name `names[codes[k]]` and the value from `starts[k]` to `ends[k]`.
    When every line has the same names in the same order, each once, `per_line` says how many; else it is 0.
    """

    lines: Places
    codes: Places
    names: list[str]
    starts: Places
    ends: Places
    per_line: int

    def among(self, wanted: Marks) -> "Members":
        """Return the members of wanted lines."""
        if wanted.all():
            return self
        kept = wanted[self.lines]
        places = self.starts[kept], self.ends[kept]
        return Members(self.lines[kept], self.codes[kept], self.names, *places, self.per_line)

    def lines_with_a_name_twice(self, count: int) -> Marks:
        """Mark, of `count` lines, those in which a name occurs twice."""
        twice = np.zeros(count, bool)
        if not self.per_line and len(self.lines):
            both = np.sort(self.lines * len(self.names) + self.codes)
            twice[both[1:][both[1:] == both[:-1]] // len(self.names)] = True
        return twice

    def values(self, name: str, row_of: Places, rows: int) -> tuple[Places, Places]:
        """Return where each row has its value of a name, given the row of each line.

        A row without it gets an empty place behind the value of the row before.
        """
        code = self.names.index(name) if name in self.names else -1
        if self.per_line and code >= 0:
            lines, starts, ends = (part[code :: self.per_line] for part in (self.lines, self.starts, self.ends))
        else:
            chosen = np.flatnonzero(self.codes == code)
            lines, starts, ends = self.lines[chosen], self.starts[chosen], self.ends[chosen]
        if len(lines) == rows:
            return starts, ends
        row = row_of[lines]
        right = np.zeros(rows, np.int64)
        right[row] = ends
        right = np.maximum.accumulate(right)
        left = right.copy()
        left[row] = starts
        return left, right


def find_quotes(frame: Frame) -> tuple[Places, Places]:
    """Return the places of all quotes, and how many each line has."""
    quotes = np.flatnonzero(frame.view[: frame.ends[-1]] == QUOTE)
    return quotes, np.diff(np.searchsorted(quotes, frame.starts), append=len(quotes))


def find_members(frame: Frame, quotes: Places, count: Places, wanted: Marks) -> tuple[Members, Marks]:
    """Find the members of wanted lines; also mark the lines for which this did not work: those with nested values."""
    view = frame.view
    failed = np.zeros(len(frame), bool)
    if not wanted.all():
        quotes, count = quotes[np.repeat(wanted, count)], count * wanted
    opens, closes, line = quotes[::2], quotes[1::2], np.repeat(np.arange(len(frame)), count // 2)
    after, unsure = _skip(view, closes + 1)
    failed[line[unsure]] = True
    keys = np.flatnonzero(view[after] == _COLON)
    line_of_key = line[keys]
    starts, unsure = _skip(view, after[keys] + 1)
    first = view[starts]
    text = first == QUOTE
    following = np.minimum(keys + 1, len(closes) - 1)
    ends = closes[following]
    others = np.flatnonzero(~text)
    # A number or literal lies before the next string of its line, or before the end of the line.
    same_line = (keys[others] + 1 < len(line)) & (line[following[others]] == line_of_key[others])
    stop = np.where(same_line, opens[following[others]], frame.ends[line_of_key[others]])
    ends[others], unsure_too = _skip_back(view, stop)
    null = others[first[others] == _N]
    ends[null] = starts[null]
    starts += text
    unsure |= _NESTED[first]
    unsure[others] |= unsure_too
    failed[line_of_key[unsure]] = True
    codes, names, per_line = _coded(frame, line_of_key, opens[keys] + 1, closes[keys])
    return Members(line_of_key, codes, names, starts, ends, per_line), failed


def _skip(view: npt.NDArray[np.uint8], places: Places) -> tuple[Places, Marks]:
    """Move places past white space; also mark those that could not be moved far enough."""
    unsure = np.zeros(len(places), bool)
    moving = np.flatnonzero(_SPACE[view[places]])
    for _ in range(_ROUNDS):
        if not len(moving):
            return places, unsure
        places[moving] += 1
        moving = moving[_SPACE[view[places[moving]]]]
    unsure[moving] = True
    return places, unsure


def _skip_back(view: npt.NDArray[np.uint8], ends: Places) -> tuple[Places, Marks]:
    """Move places back to where a number or a literal ends; also mark those that could not be moved far enough."""
    unsure = np.zeros(len(ends), bool)
    moving = np.flatnonzero(_AFTER_SCALAR[view[ends - 1]])
    for _ in range(_ROUNDS):
        if not len(moving):
            return ends, unsure
        ends[moving] -= 1
        moving = moving[_AFTER_SCALAR[view[ends[moving] - 1]]]
    unsure[moving] = True
    return ends, unsure


def _coded(frame: Frame, lines: Places, starts: Places, ends: Places) -> tuple[Places, list[str], int]:
    """Number the names of members; also say how many a line has, when all lines are alike."""
    if not len(lines):
        return lines, [], 0
    per_line = int(np.argmax(lines != lines[0])) or len(lines)
    names = [frame.content[start:end].decode() for start, end in zip(starts[:per_line], ends[:per_line], strict=True)]
    if len(set(names)) == per_line and _all_alike(frame, lines, starts, ends, per_line):
        return np.tile(np.arange(per_line), len(lines) // per_line), names, per_line
    places = np.empty((len(starts), 2), np.int32)
    places[:, 0], places[:, 1] = starts, ends
    pieces = pa.StringArray.from_buffers(2 * len(starts) - 1, pa.py_buffer(places), pa.py_buffer(frame.content))
    coded = pieces.take(pa.array(np.arange(0, 2 * len(starts), 2, dtype=np.int32))).dictionary_encode()
    return coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist(), 0


def _all_alike(frame: Frame, lines: Places, starts: Places, ends: Places, per_line: int) -> bool:
    """Whether every line has the names of the first, in the same order and no others."""
    if len(lines) % per_line:
        return False
    line, left, right = (part.reshape(-1, per_line) for part in (lines, starts, ends))
    if (line[:, 0] != line[:, -1]).any() or (line[1:, 0] == line[:-1, 0]).any():
        return False
    length = right[0] - left[0]
    if (right - left != length).any():
        return False
    words = np.ndarray((max(len(frame.content) - _WORD + 1, 0),), np.uint64, buffer=frame.content, strides=(1,))
    for column, size in enumerate(length.tolist()):
        source, step = (words, _WORD) if size >= _WORD else (frame.view, 1)
        for offset in {*range(0, size - step + 1, step), max(size - step, 0)} if size else ():
            text = source[left[:, column] + offset]
            if (text != text[0]).any():
                return False
    return True
