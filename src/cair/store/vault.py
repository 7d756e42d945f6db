"""Personal values at rest: sealed so that only the holder of the keys reads them, indexed so that equals can be found.

The keys lie outside the database, in a folder of their own. From one index key comes a key for each *kind* of value: a
NIK has the same index in every column that holds one, and another than the same digits in a column of telephone
numbers. Sealing keys have a number (a generation); the highest seals, all of them open, so a new one can be added at
any time. From each come keys for each purpose, so that no sealed thing can pass for one of another purpose.

A sealed value is 1 byte generation, 12 bytes random nonce, AES-256-GCM ciphertext with its 16 bytes of tag.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import BinaryIO, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cair.store.private_files import UnableToKeepPrivate, create_private, own_folder, sync_folder

KEY = 32
"""Bytes of every key."""
INDEX = 16
"""Bytes of a blind index."""
FINGERPRINT = 16
"""Bytes of a row's fingerprint."""
NONCE = 12
TAG = 16
BLOCK = 8 << 20
"""Bytes of plaintext in each block of a kept file but the last."""
MAGIC = b"cair-kept-1\n"
FILE_ID = 32
HEADER = len(MAGIC) + 1 + FILE_ID

_INDEX_FILE = "index.key"
_SEAL_FILE = re.compile(r"seal-([1-9]\d{0,2})\.key")


class UnableToOpenVault(Exception):
    """The keys are missing, unreadable, or not those that the data was sealed with."""


class UnableToUnseal(Exception):
    """Something sealed was changed, cut, moved to another place, or sealed with a key that is not here."""


@dataclass(frozen=True)
class Kept:
    """A raw file as it was taken: SHA-256 in hex and bytes, both of the plaintext."""

    sha256: str
    size: int


class Vault:
    """Seals, unseals and indexes personal values."""

    def __init__(self, folder: Path, index: bytes, generations: dict[int, bytes]) -> None:
        self._folder = folder
        self._index = index
        self._generations = generations
        self._newest = max(generations)
        self._ciphers: dict[tuple[int, str], AESGCM] = {}

    @classmethod
    def open(cls, folder: Path, *, check: bytes | None = None) -> Self:
        """Open the keys in a folder; make them if there are none and the database holds no `check` of earlier ones.

        :raises UnableToOpenVault: keys are missing, damaged, readable by others, or not those of the check.
        """
        try:
            own_folder(folder, private=True)
            if check is None and not (folder / _INDEX_FILE).exists():
                for name in ("seal-1.key", _INDEX_FILE):
                    create_private(folder / name, secrets.token_hex(KEY).encode() + b"\n")
            index = _read_key(folder / _INDEX_FILE)
            found = [name for file in folder.iterdir() if (name := _SEAL_FILE.fullmatch(file.name))]
            generations = {int(name[1]): _read_key(folder / name[0]) for name in found}
        except UnableToKeepPrivate as error:
            raise UnableToOpenVault(f"The keys are not safe: {error}") from error
        if not generations or max(generations) > 255:
            raise UnableToOpenVault(
                f"No sealing key seal-1.key to seal-255.key in {folder}. Put it back from a backup."
            )
        vault = cls(folder, index, generations)
        if check is not None:
            vault._compare(check)
        return vault

    def key_check(self) -> bytes:
        """A fingerprint of all keys, from which none can be learned, to be kept beside the data they protect."""
        parts = [_derive(self._index, "check")[:INDEX]]
        for number, key in sorted(self._generations.items()):
            parts.append(bytes([number]) + _derive(key, "check")[:INDEX])
        return b"".join(parts)

    def _compare(self, check: bytes) -> None:
        ours = self.key_check()
        if check[:INDEX] != ours[:INDEX]:
            raise UnableToOpenVault(f"{self._folder / _INDEX_FILE} is not the key of this database. {_REMEDY}")
        step = INDEX + 1
        here = {ours[at : at + step] for at in range(INDEX, len(ours), step)}
        for at in range(INDEX, len(check), step):
            if check[at : at + step] not in here:
                file = self._folder / f"seal-{check[at]}.key"
                raise UnableToOpenVault(f"{file} is missing or not the key of this database. {_REMEDY}")

    def add_generation(self) -> int:
        """Make a new sealing key, which seals from now on; its number. The older ones go on opening what they sealed.

        :raises UnableToOpenVault: all 255 numbers are used, or the key cannot be written.
        """
        number = self._newest + 1
        key = secrets.token_bytes(KEY)
        try:
            if number > 255 or not create_private(self._folder / f"seal-{number}.key", key.hex().encode() + b"\n"):
                raise UnableToOpenVault(f"No new key can be made in {self._folder}: number {number} is not free.")
        except UnableToKeepPrivate as error:
            raise UnableToOpenVault(str(error)) from error
        self._generations[number] = key
        self._newest = number
        return number

    def indexes(self, kind: str, values: pa.StringArray | pa.ChunkedArray) -> pa.FixedSizeBinaryArray:
        """The blind index of each value: keyed BLAKE2b (RFC 7693) under the key of its kind, 16 bytes; null stays null.

        Equal texts have equal indexes, so normalise first.
        """
        keyed = hashlib.blake2b(key=_derive(self._index, f"index/{kind}"), digest_size=INDEX).copy
        digests = []
        add = digests.append
        for text in _texts(values):
            one = keyed()
            one.update(text)
            add(one.digest())
        return _fixed(digests, values)

    def seal(self, feed: str, rows: pa.Table, ids: pa.Array) -> pa.BinaryArray:
        """Seal the rows of a table of texts, each into one value bound to the feed, the columns and the row's id.

        `ids` are 16 bytes each; a sealed value opens only with the id it was sealed for.
        """
        seal = self._cipher(self._newest, f"rows/{feed}").encrypt
        pack = msgspec.msgpack.Encoder().encode
        generation, prefix = bytes([self._newest]), _columns_prefix(rows.column_names)
        nonces = _cut(os.urandom(NONCE * rows.num_rows), NONCE)
        columns = [column.to_pylist() for column in rows.columns]
        pieces: list[bytes] = []
        lengths = []
        for nonce, identity, row in zip(nonces, _identities(ids), zip(*columns, strict=True), strict=True):
            hidden = seal(nonce, pack(row), prefix + identity)
            pieces += (generation, nonce, hidden)
            lengths.append(len(hidden))
        ends = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(np.array(lengths, np.int64) + (1 + NONCE), out=ends[1:])
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(pieces))]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(lengths), buffers).cast(pa.binary())

    def unseal(self, feed: str, columns: tuple[str, ...], blob: bytes, id: bytes) -> dict[str, str | None]:  # noqa: A002
        """Open the values of one row, by column.

        :raises UnableToUnseal: the blob is not that of this feed, these columns and this id.
        """
        plain = self._open(f"rows/{feed}", blob, _columns_prefix(columns) + id, f"A row of {feed}")
        return dict(zip(columns, msgspec.msgpack.decode(plain, type=list[str | None]), strict=True))

    def unseal_rows(self, feed: str, columns: tuple[str, ...], blobs: pa.Array, ids: pa.Array) -> pa.Table:
        """Open the values of many rows, as a table of texts.

        :raises UnableToUnseal: a blob is not that of this feed, these columns and its id.
        """
        prefix, what, purpose = _columns_prefix(columns), f"A row of {feed}", f"rows/{feed}"
        unpack = msgspec.msgpack.Decoder(list[str | None]).decode
        flat: list[str | None] = []
        for blob, identity in zip(blobs.to_pylist(), _identities(ids), strict=True):
            row = unpack(self._open(purpose, blob, prefix + identity, what))
            assert len(row) == len(columns), "the columns are part of what was sealed"
            flat += row
        width = len(columns)
        return pa.table([pa.array(flat[at::width], pa.string()) for at in range(width)], names=list(columns))

    def seal_bytes(self, purpose: str, blob: bytes, aad: bytes = b"") -> bytes:
        """Seal a short value, bound to a purpose and to what `aad` says of its place."""
        nonce = os.urandom(NONCE)
        return bytes([self._newest]) + nonce + self._cipher(self._newest, f"bytes/{purpose}").encrypt(nonce, blob, aad)

    def unseal_bytes(self, purpose: str, blob: bytes, aad: bytes = b"") -> bytes:
        """Open what `seal_bytes` sealed.

        :raises UnableToUnseal: it was sealed for another purpose or place, or changed.
        """
        return self._open(f"bytes/{purpose}", blob, aad, f"A value of {purpose}")

    def keep(self, source: BinaryIO, target: Path) -> Kept:
        """Encrypt a file to `target`, which appears whole and on disk or not at all (and replaces one of that name).

        A file has a key of its own. A block's nonce is its number and whether it is the last, so that no block can be
        changed, moved or dropped, nor the file cut, unnoticed.
        """
        header = MAGIC + bytes([self._newest]) + os.urandom(FILE_ID)
        cipher = self._file_cipher(header)
        digest = hashlib.sha256()
        size = number = 0
        unfinished = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
                written.write(header)
                block = _read_block(source)
                while True:
                    following = _read_block(source) if len(block) == BLOCK else b""
                    digest.update(block)
                    size += len(block)
                    written.write(cipher.encrypt(_block_nonce(number, last=not following), block, header))
                    if not following:
                        break
                    block, number = following, number + 1
                written.flush()
                os.fsync(written.fileno())
            unfinished.replace(target)
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()
        sync_folder(target.parent)
        return Kept(digest.hexdigest(), size)

    def read_kept(self, path: Path, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The plaintext from byte `start`, `length` bytes of it or all that follows, block by block.

        :raises UnableToUnseal: the file is no kept file, changed, or cut (seen when its end is read).
        """
        assert start >= 0, "a position in the file"
        assert length is None or length >= 0, "a number of bytes"
        stop = None if length is None else start + length
        with path.open("rb") as kept:
            header = kept.read(HEADER)
            stored = os.fstat(kept.fileno()).st_size - HEADER
            last = max(0, -(-stored // (BLOCK + TAG)) - 1)
            cipher = self._file_cipher(header)
            number = min(start // BLOCK, last)
            kept.seek(HEADER + number * (BLOCK + TAG))
            while number <= last and (stop is None or number * BLOCK < stop):
                try:
                    plain = cipher.decrypt(_block_nonce(number, last=number == last), kept.read(BLOCK + TAG), header)
                except InvalidTag:
                    raise UnableToUnseal(f"{path} was changed or cut at block {number + 1}. {_REMEDY}") from None
                low, high = max(0, start - number * BLOCK), len(plain) if stop is None else stop - number * BLOCK
                if piece := plain[low:high]:
                    yield piece
                number += 1

    def _file_cipher(self, header: bytes) -> AESGCM:
        if len(header) != HEADER or not header.startswith(MAGIC):
            raise UnableToUnseal("This is no file kept by this program, or it was cut.")
        number = header[len(MAGIC)]
        return AESGCM(_derive(self._generation(number, "A kept file"), "kept", header[len(MAGIC) + 1 :]))

    def _cipher(self, number: int, purpose: str, what: str = "") -> AESGCM:
        cipher = self._ciphers.get((number, purpose))
        if cipher is None:
            cipher = AESGCM(_derive(self._generation(number, what), purpose))
            self._ciphers[number, purpose] = cipher
        return cipher

    def _generation(self, number: int, what: str) -> bytes:
        try:
            return self._generations[number]
        except KeyError:
            file = self._folder / f"seal-{number}.key"
            raise UnableToUnseal(f"{what} was sealed with {file}, which is not here. {_REMEDY}") from None

    def _open(self, purpose: str, blob: bytes, aad: bytes, what: str) -> bytes:
        if len(blob) < 1 + NONCE + TAG:
            raise UnableToUnseal(f"{what} was cut. {_REMEDY}")
        cipher = self._cipher(blob[0], purpose, what)
        try:
            return cipher.decrypt(blob[1 : 1 + NONCE], blob[1 + NONCE :], aad)
        except InvalidTag:
            raise UnableToUnseal(f"{what} was changed or belongs to another place. {_REMEDY}") from None


_REMEDY = "Put the right one back from a backup."


def _derive(key: bytes, purpose: str, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), KEY, salt, f"cair/{purpose}".encode()).derive(key)


def _read_key(file: Path) -> bytes:
    try:
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except OSError as error:
        raise UnableToOpenVault(f"The key {file} cannot be read: {error.strerror}. {_REMEDY}") from error
    except ValueError:
        key = b""
    if len(key) != KEY:
        raise UnableToOpenVault(f"The key {file} is damaged: it must be {2 * KEY} hexadecimal digits. {_REMEDY}")
    return key


def _columns_prefix(columns: tuple[str, ...] | list[str]) -> bytes:
    return "\0".join(columns).encode() + b"\0\0"


def _texts(values: pa.StringArray | pa.ChunkedArray) -> Iterator[bytes]:
    """Each value's UTF-8 bytes; none for null."""
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    return chain.from_iterable(map(_texts_of, chunks))


def _texts_of(chunk: pa.StringArray) -> list[bytes]:
    wide = chunk.cast(pa.large_string())
    _, offsets, content = wide.buffers()
    if len(wide) == 0:
        return []
    ends = np.frombuffer(offsets, np.int64, len(wide) + 1, wide.offset * 8).tolist()
    first = ends[0]
    plain = bytes(memoryview(content)[first : ends[-1]]) if content else b""
    return [plain[start - first : end - first] for start, end in pairwise(ends)]


def _cut(joined: bytes, width: int) -> Iterator[bytes]:
    return (joined[at : at + width] for at in range(0, len(joined), width))


def _identities(ids: pa.Array | pa.ChunkedArray) -> Iterator[bytes]:
    whole = (ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids).cast(pa.binary(FINGERPRINT))
    assert whole.null_count == 0, "every sealed row has an id"
    start = whole.offset * FINGERPRINT
    content = whole.buffers()[1]
    return _cut(bytes(memoryview(content)[start : start + len(whole) * FINGERPRINT]) if content else b"", FINGERPRINT)


def _fixed(digests: list[bytes], values: pa.Array | pa.ChunkedArray) -> pa.FixedSizeBinaryArray:
    buffers = [None, pa.py_buffer(b"".join(digests))]
    whole = pa.FixedSizeBinaryArray.from_buffers(pa.binary(INDEX), len(digests), buffers)
    if values.null_count == 0:
        return whole
    valid = values.is_valid()
    known = valid.combine_chunks() if isinstance(valid, pa.ChunkedArray) else valid
    return pc.if_else(known, whole, pa.scalar(None, whole.type))


def _read_block(source: BinaryIO) -> bytes:
    """The next `BLOCK` bytes, fewer only at the end."""
    block = source.read(BLOCK)
    if 0 < len(block) < BLOCK:
        parts = [block]
        missing = BLOCK - len(block)
        while missing and (more := source.read(missing)):
            parts.append(more)
            missing -= len(more)
        block = b"".join(parts)
    return block


def _block_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(NONCE - 1, "big") + bytes([last])
