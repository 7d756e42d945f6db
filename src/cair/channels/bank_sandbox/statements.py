"""Statements of a day: camt.053.001.08, and CSV."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import BinaryIO

from cair.channels.bank_sandbox.ledger import MOVES, Entry, Kind, Ledger
from cair.channels.bank_sandbox.partners import Partner
from cair.channels.payments.iso20022.statement_out import StatementHead, write_statement
from cair.channels.payments.settlement import Direction, SettlementLine, Status
from cair.kernel.days import JAKARTA
from cair.kernel.identity import Secret

COLUMNS = (
    "date", "time", "kind", "reference", "bank_reference", "bank_code", "account", "direction", "amount_idr",
    "balance_idr", "reason",
)  # fmt: skip
"""Columns of the CSV statement; amounts in whole rupiah, `reason` of what came back."""

_FEE_CODE = "PMNT/ICDT/CHRG"
_LINES_AT_ONCE = 1_000


def write_camt(ledger: Ledger, partner: Partner, day: date, out: BinaryIO, *, now: datetime) -> None:
    """Write the statement of a Jakarta day as camt.053.001.08; memory does not grow with it."""
    head = StatementHead(
        statement_id=f"{partner.name}-{day:%Y%m%d}",
        account=partner.source_account,
        day=day,
        created_at=now,
        opening_balance=ledger.balance_before(partner.name, day.isoformat(), partner.funds_idr),
        sequence=day.timetuple().tm_yday,
    )
    write_statement((_line(*move, day) for move in ledger.moves(partner.name, day.isoformat())), out, head=head)


def csv_statement(ledger: Ledger, partner: Partner, day: date) -> Iterator[bytes]:
    """The statement of a Jakarta day as CSV, in pieces: header, then a line an entry."""
    balance = ledger.balance_before(partner.name, day.isoformat(), partner.funds_idr)
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, entry in enumerate(_moving(ledger, partner, day), 1):
        balance += MOVES[entry.kind] * entry.amount_idr
        writer.writerow(_row(entry, balance))
        if number % _LINES_AT_ONCE == 0:
            yield page.getvalue().encode()
            page.seek(0)
            page.truncate()
    yield page.getvalue().encode()


def _moving(ledger: Ledger, partner: Partner, day: date) -> Iterator[Entry]:
    return (entry for entry in ledger.entries(partner.name, day.isoformat()) if entry.kind in MOVES)


def _row(entry: Entry, balance: int) -> tuple[object, ...]:
    at = entry.at.astimezone(JAKARTA)
    return (
        at.date().isoformat(),
        at.time().isoformat("seconds"),
        entry.kind.value,
        entry.reference,
        entry.bank_reference,
        entry.bank_code,
        entry.account,
        _direction(entry).value,
        entry.amount_idr,
        balance,
        entry.cause if entry.kind is Kind.RETURNED else "",
    )


def _direction(entry: Entry) -> Direction:
    return Direction.CREDIT if MOVES[entry.kind] > 0 else Direction.DEBIT


def _line(
    kind: str, reference: str, bank_reference: str, account: str, amount_idr: int, cause: str, day: date
) -> SettlementLine:
    returned = kind == Kind.RETURNED
    return SettlementLine(
        end_to_end_id=reference or None,
        amount=amount_idr,
        currency="IDR",
        direction=Direction.CREDIT if returned else Direction.DEBIT,
        status=Status.RETURNED if returned else Status.BOOKED,
        reason_code=cause if returned else None,
        booked_on=day,
        account=Secret("account", account) if account else None,
        bank_reference=bank_reference,
        transaction_code=_FEE_CODE if kind == Kind.FEE else None,
    )
