"""SQLite decides a few people: the compiled steps stay prepared, where the engine for everybody plans them anew each time.

For one person planning costs a hundred times what running costs. The database is in memory, in this process; its tables
are emptied and filled anew for every answer. Booleans are 0 and 1 in it, UUIDs texts of 32 hexadecimal digits.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from cair.programme.reader import rulebooks, terms
from cair.rules.reports import LAW, schemas
from cair.store.engine import steps_for

OLDEST = (3, 39)
"""The oldest SQLite that will do: windows, FILTER, NULLS LAST, SUBSTRING, FLOOR, FULL JOIN."""
IS_HERE = sqlite3.sqlite_version_info >= OLDEST
"""Whether this Python has such a SQLite; without it the engine for everybody decides the few as well, slower."""
STEADY_FEEDS = ("courses", "holds")
"""Feeds that are the same for everybody and seldom change; what is made of them alone is kept between answers."""
Rows = Sequence[Sequence[Any]]
_KINDS = {"string": "TEXT", "uuid": "TEXT", "int64": "INTEGER", "boolean": "INTEGER"}
_INDEXES = {
    "terms": ("term", "day"),
    "offers": ("offered_course", "offered_on"),
    "codes_sold": ("redeem_code",),
}
"""What steps look up, where SQLite would index a lasting table at every answer or search a table row by row."""


@dataclass(frozen=True)
class FewStep:
    """One step for SQLite: its columns with their types, and the SELECT that makes it; none for a steady step."""

    name: str
    needs: tuple[str, ...]
    columns: dict[str, str]
    sql: str


@cache
def few_steps() -> dict[str, FewStep]:
    """Give the steps by name, in order."""
    steps = {}
    text = (files("cair.store") / "sql" / "reconciliation.sqlite.sql").read_text(encoding="utf-8")
    for block in text.split("\n-- step ")[1:]:
        header, sql = block.split("\n", 1)
        name, needs, columns = (part.strip() for part in header.split("|"))
        kinds = dict(column.split(":") for column in columns.split())
        steps[name] = FewStep(name, tuple(needs.split()), kinds, sql.strip().rstrip(";"))
    return steps


@cache
def columns_of(table: str) -> dict[str, str]:
    """Give the columns of a table of facts or of a step, with their types."""
    return few_steps()[table].columns if table in few_steps() else schemas()[table]


@cache
def feeds_for(*targets: str) -> frozenset[str]:
    """Name the feeds that some tables are made of."""
    return frozenset(name for step in steps_for(*targets) for name in step.needs) & (schemas().keys() - LAW.keys())


@cache
def steady_for(*targets: str) -> tuple[str, ...]:
    """Name the steady steps that some tables are made of."""
    return tuple(step.name for step in steps_for(*targets) if not few_steps()[step.name].sql)


@cache
def _making(*targets: str) -> tuple[tuple[str, str], ...]:
    """Give for each step that is made anew the statements that empty it and fill it."""
    steps = (few_steps()[step.name] for step in steps_for(*targets))
    return tuple(
        (f"DELETE FROM {step.name}", f"INSERT INTO {step.name} ({_quoted(step.columns)}) {step.sql}")
        for step in steps
        if step.sql
    )


@cache
def _filling(table: str) -> tuple[str, str]:
    columns = columns_of(table)
    marks = ", ".join("?" for _ in columns)
    return f"DELETE FROM {table}", f"INSERT INTO {table} ({_quoted(columns)}) VALUES ({marks})"


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


class FewEngine:
    """A SQLite database in memory with a table for every feed, law and step."""

    def __init__(self) -> None:
        # One answer at a time is the caller's business; which of a server's threads asks is not SQLite's.
        self._base = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512, check_same_thread=False)
        self._base.execute("PRAGMA temp_store = memory")  # personal values never reach a file
        self._base.execute("PRAGMA journal_mode = off")
        self._base.create_function("_ibis_lpad", 3, _lpad, deterministic=True)
        self._base.create_function("_ibis_regex_search", 2, _matches, deterministic=True)
        for table in (*schemas(), *few_steps()):
            columns = ", ".join(f'"{name}" {_KINDS[kind]}' for name, kind in columns_of(table).items())
            self._base.execute(f"CREATE TABLE {table} ({columns})")
            if table in _INDEXES:
                self._base.execute(f"CREATE INDEX {table}_by ON {table} ({_quoted(_INDEXES[table])})")
        self._lay_down_law()

    def fill(self, table: str, rows: Rows) -> None:
        """Replace the rows of a table."""
        empty, insert = _filling(table)
        self._base.execute("BEGIN")
        self._base.execute(empty)
        self._base.executemany(insert, rows)
        self._base.execute("COMMIT")

    def decide(self, facts: Mapping[str, Rows], as_of: int, *targets: str) -> None:
        """Make the targets of some facts as of an instant; steady steps are there already (`fill`)."""
        self._base.execute("BEGIN")
        for table, rows in {**facts, "moment": [(as_of,)]}.items():
            empty, insert = _filling(table)
            self._base.execute(empty)
            if rows:
                self._base.executemany(insert, rows)
        for empty, insert in _making(*targets):
            self._base.execute(empty)
            self._base.execute(insert)
        self._base.execute("COMMIT")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a SELECT over the tables."""
        return self._base.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Drop everything."""
        self._base.close()

    def _lay_down_law(self) -> None:
        self.fill("terms", list(zip(*terms(), strict=True)))
        names = columns_of("rulebooks")
        self.fill(
            "rulebooks",
            [[getattr(book, "name" if name == "rulebook" else name) for name in names] for book in rulebooks()],
        )


def _lpad(text: str | None, length: int, pad: str) -> str | None:
    """Fill a text from the left up to a length; a longer one is cut."""
    return None if text is None else text.rjust(length, pad)[:length]


def _matches(text: str | None, pattern: str) -> bool | None:
    """Search a pattern. `$` is the end of the text and nothing else, as in the engine for everybody."""
    return None if text is None else _pattern(pattern).search(text) is not None


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern, re.ASCII)
