"""Which journeys may not run beside themselves: one lock a journey, held for as long as the connection."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from cair.store.database import Database, without_values

PATIENCE = "5s"
"""How long to wait: a process that was killed is noticed by the server a moment later."""


class UnableToGoAlone(Exception):
    """Somebody else is at the same work; the message says what to do."""


@contextmanager
def alone(database: Database, work: str) -> Iterator[None]:
    """Hold the lock of a kind of work, such as `intake`; it goes with the process, however that ends.

    :raises UnableToGoAlone: another process holds it.
    :raises cair.store.database.UnableToUseDatabase: the database went away.
    """
    with without_values(), database.connect(autocommit=True) as connection:
        connection.execute(f"SET lock_timeout = '{PATIENCE}'")
        try:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [f"cair.{work}"])
        except psycopg.errors.LockNotAvailable:
            raise UnableToGoAlone(
                f"Another {work} is running on this database. Wait until it has ended and try again."
            ) from None
        try:
            yield
        finally:
            # A connection that is gone holds no lock.
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", [f"cair.{work}"])
