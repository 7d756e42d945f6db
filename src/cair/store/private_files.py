"""Folders and files that only their owner may read, and that are on disk once they are said to be."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


class UnableToKeepPrivate(Exception):
    """A folder or file cannot be made, or others may read or change it."""


def own_folder(folder: Path, *, private: bool) -> Path:
    """Make a folder for its owner alone, or check one that exists; `private` also closes one that stands open.

    :raises UnableToKeepPrivate: it cannot be made, is no folder, or (if private) belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat() if private else folder.stat()
        if private and (not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid()):
            raise UnableToKeepPrivate(
                f"{folder} belongs to another user or is a link. Remove it, or choose another place."
            )
        if private and found.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise UnableToKeepPrivate(
            f"The folder {folder} cannot be used: {error.strerror}. Choose another place."
        ) from error
    return folder


def create_private(file: Path, content: bytes) -> bool:
    """Write a file of mode 0600 that appears whole or not at all; false when there is one already, which stays.

    :raises UnableToKeepPrivate: it cannot be written.
    """
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(descriptor)
        os.link(unfinished, file)
    except FileExistsError:
        return False
    except OSError as error:
        raise UnableToKeepPrivate(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    sync_folder(file.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
