"""Which journeys may not run beside themselves: one lock a journey, held for as long as the connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from cair.store.database import Database


class UnableToGoAlone(Exception):
    """Somebody else is at the same work; the message says what to do."""


@contextmanager
def alone(database: Database, work: str) -> Iterator[None]:
    """Hold the lock of a kind of work, such as `intake`; it goes with the process, however that ends.

    :raises UnableToGoAlone: another process holds it.
    """
    with database.connect(autocommit=True) as connection:
        found = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [f"cair.{work}"]).fetchone()
        if not found or not found[0]:
            raise UnableToGoAlone(f"Another {work} is running on this database. Wait until it has ended and try again.")
        yield
