"""Deciding a few people: their facts fetched by key, and the same steps run on them as on everybody's."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from psycopg.adapt import Loader
from psycopg.pq import Format

from cair.rules.reports import DECIDING
from cair.store.database import without_values
from cair.store.deciding import lay_down_law, run_steps, set_moment
from cair.store.engine import steps_for
from cair.store.facts import seen_columns
from cair.store.few_engine import IS_HERE, STEADY_FEEDS, FewEngine, columns_of, feeds_for, steady_for
from cair.store.ties import (
    APPOINTMENTS_OF,
    BY_CARD,
    BY_CODE,
    BY_REFERENCE,
    COMPLETIONS_OF,
    PURCHASES_NAMING,
    PURCHASES_OF,
    WHOLE,
)

_ARROW = {"string": pa.string(), "uuid": pa.string(), "int64": pa.int64(), "boolean": pa.bool_()}
_SESSION = (
    "SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; "
    "SET plan_cache_mode = force_generic_plan"
)
_WHICH_DATABASE = "SELECT oid, pg_postmaster_start_time() FROM pg_database WHERE datname = current_database()"
_BY_CARD = ("accounts",)
_BY_CARD_REFERENCE = {"messages": "message_ref", "contacts": "contact_ref", "revocations": "revocation_ref"}
_BY_CODE = ("redemptions", "activities", "confirmations", "reviews")
Rows = list[tuple[Any, ...]]


class _HexLoader(Loader):
    """A UUID as 32 hexadecimal digits: made twenty times as fast as Python's own."""

    format = Format.BINARY

    def load(self, data: Any) -> str:
        return bytes(data).hex()


@dataclass
class _Warm:
    """What answers on one database have prepared for those that follow."""

    few: FewEngine | None = field(default_factory=lambda: FewEngine() if IS_HERE else None)
    rows: dict[str, Rows] = field(default_factory=dict)
    made: tuple[object, ...] = ()


_idle: dict[object, list[_Warm]] = {}


@contextmanager
def few_people(connection: psycopg.Connection[Any], engine: duckdb.DuckDBPyConnection) -> Iterator["FewPeople"]:
    """Open what decides a few people, on a connection in autocommit and a session of the engine for everybody.

    :raises cair.store.database.UnableToUseDatabase: the database refused.
    """
    assert connection.autocommit, "facts are read in a pipeline"
    with without_values():
        connection.execute(_SESSION)
        which = connection.execute(_WHICH_DATABASE).fetchone()
    connection.adapters.register_loader("uuid", _HexLoader)
    ready = _idle.setdefault(which, [])
    warm = ready.pop() if ready else _Warm()
    yield FewPeople(connection, engine, warm)
    ready.append(warm)  # not after an error: nobody knows what state it is in then


class FewPeople:
    """Decides some people at a time."""

    def __init__(self, connection: psycopg.Connection[Any], engine: duckdb.DuckDBPyConnection, warm: _Warm) -> None:
        self._connection, self._engine, self._warm = connection, engine, warm
        self._has_law = False

    def decide(self, cards: Iterable[int], as_of: int, *targets: str, until: int | None = None) -> None:
        """Make the targets for some cards. Tables hold more than those cards: who shares a code or a NIK with them.

        `until`: the newest report (`taken_in`) that counts; None: all. See the tables by `rows` and `hand_over`.

        :raises cair.store.database.UnableToUseDatabase: the database refused.
        """
        with without_values():
            facts = _Fetching(self._connection, feeds_for(*targets), self._warm.rows).facts_of(sorted(set(cards)))
        facts = {feed: _with_contested(feed, rows, until) for feed, rows in facts.items()}
        if self._warm.few is None:
            self._decide_on_engine(facts, as_of, *targets)
            return
        self._make_steady(self._warm.few, facts, as_of, *steady_for(*targets))
        moving = {feed: rows for feed, rows in facts.items() if feed not in STEADY_FEEDS}
        self._warm.few.decide(moving, as_of, *targets)

    def rows(self, table: str, columns: str, rest: str = "", parameters: Sequence[Any] = ()) -> Rows:
        """Give columns of a table that was made, by SQL that SQLite and the engine for everybody both read.

        As SQLite gives them booleans are 0 and 1, UUIDs 32 hexadecimal digits.
        """
        sql = f"SELECT {columns} FROM {table} {rest}"
        if self._warm.few is not None:
            return self._warm.few.rows(sql, parameters)
        return self._engine.execute(sql, parameters).fetchall()

    def hand_over(self, *tables: str) -> None:
        """Let the session of the engine for everybody see tables that were made; there they are views."""
        if self._warm.few is None:
            return
        for table in tables:
            columns = columns_of(table)
            rows = self.rows(table, ", ".join(f'"{name}"' for name in columns))
            self._engine.register(f"{table}_handed", _arrow(columns, rows))
            self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT {_typed(columns)} FROM {table}_handed")

    def _decide_on_engine(self, facts: dict[str, Rows], as_of: int, *targets: str) -> None:
        if not self._has_law:
            lay_down_law(self._engine)
            self._has_law = True
        _lay_down(self._engine, facts)
        set_moment(self._engine, as_of)
        run_steps(self._engine, steps_for(*targets))

    def _make_steady(self, few: FewEngine, facts: dict[str, Rows], as_of: int, *steps: str) -> None:
        """Make what rests on steady feeds alone, unless the same reports were in force when it was made last."""
        seen = {feed: facts[feed] for feed in STEADY_FEEDS if feed in facts}
        state = (steps, *((len(rows), _known(feed, rows, as_of)) for feed, rows in seen.items()))
        if state == self._warm.made:
            return
        self._warm.made = ()
        _lay_down(self._engine, seen)
        set_moment(self._engine, as_of)
        run_steps(self._engine, tuple(step for step in steps_for(*steps) if step.name in steps))
        for step in steps:
            columns = ", ".join(
                f"replace(\"{name}\"::VARCHAR, '-', '')" if kind == "uuid" else f'"{name}"'
                for name, kind in columns_of(step).items()
            )
            few.fill(step, self._engine.execute(f"SELECT {columns} FROM {step}").fetchall())
        self._warm.made = state


class _Fetching:
    """One fetch of the facts of some cards, in as few round trips as the ties allow."""

    def __init__(self, connection: psycopg.Connection[Any], feeds: frozenset[str], steady: dict[str, Rows]) -> None:
        self._connection, self._feeds, self._steady = connection, feeds, steady

    def facts_of(self, cards: list[int]) -> dict[str, Rows]:
        """Give the rows of every feed that is needed; those of steady feeds stay in `steady` for the next fetch."""
        sizes: dict[str, tuple[str, Any]] = {
            f"size of {feed}": (f"SELECT count(*) FROM {feed}", {}) for feed in self._feeds & set(STEADY_FEEDS)
        }
        first = {feed: (_of(feed, BY_CARD), {"cards": cards}) for feed in self._feeds & set(_BY_CARD)}
        for feed in self._feeds & _BY_CARD_REFERENCE.keys():
            first[feed] = (_by_reference(feed, _BY_CARD_REFERENCE[feed], "card_number", "cards"), {"cards": cards})
        first["purchases"] = (_of("purchases", PURCHASES_OF), {"cards": cards, "codes": []})
        facts = self._ask({**sizes, **first})
        codes = _column("purchases", "redeem_code", facts["purchases"])
        everyone = _column("purchases", "card_number", facts["purchases"])
        facts |= self._ask(self._beside(codes, sorted({*everyone, *cards}), facts))
        sharing = sorted(set(_column("completions", "redeem_code", facts.get("completions", []))) - set(codes))
        if sharing:
            named = self._ask({"named": (_of("purchases", PURCHASES_NAMING), {"codes": sharing})})["named"]
            facts["purchases"] = _once("purchases", facts["purchases"] + named)
        for feed in self._feeds & set(STEADY_FEEDS):
            self._steady[feed] = facts[feed] if feed in facts else self._steady[feed]
        return {feed: self._steady[feed] if feed in STEADY_FEEDS else facts.get(feed, []) for feed in self._feeds}

    def _beside(self, codes: list[str], cards: list[int], facts: dict[str, Rows]) -> dict[str, tuple[str, Any]]:
        """Write what is asked once the codes are known."""
        asked: dict[str, tuple[str, Any]] = {"appointments": (_of("appointments", APPOINTMENTS_OF), {"cards": cards})}
        if codes:
            asked["completions"] = (_of("completions", COMPLETIONS_OF), {"codes": codes})
            asked |= {feed: (_of(feed, BY_CODE), {"codes": codes}) for feed in _BY_CODE}
            resolutions = _by_reference("resolutions", "resolution_ref", "redeem_code", "codes")
            asked["resolutions"] = (resolutions, {"codes": codes})
        for feed in self._feeds & set(STEADY_FEEDS):
            # Reports are only ever added, so the same number of them is the same reports.
            if len(self._steady.get(feed, [])) != facts[f"size of {feed}"][0][0] or feed not in self._steady:
                asked[feed] = (_of(feed, WHOLE), {})
        return asked

    def _ask(self, queries: dict[str, tuple[str, Any]]) -> dict[str, Rows]:
        cursors = {}
        with self._connection.pipeline():
            for name, (sql, asked) in queries.items():
                cursors[name] = self._connection.cursor(binary=True)
                cursors[name].execute(sql.encode(), asked, prepare=True)
        return {name: cursor.fetchall() for name, cursor in cursors.items()}


def _of(feed: str, query: str) -> str:
    return query.replace("{columns}", seen_columns(feed)).replace("{feed}", feed)


def _by_reference(feed: str, reference: str, tie: str, param: str) -> str:
    query = BY_REFERENCE.replace("{reference}", reference).replace("{tie}", tie)
    return _of(feed, query.replace("{param}", param))


def _place(feed: str, name: str) -> int:
    return list(columns_of(feed)).index(name)


def _column(feed: str, name: str, rows: Rows) -> list[Any]:
    place = _place(feed, name)
    return sorted({row[place] for row in rows if row[place] is not None})


def _once(feed: str, rows: Rows) -> Rows:
    place = _place(feed, "taken_in")
    return list({row[place]: row for row in rows}.values())


def _known(feed: str, rows: Rows, as_of: int) -> int:
    place = _place(feed, "known_at")
    return sum(row[place] <= as_of for row in rows)


def _with_contested(feed: str, rows: Rows, until: int | None) -> Rows:
    """Keep the reports up to the newest that counts, and say which share their key."""
    taken_in, key, contested = (_place(feed, name) for name in ("taken_in", "key", "contested"))
    if until is not None:
        rows = [row for row in rows if row[taken_in] <= until]
    times = Counter(row[key] for row in rows)
    if len(times) == len(rows):
        return rows
    return [(*row[:contested], times[row[key]] > 1, *row[contested + 1 :]) for row in rows]


def _lay_down(engine: duckdb.DuckDBPyConnection, facts: dict[str, Rows]) -> None:
    for feed in DECIDING:
        if feed not in facts:
            continue
        engine.register("laid", _arrow(columns_of(feed), facts[feed]))
        engine.execute(f"CREATE OR REPLACE TEMP TABLE {feed} AS SELECT {_typed(columns_of(feed))} FROM laid")
        engine.unregister("laid")


def _typed(columns: dict[str, str]) -> str:
    """Write a SELECT list that makes UUIDs of their texts."""
    return ", ".join(f'"{name}"::UUID AS "{name}"' if kind == "uuid" else f'"{name}"' for name, kind in columns.items())


def _arrow(columns: dict[str, str], rows: Rows) -> pa.Table:
    """Make a table of rows; UUIDs as text, which the engine reads."""
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = []
    for kind, column in zip(columns.values(), values, strict=True):
        whole = [None if value is None else bool(value) for value in column] if kind == "boolean" else column
        arrays.append(pa.array(whole, _ARROW[kind]))
    return pa.table(arrays, names=list(columns))
