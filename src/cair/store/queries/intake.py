"""What has come in so far."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cair.store.database import Database, without_values


@dataclass(frozen=True)
class IntakeSoFar:
    """Number of the last file, and the latest receipt on record (None: nothing came in yet)."""

    last_number: int
    latest_receipt: datetime | None


def intake_so_far(database: Database) -> IntakeSoFar:
    """Say how far the intake has come."""
    with without_values(), database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT coalesce(max(number), 0), max(received_at) FROM intake_file").fetchone()
    assert row is not None, "an aggregate has one row"
    return IntakeSoFar(*row)


def rejects(database: Database, until: datetime) -> Iterator[tuple[int, str, int, str, str, str, str, str, bytes]]:
    """Give the rejects of files received until an instant, in the order of intake.

    :returns: file number, file, line, feed, partner, code, column, masked line, sealed line.
    """
    with without_values(), database.connect() as connection, connection.cursor("rejects") as cursor:
        cursor.execute(
            "SELECT f.number, f.name, r.line, f.feed, f.partner, r.code, r.column, r.masked, r.sealed FROM reject r "
            "JOIN intake_file f ON f.number = r.file_number WHERE f.received_at <= %s ORDER BY r.file_number, r.line",
            [until],
        )
        yield from cursor
