"""Why somebody is not paid, and which disagreements stop a payment: in precedence, with whose move it is.

Source: decisions, section 2 (breaks) and section 3 (reasons). The order of the members is the precedence.
"""

from enum import StrEnum


class Move(StrEnum):
    """Who must act next."""

    PARTICIPANT = "PARTICIPANT"
    PROVIDER = "PROVIDER"
    PLATFORM = "PLATFORM"
    PMO = "PMO"
    OWNER = "OWNER"
    NONE = "NONE"


class BreakKind(StrEnum):
    """A disagreement about one redeem code, in precedence."""

    UNKNOWN_CARD = "UNKNOWN_CARD"
    UNKNOWN_COURSE = "UNKNOWN_COURSE"
    DUPLICATE_CODE = "DUPLICATE_CODE"
    NO_PURCHASE = "NO_PURCHASE"
    VOIDED_BUT_USED = "VOIDED_BUT_USED"
    WRONG_PROVIDER = "WRONG_PROVIDER"
    WRONG_PLATFORM = "WRONG_PLATFORM"
    REDEEMED_OTHER_COURSE = "REDEEMED_OTHER_COURSE"
    COMPLETED_OTHER_COURSE = "COMPLETED_OTHER_COURSE"
    CONFIRMED_OTHER_COURSE = "CONFIRMED_OTHER_COURSE"
    PRICE_ABOVE_LIST = "PRICE_ABOVE_LIST"
    OVER_BALANCE = "OVER_BALANCE"
    BEFORE_APPOINTMENT = "BEFORE_APPOINTMENT"
    REDEEMED_BEFORE_BOUGHT = "REDEEMED_BEFORE_BOUGHT"
    FINISHED_BEFORE_REDEEMED = "FINISHED_BEFORE_REDEEMED"
    REVIEWED_BEFORE_FINISHED = "REVIEWED_BEFORE_FINISHED"
    CERTIFICATE_REUSED = "CERTIFICATE_REUSED"
    COMPLETIONS_DIFFER = "COMPLETIONS_DIFFER"
    TOO_FAST = "TOO_FAST"


class Reason(StrEnum):
    """The first check that fails, in the order of the 2020 scheme; a rulebook may reorder or leave out."""

    REVOKED = "REVOKED"
    NO_RULEBOOK = "NO_RULEBOOK"
    DUPLICATE_PERSON = "DUPLICATE_PERSON"
    HELD = "HELD"
    NOT_BOUGHT = "NOT_BOUGHT"
    BREAK = "BREAK"
    NOT_REDEEMED = "NOT_REDEEMED"
    NOT_FINISHED = "NOT_FINISHED"
    ATTENDANCE_INCOMPLETE = "ATTENDANCE_INCOMPLETE"
    TASK_MISSING = "TASK_MISSING"
    DEMONSTRATION_MISSING = "DEMONSTRATION_MISSING"
    POST_TEST_MISSING = "POST_TEST_MISSING"
    PROVIDER_REPORT_MISSING = "PROVIDER_REPORT_MISSING"
    PLATFORM_REPORT_MISSING = "PLATFORM_REPORT_MISSING"
    CERTIFICATE_MISSING = "CERTIFICATE_MISSING"
    NOT_RATED = "NOT_RATED"
    NOT_REVIEWED = "NOT_REVIEWED"
    NO_ACCOUNT = "NO_ACCOUNT"
    ACCOUNT_NOT_OWN = "ACCOUNT_NOT_OWN"
    ACCOUNT_NOT_VERIFIED = "ACCOUNT_NOT_VERIFIED"
    ACCOUNT_NOT_ACTIVE = "ACCOUNT_NOT_ACTIVE"


class ReachClass(StrEnum):
    """What is known about reaching somebody who has not bought, the strongest first (decisions, section 5)."""

    TRIED = "TRIED"
    SIGNED_IN = "SIGNED_IN"
    LOCKED_OUT = "LOCKED_OUT"
    REACHED = "REACHED"
    DELIVERED = "DELIVERED"
    UNREACHABLE = "UNREACHABLE"
    NO_RECEIPT = "NO_RECEIPT"
    NOT_CONTACTED = "NOT_CONTACTED"


class RejectCode(StrEnum):
    """Why a line cannot be read (contract, section 2)."""

    MALFORMED_LINE = "MALFORMED_LINE"
    MISSING_VALUE = "MISSING_VALUE"
    BAD_CARD_NUMBER = "BAD_CARD_NUMBER"
    BAD_NIK = "BAD_NIK"
    BAD_TIMESTAMP = "BAD_TIMESTAMP"
    FUTURE_TIMESTAMP = "FUTURE_TIMESTAMP"
    BAD_DATE = "BAD_DATE"
    BAD_NUMBER = "BAD_NUMBER"
    BAD_VALUE = "BAD_VALUE"


class Refusal(StrEnum):
    """Why a file is refused whole, in the order of precedence (contract, section 2)."""

    BAD_NAME = "BAD_NAME"
    UNKNOWN_FEED = "UNKNOWN_FEED"
    WRONG_PARTNER = "WRONG_PARTNER"
    UNREADABLE = "UNREADABLE"
    TRUNCATED = "TRUNCATED"
    MISSING_COLUMN = "MISSING_COLUMN"
    REPEATED_COLUMN = "REPEATED_COLUMN"


class Outcome(StrEnum):
    """What became of one line; every line has exactly one (contract, section 2)."""

    ACCEPTED = "accepted"
    SUPERSEDING = "superseding"
    OUTDATED = "outdated"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


NOT_YET = "NOT_YET"
"""The day of a later benefit has not come, or what it follows has not happened."""
NOT_ANSWERED = "NOT_ANSWERED"
"""The survey was not answered while its window was open."""
BENEFIT_TRANCHE_1 = "TRANCHE_1"
"""Name of the first incentive in decisions and exports."""
