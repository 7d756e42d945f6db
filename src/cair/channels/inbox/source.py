"""The bytes of a partner's file in blocks, unpacked when compressed, whatever its size."""

import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cair.channels.inbox.names import UnableToTakeFile
from cair.kernel.reasons import Refusal

BLOCK = 4 << 20
"""Bytes of unpacked text in one block (the last one is shorter)."""

_PIECE = 1 << 20
_GZIP = 31
_FIRST_OF_GZIP = 0x1F


class Source:
    """A regular file, opened for reading.

    :raises UnableToTakeFile: UNREADABLE, when it cannot be opened or is not a regular file.
    """

    def __init__(self, path: Path) -> None:
        try:
            # Not to wait for a writer, should the path be a named pipe.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as trouble:
            raise _cannot_be_read(trouble) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise UnableToTakeFile(Refusal.UNREADABLE, "this is not a regular file; remove it from the inbox")
        self.file: BinaryIO = io.FileIO(handle)

    @property
    def position(self) -> int:
        """Bytes of the file (as it lies there, so compressed where it is) that have been read."""
        return 0 if self.file.closed else self.file.tell()

    def blocks(self, *, compressed: bool) -> Iterator[bytes]:
        """Yield the text in blocks of `BLOCK` bytes; what comes before a fault is yielded before it is raised.

        :raises UnableToTakeFile: UNREADABLE or TRUNCATED.
        """
        pieces = self._pieces()
        gathered: list[bytes] = []
        size = 0
        try:
            for piece in _unpacked(pieces) if compressed else pieces:
                gathered.append(piece)
                size += len(piece)
                if size >= BLOCK:
                    yield b"".join(gathered)
                    gathered, size = [], 0
        except UnableToTakeFile:
            yield b"".join(gathered)
            raise
        if gathered:
            yield b"".join(gathered)

    def _pieces(self) -> Iterator[bytes]:
        try:
            while piece := self.file.read(_PIECE):
                yield piece
        except OSError as trouble:
            raise _cannot_be_read(trouble) from None


def _cannot_be_read(trouble: OSError | ValueError) -> UnableToTakeFile:
    reason = (trouble.strerror or "unknown trouble") if isinstance(trouble, OSError) else "not a path"
    why = f"the file cannot be read ({reason.lower()}); check that it is there and who may read it"
    return UnableToTakeFile(Refusal.UNREADABLE, why)


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip of one or more members, each with its check sum; zeros after a member are padding."""
    member = None
    begun = False
    for arrived in pieces:
        piece = arrived
        while piece:
            if member is None:
                piece = piece.lstrip(b"\x00") if begun else piece
                if not piece:
                    break
                if piece[0] != _FIRST_OF_GZIP:
                    raise _not_gzip()
                member, begun = zlib.decompressobj(_GZIP), True
            try:
                yield from _inflated(member, piece)
            except zlib.error:
                raise _not_gzip() from None
            piece = b""
            if member.eof:
                piece, member = member.unused_data, None
    if member is not None or not begun:
        why = "the compressed file ends before its end; ask the sender for the whole file"
        raise UnableToTakeFile(Refusal.TRUNCATED, why)


def _not_gzip() -> UnableToTakeFile:
    why = "the file is not gzip, or it is damaged; ask the sender for the file again"
    return UnableToTakeFile(Refusal.UNREADABLE, why)


def _inflated(member: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
    """Unpack a piece in steps of bounded size, however far it expands."""
    while True:
        text = member.decompress(piece, _PIECE)
        if text:
            yield text
        piece = member.unconsumed_tail
        if member.eof or (not piece and len(text) < _PIECE):
            return
