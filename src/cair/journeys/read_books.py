"""The books read: the trial balance and statements of an account, as of the end of any Jakarta day."""

from dataclasses import dataclass
from datetime import date

from cair.ledger.balances import Balance, Statement
from cair.ledger.chart import account_named
from cair.store.office import Office
from cair.store.queries.ledger import account_statement, totals_of, trial_balance


class UnableToReadBooks(Exception):
    """No account has this name, or the days are the wrong way round."""


@dataclass(frozen=True)
class Books:
    """All accounts as of the end of a day, and what they come to for each budget line; whole rupiah."""

    as_of: date
    accounts: tuple[Balance, ...]
    lines: dict[str, dict[str, int]]

    @property
    def rest_idr(self) -> int:
        """What all balances sum to: nothing, or the books are wrong."""
        return sum(account.balance_idr for account in self.accounts)

    @property
    def pending_rest_idr(self) -> int:
        """What all that is pending sums to: nothing, or the books are wrong."""
        return sum(account.pending_idr for account in self.accounts)

    def rows(self) -> list[dict[str, object]]:
        """Give the accounts for people and programs, by name."""
        return [
            {"account": each.account, "balance_idr": each.balance_idr, "pending_idr": each.pending_idr}
            for each in self.accounts
        ]


def read_books(office: Office, as_of: date) -> Books:
    """Add the books up as of the end of a day."""
    accounts = trial_balance(office.database, as_of)
    return Books(as_of, tuple(accounts), totals_of(accounts))


def read_statement(office: Office, account: str, first: date, last: date) -> Statement:
    """Give what was posted on an account from one day to another, both included, with opening and closing balance.

    :raises UnableToReadBooks: no account has this name, or the first day is after the last.
    """
    try:
        account_named(account)
    except KeyError:
        raise UnableToReadBooks("No account has this name. `cair ledger balance` shows those there are.") from None
    if first > last:
        raise UnableToReadBooks(f"{first} is after {last}, so no day lies between. Give the earlier one as --from.")
    return account_statement(office.database, account, first, last)


def rows_of(statement: Statement) -> list[dict[str, object]]:
    """Give the lines of a statement for people and programs."""
    return [
        {
            "day": line.day.isoformat(),
            "code": line.code,
            "debit_idr": line.posted_debit_idr,
            "credit_idr": line.posted_credit_idr,
        }
        for line in statement.lines
    ]
