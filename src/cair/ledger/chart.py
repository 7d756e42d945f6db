"""The chart of accounts: the places where a rupiah can be.

Each budget line (the name of a rulebook) has its own accounts. A *personal* account is kept per participant: every leg
on it names a card. Names are those of Beancount: parts with a capital first, joined by colons; the part of a line or a
platform is its name with a capital first. Debits are positive, so what is owed, free or set aside shows as a credit.
"""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a budget line has money for. Each purpose is appropriated apart and held apart."""

    INCENTIVES = "Incentives"
    TRAINING = "Training"


@dataclass(frozen=True, order=True)
class Account:
    """One account; `is_capped` means that it may never be overdrawn: its balance stays a credit or zero."""

    name: str
    is_personal: bool = False
    is_capped: bool = False


def appropriated(line: str) -> Account:
    """Give the account of all that was ever appropriated to a line (debit)."""
    return Account(f"Assets:Treasury:{_part(line)}:Appropriated")


def available(line: str, purpose: Purpose) -> Account:
    """Give the account of what is appropriated and not yet promised to anybody: never below zero."""
    return Account(f"Equity:Appropriation:{_part(line)}:{purpose}", is_capped=True)


def payable(line: str) -> Account:
    """Give the account of incentives released and not yet paid, per participant."""
    return Account(f"Liabilities:Incentives:{_part(line)}", is_personal=True)


def paid(line: str) -> Account:
    """Give the account of incentives that left the treasury, per participant; pending here is *in flight*."""
    return Account(f"Assets:Treasury:{_part(line)}:Paid", is_personal=True)


def returned(line: str) -> Account:
    """Give the account of incentives that came back after they had been paid, per participant."""
    return Account(f"Assets:Treasury:{_part(line)}:Returned", is_personal=True)


def balance(line: str) -> Account:
    """Give the account of training money a participant may still spend."""
    return Account(f"Liabilities:Training:{_part(line)}:Balance", is_personal=True)


def reserved(line: str) -> Account:
    """Give the account of training money a participant has spent and the platform has not yet earned."""
    return Account(f"Liabilities:Training:{_part(line)}:Reserved", is_personal=True)


def platform(line: str, name: str) -> Account:
    """Give the account of what a platform has earned, per participant whose training it was."""
    return Account(f"Liabilities:Platforms:{_part(line)}:{_part(name)}", is_personal=True)


def given_back_training(line: str) -> Account:
    """Give the account of training money that fell back to the state treasury account, per participant it was meant for."""
    return Account(f"Equity:State-treasury:{_part(line)}:{Purpose.TRAINING}", is_personal=True)


def is_of_training(account: str) -> bool:
    """Whether training money of participants is held on an account of this name."""
    kind = account.split(":")
    return kind[1] in ("Training", "Platforms", "State-treasury")


def _part(name: str) -> str:
    part = name[:1].upper() + name[1:]
    assert part.replace("-", "").isalnum(), "a line or platform is named with letters, digits and hyphens"
    assert part.isascii(), "a line or platform is named in ASCII"
    return part


def account_named(name: str) -> Account:
    """Give the account of a name: what is kept of it follows from the name alone.

    :raises KeyError: the name is of no account of this chart.
    """
    root, _, rest = name.partition(":")
    kind, _, last = rest.partition(":")
    match root, kind, last.count(":"):
        case "Assets", "Treasury", 1 if last.endswith((":Paid", ":Returned")):
            return Account(name, is_personal=True)
        case "Assets", "Treasury", 1 if last.endswith(":Appropriated"):
            return Account(name)
        case "Equity", "Appropriation", 1 if last.rpartition(":")[2] in set(Purpose):
            return Account(name, is_capped=True)
        case "Liabilities", "Training", 1 if last.endswith((":Balance", ":Reserved")):
            return Account(name, is_personal=True)
        case "Equity", "State-treasury", 1 if last.endswith(f":{Purpose.TRAINING}"):
            return Account(name, is_personal=True)
        case ("Liabilities", "Incentives", 0) | ("Liabilities", "Platforms", 1):
            return Account(name, is_personal=True)
    raise KeyError(name)


def line_of(account: str) -> str:
    """Give the part of an account's name that stands for its budget line."""
    return account.split(":")[2]
