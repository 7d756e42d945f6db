"""What the books say as of a day: always added up from movements, never kept.

A *movement* is what legs of one account did: on the day of their transfer, and, where that was pending, on the day it
was settled. Movements may be added up beforehand (by day, account, code); the figures are the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from cair.ledger.transfers import Stage


class Movement(NamedTuple):
    """Legs of one account with everything but the amount in common; `settled_as` is POSTED, VOIDED or None."""

    day: date
    stage: str
    settled_on: date | None
    settled_as: str | None
    account: str
    code: str
    debit_idr: int
    credit_idr: int
    legs: int = 1
    event: str = ""


class Effect(NamedTuple):
    """What a movement did on one day, debits positive."""

    day: date
    account: str
    code: str
    event: str
    posted_debit_idr: int
    posted_credit_idr: int
    pending_idr: int


@dataclass(frozen=True)
class Balance:
    """An account as of a day, whole rupiah, debits positive; `pending_idr` waits to be posted or voided."""

    account: str
    debit_idr: int = 0
    credit_idr: int = 0
    pending_idr: int = 0

    @property
    def balance_idr(self) -> int:
        """What is posted on the account."""
        return self.debit_idr - self.credit_idr


@dataclass(frozen=True)
class Statement:
    """One account from day to day: opening balance, what was posted, closing balance."""

    account: str
    opening_idr: int
    lines: tuple[Effect, ...]
    closing_idr: int


def effects(movement: Movement) -> list[Effect]:
    """Say what a movement did, and when."""

    def effect(day: date, posted: int, pending: int) -> Effect:
        debit, credit = movement.debit_idr * posted, movement.credit_idr * posted
        waiting = (movement.debit_idr - movement.credit_idr) * pending
        return Effect(day, movement.account, movement.code, movement.event, debit, credit, waiting)

    if movement.stage == Stage.POSTED:
        return [effect(movement.day, 1, 0)]
    found = [effect(movement.day, 0, 1)]
    if movement.settled_on is not None:
        found.append(effect(movement.settled_on, 1 if movement.settled_as == Stage.POSTED else 0, -1))
    return found


def trial_balance(movements: Iterable[Movement], as_of: date) -> list[Balance]:
    """Give every account as of the end of a day, by name. Balances and pending sums are zero over all accounts."""
    found: dict[str, Balance] = {}
    for movement in movements:
        for effect in effects(movement):
            if effect.day > as_of:
                continue
            before = found.get(effect.account) or Balance(effect.account)
            found[effect.account] = replace(
                before,
                debit_idr=before.debit_idr + effect.posted_debit_idr,
                credit_idr=before.credit_idr + effect.posted_credit_idr,
                pending_idr=before.pending_idr + effect.pending_idr,
            )
    return [found[account] for account in sorted(found)]


def statement(movements: Iterable[Movement], account: str, first: date, last: date) -> Statement:
    """Give what was posted on an account from one day to another, both included, in the order of days."""
    posted = sorted(
        (
            effect
            for movement in movements
            if movement.account == account
            for effect in effects(movement)
            if effect.posted_debit_idr or effect.posted_credit_idr
        ),
        key=lambda effect: effect.day,
    )
    opening = _sum(effect for effect in posted if effect.day < first)
    lines = tuple(effect for effect in posted if first <= effect.day <= last)
    return Statement(account, opening, lines, opening + _sum(lines))


def _sum(posted: Iterable[Effect]) -> int:
    return sum(effect.posted_debit_idr - effect.posted_credit_idr for effect in posted)
