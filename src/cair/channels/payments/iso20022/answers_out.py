"""Answers as a bank writes them, pain.002.001.10: for the bank sandbox and for tests."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import groupby, islice
from typing import BinaryIO

from cair.channels.payments.amounts import RUPIAH, amount_text
from cair.channels.payments.ink import Ink, Written, finish, spool
from cair.channels.payments.iso20022.markup import opening, optional, time_text, xml_text
from cair.channels.payments.iso20022.statement_out import reason_element
from cair.channels.payments.settlement import SettlementLine, Status

ANSWERS = "pain.002.001.10"
_WRITTEN_AT_ONCE = 500
_CODES = {Status.ACCEPTED: "ACSP", Status.PENDING: "PDNG", Status.REJECTED: "RJCT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersHead:
    """What an answer says once; number and sum (whole rupiah) are those of the file it answers.

    :ivar whole: the answer to the file as a whole; only its status, reason and narrative count.
    :ivar groups: the answers to payment groups as wholes, by `payment_group`, likewise.
    """

    message_id: str
    created_at: datetime
    original_message_id: str
    original_message: str = "pain.001.001.09"
    original_count: int | None = None
    original_total_idr: int | None = None
    whole: SettlementLine | None = None
    groups: Mapping[str, SettlementLine] = field(default_factory=dict)


def write_answers(lines: Iterable[SettlementLine], out: BinaryIO, *, head: AnswersHead) -> Written:
    """Write the answers to the payments of one file, those of one `payment_group` together.

    Memory does not grow with them. `count` and `total` of the result are of the payments answered.
    """
    shares: Counter[str] = Counter()
    total = 0

    def counted(members: Iterable[SettlementLine]) -> Iterator[str]:
        nonlocal total
        for line in members:
            shares[_code(line)] += 1
            total += line.amount or 0
            yield _payment(line)

    with spool() as body:
        unanswered = dict(head.groups)
        for group, members in groupby(lines, key=lambda line: line.payment_group or ""):
            body.write(_group_head(group, unanswered.pop(group, None)).encode())
            payments = counted(members)
            while piece := "".join(islice(payments, _WRITTEN_AT_ONCE)):
                body.write(piece.encode())
            body.write(b"</OrgnlPmtInfAndSts>\n")
        for group, answer in unanswered.items():
            body.write(f"{_group_head(group, answer)}</OrgnlPmtInfAndSts>\n".encode())
        ink = Ink(out)
        ink.text(_before(head, shares))
        finish(ink, body)
    ink.text("</CstmrPmtStsRpt>\n</Document>\n")
    return ink.written(count=shares.total(), total=total)


def _before(head: AnswersHead, shares: Counter[str]) -> str:
    number = "" if head.original_count is None else f"<OrgnlNbOfTxs>{head.original_count}</OrgnlNbOfTxs>"
    known = head.original_total_idr is not None
    total = f"<OrgnlCtrlSum>{amount_text(head.original_total_idr or 0)}</OrgnlCtrlSum>" if known else ""
    status = "" if head.whole is None else f"<GrpSts>{_code(head.whole)}</GrpSts>{_why(head.whole)}"
    by_status = "".join(
        f"<NbOfTxsPerSts><DtldNbOfTxs>{number}</DtldNbOfTxs><DtldSts>{code}</DtldSts></NbOfTxsPerSts>"
        for code, number in sorted(shares.items())
    )
    return (
        f"{opening(ANSWERS)}<CstmrPmtStsRpt>\n<GrpHdr><MsgId>{xml_text(head.message_id)}</MsgId>"
        f"<CreDtTm>{time_text(head.created_at)}</CreDtTm></GrpHdr>\n"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{xml_text(head.original_message_id)}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>{xml_text(head.original_message)}</OrgnlMsgNmId>{number}{total}{status}{by_status}"
        "</OrgnlGrpInfAndSts>\n"
    )


def _group_head(group: str, answer: SettlementLine | None) -> str:
    status = "" if answer is None else f"<PmtInfSts>{_code(answer)}</PmtInfSts>{_why(answer)}"
    return f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{xml_text(group)}</OrgnlPmtInfId>{status}\n"


def _payment(line: SettlementLine) -> str:
    status, after = _around(
        line.amount, line.currency or RUPIAH, _code(line), line.reason_code, line.narrative and line.narrative.reveal()
    )
    return (
        f"<TxInfAndSts>{optional('OrgnlEndToEndId', line.end_to_end_id)}{status}"
        f"{optional('AcctSvcrRef', line.bank_reference)}{after}"
    )


@lru_cache(maxsize=4_096)
def _around(
    amount: int | None, currency: str, code: str, reason_code: str | None, narrative: str | None
) -> tuple[str, str]:
    """Write what answers share: before and after the bank's name of the payment."""
    ordered = "" if amount is None else f'<InstdAmt Ccy="{currency}">{amount_text(amount, currency)}</InstdAmt>'
    after = f"<OrgnlTxRef><Amt>{ordered}</Amt></OrgnlTxRef>" if ordered else ""
    return f"<TxSts>{code}</TxSts>{_reasons(reason_code, narrative)}", f"{after}</TxInfAndSts>\n"


def _code(line: SettlementLine) -> str:
    return line.status_code or _CODES[line.status]


def _why(line: SettlementLine) -> str:
    return _reasons(line.reason_code, line.narrative and line.narrative.reveal())


def _reasons(code: str | None, narrative: str | None) -> str:
    reason, told = reason_element(code), optional("AddtlInf", narrative)
    return f"<StsRsnInf>{reason}{told}</StsRsnInf>" if reason or told else ""
