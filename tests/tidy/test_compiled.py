"""What is made from the rules is what the rules say: the SQL beside the engine, Spark's SQL, the reference pages."""

import re
from collections.abc import Iterator

import duckdb
import ibis
import pyarrow as pa
import pytest
import sqlglot

from cair.kernel.days import instant_of
from cair.rules import intake, reconciliation
from cair.rules.tables import FEEDS, REVISION
from cair.store.compile import FOLDER, compiled_files
from cair.store.engine import compiled, decision_steps
from docs.generate import FOLDER as PAGES
from docs.generate import example, pages
from tests.cases.telling import moment

_LIST = re.compile(r"\b(EXCLUDE|IN) \(([^()]*)\)")


def _in_order(sql: str) -> str:
    """The same SQL with the members of each list in order: the compiler writes some as a set gives them."""
    return _LIST.sub(lambda found: f"{found[1]} ({', '.join(sorted(found[2].split(', ')))})", sql)


def test_compiled_sql_is_what_the_rules_say() -> None:
    made = dict(compiled_files())
    kept = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.sql")}
    assert set(made) == set(kept)
    different = [name for name, content in made.items() if _in_order(content) != _in_order(kept[name])]
    assert not different, "run `make sql`"


def test_steps_need_only_what_is_there_before_them() -> None:
    known: set[str] = set()
    names = [step.name for step in decision_steps()]
    for step in decision_steps():
        assert not set(step.needs) & set(names) - known, step.name
        known.add(step.name)


def _expressions() -> Iterator[tuple[str, ibis.Table]]:
    for step, expression in reconciliation.expressions():
        yield step.name, expression
    receipt = ibis.table({"received_at": "int64"}, name="receipt")
    for feed in FEEDS.values():
        columns = {column.name: "string" for column in (*feed.columns, REVISION)}
        yield (
            f"intake of {feed.name}",
            intake.read_lines(feed, ibis.table({"line": "int64", **columns}, name="lines"), receipt),
        )


def test_every_rule_compiles_for_spark_too() -> None:
    """Spark runs the same expressions for populations beyond one machine."""
    for name, expression in _expressions():
        sql = str(ibis.to_sql(expression, dialect="pyspark"))
        assert sqlglot.parse_one(sql, dialect="spark"), name


def test_reference_pages_are_current() -> None:
    made = {name: content.rstrip("\n") + "\n" for name, content in pages()}
    assert {path.name for path in PAGES.glob("*.md")} == set(made)
    different = [name for name, content in made.items() if (PAGES / name).read_text(encoding="utf-8") != content]
    assert not different, "run `make docs`"


@pytest.mark.parametrize("name", FEEDS)
def test_the_example_of_a_feed_is_one(name: str) -> None:
    """The line that the reference page shows can be taken in."""
    columns = {column.name: [None] for column in (*FEEDS[name].columns, REVISION)}
    told = {c.name: [example(c)] for c in FEEDS[name].columns if not c.optional}
    with duckdb.connect(":memory:") as engine:
        engine.execute("SET TimeZone = 'UTC'")
        lines = pa.table({column: pa.array(told.get(column, [None]), pa.string()) for column in columns})
        engine.register("lines", lines.append_column("line", pa.array([1], pa.int64())))
        engine.register("receipt", pa.table({"received_at": [instant_of(moment("2024-12-31"))]}))
        read = engine.execute(f"SELECT fault, fault_column FROM ({compiled(f'intake/{name}')})").fetchall()
    assert read == [(None, None)]
