"""Files that are kept at the same time: each under its own hash, whole."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cair.store.records.raw_files import keep_file, kept_path
from cair.store.vault import Vault


def test_files_kept_at_the_same_time_are_kept_apart(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "keys")
    contents = [f"file {number}\n".encode() * (1 + number * 997) for number in range(24)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.csv").write_bytes(content)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: keep_file(tmp_path, vault, tmp_path / f"{number}.csv"), range(len(contents))))
    for content in contents:
        kept = kept_path(tmp_path, hashlib.sha256(content).hexdigest())
        assert b"".join(vault.read_kept(kept)) == content
