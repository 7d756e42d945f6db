"""What a line of a bank's file allows the office to do, in the words all rails share."""

from cair.channels.payments.rail import Action, Answer
from cair.channels.payments.settlement import SettlementLine, Status
from cair.kernel.remedies import BankReason

REPEATED = frozenset({"AM05", "DU01", "DU02", "DU03", "DU04", "DU05", "DUPL"})
"""Codes of ISO 20022 by which a bank refuses what it has had before: the first one may have been carried out."""

_REFUSALS = {
    BankReason.SUSPECTED_FRAUD: Action.HELD,
    BankReason.FUNDS_SHORT: Action.STOP_RAIL,
    BankReason.PARTNER_FAULT: Action.MEND_REQUEST,
}


def answer_of(line: SettlementLine) -> Answer:
    """Give the meaning of a line for the payment it names; its trouble, amount and account are not looked at."""
    return Answer(
        action=_action(line),
        code=str(line.status),
        raw_code=line.reason_code or line.status_code or "",
        reason=line.reason,
        bank_reference=line.bank_reference or "",
    )


def _action(line: SettlementLine) -> Action:
    if line.status is Status.RETURNED:
        return Action.RETURNED
    if line.status is Status.BOOKED:
        return Action.BOOKED
    if line.status is not Status.REJECTED:
        return Action.ASK_STATUS
    if line.reason_code in REPEATED:
        return Action.CONFIRM
    if line.reason in (None, BankReason.OTHER):
        # Free text may say anything; one real bank writes there that the reference exists already.
        return Action.ASK_PERSON
    return _REFUSALS.get(line.reason, Action.REFUSED)
