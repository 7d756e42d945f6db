"""Cases decided together, without a database: the rules read their lines, and the steps of everybody decide them."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from cair.kernel.days import JAKARTA, date_of, moment_of
from cair.rules.reports import DECIDING, schema_of
from cair.rules.tables import FEEDS, REVISION
from cair.store.deciding import lay_down_law, run_steps, set_moment
from cair.store.engine import compiled, steps_for
from tests.cases.telling import Case, Line

_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "boolean": "BOOLEAN", "uuid": "UUID"}
_TABLES = ("decisions", "breaks", "reach")
Rows = list[dict[str, Any]]


class Court:
    """Decides cases, all those of one instant in one run."""

    def __init__(self) -> None:
        self._engine = duckdb.connect(":memory:")
        self._engine.execute("SET TimeZone = 'UTC'")
        lay_down_law(self._engine)

    def decide(self, cases: Iterable[Case]) -> dict[int, dict[str, Rows]]:
        """Give the decisions, open breaks and classes of reach of each case, by its number."""
        found: dict[int, dict[str, Rows]] = {}
        runs = defaultdict(list)
        for case in cases:
            runs[case.as_of, case.number if case.is_alone else 0].append(case)
        for (as_of, _), together in runs.items():
            self._lay_down([(case, line) for case in together for line in case.lines()])
            set_moment(self._engine, as_of)
            run_steps(self._engine, steps_for(*_TABLES))
            rows = {table: self._rows(f"FROM {table}") for table in _TABLES}
            found |= {case.number: _own(case, rows) for case in together}
        return found

    def _lay_down(self, told: list[tuple[Case, Line]]) -> None:
        by_feed = defaultdict(list)
        for case, line in sorted(told, key=lambda pair: pair[1].received_at):
            by_feed[line.feed].append((case, line))
        for feed in DECIDING:
            empty = ", ".join(f'NULL::{_TYPES[kind]} AS "{name}"' for name, kind in schema_of(feed).items())
            self._engine.execute(f"CREATE OR REPLACE TEMP TABLE {feed} AS SELECT {empty} WHERE false")
            for received_at, group in groupby(by_feed[feed], key=lambda pair: pair[1].received_at):
                self._read(feed, received_at, list(group))
            self._engine.execute(
                f"UPDATE {feed} SET contested = key IN (SELECT key FROM {feed} GROUP BY key HAVING count(*) > 1)"
            )

    def _read(self, feed: str, received_at: int, told: list[tuple[Case, Line]]) -> None:
        """Let the rules of the intake read some lines that were received together."""
        names = [column.name for column in (*FEEDS[feed].columns, REVISION)]
        texts = {name: pa.array([line.values.get(name) for _, line in told], pa.string()) for name in names}
        told_by = {"partner": [line.partner for _, line in told], "number": [case.number for case, _ in told]}
        taken_in = self._engine.execute(f"SELECT count(*) FROM {feed}").fetchall()[0][0]
        lines = pa.table({"line": pa.array(range(len(told)), pa.int64()), **texts})
        tables = {
            "lines": lines,
            "about": pa.table({"line": lines["line"], **told_by}),
            "receipt": pa.table({"received_at": pa.array([received_at], pa.int64())}),
        }
        for name, table in tables.items():
            self._engine.register(name, table)
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE read AS {compiled(f'intake/{feed}')}")
        faults = self._rows("SELECT number, fault, fault_column FROM read JOIN about USING (line) WHERE fault NOTNULL")
        assert not faults, f"lines of {feed} that cannot be read: {faults}"
        seen = ", ".join(f'{_seen(feed, name, taken_in)} AS "{name}"' for name in schema_of(feed))
        self._engine.execute(f"INSERT INTO {feed} SELECT {seen} FROM read JOIN about USING (line)")
        for name in tables:
            self._engine.unregister(name)

    def _rows(self, sql: str) -> Rows:
        found = self._engine.execute(sql)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _seen(feed: str, name: str, taken_in: int) -> str:
    """A column as rules see it, of what the rules of the intake have read; personal values by a hash."""
    own = {column.name: column for column in FEEDS[feed].columns}
    if name in own:
        return f"md5('{own[name].secret}' || \"{name}\")::UUID" if own[name].secret else f'"{name}"'
    key = ", chr(0), ".join(f'"{column.name}"::VARCHAR' for column in FEEDS[feed].key)
    return {
        "text_length": 'length("text")',
        "taken_in": f"{taken_in} + line",
        "key": f"md5(concat(partner, chr(0), {key}))::UUID",
        "fingerprint": f"md5('{feed}' || ({taken_in} + line))::UUID",
        "contested": "false",
    }.get(name, f'"{name}"')


def _own(case: Case, rows: dict[str, Rows]) -> dict[str, Rows]:
    """What came out for a case, in its words: people by name, times by the clock of Jakarta."""
    people = {int(case.person(name)): name for name in case.expected}
    breaks = [row for row in rows["breaks"] if row["is_open"] and case.own(row["redeem_code"]) != row["redeem_code"]]
    return {
        "decisions": [_told(case, row, people) for row in rows["decisions"] if row["card_number"] in people],
        "breaks": [_told(case, row, people) for row in sorted(breaks, key=lambda row: row["precedence"])],
        "reach": [row for row in rows["reach"] if row["reach_card"] == int(case.person("Ani"))],
    }


def _told(case: Case, row: dict[str, Any], people: dict[int, str]) -> dict[str, Any]:
    told = {name: case.own(value) for name, value in row.items()}
    since = moment_of(row["since"]).astimezone(JAKARTA)
    told["since"] = f"{since:%Y-%m-%d %H:%M}" if since.second == 0 else f"{since:%Y-%m-%d %H:%M:%S}"
    told["due_on"] = None if row["due_day"] is None else date_of(row["due_day"])
    told.setdefault("redeem_code", told.get("first_code"))
    told["card_number"] = people.get(row["card_number"])
    if row.get("reason") == "DUPLICATE_PERSON":
        told["detail"] = people[int(row["detail"])]
    return told
