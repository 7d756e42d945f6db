"""Payments as rules see them, as of an instant: laid beside the evidence before a decision is told."""

from typing import Any

import duckdb
import numpy as np
import psycopg
import pyarrow as pa

from cair.kernel.days import DAY, JAKARTA_OFFSET, moment_of
from cair.kernel.states import State
from cair.rules.payments import DUE_AGAIN_AT_ONCE, SCHEMAS, later_rows, months_after
from cair.store.copying import read_table
from cair.store.database import Database, without_values

_KINDS = {"int64": "BIGINT", "string": "VARCHAR", "uuid": "UUID"}
_ARROW = {"int64": pa.int64(), "string": pa.string(), "uuid": pa.string()}
_MONTHS = ("month_1", "month_2", "month_3")


def lay_down_no_payments(engine: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of payments, empty, where they are not there; and what follows tranche 1."""
    for name, columns in SCHEMAS.items():
        written = ", ".join(f"{column} {_KINDS[kind]}" for column, kind in columns.items())
        engine.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({written})")
    engine.execute("DELETE FROM later_benefits")
    engine.executemany("INSERT INTO later_benefits VALUES (?, ?, ?, ?, ?, ?)", [list(row) for row in later_rows()])


def lay_down_payments(engine: duckdb.DuckDBPyConnection, database: Database, as_of: int) -> None:
    """Make the tables of payments as of an instant (microseconds UTC).

    :raises cair.store.database.UnableToUseDatabase: the database refused.
    """
    lay_down_no_payments(engine)
    moment = moment_of(as_of)
    with without_values(), database.connect() as connection:
        if connection.execute("SELECT FROM payment_order LIMIT 1").fetchone() is None:
            return
        orders = _read(connection, "orders", _ORDERS, [moment] * 5, without=_MONTHS)
        spent = _read(connection, "spent", _SPENT, [moment] * 2 + [[str(reason) for reason in DUE_AGAIN_AT_ONCE]])
        answered = _read(connection, "answered", _ANSWERED, [moment])
    days = (orders["released_at"].to_numpy() + JAKARTA_OFFSET) // DAY
    for count, name in enumerate(_MONTHS, 1):
        orders = orders.append_column(name, pa.array(np.asarray(months_after(days, count), np.int64)))
    for name, table in {"orders": orders, "spent": spent, "answered": answered}.items():
        columns = ", ".join(
            f"{column}::UUID AS {column}" if kind == "uuid" else column for column, kind in SCHEMAS[name].items()
        )
        engine.register("laid", table)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM laid")
        engine.unregister("laid")


def has_payments(engine: duckdb.DuckDBPyConnection) -> bool:
    """Whether anybody was ordered for, as of the instant for which payments were laid down."""
    return bool(engine.execute("FROM orders LIMIT 1").fetchall())


def _read(
    connection: psycopg.Connection[Any], name: str, sql: str, values: list[Any], without: tuple[str, ...] = ()
) -> pa.Table:
    columns = [(column, _ARROW[kind]) for column, kind in SCHEMAS[name].items() if column not in without]
    return read_table(connection, sql, values, pa.schema(columns))


def _microseconds(instant: str) -> str:
    return f"(extract(epoch FROM {instant}) * 1000000)::bigint"


# What is known of a payment as of an instant: what was run, sent and booked until then.
_ORDERS = f"""
    WITH known AS (
        SELECT ordered.*, ended.ended_at AS ordered_at FROM payment_order AS ordered
        JOIN release_end AS ended ON ended.release = ordered.release AND ended.ended_at <= %s
    ), newest AS (
        SELECT DISTINCT ON (card_number, benefit) *, min(ordered_at) OVER (PARTITION BY card_number, benefit) AS first_at
        FROM known ORDER BY card_number, benefit, attempt DESC
    ), sent AS (
        SELECT order_ref, attempt, min(begun_at) AS sent_at FROM sending
        WHERE kind = 'SEND' AND begun_at <= %s GROUP BY order_ref, attempt
    ), ends AS (
        SELECT outcome.order_ref, outcome.attempt, outcome.status, outcome.reason, outcome.occurred_at,
               transfer.booked_at
        FROM payment_outcome AS outcome JOIN transfer ON transfer.number = outcome.transfer
        WHERE transfer.booked_at <= %s AND %s >= outcome.occurred_at
    )
    SELECT newest.card_number, newest.benefit, newest.order_ref,
           CASE WHEN closed.status IS NOT NULL THEN closed.status WHEN paid.status IS NOT NULL THEN '{State.PAID}'
                WHEN sent.sent_at IS NOT NULL THEN '{State.SENT}' ELSE '{State.RELEASED}' END,
           closed.reason,
           {_microseconds("coalesce(closed.occurred_at, paid.occurred_at, sent.sent_at, newest.ordered_at)")},
           newest.amount_idr, newest.partner, {_microseconds("newest.first_at")},
           CASE WHEN closed.status IS NULL THEN {_microseconds("paid.occurred_at")} END
    FROM newest
    LEFT JOIN sent ON (sent.order_ref, sent.attempt) = (newest.order_ref, newest.attempt)
    LEFT JOIN ends AS paid ON (paid.order_ref, paid.attempt, paid.status)
                            = (newest.order_ref, newest.attempt, '{State.PAID}')
    LEFT JOIN ends AS closed ON (closed.order_ref, closed.attempt) = (newest.order_ref, newest.attempt)
                            AND closed.status IN ('{State.FAILED}', '{State.RETURNED}')
    WHERE newest.first_at <= %s
"""
_SPENT = """
    SELECT DISTINCT ordered.card_number, ordered.benefit, account.fingerprint::text
    FROM payment_outcome AS outcome
    JOIN transfer ON transfer.number = outcome.transfer AND transfer.booked_at <= %s AND outcome.occurred_at <= %s
    JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (outcome.order_ref, outcome.attempt)
    JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
    JOIN accounts AS account ON account.card_number = ordered.card_number AND account.partner = item.partner
     AND account.account_ref_index = item.account_ref_index AND account.known_at <= transfer.booked_at
    WHERE outcome.status IN ('FAILED', 'RETURNED') AND outcome.reason <> ALL(%s)
"""
_ANSWERED = f"""
    SELECT DISTINCT ON (card_number, survey_no) card_number, survey_no, {_microseconds("occurred_at")}
    FROM surveys WHERE known_at <= %s ORDER BY card_number, survey_no, revision DESC, known_at, taken_in
"""
