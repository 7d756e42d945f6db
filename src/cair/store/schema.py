"""The tables of the database: made or brought up to date when they are not those this program knows."""

from importlib.resources import files

from cair.store.database import Database, without_values


def newest_migration() -> str:
    """Name the newest migration this program brings."""
    return (files("cair.store") / "migrations" / "max_migration.txt").read_text(encoding="utf-8").strip()


def is_current(database: Database) -> bool:
    """Whether the newest migration has been applied. Fast: it asks without setting Django up."""
    with database.connect(autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
        if found is None or found[0] is None:
            return False
        applied = connection.execute(
            "SELECT 1 FROM django_migrations WHERE app = 'store' AND name = %s", [newest_migration()]
        ).fetchone()
    return applied is not None


def bring_up_to_date(database: Database) -> bool:
    """Make or migrate the tables where they are not current; say whether anything was done.

    One process at a time does it, all of it or nothing, and no statement waits long for a lock that others hold.

    :raises UnableToUseDatabase: the database refused; nothing was changed.
    """
    if is_current(database):
        return False
    with without_values():
        _migrate(database)
    return True


def _migrate(database: Database) -> None:
    from cair.store.orm import configure

    configure(database)
    from django.core.management import call_command
    from django.db import connection, transaction

    try:
        # Django makes the tables in one transaction and notes in another one that it did. A process that was killed
        # between the two would leave tables that the next one makes again, so one transaction goes around it all. The
        # lock ends with it: a lock of a connection of its own is free while the server still works for the dead.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cair.schema'))")
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            call_command("migrate", verbosity=0, interactive=False)
    finally:
        connection.close()
