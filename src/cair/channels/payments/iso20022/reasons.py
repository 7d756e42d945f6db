"""Status and reason codes of ISO 20022 in our words."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from cair.channels.payments.settlement import Status
from cair.kernel.remedies import BankReason

ANSWER_STATUSES: Mapping[str, Status] = {
    **dict.fromkeys(("ACCP", "ACFC", "ACSP", "ACSC", "ACCC", "ACWC"), Status.ACCEPTED),
    **dict.fromkeys(("RCVD", "PDNG", "PART", "ACTC", "ACFW", "ACPD", "ACWP", "ACIS", "PATC"), Status.PENDING),
    **dict.fromkeys(("RJCT", "CANC", "BLCK"), Status.REJECTED),
}
"""What pain.002 says of a payment. Sources: ExternalPaymentTransactionStatus1Code, ExternalPaymentGroupStatus1Code.

Checked for its form only (ACTC) or still on its way (ACWP, ACPD) is not accepted: it may yet be refused.
"""

ENTRY_STATUSES: Mapping[str, Status] = {
    "BOOK": Status.BOOKED,
    **dict.fromkeys(("PDNG", "FUTR", "INFO"), Status.PENDING),
}
"""What camt says of an entry. Source: ExternalEntryStatus1Code; INFO and FUTR have moved no balance yet."""

RETURN_CODES = frozenset({"RRTN", "PRCT", "RPCR"})
"""Sub-families of entries that give back what was paid: return, reversed and cancelled payments."""


@cache
def reasons() -> Mapping[str, BankReason]:
    """Reason codes of the standard's external lists that mean one of ours; the rest is OTHER."""
    text = resources.files(__package__).joinpath("reasons.csv").read_text(encoding="utf-8")
    return MappingProxyType({row["code"]: BankReason(row["bank_reason"]) for row in csv.DictReader(text.splitlines())})
