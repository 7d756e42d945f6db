"""What an answer of a SNAP partner means: the standard's codes as one table, and the rules around it.

A response code has seven digits: HTTP status (3), service (2), case (2). The meaning hangs on the first and the last;
the service digits are not checked, since partners answer with service 00 too. What is not in the table is not known,
and what is not known is asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cair.channels.payments.rail import GIVE_UP_AFTER, NOT_EXECUTED_BY_THIS_CALL, Action, Answer, Sent
from cair.kernel.remedies import BankReason

_CODE = re.compile(r"[1-5][0-9]{6}\Z")

UNREADABLE = "UNREADABLE_ANSWER"
NO_ANSWER = "NO_ANSWER"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row of the table: what may be done, the standard's name of the case, and why, where the case says so."""

    action: Action
    code: str
    reason: BankReason | None = None


_REFUSED, _NEXT, _ASK = Action.REFUSED, Action.NEXT_WINDOW, Action.ASK_STATUS
_LIMIT, _FAULT = BankReason.LIMIT_REACHED, BankReason.PARTNER_FAULT

SENT: Mapping[tuple[int, str], Meaning] = {
    (200, "00"): Meaning(Action.BOOKED, "SUCCESSFUL"),
    (202, "00"): Meaning(_ASK, "IN_PROGRESS"),
    (400, "00"): Meaning(Action.MEND_REQUEST, "BAD_REQUEST"),
    (400, "01"): Meaning(Action.MEND_REQUEST, "INVALID_FIELD_FORMAT"),
    (400, "02"): Meaning(Action.MEND_REQUEST, "INVALID_MANDATORY_FIELD"),
    (401, "00"): Meaning(Action.RESEND_ALLOWED, "UNAUTHORIZED"),
    (401, "01"): Meaning(Action.RESEND_ALLOWED, "INVALID_TOKEN"),
    (401, "02"): Meaning(Action.RESEND_ALLOWED, "INVALID_CUSTOMER_TOKEN"),
    (401, "03"): Meaning(Action.RESEND_ALLOWED, "TOKEN_NOT_FOUND"),
    (401, "04"): Meaning(Action.RESEND_ALLOWED, "CUSTOMER_TOKEN_NOT_FOUND"),
    (403, "02"): Meaning(_NEXT, "AMOUNT_LIMIT_EXCEEDED", _LIMIT),
    (403, "03"): Meaning(Action.HELD, "SUSPECTED_FRAUD", BankReason.SUSPECTED_FRAUD),
    (403, "04"): Meaning(_NEXT, "COUNT_LIMIT_EXCEEDED", _LIMIT),
    (403, "05"): Meaning(_REFUSED, "DO_NOT_HONOR", BankReason.ACCOUNT_CANNOT_RECEIVE),
    (403, "06"): Meaning(_NEXT, "NOT_AT_THIS_TIME"),
    (403, "09"): Meaning(_REFUSED, "DORMANT_ACCOUNT", BankReason.ACCOUNT_DORMANT),
    (403, "14"): Meaning(Action.STOP_RAIL, "INSUFFICIENT_FUNDS", BankReason.FUNDS_SHORT),
    (403, "15"): Meaning(_REFUSED, "TRANSACTION_NOT_PERMITTED", BankReason.ACCOUNT_CANNOT_RECEIVE),
    (403, "16"): Meaning(_REFUSED, "SUSPENDED", BankReason.ACCOUNT_BLOCKED),
    (403, "18"): Meaning(_REFUSED, "INACTIVE_ACCOUNT", BankReason.ACCOUNT_CLOSED),
    (403, "20"): Meaning(_NEXT, "MERCHANT_LIMIT_EXCEEDED", _LIMIT),
    (403, "23"): Meaning(_NEXT, "ACCOUNT_LIMIT_EXCEEDED", _LIMIT),
    (404, "03"): Meaning(_REFUSED, "BANK_NOT_SUPPORTED", BankReason.BANK_NOT_SUPPORTED),
    (404, "11"): Meaning(_REFUSED, "INVALID_ACCOUNT", BankReason.ACCOUNT_NOT_FOUND),
    (404, "18"): Meaning(Action.ALARM, "INCONSISTENT_REQUEST"),
    (409, "00"): Meaning(_ASK, "EXTERNAL_ID_USED_TODAY"),
    (409, "01"): Meaning(Action.CONFIRM, "DUPLICATE_REFERENCE"),
    (429, "00"): Meaning(Action.SLOW_DOWN, "TOO_MANY_REQUESTS"),
    (500, "00"): Meaning(_ASK, "GENERAL_ERROR", _FAULT),
    (500, "01"): Meaning(_ASK, "INTERNAL_SERVER_ERROR", _FAULT),
    (500, "02"): Meaning(_ASK, "EXTERNAL_SERVER_ERROR", _FAULT),
    (504, "00"): Meaning(_ASK, "TIMEOUT", _FAULT),
}
"""Answers to a transfer or top-up."""

STATES: Mapping[str, Meaning] = {
    "00": Meaning(Action.BOOKED, "STATE_SUCCESS"),
    "01": Meaning(_ASK, "STATE_INITIATED"),
    "02": Meaning(_ASK, "STATE_PAYING"),
    "03": Meaning(_ASK, "STATE_PENDING"),
    "04": Meaning(Action.RETURNED, "STATE_REFUNDED", BankReason.OTHER),
    "05": Meaning(_REFUSED, "STATE_CANCELLED", BankReason.OTHER),
    "06": Meaning(_REFUSED, "STATE_FAILED", BankReason.OTHER),
    "07": Meaning(_ASK, "NOT_FOUND"),
}
"""What an inquiry or a notice says of a payment (`latestTransactionStatus`)."""

DETAILS: Mapping[str, BankReason] = {
    "PAYEE_NOT_VERIFIED": BankReason.NOT_VERIFIED,
    "PAYEE_USER_NOT_EXIST": BankReason.ACCOUNT_NOT_FOUND,
    "PAYEE_USER_STATUS_DISABLE": BankReason.ACCOUNT_BLOCKED,
    "PAYEE_ACCOUNT_CLOSED": BankReason.ACCOUNT_CLOSED,
    "PAYEE_ACCOUNT_DORMANT": BankReason.ACCOUNT_DORMANT,
    "PAYEE_NAME_DIFFERS": BankReason.NAME_DIFFERS,
    "EXCEED_BALANCE_LIMIT": BankReason.LIMIT_REACHED,
}
"""Words in `additionalInfo` that say more exactly why; a partner's profile may add its own."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: HTTP status (None: none came), and the fields of its body (None: no readable body)."""

    status: int | None
    fields: Mapping[str, object] | None = None
    empty: bool = False

    @property
    def code(self) -> tuple[int, str] | None:
        """HTTP part and case; the body decides, the HTTP status only when there is no body at all."""
        if self.fields is not None:
            raw = self.raw_code
            return (int(raw[:3]), raw[5:]) if _CODE.match(raw) else None
        return (self.status, "00") if self.status and self.empty and not 200 <= self.status < 300 else None

    @property
    def raw_code(self) -> str:
        """The response code as written, empty when there is none of that name."""
        return str((self.fields or {}).get("responseCode", ""))[:7]

    def text(self, *names: str) -> str:
        """The first of these fields that is a text, up to 64 characters."""
        found = ((self.fields or {}).get(name) for name in names)
        return next((value for value in found if isinstance(value, str)), "")[:64]


def after_sending(reply: Reply, *, sent_before: bool, details: Mapping[str, BankReason] = DETAILS) -> Answer:
    """What the answer to a transfer or top-up means.

    An answer to a repeated call that denies it says nothing about the call before: then the state is asked for.
    """
    meaning = _meaning(reply)
    action = meaning.action
    if sent_before and action in NOT_EXECUTED_BY_THIS_CALL:
        action = Action.ASK_STATUS
    return _answer(reply, meaning, action, details)


def after_asking(
    reply: Reply, *, sent: Sent, now: datetime, quiet_period: timedelta, details: Mapping[str, BankReason] = DETAILS
) -> Answer:
    """What the answer to an inquiry of state means.

    "Not found" allows the same reference again only after the quiet period, in which a call may still be on its way.
    Only an answer with a state speaks of the payment; all others speak of the inquiry, and leave the payment as
    unknown as it was. After 24 hours without certainty people decide.
    """
    code = reply.code
    if code == (404, "01"):
        meaning = STATES["07"]
    elif code == (200, "00") and reply.text("latestTransactionStatus") in STATES:
        meaning = STATES[reply.text("latestTransactionStatus")]
    else:
        meaning = Meaning(_ASK, UNREADABLE if code == (200, "00") else _meaning(reply).code)
    action = meaning.action
    if meaning is STATES["07"] and now - sent.last_at >= quiet_period:
        action = Action.RESEND_ALLOWED
    if action in (Action.ASK_STATUS, Action.RESEND_ALLOWED) and now - sent.first_at > GIVE_UP_AFTER:
        action = Action.ASK_PERSON
    return _answer(reply, meaning, action, details)


def answer_of_state(reply: Reply, state: str, details: Mapping[str, BankReason] = DETAILS) -> Answer:
    """What a notice with this state means; one that says "not found" proves nothing."""
    return _answer(reply, STATES[state], STATES[state].action, details)


def reason_of_account(reply: Reply, details: Mapping[str, BankReason] = DETAILS) -> tuple[bool, str, BankReason | None]:
    """What an account inquiry says: whether that is certain, its code, and why the account cannot be paid to."""
    meaning = _meaning(reply)
    if meaning.action is Action.BOOKED:
        return True, meaning.code, None
    speaks_of_account = meaning.action in (_REFUSED, Action.HELD) or meaning.reason is _LIMIT
    reason = _exactly(reply, meaning.reason, details) if speaks_of_account else None
    return speaks_of_account, meaning.code, reason


def _meaning(reply: Reply) -> Meaning:
    if reply.status is None:
        return Meaning(_ASK, NO_ANSWER)
    code = reply.code
    if code is None:
        return Meaning(_ASK, UNREADABLE)
    return SENT.get(code) or Meaning(_ASK, f"UNKNOWN_{code[0]}_{code[1]}")


def _answer(reply: Reply, meaning: Meaning, action: Action, details: Mapping[str, BankReason]) -> Answer:
    final = action not in (Action.BOOKED, Action.CONFIRM, Action.ALARM)
    reason = meaning.reason
    if reason is BankReason.OTHER:
        reason = _said_before(reply) or reason
    return Answer(
        action=action,
        code=meaning.code,
        raw_code=reply.raw_code,
        reason=_exactly(reply, reason, details) if final and reason else None,
        bank_reference=reply.text("referenceNo", "originalReferenceNo"),
    )


def _said_before(reply: Reply) -> BankReason | None:
    """Why it failed, by the answer that the partner says it gave to the transfer (`previousResponseCode`)."""
    raw = reply.text("previousResponseCode")
    meaning = SENT.get((int(raw[:3]), raw[5:])) if _CODE.match(raw) else None
    return meaning.reason if meaning else None


def _exactly(reply: Reply, reason: BankReason | None, details: Mapping[str, BankReason]) -> BankReason | None:
    more = (reply.fields or {}).get("additionalInfo")
    words = more.values() if isinstance(more, Mapping) else ()
    return next((details[word] for word in words if isinstance(word, str) and word in details), reason)
