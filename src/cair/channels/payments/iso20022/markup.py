"""Writing XML by hand: what must be escaped, the time in two forms, and a body that waits for its head."""

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from typing import IO, BinaryIO
from xml.sax.saxutils import escape

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_IN_MEMORY = 8 << 20
_COPIED = 1 << 20
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: number of payments or lines, sums in whole rupiah (minor units), bytes, SHA-256 in hex."""

    count: int
    total: int
    size: int
    sha256: str


class Ink:
    """A binary file that is hashed and measured while it is written."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes | memoryview) -> None:
        """Write bytes."""
        self._out.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    def text(self, text: str) -> None:
        """Write text as UTF-8."""
        self.write(text.encode())

    def copy(self, source: IO[bytes], size: int) -> None:
        """Copy `size` bytes from where a file stands."""
        while size > 0:
            piece = source.read(min(size, _COPIED))
            assert piece, "the spool is as long as it was written"
            self.write(piece)
            size -= len(piece)

    def written(self, *, count: int, total: int) -> Written:
        """Sum up."""
        return Written(count, total, self.size, self._hash.hexdigest())


def spool() -> tempfile.SpooledTemporaryFile[bytes]:
    """A body that waits for its head: the standard wants numbers and sums before what they count."""
    return tempfile.SpooledTemporaryFile(_IN_MEMORY)


def finish(ink: Ink, body: IO[bytes]) -> None:
    """Put a spooled body after its head."""
    body.seek(0)
    shutil.copyfileobj(body, ink, _COPIED)


def xml_text(text: str) -> str:
    """Escape a text, leaving out the control characters that no XML can hold."""
    return escape(_NOT_XML.sub("", text))


def optional(tag: str, text: str | None) -> str:
    """One element, or nothing."""
    return f"<{tag}>{xml_text(text)}</{tag}>" if text else ""


def time_text(moment: datetime) -> str:
    """Write an aware instant as the standard has it, to the second."""
    assert moment.tzinfo is not None, "an instant needs an offset"
    return moment.isoformat(timespec="seconds")


def opening(message: str) -> str:
    """The first lines of a message such as `camt.053.001.08`."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}{message}">\n'
