"""Compile the rules to SQL files for the engine: `python -m cair.store.compile` (`make sql`)."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import ibis
from ibis.expr import operations as ops

from cair.rules import intake, reconciliation, training_money
from cair.rules.tables import FEEDS, REVISION
from cair.store.compile_few import steps_of_few

FOLDER = Path(__file__).parent / "sql"
_NOTE = "-- Compiled from cair.rules by `make sql`: change the rules, not this file.\n"


_MOMENT = re.compile(r'\(SELECT \* FROM "moment" AS "t\d+"\)')


def _sql(expression: ibis.Table) -> str:
    sql = str(ibis.to_sql(expression, dialect="duckdb", pretty=False))
    # Columns that are dropped come in the order of a set, which differs from run to run.
    return re.sub(r"EXCLUDE \(([^()]*)\)", lambda found: f"EXCLUDE ({', '.join(sorted(found[1].split(', ')))})", sql)


def _planned(sql: str) -> str:
    """Write the moment as a macro: a number that the engine knows when it plans, where the one-row table is not."""
    return _MOMENT.sub("the_moment()", sql)


def _spares(step: reconciliation.Step, expression: ibis.Table) -> str:
    return " ".join(name for name in step.spares if name in expression.columns)


def _decision() -> str:
    parts = [_NOTE]
    for step, expression in reconciliation.expressions():
        needed = sorted({table.name for table in expression.op().find(ops.UnboundTable)})
        header = [
            step.name,
            step.stage.name,
            "kept" if step.kept else "view",
            " ".join(step.route),
            " ".join(needed),
            _spares(step, expression),
        ]
        parts.append(f"\n-- step {' | '.join(header).rstrip()}\n")
        parts.append(_planned(_sql(expression)) + ";\n")
    return "".join(parts)


def _reading(feed: str) -> str:
    columns = {column.name: "string" for column in (*FEEDS[feed].columns, REVISION)}
    lines = ibis.table({"line": "int64", **columns}, name="lines")
    receipt = ibis.table({"received_at": "int64"}, name="receipt")
    return _sql(intake.read_lines(FEEDS[feed], lines, receipt))


def _outcomes() -> str:
    stated = {"key": "uuid", "revision": "int64", "fingerprint": "uuid"}
    lines = ibis.table({"line": "int64", **stated}, name="keyed")
    return _sql(intake.outcomes(lines, ibis.table(stated, name="held")))


def _training(build: Callable[[ibis.Table, ibis.Table], ibis.Table]) -> str:
    made = {step.name: rows.schema() for step, rows in reconciliation.expressions()}
    return _sql(build(*(ibis.table(made[name], name=name) for name in ("training_grants", "training_sales"))))


def compiled_files() -> Iterator[tuple[str, str]]:
    """Give the name and the content of every compiled file."""
    yield "reconciliation.sql", _decision()
    yield "reconciliation.sqlite.sql", _NOTE + "".join(steps_of_few())
    yield "intake/outcomes.sql", f"{_NOTE}{_outcomes()};\n"
    yield "training/people.sql", f"{_NOTE}{_training(training_money.people_held)};\n"
    yield "training/purchases.sql", f"{_NOTE}{_training(training_money.purchases_held)};\n"
    for feed in FEEDS:
        yield f"intake/{feed}.sql", f"{_NOTE}{_reading(feed)};\n"


def main() -> None:
    """Write every compiled file."""
    for name, content in compiled_files():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
