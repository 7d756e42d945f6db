"""Every file as it was received: encrypted, named by its hash, kept for ever."""

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from cair.store.private_files import own_folder, sync_folder
from cair.store.vault import Kept, Vault

_ARRIVING = "arriving.sealed"


class UnableToKeepFile(Exception):
    """Our own disk does not take the file; nothing of it is taken in. The message says what to do."""


def kept_path(home: Path, sha256: str) -> Path:
    """Say where a file with this SHA-256 is kept."""
    return home / "received" / sha256[:2] / f"{sha256}.sealed"


def keep_file(home: Path, vault: Vault, source: Path) -> Kept:
    """Keep the bytes of a file, once for each content, and say their hash and size. They are on disk when this returns.

    :raises OSError: the source cannot be read.
    :raises UnableToKeepFile: our disk is full or cannot be written.
    """
    with _opened(source) as stream:
        # Intake and settling may keep files at the same time: each under a name of its own.
        arriving = own_folder(home / "received", private=True) / f"{secrets.token_hex(8)}.{_ARRIVING}"
        try:
            kept = vault.keep(stream, arriving)
            target = kept_path(home, kept.sha256)
            own_folder(target.parent, private=True)
            if target.exists():
                arriving.unlink()
            else:
                arriving.rename(target)
                sync_folder(target.parent)
                sync_folder(arriving.parent)
        except OSError as error:
            raise UnableToKeepFile(
                f"{source.name} cannot be kept in {home}: {error.strerror}. Make room and give the same command again."
            ) from error
    return kept


def clear_unfinished(home: Path) -> None:
    """Take away what an intake that was killed had only begun to keep. Only for who holds the lock of intake."""
    for path in (home / "received").glob(f"*{_ARRIVING}*"):
        path.unlink(missing_ok=True)


def _opened(source: Path) -> BinaryIO:
    # Not to wait for a writer, should the path be a named pipe.
    handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(handle, "rb", buffering=0)
