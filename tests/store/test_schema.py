"""The tables are made whole or not at all, whatever happens to the one who makes them."""

import uuid
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest

from cair.store.database import Database, open_database
from cair.store.migrations import __path__ as migrations_path
from cair.store.schema import bring_up_to_date, is_current, newest_migration


class Killed(BaseException):
    """What a blow looks like from inside."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with open_database(tmp_path_factory.mktemp("home"), None, announce=lambda told: None) as opened:
        yield opened


@pytest.fixture
def database(server: Database) -> Database:
    """A database with nothing in it."""
    name = f"test_{uuid.uuid4().hex}"
    with server.connect(autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return Database(server.parameters | {"dbname": name}, is_embedded=True)


def tables(database: Database) -> int:
    with database.connect() as connection:
        (count,) = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() or (0,)
    return int(count)


@pytest.mark.parametrize("struck", ["0001_evidence", "0005_money_by_statement", newest_migration()])
def test_who_is_killed_before_a_migration_is_noted_leaves_nothing_behind(
    database: Database, struck: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIR_HOME", str(tmp_path_factory.mktemp("settings")))
    from django.db.migrations.recorder import MigrationRecorder

    note = MigrationRecorder.record_applied

    def strike(recorder: MigrationRecorder, app: str, name: str) -> None:
        if name == struck:
            raise Killed
        note(recorder, app, name)

    monkeypatch.setattr(MigrationRecorder, "record_applied", strike)
    with pytest.raises(Killed):
        bring_up_to_date(database)
    assert tables(database) == 0
    assert not is_current(database)

    monkeypatch.setattr(MigrationRecorder, "record_applied", note)
    assert bring_up_to_date(database)
    assert is_current(database)
    assert not bring_up_to_date(database), "there is nothing left to do"
    assert tables(database) > 0


def test_every_migration_can_be_part_of_one_transaction() -> None:
    names = [each.name for each in iter_modules(migrations_path)]
    assert newest_migration() in names
    apart = [name for name in names if not import_module(f"cair.store.migrations.{name}").Migration.atomic]
    assert apart == []
