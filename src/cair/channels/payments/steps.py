"""What comes next for an order that is paid by calls, from what is on record of its calls. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from cair.channels.payments.rail import GIVE_UP_AFTER, NOT_EXECUTED_BY_THIS_CALL, Action
from cair.channels.payments.snap.pace import next_inquiry

NEXT_WINDOW = timedelta(hours=1)
"""How long after a limit or a closing hour the same reference may go again."""
SLOWER = timedelta(seconds=30)


class Deed(StrEnum):
    """What is done with an order."""

    CHECK = "CHECK"
    """Ask for the account."""
    SEND = "SEND"
    ASK = "ASK"
    """Ask for the state of what was sent."""
    REST = "REST"
    """Nothing: the partner says it is booked, the statement will prove it; or it has ended."""
    CASE = "CASE"
    """Nothing by itself: people decide, with a statement."""
    WAIT = "WAIT"
    """Nothing until a recovery has ended: it may have been sent, and that was forgotten."""


class Call(NamedTuple):
    """A call on record; `action` is None while no answer is: as good as not known."""

    deed: Deed
    external_id: str
    at: datetime
    action: Action | None
    reason: str | None = None


class Gap(NamedTuple):
    """Until an instant an order may have been sent without its being on record; `waits`: nothing may be sent yet."""

    until: datetime
    waits: bool


_PEOPLE = frozenset({Action.ALARM, Action.HELD, Action.ASK_PERSON})


def next_deed(calls: Sequence[Call], reference: str, *, now: datetime, gap: Gap | None = None) -> tuple[Deed, datetime]:
    """Give what comes next, and from when on.

    Nothing is sent again before the state was asked for, unless every call that carried it was answered by a clear no;
    nothing is sent by itself once a day has passed since the first. What may have been sent in a gap of the record is
    as good as sent and not answered.
    """
    if gap and (found := _after(gap, calls, reference, now)):
        return found
    sends = [call for call in calls if call.deed is Deed.SEND]
    if not sends:
        return _before_sending(calls, now)
    sent = [call for call in calls if call.deed in (Deed.SEND, Deed.ASK)]
    last = sent[-1]
    if last.action in _PEOPLE:
        return Deed.CASE, now
    if last.action is Action.BOOKED or last.action is Action.RETURNED:
        return Deed.REST, now
    if last.action is Action.REFUSED and last.deed is Deed.ASK:
        return Deed.REST, now
    if now - sends[0].at > GIVE_UP_AFTER:
        return (Deed.CASE if last.action is Action.ASK_PERSON else Deed.ASK), _wait(sent, reference)
    if last.deed is Deed.ASK and last.action is Action.RESEND_ALLOWED:
        return Deed.SEND, now
    refused_clearly = all(
        call.action in NOT_EXECUTED_BY_THIS_CALL and call.action is not Action.REFUSED for call in sends
    )
    if last.deed is Deed.SEND and refused_clearly:
        return Deed.SEND, last.at + _pause(last.action)
    return Deed.ASK, _wait(sent, reference)


def _after(gap: Gap, calls: Sequence[Call], reference: str, now: datetime) -> tuple[Deed, datetime] | None:
    """What comes first after a gap: the partner is asked; None once it is certain that nothing was sent."""
    since = [call for call in calls if call.at >= gap.until and call.deed in (Deed.SEND, Deed.ASK)]
    if any(call.deed is Deed.SEND for call in since):
        return None
    if not since:
        return Deed.ASK, now
    last = since[-1]
    if last.action in _PEOPLE:
        return Deed.CASE, now
    if last.action in (Action.BOOKED, Action.RETURNED, Action.REFUSED):
        return Deed.REST, now
    if last.action is Action.RESEND_ALLOWED:
        return (Deed.WAIT, now) if gap.waits else None
    return Deed.ASK, _wait(since, reference)


def _before_sending(calls: Sequence[Call], now: datetime) -> tuple[Deed, datetime]:
    calls = [call for call in calls if call.deed is Deed.CHECK]
    if not calls:
        return Deed.CHECK, now
    last = calls[-1]
    if last.action is Action.RESEND_ALLOWED:
        return Deed.SEND, now
    if last.action in _PEOPLE:
        return Deed.CASE, now
    if last.action is Action.REFUSED:
        return Deed.REST, now
    return Deed.CHECK, last.at + (NEXT_WINDOW if last.action is Action.NEXT_WINDOW else SLOWER)


def _pause(action: Action | None) -> timedelta:
    if action is Action.NEXT_WINDOW:
        return NEXT_WINDOW
    return timedelta(0) if action is Action.RESEND_ALLOWED else SLOWER


def _wait(sent: Sequence[Call], reference: str) -> datetime:
    """When to ask: at once after a refusal or a known reference, else in waits that grow."""
    last = sent[-1]
    if last.deed is Deed.SEND and last.action in (Action.REFUSED, Action.CONFIRM):
        return last.at
    asked = 0
    for call in reversed(sent):
        if call.deed is not Deed.ASK:
            break
        asked += 1
    return next_inquiry(reference, asked, last.at)
