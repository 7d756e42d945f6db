"""What the books say: always added up from legs. Days are Jakarta days; a day's figures are those at its end."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa

from cair.kernel.days import JAKARTA
from cair.ledger import balances, chart
from cair.ledger.balances import Balance, Movement, Statement
from cair.ledger.beancount import beancount_text
from cair.ledger.chart import Purpose
from cair.ledger.training import HOLDINGS
from cair.ledger.transfers import Code
from cair.programme.reader import rulebooks
from cair.store.copying import read_table
from cair.store.database import Database, without_values

Connection = psycopg.Connection[Any]


def _day(column: str) -> str:
    return f"(({column} AT TIME ZONE 'UTC') + interval '7 hours')::date"


def _movements(*, by_event: bool, where: str = "true") -> str:
    event = "held.event" if by_event else "''"
    return f"""
        SELECT {_day("held.booked_at")}, held.stage, {_day("settled.booked_at")}, settled.stage, account.name,
               held.code, coalesce(sum(amount_idr) FILTER (WHERE leg.amount_idr > 0), 0)::bigint,
               coalesce(sum(-leg.amount_idr) FILTER (WHERE leg.amount_idr < 0), 0)::bigint, count(*), {event}
        FROM leg JOIN transfer AS held ON held.number = leg.transfer
        LEFT JOIN transfer AS settled ON settled.settles = held.number
        JOIN account ON account.number = leg.account
        WHERE held.booked_at < %s AND {where}
        GROUP BY {"held.number, " if by_event else ""}1, 2, 3, 4, 5, 6, 10 ORDER BY 1, 6, 10, 5, 3, 4
    """.replace("sum(amount_idr)", "sum(leg.amount_idr)")


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), JAKARTA)


def movements(database: Database, as_of: date, *, by_event: bool = False) -> Iterator[Movement]:
    """Give what moved until the end of a day, added up by day, account and code (and by event, if asked)."""
    with without_values(), database.connect() as connection, connection.cursor("movements") as cursor:
        cursor.execute(_movements(by_event=by_event), [_end_of(as_of)])
        for row in cursor:
            yield Movement(*row)


def trial_balance(database: Database, as_of: date) -> list[Balance]:
    """Give every account as of the end of a day, by name."""
    return balances.trial_balance(movements(database, as_of), as_of)


def account_statement(database: Database, account: str, first: date, last: date) -> Statement:
    """Give what was posted on an account in some days, with opening and closing balance."""
    return balances.statement(movements(database, last), account, first, last)


def movements_of(database: Database, card_number: int, as_of: date) -> list[Movement]:
    """Give what moved for one participant until the end of a day, event by event."""
    with without_values(), database.connect(autocommit=True) as connection:
        asked = _movements(by_event=True, where="leg.card_number = %s")
        return [Movement(*row) for row in connection.execute(asked, [_end_of(as_of), card_number]).fetchall()]


def beancount(database: Database, as_of: date, *, by_event: bool = False) -> Iterator[str]:
    """Write the books as of the end of a day as Beancount text, line by line."""
    yield from beancount_text(
        movements(database, as_of, by_event=by_event), as_of, title=f"cair, books as of {as_of.isoformat()}"
    )


def totals(database: Database, as_of: date) -> dict[str, dict[str, int]]:
    """Give for each rulebook with money: appropriated, available, payable, in_flight, paid, returned, forfeited,

    and of the training money granted_balance, reserved, earned_by_platforms, given_back, available_training.
    `payable` includes what is in flight; `paid` includes what came back (`returned`). Whole rupiah.
    """
    by_name = {balance.account: balance for balance in trial_balance(database, as_of)}
    return {book.name: found for book in rulebooks() if any((found := _totals_of(book.name, by_name)).values())}


def _totals_of(line: str, by_name: dict[str, Balance]) -> dict[str, int]:
    def of(account: chart.Account) -> Balance:
        return by_name.get(account.name, Balance(account.name))

    platforms = chart.platform(line, "x").name[:-1]
    return {
        "appropriated": of(chart.appropriated(line)).balance_idr,
        "available": -of(chart.available(line, Purpose.INCENTIVES)).balance_idr,
        "payable": -of(chart.payable(line)).balance_idr,
        "in_flight": -of(chart.paid(line)).pending_idr,
        "paid": -of(chart.paid(line)).balance_idr,
        "returned": of(chart.returned(line)).balance_idr,
        "forfeited": -of(chart.given_back(line, Purpose.INCENTIVES)).balance_idr,
        "available_training": -of(chart.available(line, Purpose.TRAINING)).balance_idr,
        "granted_balance": -of(chart.balance(line)).balance_idr,
        "reserved": -of(chart.reserved(line)).balance_idr,
        "earned_by_platforms": -sum(each.balance_idr for name, each in by_name.items() if name.startswith(platforms)),
        "given_back": -of(chart.given_back(line, Purpose.TRAINING)).balance_idr,
    }


def holdings(connection: Connection, *, first: int = 0, last: int = 10**16) -> pa.Table:
    """Give the training money booked for participants with card numbers from `first` to `last`, both included,

    in the form of `cair.ledger.training`. About 100 bytes a row, three rows a participant.
    """
    return read_table(connection, _HOLDINGS, [first, last], HOLDINGS)


_TRAINING = ", ".join(
    f"'{code}'"
    for code in (
        Code.GRANT_TRAINING,
        Code.WITHDRAW_TRAINING,
        Code.RESERVE_PURCHASE,
        Code.VOID_PURCHASE,
        Code.SETTLE_PURCHASE,
        Code.TAKE_BACK_PURCHASE,
        Code.RETURN_TRAINING,
        Code.RESTORE_TRAINING,
    )
)
_HOLDINGS = f"""
    SELECT account.name, leg.card_number, -sum(leg.amount_idr)
    FROM leg JOIN account ON account.number = leg.account
    JOIN transfer ON transfer.number = leg.transfer AND transfer.code IN ({_TRAINING})
    WHERE leg.card_number BETWEEN %s AND %s
    GROUP BY 1, 2 HAVING sum(leg.amount_idr) <> 0 ORDER BY 1, 2
"""
