"""What the vault promises: only its own keys open, nothing can be swapped, cut or changed, equals are found."""

import hashlib
import io
import os
import stat
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cair.store import vault as room
from cair.store.vault import BLOCK, UnableToOpenVault, UnableToUnseal, Vault

TEXTS = st.lists(st.none() | st.text(), max_size=6)
COLUMNS = ("nik", "full_name", "phone")


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault.open(tmp_path_factory.mktemp("home") / "keys")


def ids_of(number: int) -> pa.Array:
    return pa.array([bytes([each]) * 16 for each in range(number)], pa.binary(16))


def rows_of(*rows: tuple[str | None, str | None, str | None]) -> pa.Table:
    return pa.table([pa.array(each, pa.string()) for each in zip(*rows, strict=True)], names=COLUMNS)


@given(st.lists(st.tuples(*[st.none() | st.text()] * 3), min_size=1, max_size=5))
def test_sealed_rows_come_back(vault: Vault, rows: list[tuple[str | None, str | None, str | None]]) -> None:
    table, ids = rows_of(*rows), ids_of(len(rows))
    blobs = vault.seal("appointments", table, ids)
    assert blobs.type == pa.binary()
    opened = [vault.unseal("appointments", COLUMNS, blobs[at].as_py(), ids[at].as_py()) for at in range(len(rows))]
    assert opened == table.to_pylist()
    assert vault.unseal_rows("appointments", COLUMNS, blobs, ids).equals(table)
    assert vault.unseal_rows("appointments", COLUMNS, blobs[1:], ids[1:]).equals(table[1:])


def test_a_blob_opens_only_in_its_own_place(vault: Vault) -> None:
    ids = ids_of(2)
    first, second = vault.seal("accounts", rows_of(("1", "A", None), ("2", "B", None)), ids).to_pylist()
    own, other = ids.to_pylist()
    assert vault.unseal("accounts", COLUMNS, first, own)["nik"] == "1"
    damaged = first[:-1] + bytes([first[-1] ^ 1])
    wrong = [
        ("accounts", COLUMNS, second, own),
        ("accounts", COLUMNS, first, other),
        ("registry", COLUMNS, first, own),
        ("accounts", COLUMNS[::-1], first, own),
        ("accounts", COLUMNS, damaged, own),
        ("accounts", COLUMNS, first[:20], own),
        ("accounts", COLUMNS, b"\x09" + first[1:], own),
    ]
    for feed, columns, blob, identity in wrong:
        with pytest.raises(UnableToUnseal):
            vault.unseal(feed, columns, blob, identity)
    assert first != vault.seal("accounts", rows_of(("1", "A", None)), ids[:1])[0].as_py()


@given(TEXTS, st.integers(0, 3))
def test_an_index_is_the_keyed_hash_of_the_text(vault: Vault, texts: list[str | None], start: int) -> None:
    values = pa.array(texts, pa.string())[start:]
    found = vault.indexes("nik", values)
    assert found.type == pa.binary(16)
    key = room._derive(vault._index, "index/nik")
    expected = [
        each and blake2b(each.encode(), key=key, digest_size=16).digest() for each in texts[start:] if each != ""
    ]
    assert [each for each, text in zip(found.to_pylist(), texts[start:], strict=True) if text != ""] == expected
    assert found.is_null().to_pylist() == [each is None for each in texts[start:]]
    whole = pa.chunked_array([values, values], pa.string())
    assert vault.indexes("nik", whole).to_pylist() == found.to_pylist() * 2


def test_a_kind_has_its_own_indexes_wherever_it_stands(vault: Vault) -> None:
    values = pa.array(["3174010101010001"])
    again = Vault.open(vault._folder)
    assert again.indexes("nik", values) == vault.indexes("nik", values)
    assert vault.indexes("nik", values) != vault.indexes("account", values)


def test_keys_are_private_and_their_loss_is_noticed(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    check = Vault.open(keys).key_check()
    assert Vault.open(keys, check=check).key_check() == check
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()} == {0o600}
    key = bytes.fromhex((keys / "index.key").read_text())
    assert key not in check
    for name, refused in [("index.key", "index.key"), ("seal-1.key", "seal-1.key")]:
        saved = (keys / name).read_text()
        (keys / name).unlink()
        with pytest.raises(UnableToOpenVault, match=refused):
            Vault.open(keys, check=check)
        (keys / name).write_text("ab" * 32)
        with pytest.raises(UnableToOpenVault, match=refused):
            Vault.open(keys, check=check)
        (keys / name).write_text("not hexadecimal")
        with pytest.raises(UnableToOpenVault, match="damaged"):
            Vault.open(keys)
        (keys / name).write_text(saved)
    assert Vault.open(keys, check=check).key_check() == check
    with pytest.raises(UnableToOpenVault):
        Vault.open(tmp_path / "elsewhere", check=check)


def test_two_generations_open_and_the_newer_one_seals(tmp_path: Path) -> None:
    older = Vault.open(tmp_path)
    ids, rows = ids_of(1), rows_of(("1", "A", None))
    old = older.seal("accounts", rows, ids)[0].as_py()
    old_check = older.key_check()
    assert older.add_generation() == 2
    newer = Vault.open(tmp_path, check=old_check)
    new = newer.seal("accounts", rows, ids)[0].as_py()
    assert (old[0], new[0]) == (1, 2)
    for blob in (old, new):
        assert newer.unseal("accounts", COLUMNS, blob, ids[0].as_py())["full_name"] == "A"
    (tmp_path / "seal-1.key").unlink()
    with pytest.raises(UnableToUnseal, match=r"seal-1\.key"):
        Vault.open(tmp_path).unseal("accounts", COLUMNS, old, ids[0].as_py())
    with pytest.raises(UnableToOpenVault, match=r"seal-1\.key"):
        Vault.open(tmp_path, check=newer.key_check())


def test_short_values_are_bound_to_purpose_and_place(vault: Vault) -> None:
    sealed = vault.seal_bytes("rejects", b"3174,\xff", b"file 1, line 7")
    assert b"3174" not in sealed
    assert vault.unseal_bytes("rejects", sealed, b"file 1, line 7") == b"3174,\xff"
    for purpose, aad in [("rejects", b"file 1, line 8"), ("other", b"file 1, line 7")]:
        with pytest.raises(UnableToUnseal):
            vault.unseal_bytes(purpose, sealed, aad)


class Dribble(io.RawIOBase):
    """A source that gives fewer bytes than asked for, as pipes do."""

    def __init__(self, content: bytes) -> None:
        self.content = io.BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self.content.read(min(size, 1000))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 40])
def test_a_kept_file_reads_as_it_came(vault: Vault, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BLOCK", 16)
    content, path = os.urandom(size), tmp_path / "kept"
    kept = vault.keep(Dribble(content), path)
    assert (kept.sha256, kept.size) == (hashlib.sha256(content).hexdigest(), size)
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"".join(vault.read_kept(path)) == content
    for start in range(size + 3):
        for length in (0, 1, 16, 17, 50):
            assert b"".join(vault.read_kept(path, start, length)) == content[start : start + length]
    stored = path.read_bytes()
    for end in range(len(stored)):
        path.write_bytes(stored[:end])
        with pytest.raises(UnableToUnseal):
            list(vault.read_kept(path))
    for at in range(0, len(stored), 5):
        path.write_bytes(stored[:at] + bytes([stored[at] ^ 4]) + stored[at + 1 :])
        with pytest.raises(UnableToUnseal):
            list(vault.read_kept(path))
    path.write_bytes(stored + b"\0")
    with pytest.raises(UnableToUnseal):
        list(vault.read_kept(path))


def test_blocks_cannot_be_moved(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BLOCK", 16)
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        vault.keep(io.BytesIO(b"a" * 16 + b"b" * 16 + b"c"), path)
    head, step = room.HEADER, 32
    stored, other = first.read_bytes(), second.read_bytes()
    swapped = stored[:head] + stored[head + step : head + 2 * step] + stored[head : head + step] + stored[head + 64 :]
    foreign = stored[:head] + other[head : head + step] + stored[head + step :]
    for forged in (swapped, foreign):
        first.write_bytes(forged)
        with pytest.raises(UnableToUnseal):
            list(vault.read_kept(first))


def test_a_source_that_fails_leaves_no_file(vault: Vault, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        vault.keep(Broken(), tmp_path / "kept")
    assert not list(tmp_path.iterdir())


def test_nothing_in_the_clear_is_on_disk(vault: Vault, tmp_path: Path) -> None:
    line = b"3174010101010001,SITI AMINAH,081234567890\n"
    path = tmp_path / "kept"
    kept = vault.keep(io.BytesIO(line * (BLOCK // len(line) + 10)), path)
    assert kept.size > BLOCK
    stored = path.read_bytes()
    assert b"3174" * 2 not in stored
    assert b"SITI" not in stored
    assert sum(map(len, vault.read_kept(path))) == kept.size
