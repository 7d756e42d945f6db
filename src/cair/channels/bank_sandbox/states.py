"""States an account can be in, and how each answers."""

from collections.abc import Mapping
from enum import StrEnum

from cair.channels.bank_sandbox.cases import Case


class State(StrEnum):
    """What is the matter with an account."""

    ACTIVE = "active"
    DORMANT = "dormant"
    INACTIVE = "inactive"
    CLOSED = "closed"
    FROZEN = "frozen"
    SUSPENDED = "suspended"
    CANNOT_RECEIVE = "cannot_receive"
    NOT_VERIFIED = "not_verified"
    """A wallet whose holder has not shown an identity card."""
    WRONG_NAME = "wrong_name"
    """Somebody else's: inquiries tell the holder's name, transfers to another name are refused."""
    LIMIT_EXCEEDED = "limit_exceeded"
    MONTHLY_LIMIT = "monthly_limit"
    FRAUD = "fraud"
    UNKNOWN = "unknown"
    UNREGISTERED = "unregistered"
    """Unknown, as wallets say it."""
    BANK_NOT_SUPPORTED = "bank_not_supported"
    INVALID_MERCHANT = "invalid_merchant"
    GENERAL_ERROR = "general_error"
    SERVER_ERROR = "server_error"


CASES: Mapping[str, Case] = {
    State.DORMANT: Case(403, "09", detail="PAYEE_ACCOUNT_DORMANT"),
    State.INACTIVE: Case(403, "18"),
    State.CLOSED: Case(403, "18", detail="PAYEE_ACCOUNT_CLOSED"),
    State.FROZEN: Case(403, "05", detail="PAYEE_USER_STATUS_DISABLE"),
    State.SUSPENDED: Case(403, "16"),
    State.CANNOT_RECEIVE: Case(403, "15"),
    State.NOT_VERIFIED: Case(403, "15", detail="PAYEE_NOT_VERIFIED"),
    State.LIMIT_EXCEEDED: Case(403, "02", detail="EXCEED_BALANCE_LIMIT"),
    State.MONTHLY_LIMIT: Case(403, "23"),
    State.FRAUD: Case(403, "03"),
    State.UNKNOWN: Case(404, "11"),
    State.UNREGISTERED: Case(403, "05", detail="PAYEE_USER_NOT_EXIST"),
    State.BANK_NOT_SUPPORTED: Case(404, "03"),
    State.INVALID_MERCHANT: Case(404, "08"),
    State.GENERAL_ERROR: Case(500, "00"),
    State.SERVER_ERROR: Case(500, "01"),
}
"""How inquiries and payments about an account in such a state end; others can be paid to."""

NAME_DIFFERS = Case(403, "15", detail="PAYEE_NAME_DIFFERS")
