"""NDJSON: the lines of a frame as columns of text; what is not one strict JSON object a line is malformed.

msgspec says whether a line is JSON. Of lines without backslashes and without nested values the members are then found
by their quotes, for the whole frame at once; the others are read one by one.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from cair.channels.inbox.framing import Frame, Marks, Places
from cair.channels.inbox.members import find_members, find_quotes
from cair.channels.inbox.strict_json import NotStrictError, read_object
from cair.channels.inbox.texts import Block, may_be_trimmed, trimmed

_OPENING, _CLOSING, _BACKSLASH = b"{}\\"


class _AnyObject(msgspec.Struct, gc=False):
    """Any JSON object; its members are passed over."""


def read_lines(frame: Frame, columns: Sequence[str]) -> tuple[Marks, list[pa.StringArray]]:
    """Mark the malformed lines, and read the others as one column of text per column of the feed."""
    malformed = frame.faulty | frame.unreadable()
    one_by_one = _with_backslash(frame) & ~malformed
    quotes, count = find_quotes(frame)
    if malformed.any() or one_by_one.any() or not _all_plain_objects(frame, count):
        _check(frame, malformed, one_by_one)
    members, failed = find_members(frame, quotes, count, ~malformed & ~one_by_one)
    malformed |= members.lines_with_a_name_twice(len(frame)) & ~failed
    one_by_one |= failed
    singly = _read_singly(frame, one_by_one, malformed, columns)
    rows = int(np.count_nonzero(~malformed))
    row_of = np.cumsum(~malformed) - 1
    flat = members.among(~(malformed | one_by_one))
    block = Block(frame.content, frame.view, ragged=may_be_trimmed(frame.view, flat.starts, flat.ends))
    texts = []
    for place, name in enumerate(columns):
        left, right = flat.values(name, row_of, rows)
        instead = {int(row_of[line]): values[place] for line, values in singly.items()}
        texts.append(block.column(left, right, instead=instead))
    return malformed, texts


def _with_backslash(frame: Frame) -> Marks:
    marked = np.zeros(len(frame), bool)
    if b"\\" in frame.content:
        places = np.flatnonzero(frame.view == _BACKSLASH)
        line = np.searchsorted(frame.starts, places, side="right") - 1
        marked[line[(line >= 0) & (places < frame.ends[line])]] = True
    return marked


def _check(frame: Frame, malformed: Marks, one_by_one: Marks) -> None:
    """Mark more lines: as malformed those that are not one JSON object, as to be read singly those too deep."""
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


def _all_plain_objects(frame: Frame, quotes: Places) -> bool:
    """Whether every line (none has a backslash) is a JSON object that nests nothing, checked for all lines in one go.

    A line that begins with its only opening brace, ends with a closing one and has an even number of quotes cannot
    share a value with the next, so that lines need not be told apart.
    """
    view, starts, ends = frame.view, frame.starts, frame.ends
    if (quotes & 1).any() or b"[" in frame.content or (view[ends - 1] != _CLOSING).any():
        return False
    if not np.array_equal(np.flatnonzero(view[: ends[-1]] == _OPENING), starts):
        return False
    try:
        msgspec.json.Decoder(_AnyObject).decode_lines(memoryview(frame.content)[starts[0] : ends[-1]])
    except msgspec.DecodeError:
        return False
    return True


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
