"""What a run stores: everybody's decisions, or those of some, compared with what is stored, and audited."""

from collections.abc import Callable
from dataclasses import dataclass

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pyarrow as pa

from cair.store.answers import Answers, take_part, taken_parts
from cair.store.database import without_values
from cair.store.deciding import decided_on_segments
from cair.store.engine import session
from cair.store.few import few_people
from cair.store.office import Office
from cair.store.payment_tables import lay_down_payments
from cair.store.records.decisions import DECIDED, changed_select, keep_newest
from cair.store.segments import Segments

Announce = Callable[[str, int, int], None]
PART = 2_000
"""How many people are decided at a time when their facts are fetched by key."""

AUDITS = {
    "a person was decided twice": "SELECT count(*) - count(DISTINCT card_number) FROM decided",
    "a state is missing": "SELECT count(*) FROM decided WHERE state IS NULL",
    "a decision waits without a reason": "SELECT count(*) FROM decided WHERE state <> 'DUE' AND reason IS NULL",
    "whose move it is is missing": "SELECT count(*) FROM decided WHERE whose_move IS NULL",
    "money without a due decision": "SELECT count(*) FROM decided WHERE (state = 'DUE') <> (amount_idr > 0)",
    "money though a check fails": "SELECT count(*) FROM decided WHERE state = 'DUE' AND reason IS NOT NULL",
    "a decision has no since": "SELECT count(*) FROM decided WHERE since IS NULL",
}
"""Each counts what must not be; a run with any is not stored."""


def audit(engine: duckdb.DuckDBPyConnection, *, people: int) -> list[str]:
    """Look at `decided`: as many people out as there are appointments in force, and nothing that cannot be."""
    troubles = []
    for trouble, sql in AUDITS.items():
        count = engine.execute(sql).fetchall()[0][0]
        if count:
            troubles.append(f"{trouble} ({count})")
    out = engine.execute("SELECT count(*) FROM decided").fetchall()[0][0]
    if out != people:
        troubles.append(f"{people} people in, {out} out")
    return troubles


@dataclass(frozen=True)
class Look:
    """What is looked at besides while everybody is decided: tables of `cair.store.answers`, and who reads them."""

    tables: tuple[str, ...]
    read: Callable[[Answers], None]


NOTHING_ELSE = Look((), lambda _: None)


def decide_everybody(
    office: Office, as_of: int, *, until: int, announce: Announce, look: Look = NOTHING_ELSE
) -> tuple[int, pa.Table, list[str]]:
    """Decide everybody on segments; give how many, the decisions that differ from what is stored, and what is wrong."""
    with session(office.home) as engine:
        segments = Segments(office.home)
        segments.bring_up_to_date(office.database, engine, announce)
        assert segments.manifest.taken_in >= until, "segments hold what the run looks at"
        if look.tables:
            lay_down_payments(engine, office.database, as_of)
        people, taken = 0, taken_parts(engine, *look.tables) if look.tables else {}
        steps = ("decisions", *(step for step, _ in taken.values()))
        with decided_on_segments(engine, segments, as_of, *steps, announce=announce) as turns:
            for place, _ in enumerate(turns):
                take_part(engine, taken, is_first=place == 0)
                engine.execute(f"{'CREATE TEMP TABLE decided AS' if place == 0 else 'INSERT INTO decided'} {DECIDED}")
                if place == 0:
                    people = appointed(engine, segments)
        with without_values(), adbc.connect(office.database.uri) as connection:
            keep_newest(connection, engine, None)
        troubles = audit(engine, people=people)
        if not troubles:
            look.read(Answers(engine, as_of))
        return people, engine.sql(changed_select()).to_arrow_table(), troubles


def appointed(engine: duckdb.DuckDBPyConnection, segments: Segments) -> int:
    """Count the cards with an appointment as of the moment, straight from the reports: what must come out."""
    found = engine.execute(
        f"SELECT count(DISTINCT card_number) FROM ({segments.reading('appointments')}) "
        "WHERE known_at <= (SELECT as_of FROM moment)"
    )
    return int(found.fetchall()[0][0])


def decide_some(office: Office, cards: list[int], as_of: int, *, until: int) -> tuple[int, pa.Table, list[str]]:
    """Decide some people on their facts fetched by key; give how many, what differs, and what is wrong."""
    with (
        session(office.home, threads=1) as engine,
        office.database.connect(autocommit=True) as facts,
        few_people(facts, engine) as few,
    ):
        engine.execute(f"CREATE TEMP TABLE decided AS SELECT * FROM ({_empty_decided()}) WHERE false")
        people = 0
        for start in range(0, len(cards), PART):
            part = cards[start : start + PART]
            few.decide(part, as_of, "decisions", until=until)
            few.hand_over("decisions", "appointments_now")
            engine.register("asked", pa.table({"card_number": pa.array(part, pa.int64())}))
            engine.execute(f"INSERT INTO decided SELECT * FROM ({DECIDED}) SEMI JOIN asked USING (card_number)")
            found = engine.execute("SELECT count(*) FROM appointments_now SEMI JOIN asked USING (card_number)")
            people += int(found.fetchall()[0][0])
            engine.unregister("asked")
        with without_values(), adbc.connect(office.database.uri) as connection:
            keep_newest(connection, engine, cards)
        troubles = audit(engine, people=people)
        return people, engine.sql(changed_select()).to_arrow_table(), troubles


def _empty_decided() -> str:
    kinds = {
        "card_number": "BIGINT", "benefit": "VARCHAR", "state": "VARCHAR", "reason": "VARCHAR", "detail": "VARCHAR",
        "whose_move": "VARCHAR", "partner": "VARCHAR", "since": "TIMESTAMPTZ", "due_on": "DATE",
        "amount_idr": "BIGINT", "redeem_code": "VARCHAR", "failing": "BIGINT", "facts": "UUID",
    }  # fmt: skip
    return "SELECT " + ", ".join(f"NULL::{kind} AS {name}" for name, kind in kinds.items())
