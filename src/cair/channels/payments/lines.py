"""What every kind of file shares on its way to lines: amounts, days, references, and which trouble comes first."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from cair.channels.payments.amounts import RUPIAH, UnableToReadAmount, in_minor_units, read_exact
from cair.channels.payments.rail import split_reference
from cair.channels.payments.settlement import SettlementLine, Totals, Trouble
from cair.kernel.days import JAKARTA
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason

_UNSAID = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF"})
"""What banks write where they have no reference."""
_LONGEST_BANK_WORD = 35
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
_PRECEDENCE = {trouble: place for place, trouble in enumerate(Trouble)}


def is_reference_of_ours(reference: str) -> bool:
    """Whether a text has the form of a reference of this program; a programme may know its own more narrowly."""
    return split_reference(reference) is not None


_PLAINLY_OURS = re.compile(rb"(?=.{1,35}\Z)[A-Za-z0-9-]+-[1-9][0-9]{0,5}\Z").match
"""The same of bytes, sooner said; texts with blanks around them are looked at in the other way."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """Where lines are made and counted.

    :ivar currency: of the programme; another is a trouble.
    :ivar is_ours: whether a reference is of this programme.
    :ivar reasons: the partner's reason codes in our words; the rest is OTHER.
    """

    currency: str = RUPIAH
    is_ours: Callable[[str], bool] = is_reference_of_ours
    reasons: Mapping[str, BankReason] = field(default_factory=dict)
    lines: list[Any] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)

    def give(self, line: SettlementLine) -> None:
        """Take a finished line."""
        self.totals.add(line, currency=self.currency)
        self.lines.append(line)

    def reason(self, code: str | None) -> BankReason | None:
        """The reason in our words; OTHER when the code means none of them, None without a code."""
        if code is None:
            return None
        return self.reasons.get(code, BankReason.OTHER)

    def is_reference(self, text: bytes) -> bool:
        """Whether a plain text is a reference of ours as it stands."""
        ours = _PLAINLY_OURS(text) is not None
        return ours if self.is_ours is is_reference_of_ours or not ours else self.is_ours(text.decode("ascii"))

    def reference(self, *candidates: str | None) -> tuple[str | None, Trouble | None]:
        """The first candidate that is a reference of ours, or why there is none."""
        said = False
        for candidate in candidates:
            if candidate is None or candidate in _UNSAID:
                continue
            if self.is_ours(candidate):
                return candidate, None
            said = True
        return None, Trouble.FOREIGN_REFERENCE if said else Trouble.NO_REFERENCE


def said(reference: str | None) -> str | None:
    """A reference, unless it only says that there is none."""
    return None if reference in _UNSAID else reference


def secret(kind: str, text: str | None) -> Secret | None:
    """Wrap a personal text."""
    return Secret(kind, text) if text else None


def bank_word(code: str | None) -> str | None:
    """A code as the bank wrote it, no longer than a code may be."""
    return code[:_LONGEST_BANK_WORD] if code else None


@lru_cache(maxsize=65_536)
def amount(text: str | None, currency: str | None, expected: str) -> tuple[int, int | None, Trouble | None]:
    """Give the exact amount (0 when unreadable), the one in whole rupiah or minor units, and what is wrong with it."""
    wrong = None if currency == expected else Trouble.OTHER_CURRENCY
    if text is None:
        return 0, None, wrong or Trouble.NO_AMOUNT
    try:
        exact = read_exact(text)
    except UnableToReadAmount:
        return 0, None, wrong or Trouble.AMOUNT_UNREADABLE
    minor = in_minor_units(exact, currency or expected)
    if minor is None:
        wrong = wrong or Trouble.AMOUNT_NOT_WHOLE
    elif exact <= 0:
        wrong = wrong or (Trouble.ZERO_AMOUNT if exact == 0 else Trouble.NEGATIVE_AMOUNT)
    return exact, minor, wrong


@lru_cache(maxsize=4_096)
def day(text: str | None) -> tuple[date | None, Trouble | None]:
    """Give the Jakarta day of a date or an instant (one without offset is read as written)."""
    if text is None:
        return None, None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text[:10]), None
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None, Trouble.BAD_DATE
    try:
        return (moment.astimezone(JAKARTA) if moment.tzinfo else moment).date(), None
    except (ValueError, OverflowError):
        return None, Trouble.BAD_DATE


def first_of(*troubles: Trouble | None) -> Trouble | None:
    """The trouble that goes before the others."""
    there = [trouble for trouble in troubles if trouble is not None]
    return min(there, key=_PRECEDENCE.__getitem__) if there else None
