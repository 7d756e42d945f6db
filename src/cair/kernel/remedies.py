"""Why a payment failed or came back, in words of our own, and who mends it.

Every bank and wallet has its own codes. A channel turns them into one of these few; what is not understood is OTHER,
never a guess. Keys of the wording that tells people what to do (`programme/sentences`).
"""

from enum import StrEnum

from cair.kernel.reasons import Move


class BankReason(StrEnum):
    """The normalised reason of a FAILED or RETURNED payment."""

    ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ACCOUNT_DORMANT = "ACCOUNT_DORMANT"
    ACCOUNT_BLOCKED = "ACCOUNT_BLOCKED"
    ACCOUNT_CANNOT_RECEIVE = "ACCOUNT_CANNOT_RECEIVE"
    NAME_DIFFERS = "NAME_DIFFERS"
    NOT_VERIFIED = "NOT_VERIFIED"
    LIMIT_REACHED = "LIMIT_REACHED"
    BANK_NOT_SUPPORTED = "BANK_NOT_SUPPORTED"
    SUSPECTED_FRAUD = "SUSPECTED_FRAUD"
    FUNDS_SHORT = "FUNDS_SHORT"
    PARTNER_FAULT = "PARTNER_FAULT"
    OTHER = "OTHER"


MENDED_BY_OFFICE = frozenset(
    {BankReason.SUSPECTED_FRAUD, BankReason.FUNDS_SHORT, BankReason.PARTNER_FAULT, BankReason.OTHER}
)


def mended_by(reason: BankReason) -> Move:
    """Say whose move it is after a payment failed for this reason: no person is blamed for a fault of the rails."""
    return Move.PMO if reason in MENDED_BY_OFFICE else Move.PARTICIPANT
