"""The books as Beancount text, for a second opinion by a program that is not ours.

What is posted becomes a transaction per day and code (or per event, when the movements carry events); what is pending
is left out. The text ends with a `balance` of every account, so that the reader adds up by itself what we say.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from cair.ledger.balances import Balance, Movement, effects, trial_balance

CURRENCY = "IDR"


def beancount_text(movements: Iterable[Movement], as_of: date, *, title: str) -> Iterator[str]:
    """Write the books as of the end of a day, line by line. No participant can be told from it."""
    kept = list(movements)
    balances = trial_balance(kept, as_of)
    transactions: dict[tuple[date, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for movement in kept:
        for effect in effects(movement):
            posted = effect.posted_debit_idr - effect.posted_credit_idr
            if posted and effect.day <= as_of:
                transactions[effect.day, effect.code, effect.event][effect.account] += posted
    first = min((day for day, _, _ in transactions), default=as_of)
    yield f'option "title" {_quoted(title)}'
    yield f'option "operating_currency" "{CURRENCY}"'
    yield ""
    yield from (f"{first} open {balance.account} {CURRENCY}" for balance in balances)
    for (day, code, event), postings in sorted(transactions.items()):
        yield ""
        yield f"{day} * {_quoted(code)} {_quoted(event)}"
        yield from (f"  {account}  {amount} {CURRENCY}" for account, amount in sorted(postings.items()) if amount)
    yield ""
    yield from _assertions(balances, as_of + timedelta(days=1))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _assertions(balances: list[Balance], day: date) -> Iterator[str]:
    # A balance holds at the beginning of its day.
    yield from (f"{day} balance {each.account}  {each.balance_idr} {CURRENCY}" for each in balances)
