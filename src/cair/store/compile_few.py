"""Compile the rules for SQLite, which decides a few people: `cair.store.compile` writes what this gives.

SQLite differs from the engine in what follows, and the difference is bridged here, never in the rules:
- `max(a, b)` of several values is NULL when one of them is; the greatest of those known is meant.
- Its parser has a stack of 100 places, too few for queries within queries: they are laid side by side (WITH).
- It cannot split a text into rows. A step that does is left out here; it must rest on the catalogue, the holds
  alone, whose steps are made by the engine once and kept (`few_engine`).
"""

from collections.abc import Callable, Iterator

import ibis
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.sqlite import SQLiteCompiler
from ibis.common.exceptions import OperationNotDefinedError
from ibis.expr import datatypes as dt
from ibis.expr import operations as ops
from sqlglot.optimizer.eliminate_subqueries import eliminate_subqueries

from cair.rules import reconciliation

TARGETS = ("decisions", "breaks", "reach")
"""What is made for a few people; the other steps count over everybody."""
STEADY = ("courses", "holds", "moment")
"""Tables that are the same for everybody and seldom change: steps made of them alone are made once and kept."""
_Several = tuple[sge.Expression, ...]
_LEAST, _GREATEST = -(2**63) + 1, 2**63 - 1


class _Compiler(SQLiteCompiler):  # type: ignore[misc]  # Ibis is untyped
    """Ibis to SQLite, with greatest and least of the numbers that are known."""

    def visit_Greatest(self, op: ops.Greatest, *, arg: _Several) -> sge.Expression:  # noqa: N802 - Ibis calls it so
        return self._of_known(op, arg, self.f.max, _LEAST)

    def visit_Least(self, op: ops.Least, *, arg: _Several) -> sge.Expression:  # noqa: N802 - Ibis calls it so
        return self._of_known(op, arg, self.f.min, _GREATEST)

    def _of_known(
        self, op: ops.Greatest | ops.Least, arg: _Several, pick: Callable[..., sge.Expression], stand_in: int
    ) -> sge.Expression:
        assert all(value.dtype.is_integer() for value in op.arg), "greatest and least are of whole numbers"
        if len(arg) == 1:
            return arg[0]
        known: sge.Expression = self.f.nullif(pick(*(self.f.coalesce(value, stand_in) for value in arg)), stand_in)
        return known


def _kind(kind: dt.DataType) -> str:
    """Name the type of a column, as `cair.rules.facts` does."""
    names = ((dt.Boolean, "boolean"), (dt.Integer, "int64"), (dt.UUID, "uuid"), (dt.String, "string"))
    return next(name for classes, name in names if isinstance(kind, classes))


def steps_of_few() -> Iterator[str]:
    """Give the steps as SQLite runs them, each under a header: its name, the tables it needs, its columns.

    A step whose SQL is empty is steady: made by the engine and copied.
    """
    made = list(reconciliation.expressions())
    needs = {step.name: {table.name for table in rows.op().find(ops.UnboundTable)} for step, rows in made}
    wanted, steady = set(TARGETS), set(STEADY)
    for step, _ in reversed(made):
        if step.name in wanted:
            wanted |= needs[step.name]
    for step, rows in made:
        if step.name not in wanted:
            continue
        is_steady = steady.issuperset(needs[step.name])
        if is_steady:
            steady.add(step.name)
        columns = " ".join(f"{name}:{_kind(kind)}" for name, kind in rows.schema().items())
        sql = "" if is_steady else _sql(step.name, rows)
        yield f"\n-- step {step.name} | {' '.join(sorted(needs[step.name]))} | {columns}\n{sql};\n"


def _sql(name: str, expression: ibis.Table) -> str:
    compiler = _Compiler()
    try:
        flat = eliminate_subqueries(_with_filters_joined(compiler.to_sqlglot(expression)))
        return str(flat.sql(dialect=compiler.dialect, pretty=False))
    except OperationNotDefinedError as error:
        raise AssertionError(f"step {name} has no form for SQLite, which decides a few people: {error}") from error


def _with_filters_joined(query: sge.Query) -> sge.Query:
    """Have a filtered table that is joined on the right looked up in its index, not copied first.

    `LEFT JOIN (SELECT * FROM a WHERE w) AS b ON c` is `LEFT JOIN a AS b ON c AND w`.
    """
    for join in query.find_all(sge.Join):
        rows = join.this.this if isinstance(join.this, sge.Subquery) else None
        if join.side != "LEFT" or not isinstance(rows, sge.Select) or not rows.is_star:
            continue
        where, table = rows.args.get("where"), rows.args["from_"].this
        others = {part for part, value in rows.args.items() if value} - {"expressions", "from_", "where"}
        if others or where is None or not isinstance(table, sge.Table) or where.find(sge.Select):
            continue
        for column in where.find_all(sge.Column):
            column.set("table", sge.to_identifier(join.this.alias, quoted=True))
        join.set("this", sge.alias_(sge.Table(this=table.this), join.this.alias, table=True, quoted=True))
        join.set("on", sge.and_(join.args["on"], where.this))
    return query
