"""Payment orders and the books out to a file, as of an instant."""

import os
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from cair.kernel.days import JAKARTA, instant_of
from cair.store.copying import read_table
from cair.store.engine import session
from cair.store.exports import UnableToWriteFile, card, instant, write_rows
from cair.store.office import Office
from cair.store.queries.ledger import beancount

BEANCOUNT = ".beancount"
"""Ending of the export `ledger` as text for a second opinion."""

_TIMES = ("released_at", "sent_at", "ended_at")
_ORDERS = pa.schema(
    [("order_ref", pa.string()), ("attempt", pa.int64()), ("release", pa.int64()), ("card_number", pa.int64()),
     ("benefit", pa.string()), ("line", pa.string()), ("partner", pa.string()), ("amount_idr", pa.int64()),
     ("state", pa.string()), ("reason", pa.string()), *((name, pa.int64()) for name in _TIMES)]
)  # fmt: skip
_ORDERS_SQL = """
    WITH ends AS (
        SELECT outcome.* FROM payment_outcome AS outcome JOIN transfer ON transfer.number = outcome.transfer
        WHERE transfer.booked_at <= %s
    ), sent AS (
        SELECT order_ref, attempt, min(begun_at) AS begun_at FROM sending WHERE kind = 'SEND' AND begun_at <= %s
        GROUP BY order_ref, attempt
    )
    SELECT ordered.order_ref, ordered.attempt, ordered.release, ordered.card_number, ordered.benefit, ordered.line,
           ordered.partner, ordered.amount_idr,
           coalesce(closed.status, paid.status, CASE WHEN sent.begun_at IS NULL THEN 'RELEASED' ELSE 'SENT' END),
           closed.reason, (extract(epoch FROM release_end.ended_at) * 1000000)::bigint,
           (extract(epoch FROM sent.begun_at) * 1000000)::bigint,
           (extract(epoch FROM coalesce(closed.occurred_at, paid.occurred_at)) * 1000000)::bigint
    FROM payment_order AS ordered JOIN release_end ON release_end.release = ordered.release AND ended_at <= %s
    LEFT JOIN sent ON (sent.order_ref, sent.attempt) = (ordered.order_ref, ordered.attempt)
    LEFT JOIN ends AS paid ON (paid.order_ref, paid.attempt, paid.status) = (ordered.order_ref, ordered.attempt, 'PAID')
    LEFT JOIN ends AS closed ON (closed.order_ref, closed.attempt) = (ordered.order_ref, ordered.attempt)
          AND closed.status IN ('FAILED', 'RETURNED')
"""
_LEDGER = pa.schema(
    [("transfer", pa.int64()), ("booked_at", pa.int64()), ("event", pa.string()), ("code", pa.string()),
     ("stage", pa.string()), ("settles", pa.int64()), ("position", pa.int64()), ("account", pa.string()),
     ("card_number", pa.int64()), ("amount_idr", pa.int64())]
)  # fmt: skip
_LEDGER_SQL = """
    SELECT transfer.number, (extract(epoch FROM booked_at) * 1000000)::bigint, event, code, stage, settles,
           leg.position, account.name, leg.card_number, coalesce(leg.amount_idr, transfer.amount_idr)
    FROM transfer LEFT JOIN leg ON leg.transfer = transfer.number LEFT JOIN account ON account.number = leg.account
    WHERE booked_at <= %s
"""


def write_orders(office: Office, path: Path, *, as_of: datetime) -> int:
    """Write every attempt of every payment, in the order of references; say how many.

    :raises cair.store.exports.UnableToWriteFile: the file cannot be written.
    """
    columns = [
        f"{card('card_number')} AS card_number" if name == "card_number"
        else f"{instant(name)} AS {name}" if name in _TIMES else name
        for name in _ORDERS.names
    ]  # fmt: skip
    return _write(office, path, _ORDERS_SQL, [as_of] * 3, _ORDERS, ", ".join(columns), "order_ref, attempt")


def write_ledger(office: Office, path: Path, *, as_of: datetime) -> int:
    """Write every leg of every transfer (one that settles another has none), or the books as Beancount text.

    :raises cair.store.exports.UnableToWriteFile: the file cannot be written.
    """
    if path.suffix == BEANCOUNT:
        return _write_text(office, path, as_of)
    columns = [
        f"{card('card_number')} AS card_number" if name == "card_number"
        else f"{instant(name)} AS {name}" if name == "booked_at" else name
        for name in _LEDGER.names
    ]  # fmt: skip
    return _write(office, path, _LEDGER_SQL, [as_of], _LEDGER, ", ".join(columns), "transfer, position")


def _write(
    office: Office, path: Path, sql: str, values: list[datetime], schema: pa.Schema, columns: str, order: str
) -> int:
    with office.database.connect() as connection:
        rows = read_table(connection, sql, list(values), schema)
    with session(office.home) as engine:
        engine.register("rows", rows)
        return write_rows(engine, f"SELECT {columns} FROM rows ORDER BY {order}", path)


def _write_text(office: Office, path: Path, as_of: datetime) -> int:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    assert instant_of(as_of), "an instant has an offset"
    try:
        lines = 0
        with unfinished.open("w", encoding="utf-8") as out:
            for line in beancount(office.database, as_of.astimezone(JAKARTA).date()):
                out.write(f"{line}\n")
                lines += 1
        unfinished.rename(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UnableToWriteFile(f"{path} cannot be written. Check that the folder exists and has room.") from error
    return lines
