"""Personal values: carried so that they cannot be printed by accident, and masked where their shape must be seen."""

import re
from typing import final

LONGEST_MASKED = 1_000
"""Characters of a raw line that are shown at most."""
_SHOWN = 4
_LONG_ENOUGH = 8
"""A value of at least so many digits shows its last four."""
_NUMBERS = frozenset({"nik", "phone", "account", "card"})

_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_STRAY_BYTE = re.compile("[\udc80-\udcff]")


@final
class Secret:
    """A personal value of a kind (`nik`, `name`, `phone`, `email`, `account`), which prints as `NIK(****1234)`.

    Only `reveal` gives the value. It equals another secret of the same kind and value.
    """

    __slots__ = ("_kind", "_value")

    def __init__(self, kind: str, value: str) -> None:
        self._kind = kind
        self._value = value

    def reveal(self) -> str:
        """The value itself; for where it must be written, never for logs, errors or addresses."""
        return self._value

    def __repr__(self) -> str:
        shown = self._value[-_SHOWN:] if self._kind in _NUMBERS and len(self._value) >= _LONG_ENOUGH else ""
        return f"{self._kind.upper()}(****{shown})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self._kind, self._value) == (other._kind, other._value)

    def __hash__(self) -> int:
        return hash((self._kind, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written into files")


def mask(text: str) -> str:
    """The shape of a text: each digit as `9`, each letter as `x` (contract, section 3)."""
    return _LETTER.sub("x", _DIGIT.sub("9", text))


def mask_raw(raw: bytes) -> str:
    r"""The shape of a raw line: masked, bytes that are not UTF-8 and NUL as `\xNN`, cut after 1,000 characters."""
    return _shown(mask(_read(raw)))


def show_raw(raw: bytes) -> str:
    r"""A raw line in the clear, bytes that are not UTF-8 and NUL as `\xNN`, cut after 1,000 characters."""
    return _shown(_read(raw))


def _read(raw: bytes) -> str:
    # Four bytes a character at most, so the cut cannot split one that is shown.
    return raw[: 4 * (LONGEST_MASKED + 1)].decode("utf-8", "surrogateescape")


def _shown(text: str) -> str:
    text = text.replace("\0", "\\x00")  # PostgreSQL keeps no NUL in a text
    return _STRAY_BYTE.sub(lambda stray: f"\\x{ord(stray[0]) - 0xDC00:02x}", text)[:LONGEST_MASKED]
