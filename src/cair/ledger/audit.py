"""Who did what, as a chain: each line carries the hash of the one before, so none can be changed or left out."""

import hashlib
import json
from collections.abc import Iterable, Mapping

START = bytes(32)
"""What the first line follows."""


def canonical(facts: Mapping[str, str | int | bool | list[str] | None]) -> str:
    """Write facts so that equal ones are equal texts: JSON without blanks, names in order, characters as they are."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def link(previous: bytes, content: str) -> bytes:
    """Give the hash of a line: SHA-256 of the hash before it and its content in UTF-8."""
    return hashlib.sha256(previous + content.encode()).digest()


def first_broken(lines: Iterable[tuple[int, str, bytes, bytes]]) -> int | None:
    """Give the number of the first line that does not fit, else None.

    :param lines: number, content, hash of the line before, own hash; in the order of their numbers, from 1.
    """
    expected, before = 1, START
    for number, content, previous, own in lines:
        if number != expected or bytes(previous) != before or bytes(own) != link(before, content):
            return expected
        expected, before = number + 1, bytes(own)
    return None
