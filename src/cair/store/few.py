"""Deciding a few people: their facts fetched by key, and the same steps run on them as on everybody's."""

from collections.abc import Iterable
from typing import Any

import duckdb
import psycopg
import pyarrow as pa

from cair.rules.facts import DECIDING, schema_of
from cair.store.database import without_values
from cair.store.deciding import lay_down_law, run_steps, set_moment
from cair.store.engine import steps_for
from cair.store.facts import seen_columns
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

_ARROW = {"string": pa.string(), "int64": pa.int64(), "boolean": pa.bool_()}
_SESSION = "SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off"
Rows = list[tuple[Any, ...]]


class FewPeople:
    """Decides some people at a time, on one connection to the database and one session of the engine."""

    def __init__(self, connection: psycopg.Connection[Any], engine: duckdb.DuckDBPyConnection) -> None:
        self._connection, self._engine = connection, engine
        self._cursor = connection.cursor(binary=True)
        connection.execute(_SESSION)
        connection.commit()
        lay_down_law(engine)

    def decide(self, cards: Iterable[int], as_of: int, *targets: str, until: int | None = None) -> None:
        """Make the targets for some cards. Tables hold more than those cards: who shares a code or a NIK with them.

        `until`: the newest report (`taken_in`) that counts; None: all.

        :raises cair.store.database.UnableToUseDatabase: the database refused.
        """
        self._lay_down(self._facts(sorted(set(cards))), until)
        set_moment(self._engine, as_of)
        run_steps(self._engine, steps_for(*targets))

    def _facts(self, cards: list[int]) -> dict[str, Rows]:
        with without_values():
            purchases = self._fetch("purchases", PURCHASES_OF, cards=cards, codes=[])
            codes, everyone = (
                _column("purchases", "redeem_code", purchases),
                _column("purchases", "card_number", purchases),
            )
            completions = self._fetch("completions", COMPLETIONS_OF, codes=codes)
            sharing = sorted(set(_column("completions", "redeem_code", completions)) - set(codes))
            if sharing:
                purchases = _once("purchases", purchases + self._fetch("purchases", PURCHASES_NAMING, codes=sharing))
            facts = {"purchases": purchases, "completions": completions}
            facts["appointments"] = self._fetch("appointments", APPOINTMENTS_OF, cards=sorted({*everyone, *cards}))
            facts["accounts"] = self._fetch("accounts", BY_CARD, cards=cards)
            for feed in ("redemptions", "activities", "confirmations", "reviews"):
                facts[feed] = self._fetch(feed, BY_CODE, codes=codes)
            for feed, reference in (
                ("messages", "message_ref"),
                ("contacts", "contact_ref"),
                ("revocations", "revocation_ref"),
            ):
                query = BY_REFERENCE.replace("{reference}", reference).replace("{tie}", "card_number")
                facts[feed] = self._fetch(feed, query.replace("{param}", "cards"), cards=cards)
            query = BY_REFERENCE.replace("{reference}", "resolution_ref").replace("{tie}", "redeem_code")
            facts["resolutions"] = self._fetch("resolutions", query.replace("{param}", "codes"), codes=codes)
            for feed in ("courses", "holds"):
                facts[feed] = self._fetch(feed, WHOLE)
            self._connection.rollback()
        return facts

    def _fetch(self, feed: str, query: str, **asked: list[Any]) -> Rows:
        text = query.replace("{columns}", seen_columns(feed)).replace("{feed}", feed)
        return self._cursor.execute(text.encode(), asked).fetchall()

    def _lay_down(self, facts: dict[str, Rows], until: int | None) -> None:
        bound = "" if until is None else f" WHERE taken_in <= {until}"
        for feed in DECIDING:
            self._engine.register("laid", _table(feed, facts[feed]))
            columns = ", ".join(
                f'"{name}"::UUID AS "{name}"' if kind == "uuid" else f'"{name}"'
                for name, kind in schema_of(feed).items()
                if name != "contested"
            )
            self._engine.execute(
                f"CREATE OR REPLACE TEMP TABLE {feed} AS SELECT {columns}, count(*) OVER (PARTITION BY key) > 1 AS contested "
                f"FROM laid{bound}"
            )
            self._engine.unregister("laid")


def _column(feed: str, name: str, rows: Rows) -> list[Any]:
    place = list(schema_of(feed)).index(name)
    return sorted({row[place] for row in rows if row[place] is not None})


def _once(feed: str, rows: Rows) -> Rows:
    place = list(schema_of(feed)).index("taken_in")
    return list({row[place]: row for row in rows}.values())


def _table(feed: str, rows: Rows) -> pa.Table:
    """Make a table of rows; UUIDs as text, which the engine reads."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema_of(feed))
    arrays = []
    for kind, values in zip(schema_of(feed).values(), columns, strict=True):
        if kind == "uuid":
            arrays.append(pa.array([None if value is None else str(value) for value in values], pa.string()))
        else:
            arrays.append(pa.array(values, _ARROW[kind]))
    return pa.table(arrays, names=list(schema_of(feed)))
