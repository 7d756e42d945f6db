"""Statements as a bank writes them, camt.053.001.08: for the bank sandbox and for tests."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import BinaryIO

from cair.channels.payments.amounts import RUPIAH, amount_text, exact_text, in_exact_units
from cair.channels.payments.ink import Ink, Written, finish, spool
from cair.channels.payments.iso20022.markup import opening, optional, time_text, xml_text
from cair.channels.payments.settlement import Direction, SettlementLine, Status
from cair.kernel.days import JAKARTA

STATEMENT = "camt.053.001.08"
_ENTRIES_WRITTEN_AT_ONCE = 500
_CODES = {Direction.DEBIT: "DBIT", Direction.CREDIT: "CRDT"}
_USUAL_CODE = {Direction.DEBIT: "PMNT/ICDT/DMCT", Direction.CREDIT: "PMNT/RCDT/DMCT"}
_RETURN_CODE = "PMNT/ICDT/RRTN"
_LONGEST_CODE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementHead:
    """What a statement says before its entries.

    :ivar account: number of the programme's account.
    :ivar opening_balance: whole rupiah (minor units), booked, at the start of the day; below zero when overdrawn.
    """

    statement_id: str
    account: str
    day: date
    created_at: datetime
    opening_balance: int = 0
    currency: str = RUPIAH
    sequence: int = 1
    bank_bic: str | None = None


@dataclass(slots=True)
class _Sums:
    credits: int = 0
    credit: int = 0
    debits: int = 0
    debit: int = 0


def write_statement(lines: Iterable[SettlementLine], out: BinaryIO, *, head: StatementHead) -> Written:
    """Write one statement of an account, its entries in the order they come; memory does not grow with them.

    A line needs `amount`, `direction`, `status` (BOOKED, RETURNED, or PENDING which moves no balance); the closing
    balance and the summary are made from what is written. `total` of the result is the sum of the debits.
    """
    sums = _Sums()
    closing = head.opening_balance
    with spool() as body:
        pieces: list[str] = []
        for line in lines:
            closing += _add(sums, line, head.currency)
            pieces.append(_entry(line, head))
            if len(pieces) == _ENTRIES_WRITTEN_AT_ONCE:
                body.write("".join(pieces).encode())
                pieces.clear()
        body.write("".join(pieces).encode())
        ink = Ink(out)
        ink.text(_before(head, sums, closing))
        finish(ink, body)
    ink.text("</Stmt>\n</BkToCstmrStmt>\n</Document>\n")
    return ink.written(count=sums.debits + sums.credits, total=sums.debit // in_exact_units(1, head.currency))


def _add(sums: _Sums, line: SettlementLine, currency: str) -> int:
    """Count a line in, exactly; give what it moves the booked balance by, in the account's currency."""
    assert line.amount is not None, "an entry has an amount"
    assert line.direction is not None, "an entry has a direction"
    own = line.currency in (None, currency)
    moved = line.amount if own and line.status in (Status.BOOKED, Status.RETURNED) else 0
    exact = in_exact_units(line.amount, line.currency or currency)
    if line.direction is Direction.CREDIT:
        sums.credits += 1
        sums.credit += exact
        return moved
    sums.debits += 1
    sums.debit += exact
    return -moved


def _before(head: StatementHead, sums: _Sums, closing: int) -> str:
    created = time_text(head.created_at)
    since = time_text(datetime.combine(head.day, time(0), JAKARTA))
    until = time_text(datetime.combine(head.day, time(23, 59, 59), JAKARTA))
    agent = f"<Svcr><FinInstnId><BICFI>{head.bank_bic}</BICFI></FinInstnId></Svcr>" if head.bank_bic else ""
    identity = xml_text(head.statement_id)
    return (
        f"{opening(STATEMENT)}<BkToCstmrStmt>\n<GrpHdr><MsgId>{identity}</MsgId><CreDtTm>{created}</CreDtTm>"
        "<MsgPgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></MsgPgntn></GrpHdr>\n"
        f"<Stmt><Id>{identity}</Id><ElctrncSeqNb>{head.sequence}</ElctrncSeqNb><CreDtTm>{created}</CreDtTm>"
        f"<FrToDt><FrDtTm>{since}</FrDtTm><ToDtTm>{until}</ToDtTm></FrToDt>"
        f"<Acct><Id><Othr><Id>{xml_text(head.account)}</Id></Othr></Id><Ccy>{head.currency}</Ccy>{agent}</Acct>\n"
        + _balance("OPBD", head.opening_balance, head)
        + _balance("CLBD", closing, head)
        + _summary(sums)
    )


def _balance(kind: str, amount: int, head: StatementHead) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{head.currency}">{amount_text(abs(amount), head.currency)}</Amt>'
        f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd><Dt><Dt>{head.day}</Dt></Dt></Bal>\n"
    )


def _summary(sums: _Sums) -> str:
    def of(tag: str, number: int, total: int) -> str:
        return f"<{tag}><NbOfNtries>{number}</NbOfNtries><Sum>{exact_text(total)}</Sum></{tag}>"

    return (
        f"<TxsSummry>{of('TtlNtries', sums.credits + sums.debits, sums.credit + sums.debit)}"
        f"{of('TtlCdtNtries', sums.credits, sums.credit)}{of('TtlDbtNtries', sums.debits, sums.debit)}</TxsSummry>\n"
    )


def _entry(line: SettlementLine, head: StatementHead) -> str:
    booked = line.booked_on or head.day
    before, middle = _around(
        line.amount or 0, line.currency or head.currency, line.direction, line.status, line.status_code, booked,
        line.valued_on or booked, line.transaction_code,
    )  # fmt: skip
    name = optional("AcctSvcrRef", line.bank_reference)
    references = name + optional("PmtInfId", line.payment_group) + optional("EndToEndId", line.end_to_end_id)
    return (
        f"{before[0]}{name}{before[1]}{f'<Refs>{references}</Refs>' if references else ''}"
        f"{middle}{_other_side(line)}{_return(line)}</TxDtls></NtryDtls></Ntry>\n"
    )


@lru_cache(maxsize=4_096)
def _around(
    amount: int,
    currency: str,
    direction: Direction | None,
    status: Status,
    status_code: str | None,
    booked: date,
    valued: date,
    code: str | None,
) -> tuple[tuple[str, str], str]:
    """Write what entries share: before and after the bank's name of them, and after their references."""
    assert direction is not None, "an entry has a direction"
    money = f'<Amt Ccy="{currency}">{amount_text(amount, currency)}</Amt><CdtDbtInd>{_CODES[direction]}</CdtDbtInd>'
    word = status_code or ("PDNG" if status is Status.PENDING else "BOOK")
    usual = _RETURN_CODE if status is Status.RETURNED else _USUAL_CODE[direction]
    before = (
        f"<Ntry>{money}<Sts><Cd>{word}</Cd></Sts><BookgDt><Dt>{booked}</Dt></BookgDt><ValDt><Dt>{valued}</Dt></ValDt>"
    )
    return (before, f"{_transaction_code(code or usual)}<NtryDtls><TxDtls>"), money


def _transaction_code(code: str) -> str:
    parts = code.split("/")
    if len(parts) != 3 or any(len(part) != _LONGEST_CODE for part in parts):
        return f"<BkTxCd><Prtry><Cd>{xml_text(code)}</Cd></Prtry></BkTxCd>"
    domain, family, sub_family = map(xml_text, parts)
    return (
        f"<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub_family}</SubFmlyCd>"
        "</Fmly></Domn></BkTxCd>"
    )


def _other_side(line: SettlementLine) -> str:
    if line.account is None:
        return ""
    back = line.direction is Direction.CREDIT and line.status is not Status.RETURNED
    tag = "DbtrAcct" if back else "CdtrAcct"
    number = xml_text(line.account.reveal())
    return f"<RltdPties><{tag}><Id><Othr><Id>{number}</Id></Othr></Id></{tag}></RltdPties>"


def _return(line: SettlementLine) -> str:
    if line.status is not Status.RETURNED:
        return ""
    narrative = optional("AddtlInf", line.narrative.reveal() if line.narrative else None)
    return f"<RtrInf>{reason_element(line.reason_code)}{narrative}</RtrInf>"


def reason_element(code: str | None) -> str:
    """`Rsn` with a code of the standard's lists, or the bank's own."""
    if not code:
        return ""
    tag = "Cd" if len(code) == _LONGEST_CODE else "Prtry"
    return f"<Rsn><{tag}>{xml_text(code)}</{tag}></Rsn>"
