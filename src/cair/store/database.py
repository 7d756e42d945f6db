"""Where the database is, and connections to it that give no personal value away when something fails."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cair.store.embedded import running_server

OLDEST = 140000
"""The oldest server release that will do, as PostgreSQL counts them."""
DEFAULTS = {"application_name": "cair", "connect_timeout": "10"}


_REMEDIES = {
    "53100": " Its disk is full. Make room and give the same command again.",
    "57P": " It was stopped or lost. Give the same command again; what was done stays done.",
    "08": " The connection was lost. Give the same command again; what was done stays done.",
}
"""What to do, by the beginning of PostgreSQL's code."""


class UnableToReachDatabase(Exception):
    """The database does not answer, or is none for us; the message says why and what to do, without the password."""


class UnableToUseDatabase(Exception):
    """The database refused a statement. Its own message may hold personal values and is left out.

    `sqlstate` is PostgreSQL's code, `kind` the driver's name for it; `constraint` and `table` may be empty.
    """

    def __init__(self, kind: str, sqlstate: str, constraint: str, table: str) -> None:
        self.kind, self.sqlstate, self.constraint, self.table = kind, sqlstate, constraint, table
        told = f"The database refused: {kind} ({sqlstate or 'no code'})"
        told += f", constraint {constraint}" if constraint else ""
        told += f", table {table}" if table else ""
        remedy = next((text for start, text in _REMEDIES.items() if sqlstate.startswith(start)), "")
        super().__init__(f"{told}.{remedy}")


@dataclass(frozen=True)
class Database:
    """A database that can be reached, by libpq's parameters (those of an embedded one hold no password)."""

    parameters: dict[str, str] = field(repr=False)
    is_embedded: bool

    @property
    def conninfo(self) -> str:
        """The parameters as psycopg takes them."""
        return make_conninfo(**self.parameters)

    @property
    def uri(self) -> str:
        """The parameters as ADBC takes them."""
        return f"postgresql://?{urlencode(self.parameters, quote_via=quote)}"

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection.

        :raises UnableToReachDatabase: it does not answer.
        """
        try:
            return psycopg.connect(self.conninfo, autocommit=autocommit)
        except psycopg.OperationalError as error:
            raise UnableToReachDatabase(_why(self.parameters, error)) from None


@contextmanager
def open_database(home: Path, url: str | None, *, announce: Callable[[str], None]) -> Iterator[Database]:
    """The database named by `url`, else the embedded one of the home, which runs as long as somebody uses it.

    :raises UnableToReachDatabase: the address cannot be read, nobody answers, or the server is too old.
    :raises cair.store.embedded.UnableToStartServer: the embedded one cannot be started.
    """
    if url:
        database = Database(_parameters(url), is_embedded=False)
        _check(database)
        yield database
        return
    with running_server(home, announce=announce) as parameters:
        yield Database(DEFAULTS | parameters, is_embedded=True)


class without_values(ContextDecorator):  # noqa: N801 - read as a phrase: `with without_values():`
    """Turn a driver's error into `UnableToUseDatabase`, which carries no value; other errors pass."""

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        """Raise the error without values, if it is one of a driver."""
        for found in (error, error.__cause__ if error else None):
            if isinstance(found, psycopg.Error):
                diagnosis = found.diag
                constraint, table = diagnosis.constraint_name or "", diagnosis.table_name or ""
                bare = UnableToUseDatabase(type(found).__name__, _code(found), constraint, table)
                break
            if found is not None and _is_of_adbc(found):
                bare = UnableToUseDatabase(type(found).__name__, _code(found), "", "")
                break
        else:
            return
        for told in (error, found):
            told.args = (str(bare),)
        raise bare from None


def _code(error: BaseException) -> str:
    """Give PostgreSQL's code; drivers have none for a connection that broke: then it is `connection_failure`."""
    lost = "08006" if type(error).__name__ == "OperationalError" else ""
    return getattr(error, "sqlstate", None) or lost


def _is_of_adbc(error: BaseException) -> bool:
    adbc = sys.modules.get("adbc_driver_manager")
    return adbc is not None and isinstance(error, adbc.Error)


def _parameters(url: str) -> dict[str, str]:
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        raise UnableToReachDatabase(
            "CAIR_DATABASE_URL cannot be read. Write it as postgresql://user@host:port/database."
        ) from None
    # Days and hours in SQL must not hang on how a server is set up.
    options = f"{given.get('options', '')} -c timezone=UTC".strip()
    return DEFAULTS | given | {"options": options}


def _check(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        version = connection.info.server_version
        encoding = connection.info.parameter_status("server_encoding")
    where = _where(database.parameters)
    if version < OLDEST:
        raise UnableToReachDatabase(
            f"{where} runs PostgreSQL {version // 10000}; {OLDEST // 10000} or newer is needed."
        )
    if encoding != "UTF8":
        raise UnableToReachDatabase(f"{where} keeps text as {encoding}. Make a database with ENCODING 'UTF8'.")


def _where(parameters: dict[str, str]) -> str:
    host, port, name = (parameters.get(each, "") for each in ("host", "port", "dbname"))
    return f"The database {name or '(default)'} on {host or 'this machine'}{':' + port if port else ''}"


def _why(parameters: dict[str, str], error: psycopg.OperationalError) -> str:
    told = str(error).strip().splitlines()
    reason = told[0].rpartition("failed: ")[2].strip() if told else "no reason given"
    return f"{_where(parameters)} cannot be reached: {reason}. Check CAIR_DATABASE_URL and that the server runs."
