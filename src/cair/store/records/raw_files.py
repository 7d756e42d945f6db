"""Every file as it was received: encrypted, named by its hash, kept for ever."""

from pathlib import Path

from cair.store.private_files import own_folder
from cair.store.vault import Kept, Vault


class UnableToKeepFile(Exception):
    """Our own disk does not take the file; nothing of it is taken in. The message says what to do."""


def kept_path(home: Path, sha256: str) -> Path:
    """Say where a file with this SHA-256 is kept."""
    return home / "received" / sha256[:2] / f"{sha256}.sealed"


def keep_file(home: Path, vault: Vault, source: Path) -> Kept:
    """Keep the bytes of a file, once for each content, and say their hash and size.

    :raises OSError: the source cannot be read.
    :raises UnableToKeepFile: our disk is full or cannot be written.
    """
    with source.open("rb") as stream:
        arriving = own_folder(home / "received", private=True) / "arriving.sealed"
        try:
            kept = vault.keep(stream, arriving)
            target = kept_path(home, kept.sha256)
            own_folder(target.parent, private=True)
            if target.exists():
                arriving.unlink()
            else:
                arriving.rename(target)
        except OSError as error:
            raise UnableToKeepFile(
                f"{source.name} cannot be kept in {home}: {error.strerror}. Make room and give the same command again."
            ) from error
    return kept
