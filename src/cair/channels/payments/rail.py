"""What every way of sending money shares: the order, the answer, and what the answer allows.

A rail never repeats a call by itself. It says what one answer means; the journey decides, and commits the reference of
a payment before the call that carries it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import BinaryIO, Protocol

from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason

LONGEST_REFERENCE = 35
"""Characters of a reference: the shortest field any rail has for it (EndToEndId of ISO 20022; SNAP has 64)."""

GIVE_UP_AFTER = timedelta(hours=24)
"""After so long without certainty nothing is sent by itself any more: a person decides with a statement."""

_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,35}\Z")


class Action(StrEnum):
    """What the office may do with a payment after an answer.

    `RESEND_ALLOWED` and those below it permit the same reference to be sent again, at once or later. None permits
    another reference: attempt n + 1 is made only when the state of attempt n is settled as failed or returned.
    """

    BOOKED = "BOOKED"
    """The partner says it is paid: provisional until the statement."""
    CONFIRM = "CONFIRM"
    """The partner knows the reference already: it was executed; ask for its state, never send it again."""
    ALARM = "ALARM"
    """The partner holds another content under this reference: assume executed, never send, match to the statement."""
    RETURNED = "RETURNED"
    """It was booked and came back."""
    REFUSED = "REFUSED"
    """It was not executed, for a reason of the account: attempt n + 1 once the inquiry confirms it and it is mended."""
    HELD = "HELD"
    """The partner suspects fraud: a case, for people."""
    ASK_STATUS = "ASK_STATUS"
    """Not known: ask for the state before anything else."""
    ASK_PERSON = "ASK_PERSON"
    """Not known for too long: nothing by itself, somebody decides with a statement."""
    RESEND_ALLOWED = "RESEND_ALLOWED"
    """It was not executed: the same reference may be sent."""
    NEXT_WINDOW = "NEXT_WINDOW"
    """It was not executed, a limit or a closing hour: the same reference in the partner's next window."""
    SLOW_DOWN = "SLOW_DOWN"
    """It was not executed, too many calls: wait, halve the rate, then the same reference."""
    MEND_REQUEST = "MEND_REQUEST"
    """It was not executed, the request was faulty: mend it at the office, then the same reference."""
    STOP_RAIL = "STOP_RAIL"
    """It was not executed, and no other will be (our funds, our keys): stop this rail, tell those who mend it."""


NOT_EXECUTED_BY_THIS_CALL = frozenset(
    {
        Action.REFUSED,
        Action.HELD,
        Action.RESEND_ALLOWED,
        Action.NEXT_WINDOW,
        Action.SLOW_DOWN,
        Action.MEND_REQUEST,
        Action.STOP_RAIL,
    }
)
"""Answers that say nothing about an earlier call with the same reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOrder:
    """One attempt to pay one benefit, as committed before it is sent.

    :ivar order_ref: name of the payment, the same for all its attempts.
    :ivar attempt: 1 and up; the next one exists only when the one before failed or came back.
    :ivar partner: name of the payment partner, as in the `accounts` feed.
    :ivar bank_code: of the receiving bank; empty when the account is with the partner itself.
    """

    order_ref: str
    attempt: int
    amount_idr: int
    account_ref: Secret
    holder_name: Secret
    partner: str
    bank_code: str = ""
    remark: str = ""

    def __post_init__(self) -> None:
        assert self.amount_idr > 0, "a payment order is of at least one rupiah"
        assert self.remark.isascii(), "remarks are ASCII: partners hash other characters in different ways"
        assert _REFERENCE.match(self.reference), "a reference is 1 to 35 letters, digits and hyphens"

    @property
    def reference(self) -> str:
        """The name of the payment at the partner (partnerReferenceNo, EndToEndId): never another for this attempt."""
        return payment_reference(self.order_ref, self.attempt)


def payment_reference(order_ref: str, attempt: int) -> str:
    """The one reference of an attempt; `split_reference` gives both parts back."""
    assert attempt >= 1, "attempts count from 1"
    return f"{order_ref}-{attempt}"


def split_reference(reference: str) -> tuple[str, int] | None:
    """The order and the attempt of a reference of ours, or None when it cannot be one."""
    order_ref, _, attempt = reference.rpartition("-")
    if not _REFERENCE.match(reference) or not order_ref or not re.fullmatch(r"[1-9][0-9]{0,5}", attempt):
        return None
    return order_ref, int(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one answer of a partner means. Holds no personal values, so it may be logged.

    :ivar code: the standard's name of the answer, in our spelling (`DUPLICATE_REFERENCE`, `NO_ANSWER`).
    :ivar raw_code: as the partner wrote it; empty when there was none.
    :ivar reason: why it failed or came back, where the answer says so.
    :ivar bank_reference: the partner's own name of the payment; empty when unknown.
    """

    action: Action
    code: str
    raw_code: str = ""
    reason: BankReason | None = None
    bank_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAnswer:
    """What a partner says about an account: the reason it cannot be paid to (None: it can), and its holder's name.

    `certain` is False when the partner gave no usable answer: ask again, conclude nothing.
    """

    certain: bool
    code: str
    raw_code: str = ""
    reason: BankReason | None = None
    holder_name: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What is on record of the calls that carried a reference: when the first and the last, and the last's name."""

    first_at: datetime
    last_at: datetime
    external_id: str


class CallRail(Protocol):
    """A rail that pays by one call per payment.

    `external_id` names the call, not the payment: a new one for each, committed before it.
    """

    name: str

    def check(self, order: PaymentOrder, *, external_id: str, now: datetime) -> AccountAnswer:
        """Ask whether the order's account exists and can receive its amount."""

    def send(self, order: PaymentOrder, *, external_id: str, now: datetime, sent_before: bool) -> Answer:
        """Send once. `sent_before`: this reference may have reached the partner already."""

    def ask(self, order: PaymentOrder, *, external_id: str, sent: Sent, now: datetime) -> Answer:
        """Ask for the state of what was sent."""


class FileRail(Protocol):
    """A rail that pays by files: orders out, answers in."""

    name: str

    def write(self, orders: Iterable[PaymentOrder], into: BinaryIO, *, batch_ref: str, now: datetime) -> None:
        """Write one file of orders."""

    def read(self, source: BinaryIO) -> Iterator[tuple[str, Answer]]:
        """Give the answers of a partner's file with the references they speak of."""
