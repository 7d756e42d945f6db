"""What was sent last, noted beside the database: so that a database that was set back is found out before it pays.

A restored backup does not know what it has forgotten. The home does: it holds the number and the name of the last
sending that left from here.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cair.store.database import Database
from cair.store.queries.recoveries import remembers

_FILE = "last-sent.json"


class UnableToTrustDatabase(Exception):
    """The database has forgotten what was sent from this home: it was restored. Nothing may be paid; says what to do."""


def note_sent(home: Path, number: int, external_id: str, at: datetime) -> None:
    """Note a sending that is on record, before it leaves; the last one stands, however many workers note theirs.

    :raises OSError: it cannot be noted, and must not leave.
    """
    path = home / _FILE
    with _alone(home):
        last = _last_sent(home)
        if last and number < last[0] and at <= last[2]:
            return
        unfinished = path.with_name(f".{_FILE}")
        unfinished.write_text(json.dumps({"number": number, "external_id": external_id, "at": at.isoformat()}))
        unfinished.replace(path)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the note against other workers, whether they are threads or processes."""
    descriptor = os.open(home / f".{_FILE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _last_sent(home: Path) -> tuple[int, str, datetime] | None:
    """Give number, name and instant; none when nothing was sent, or the machine stopped while it was noted.

    :raises OSError: there is a note that cannot be read; it says nothing, and that is no leave to pay.
    """
    try:
        last = json.loads((home / _FILE).read_text())
        return int(last["number"]), str(last["external_id"]), datetime.fromisoformat(last["at"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def check_memory(home: Path, database: Database) -> None:
    """See that what was sent last is still on record, or that a recovery has begun since.

    :raises UnableToTrustDatabase: it is not.
    :raises OSError: the note cannot be read.
    """
    last = _last_sent(home)
    if last is None:
        return
    number, external_id, at = last
    with database.connect() as connection:
        if remembers(connection, number, external_id, at):
            return
    raise UnableToTrustDatabase(
        f"The database does not know what was sent from here at {at:%Y-%m-%d %H:%M} UTC: it was restored from a backup. "
        "Nothing was paid. Say so with `cair recovery begin`, and follow docs/reliability.md."
    )
