"""Writing a file once: hashed and measured on the way, its body waiting until the numbers of its head are known."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from typing import IO, BinaryIO

_IN_MEMORY = 8 << 20
_COPIED = 1 << 20


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

    @property
    def sha256(self) -> str:
        """Hash of what is written so far, in hex."""
        return self._hash.hexdigest()

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
