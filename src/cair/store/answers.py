"""The answer for everybody as of an instant: decisions, breaks and figures as rows of the contract's exports."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cair.kernel.reasons import NOT_ANSWERED, NOT_YET, Move, Reason
from cair.kernel.remedies import BankReason
from cair.kernel.states import State
from cair.store.deciding import ANSWERS_ONLY, decided_on_segments
from cair.store.engine import session
from cair.store.exports import card, day, instant, write_rows
from cair.store.office import Office
from cair.store.payment_tables import has_payments, lay_down_no_payments, lay_down_payments
from cair.store.segments import Segments

Announce = Callable[[str, int, int], None]

_DECISIONS = """card_number, benefit, state::state_word AS state, reason::reason_word AS reason, detail,
    whose_move::move_word AS whose_move, partner, since, due_day, amount_idr, first_code AS redeem_code, order_ref"""
_BREAKS = "redeem_code, kind, whose_move, partner, since, due_day, card_number, precedence"
_TAKEN = {
    "decisions": ("told", f"SELECT {_DECISIONS} FROM told"),
    "breaks": ("breaks", f"SELECT {_BREAKS} FROM breaks WHERE is_open"),
    "figures": ("figures", "SELECT measure, dimension, value, count FROM figures"),
    "waits": ("waits", "SELECT days, state, whose_move, count FROM waits"),
    "unpaid": ("unpaid", "SELECT reason, whose_move, partner, timing, count FROM unpaid"),
    "broken_by": ("broken_by", "SELECT partner, whose_move, kind, count, overdue FROM broken_by"),
    "training_grants": ("training_grants", "FROM training_grants"),
    "training_sales": ("training_sales", "FROM training_sales"),
}
"""What is taken of each part of everybody: the step it needs and the SELECT."""
_ONCE = {
    "reach_figures": "SELECT measure, dimension, value, count FROM reach_figures",
    "revocable": "SELECT * FROM revocable",
}
"""What belongs to everybody and is taken at the first turn."""

_SPARED = ANSWERS_ONLY - {"account_fingerprint"}
"""Payments are compared with the account; no other fingerprint is told."""

EXPORTED = {
    "decisions": (
        f"""{card("card_number")} AS card_number, benefit, state, reason, detail, whose_move, partner,
        {instant("since")} AS since, {day("due_day")} AS due_on, amount_idr, redeem_code, order_ref""",
        "card_number, benefit",
    ),
    "breaks": (
        f"""redeem_code, kind, whose_move, partner, {instant("since")} AS since, {day("due_day")} AS due_on,
        {card("card_number")} AS card_number""",
        "redeem_code, precedence",
    ),
}
"""The columns of an export, and its order."""


@dataclass(frozen=True)
class Answers:
    """A session in which the tables asked for are there for everybody."""

    engine: duckdb.DuckDBPyConnection
    as_of: int

    def rows(self, sql: str) -> list[dict[str, object]]:
        """Give the rows of a SELECT."""
        found = self.engine.execute(sql)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def funnel_select(self) -> str:
        """Write the SELECT of the export `funnel`."""
        return f"""
            SELECT {instant(f"{self.as_of}::BIGINT")} AS as_of, measure, dimension, nullif(value, '') AS value,
                   sum(count)::BIGINT AS count
            FROM (FROM given_figures UNION ALL FROM given_reach_figures) GROUP BY ALL
            ORDER BY measure, dimension, value NULLS FIRST"""

    def exported_select(self, what: str) -> str:
        """Write the SELECT of the export `decisions` or `breaks`."""
        columns, order = EXPORTED[what]
        # Put in order before it is written out as text: the rows are narrower then.
        return f"SELECT {columns} FROM (FROM given_{what} ORDER BY {order})"

    def write(self, what: str, path: Path) -> int:
        """Write the export `decisions`, `breaks` or `funnel` to a file; say how many rows.

        :raises cair.store.exports.UnableToWriteFile: it cannot be written.
        """
        select = self.funnel_select() if what == "funnel" else self.exported_select(what)
        return write_rows(self.engine, select, path)


@contextmanager
def answers(office: Office, as_of: int, *tables: str, announce: Announce) -> Iterator[Answers]:
    """Decide everybody as of an instant (microseconds UTC) and give the tables asked for as `given_<table>`.

    Tables: decisions, breaks, figures, reach_figures, revocable, unpaid, waits, broken_by, training_grants,
    training_sales.

    :raises cair.store.database.UnableToUseDatabase: the database refused.
    """
    with session(office.home) as engine:
        segments = Segments(office.home)
        segments.bring_up_to_date(office.database, engine, announce)
        lay_down_payments(engine, office.database, as_of)
        gather(engine, segments, as_of, *tables, announce=announce)
        yield Answers(engine, as_of)


def _lay_down_words(engine: duckdb.DuckDBPyConnection) -> None:
    """Make types of the words that decisions are told in: one byte each while everybody is gathered and put in order."""
    paid = [
        row[0] for row in engine.execute("SELECT DISTINCT order_reason FROM orders WHERE order_reason <> ''").fetchall()
    ]
    for name, words in {
        "state": list(State),
        "reason": [*Reason, *BankReason, NOT_YET, NOT_ANSWERED, "", *paid],
        "move": list(Move),
    }.items():
        told = ", ".join("'" + str(word).replace("'", "''") + "'" for word in dict.fromkeys(map(str, words)))
        engine.execute(f"DROP TYPE IF EXISTS {name}_word; CREATE TEMP TYPE {name}_word AS ENUM ({told})")


def taken_parts(engine: duckdb.DuckDBPyConnection, *tables: str) -> dict[str, tuple[str, str]]:
    """Say how each table is taken of the parts of everybody: the step it needs and the SELECT."""
    lay_down_no_payments(engine)
    _lay_down_words(engine)
    taken = {table: _TAKEN.get(table, (table, _ONCE.get(table, ""))) for table in tables}
    if "decisions" in taken and not has_payments(engine):
        taken["decisions"] = ("standing", f"SELECT {_DECISIONS} FROM standing")  # without payments nothing else is told
    return taken


def take_part(engine: duckdb.DuckDBPyConnection, taken: dict[str, tuple[str, str]], *, is_first: bool) -> None:
    """Add what a turn gives to the tables `given_<table>`."""
    for table, (_, select) in taken.items():
        if is_first or table not in _ONCE:
            begin = f"CREATE TEMP TABLE given_{table} AS" if is_first else f"INSERT INTO given_{table}"
            engine.execute(f"{begin} {select}")


def gather(engine: duckdb.DuckDBPyConnection, segments: Segments, as_of: int, *tables: str, announce: Announce) -> None:
    """Decide everybody on segments and gather the parts of each table as `given_<table>`."""
    taken = taken_parts(engine, *tables)
    steps = [step for step, _ in taken.values()]
    with decided_on_segments(engine, segments, as_of, *steps, announce=announce, spared=_SPARED) as turns:
        for place, _ in enumerate(turns):
            take_part(engine, taken, is_first=place == 0)
