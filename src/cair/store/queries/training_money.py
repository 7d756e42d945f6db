"""What everybody's training balance comes to by the evidence, a range of card numbers at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import pyarrow as pa

from cair.store.deciding import ANSWERS_ONLY, decided_on_segments
from cair.store.engine import compiled, session
from cair.store.office import Office
from cair.store.segments import Segments

Announce = Callable[[str, int, int], None]
PEOPLE_AT_ONCE = 50_000
"""People whose money is booked in one transaction."""
LAST_CARD = 10**16 - 1

STEPS = ("training_grants", "training_sales")
"""What is taken of each part of everybody."""
_PEOPLE = pa.schema(
    [
        ("card_number", pa.int64()),
        ("line", pa.string()),
        ("granted_idr", pa.int64()),
        ("given_back_idr", pa.int64()),
    ]
)
_PURCHASES = pa.schema(
    [
        ("card_number", pa.int64()),
        ("line", pa.string()),
        ("platform", pa.string()),
        ("bought_idr", pa.int64()),
        ("settled_idr", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Held:
    """What everybody should hold as of an instant, in memory: about 100 bytes a person.

    People and purchases are in the form of `cair.ledger.training.holdings`.
    """

    people: pa.Table
    purchases: pa.Table


@dataclass(frozen=True)
class Wanted:
    """A session that knows what everybody should hold as of an instant."""

    engine: duckdb.DuckDBPyConnection

    def granted(self) -> dict[str, int]:
        """Give what each budget line should have granted, whole rupiah."""
        rows = self.engine.execute("SELECT line, sum(granted_idr)::BIGINT FROM people_held GROUP BY line").fetchall()
        return dict(rows)

    def ranges(self) -> list[tuple[int, int]]:
        """Cut all card numbers into ranges, both ends included, of some people each; nobody is between two."""
        ends = self.engine.execute(
            "SELECT card_number FROM (SELECT card_number, row_number() OVER (ORDER BY card_number) AS place "
            "FROM people_held) WHERE place % ? = 0 ORDER BY card_number",
            [PEOPLE_AT_ONCE],
        ).fetchall()
        edges = [-1, *(end for (end,) in ends if end < LAST_CARD), LAST_CARD]
        return [(before + 1, end) for before, end in pairwise(edges)]

    def part(self, first: int, last: int) -> tuple[pa.Table, pa.Table]:
        """Give people and purchases of a range, in the form of `cair.ledger.training.holdings`."""
        return self._rows("people_held", _PEOPLE, first, last), self._rows("purchases_held", _PURCHASES, first, last)

    def _rows(self, table: str, schema: pa.Schema, first: int, last: int) -> pa.Table:
        asked = f"SELECT {', '.join(schema.names)} FROM {table} WHERE card_number BETWEEN {first} AND {last}"
        return self.engine.sql(asked).to_arrow_table().cast(schema)


@contextmanager
def training_money(office: Office, as_of: int, *, announce: Announce) -> Iterator[Wanted]:
    """Look at the evidence as of an instant (microseconds UTC): what everybody should hold.

    :raises cair.store.database.UnableToUseDatabase: the database refused.
    """
    with session(office.home) as engine:
        segments = Segments(office.home)
        segments.bring_up_to_date(office.database, engine, announce)
        with decided_on_segments(engine, segments, as_of, *STEPS, announce=announce, spared=ANSWERS_ONLY) as turns:
            for place, _ in enumerate(turns):
                for step in STEPS:
                    begin = f"CREATE TEMP TABLE given_{step} AS" if place == 0 else f"INSERT INTO given_{step}"
                    engine.execute(f"{begin} FROM {step}")
        _add_up(engine)
        yield Wanted(engine)


def held_of(engine: duckdb.DuckDBPyConnection) -> Held:
    """Give what everybody should hold, in a session in which `STEPS` were taken of all parts as `given_<step>`."""
    _add_up(engine)
    return Held(*Wanted(engine).part(0, LAST_CARD))


@contextmanager
def wanted_of(office: Office, held: Held) -> Iterator[Wanted]:
    """Give what everybody should hold by ranges, as it was found before."""
    with session(office.home, threads=1) as engine:
        engine.register("people_held", held.people)
        engine.register("purchases_held", held.purchases)
        yield Wanted(engine)


def _add_up(engine: duckdb.DuckDBPyConnection) -> None:
    """Add up what people and purchases come to, from `given_<step>`."""
    for step in STEPS:
        engine.execute(f"CREATE OR REPLACE TEMP VIEW {step} AS FROM given_{step}")
    # The engine adds whole numbers up in 128 bits.
    engine.execute(f"CREATE TEMP TABLE people_held AS SELECT * REPLACE (given_back_idr::BIGINT AS given_back_idr) "
                   f"FROM ({compiled('training/people')})")  # fmt: skip
    engine.execute("CREATE TEMP TABLE purchases_held AS SELECT * REPLACE (bought_idr::BIGINT AS bought_idr, "
                   f"settled_idr::BIGINT AS settled_idr) FROM ({compiled('training/purchases')})")  # fmt: skip
