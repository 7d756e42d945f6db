"""What the books say: always added up from legs. Days are Jakarta days; a day's figures are those at its end."""

from collections.abc import Iterable, Iterator
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
from cair.store.copying import copy_rows, read_table
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
    """Give what the books come to for each rulebook as of the end of a day; see `totals_of`."""
    return totals_of(trial_balance(database, as_of))


def totals_of(accounts: Iterable[Balance]) -> dict[str, dict[str, int]]:
    """Give for each rulebook with money: appropriated, available, payable, in_flight, paid, returned,

    and of the training money granted_balance, reserved, earned_by_platforms, given_back, available_training.
    `payable` includes what is in flight; `paid` includes what came back (`returned`). Whole rupiah.
    """
    by_name = {balance.account: balance for balance in accounts}
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
        "available_training": -of(chart.available(line, Purpose.TRAINING)).balance_idr,
        "granted_balance": -of(chart.balance(line)).balance_idr,
        "reserved": -of(chart.reserved(line)).balance_idr,
        "earned_by_platforms": -sum(each.balance_idr for name, each in by_name.items() if name.startswith(platforms)),
        "given_back": -of(chart.given_back_training(line)).balance_idr,
    }


def holdings(connection: Connection, *, first: int = 0, last: int = 10**16) -> pa.Table:
    """Give the training money booked for participants with card numbers from `first` to `last`, both included,

    in the form of `cair.ledger.training`. About 100 bytes a row, three rows a participant.
    """
    return read_table(connection, _HOLDINGS, [_training_accounts(connection), first, last], HOLDINGS)


def holdings_of(connection: Connection, cards: pa.Array) -> pa.Table:
    """Give the training money booked for some participants; each card once."""
    with without_values():
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS asked_card (card_number bigint) ON COMMIT DROP")
        connection.execute("TRUNCATE asked_card")
    copy_rows(connection, "asked_card", pa.table({"card_number": cards}))
    with without_values():
        connection.execute("ANALYZE asked_card")
    return read_table(connection, _HOLDINGS_OF, [_training_accounts(connection)], HOLDINGS)


def _training_accounts(connection: Connection) -> list[int]:
    with without_values():
        rows = connection.execute("SELECT name, number FROM account").fetchall()
    return [number for name, number in rows if chart.is_of_training(name)]


# Training money is never pending, so every leg counts.
_HOLDINGS = """
    SELECT account.name, leg.card_number, -sum(leg.amount_idr)
    FROM leg JOIN account ON account.number = leg.account
    WHERE leg.account = ANY(%s) AND leg.card_number BETWEEN %s AND %s
    GROUP BY 1, 2 HAVING sum(leg.amount_idr) <> 0 ORDER BY 1, 2
"""
_HOLDINGS_OF = """
    SELECT account.name, leg.card_number, -sum(leg.amount_idr)
    FROM leg JOIN account ON account.number = leg.account
    WHERE leg.account = ANY(%s) AND leg.card_number IN (SELECT card_number FROM asked_card)
    GROUP BY 1, 2 HAVING sum(leg.amount_idr) <> 0 ORDER BY 1, 2
"""


def training_granted(connection: Connection) -> dict[str, tuple[int, int]]:
    """Give for each budget line what training money is granted and what is still available, whole rupiah."""
    names = {chart.available(book.name, Purpose.TRAINING).name: book.name for book in rulebooks()}
    with without_values():
        rows = connection.execute(_GRANTED, [[Code.GRANT_TRAINING, Code.WITHDRAW_TRAINING], list(names)]).fetchall()
    found = {names[name]: (int(granted), int(left)) for name, granted, left in rows}
    return {line: found.get(line, (0, 0)) for line in names.values()}


_GRANTED = """
    SELECT account.name, coalesce(sum(leg.amount_idr) FILTER (WHERE transfer.code = ANY(%s)), 0), -sum(leg.amount_idr)
    FROM account JOIN leg ON leg.account = account.number AND leg.card_number IS NULL
    JOIN transfer ON transfer.number = leg.transfer
    WHERE account.name = ANY(%s) GROUP BY 1
"""
