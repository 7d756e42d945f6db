"""Adding a run of the reconciliation and the decisions that changed in it, in one transaction."""

from dataclasses import dataclass
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pyarrow as pa

from cair import __version__
from cair.kernel.reasons import Reason
from cair.programme.reader import rulebooks_version
from cair.rules.checks import passing
from cair.rules.reports import DECIDING
from cair.store.arrow import plain
from cair.store.database import Database, without_values

_COMPARED = ("state", "reason", "detail", "whose_move", "partner", "since", "due_on", "amount_idr", "redeem_code",
             "failing", "facts")  # fmt: skip
_FACTS = (
    "appointed_fingerprint", "account_fingerprint", "p_fingerprint", "r_fingerprint", "c_fingerprint", "k_fingerprint",
    "v_fingerprint", "course_fingerprint", "revocation", "revoked_since", "restored_known", "first_card", "first_known",
    "hold_ref", "hold_since", "hold_owner", "hold_until", "hold_ended_known", "break_kind", "break_since", "break_partner",
    "set_aside_known", "void_known", "attended", "tasks_done", "demonstrations", "post_tests", "activities_known",
    "known_rulebook",
)  # fmt: skip
"""What a decision is made from, beside the law: which reports, and what holds, breaks and activities say."""

FAILING = " | ".join(
    f"(CASE WHEN {passing(reason)} THEN 0 ELSE {1 << place} END)" for place, reason in enumerate(Reason)
)
FACTS_HASH = (
    "left(sha256(concat(" + ", chr(0), ".join(f"coalesce({name}::VARCHAR, '')" for name in _FACTS) + ")), 32)::UUID"
)
DECIDED = f"""
    SELECT card_number, benefit, state, reason, detail, whose_move, partner, make_timestamptz(since) AS since,
           (DATE '1970-01-01' + due_day::INTEGER) AS due_on, amount_idr, first_code AS redeem_code,
           ({FAILING})::BIGINT AS failing, {FACTS_HASH} AS facts
    FROM decisions"""
"""A decision as it is stored, of the table `decisions` of a part."""


def failing_checks(failing: int) -> set[Reason]:
    """Read the bits of the checks that fail."""
    return {reason for place, reason in enumerate(Reason) if failing & (1 << place)}


@dataclass(frozen=True)
class RunRecord:
    """One run as it is stored; instants are microseconds UTC."""

    number: int
    as_of: int
    taken_in: int
    is_full: bool
    people: int
    changed: int

    def document(self) -> dict[str, object]:
        """Give the run for people and programs."""
        return {"run": self.number, "full": self.is_full, "decided": self.people, "changed": self.changed}


def keep_newest(connection: Any, engine: duckdb.DuckDBPyConnection, cards: list[int] | None) -> None:
    """Fetch the newest stored decision of some cards, or of all, as the table `stored`."""
    asked = "" if cards is None else " WHERE card_number = ANY($1)"
    sql = (
        "SELECT DISTINCT ON (card_number, benefit) card_number, benefit, run_number, "
        f"{', '.join(_COMPARED)} FROM decision{asked} ORDER BY card_number, benefit, run_number DESC"
    )
    with without_values(), connection.cursor() as cursor:
        if cards is None:
            cursor.execute(sql)
        else:
            chosen = pa.array(cards, pa.int64())
            cursor.execute(sql, parameters=pa.table({"cards": pa.ListArray.from_arrays([0, len(chosen)], chosen)}))
        engine.register("arriving", cursor.fetch_record_batch())
        engine.execute("CREATE OR REPLACE TEMP TABLE stored AS FROM arriving")
        engine.unregister("arriving")


def changed_select() -> str:
    """Write the SELECT of those of `decided` that differ from what is stored."""
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM d.{name}" for name in _COMPARED)
    return f"SELECT d.* FROM decided d ANTI JOIN stored s ON s.card_number = d.card_number AND s.benefit = d.benefit AND {same}"


def add_run(database: Database, run: RunRecord, changed: pa.Table, *, after: int) -> None:
    """Add a run, the decisions that changed, and those reports taken in after `after` that it awaits.

    :raises UnableToUseDatabase: the database refused; nothing was stored.
    """
    decisions = plain(changed).append_column("run_number", pa.array([run.number] * changed.num_rows, pa.int64()))
    row = {
        "number": pa.array([run.number], pa.int64()),
        "as_of": pa.array([run.as_of], pa.timestamp("us", "UTC")),
        "taken_in": pa.array([run.taken_in], pa.int64()),
        "is_full": pa.array([run.is_full]),
        "rulebooks": [rulebooks_version()],
        "program": [__version__],
        "people": pa.array([run.people], pa.int64()),
        "changed": pa.array([run.changed], pa.int64()),
    }
    with without_values(), adbc.connect(database.uri) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("run", pa.table(row), mode="append")
        if decisions.num_rows:
            cursor.adbc_ingest("decision", decisions, mode="append")
        for feed in DECIDING:
            cursor.execute(_awaited(feed, run, after))
        connection.commit()


def _awaited(feed: str, run: RunRecord, after: int) -> str:
    """Write the INSERT that notes the reports seen for the first time that speak of a time later than the run's."""
    moment = f"TIMESTAMPTZ 'epoch' + {run.as_of} * INTERVAL '1 microsecond'"
    return (
        f"INSERT INTO awaited (feed, taken_in, known_at, run_number) "
        f"SELECT '{feed}', taken_in, known_at, {run.number} FROM {feed} "
        f"WHERE taken_in > {after} AND taken_in <= {run.taken_in} AND known_at > {moment} ON CONFLICT DO NOTHING"
    )
