"""Connections by psycopg, ADBC and Django to one database, and errors that give no value away."""

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import adbc_driver_postgresql.dbapi
import pytest

from cair.store.configuration import UnableToReadSettings, read_configuration
from cair.store.database import (
    Database,
    UnableToReachDatabase,
    UnableToUseDatabase,
    open_database,
    without_values,
)

WITH_DJANGO = """
import os, sys
from pathlib import Path
from cair.store.configuration import read_configuration
from cair.store.database import open_database
from cair.store.orm import configure
assert not any(name.partition(".")[0] == "django" for name in sys.modules), "django comes only with configure"
with open_database(read_configuration(os.environ).home, None, announce=lambda told: None) as database:
    configure(database)
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('timezone'), current_setting('application_name')")
        print(*cursor.fetchone())
    connection.close()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def database(home: Path) -> Iterator[Database]:
    with open_database(home, None, announce=lambda told: None) as opened:
        with opened.connect() as connection:
            connection.execute("CREATE TABLE people (nik text CONSTRAINT nik_once PRIMARY KEY)")
        yield opened


@pytest.fixture(scope="module")
def address(home: Path, database: Database) -> str:
    """The same database as a user would name it, with a password."""
    password = (home / "postgres.pass").read_text().strip().rpartition(":")[2]
    return f"postgresql://cair:{password}@/postgres?host={database.parameters['host']}"


def test_named_and_embedded_are_used_alike(home: Path, database: Database, address: str) -> None:
    asked = "SELECT current_setting('timezone'), current_setting('application_name')"
    with open_database(home / "unused", address, announce=print) as named:
        for each in (database, named):
            with each.connect() as connection:
                assert connection.execute(asked).fetchone() == ("UTC", "cair")
            with adbc_driver_postgresql.dbapi.connect(each.uri) as adbc, adbc.cursor() as cursor:
                cursor.execute(asked)
                assert cursor.fetchone() == ("UTC", "cair")
        assert (database.is_embedded, named.is_embedded) == (True, False)
        assert named.parameters["password"] not in repr(named)
        assert "password" not in database.parameters
    assert not (home / "unused").exists()


def test_django_uses_the_socket(home: Path, database: Database) -> None:
    environment = os.environ | {"CAIR_HOME": str(home)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-W", "error", "-c", WITH_DJANGO]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("UTC cair\n", 0), done.stderr


def test_refusals_carry_names_and_no_values(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute("INSERT INTO people VALUES ('3174010101010001')")
        with pytest.raises(UnableToUseDatabase) as caught, without_values():
            connection.execute("INSERT INTO people VALUES (%s)", ["3174010101010001"])
        refusal = caught.value
        assert (refusal.kind, refusal.sqlstate) == ("UniqueViolation", "23505")
        assert (refusal.constraint, refusal.table) == ("nik_once", "people")
        with pytest.raises(UnableToUseDatabase) as cast, without_values():
            connection.execute("SELECT '3174010101010001'::date")
    with (
        adbc_driver_postgresql.dbapi.connect(database.uri) as adbc,
        adbc.cursor() as cursor,
        pytest.raises(UnableToUseDatabase) as arrow,
        without_values(),
    ):
        cursor.execute("SELECT '3174010101010001'::date")
    for each in (caught.value, cast.value, arrow.value):
        told = "".join(traceback.format_exception(each)) + repr(each.__context__)
        assert "3174" not in told.replace("SELECT '3174", "").replace("VALUES ('3174", "").replace('["3174', "")
    with pytest.raises(KeyError), without_values():
        raise KeyError("a bug is none of the driver's")


def test_unreachable_databases_are_named_without_password(tmp_path: Path, address: str) -> None:
    cases = [
        ("postgresql://u:hidden@127.0.0.1:1/x", "x on 127.0.0.1:1 cannot be reached: Connection refused"),
        (address.replace("cair:", "cair:hidden"), "password authentication failed"),
        ("host=hidden something", "CAIR_DATABASE_URL cannot be read"),
    ]
    for url, told in cases:
        with pytest.raises(UnableToReachDatabase, match=told) as caught, open_database(tmp_path, url, announce=print):
            pass
        assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_a_database_that_is_not_in_utf8_is_refused(database: Database, address: str) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    named = address.replace("/postgres?", "/latin?")
    with pytest.raises(UnableToReachDatabase, match="LATIN1"), open_database(Path("/"), named, announce=print):
        pass


def test_settings_come_from_environment_then_file(tmp_path: Path) -> None:
    file = tmp_path / "cair.toml"
    file.write_text('database_url = "postgresql://filed"\nkeys_folder = "/filed"\n')
    filed = read_configuration({"CAIR_HOME": str(tmp_path), "CAIR_DATABASE_URL": ""})
    assert (filed.home, filed.keys, filed.database_url) == (tmp_path, Path("/filed"), "postgresql://filed")
    assert "filed" not in repr(filed).replace("/filed", "")
    both = read_configuration({"CAIR_CONFIG": str(file), "CAIR_HOME": "/h", "CAIR_DATABASE_URL": "postgresql://env"})
    assert (both.home, both.database_url) == (Path("/h"), "postgresql://env")
    assert read_configuration({"CAIR_HOME": "/h"}).keys == Path("/h/keys")
    assert read_configuration({"HOME": "/h"}).home.name == "cair"
    for content, told in [("= 1", "not TOML"), ("colour = 1", "colour"), ("home = 1", "text in quotes")]:
        file.write_text(content)
        with pytest.raises(UnableToReadSettings, match=told):
            read_configuration({"CAIR_HOME": str(tmp_path)})
    with pytest.raises(UnableToReadSettings, match="cannot be read"):
        read_configuration({"CAIR_CONFIG": str(tmp_path / "none.toml")})
