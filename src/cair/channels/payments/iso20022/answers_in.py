"""Reading a bank's answers to our orders, pain.002: per payment, per payment group, per file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cair.channels.payments import lines
from cair.channels.payments.amounts import EXACT, UnableToReadAmount, exact_text, read_exact
from cair.channels.payments.iso20022.elements import Element, Record, keep, put
from cair.channels.payments.iso20022.reasons import ANSWER_STATUSES
from cair.channels.payments.iso20022.shapes import Known
from cair.channels.payments.iso20022.walk import AtDesk, Walker
from cair.channels.payments.lines import Desk
from cair.channels.payments.settlement import Proof, Scope, SettlementLine, StatementRefusal, Status, Trouble

BODY = "CstmrPmtStsRpt"
_SEE_BELOW = "PART"
_REJECTED = "RJCT"
_WHY = {"reason": "StsRsnInf/Rsn/Cd StsRsnInf/Rsn/Prtry", "narrative": "StsRsnInf/AddtlInf"}
_OWN = ("end_to_end_id", "bank_reference", "account")
_DECLARED = {"count": "OrgnlNbOfTxs", "total": "OrgnlCtrlSum"}


@dataclass(slots=True)
class _Listed:
    """Payments listed so far: their number, by status, and their exact sum while all of them name an amount."""

    count: int = 0
    total: int | None = 0
    by_status: dict[str, int] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)

    def add(self, status: str, exact: int | None, times: int) -> None:
        self.count += times
        self.total = None if self.total is None or exact is None else self.total + exact * times
        self.by_status[status] = self.by_status.get(status, 0) + times

    def forget(self) -> None:
        self.count, self.total = 0, 0
        self.by_status.clear()
        self.declared.clear()


class Answers(AtDesk):
    """The elements of pain.002 and the lines they make."""

    def __init__(self, walker: Walker, desk: Desk, head: Record) -> None:
        super().__init__(walker, desk)
        self._head = head
        self._file: Record = {}
        self._group: Record = {}
        self._payment: Record = {}
        self._share: Record = {}
        self._in_file = _Listed()
        self._in_group = _Listed()
        self._early: str | None = None

    def elements(self) -> Element:
        """What is looked at in the message."""
        body = Element()
        keep(body, self._head, {"message_id": "GrpHdr/MsgId", "created_at": "GrpHdr/CreDtTm"})
        whole = put(body, "OrgnlGrpInfAndSts")
        keep(whole, self._file, {"message_id": "OrgnlMsgId", "status": "GrpSts", **_DECLARED})
        keep(whole, self._file, _WHY, many=True)
        self._shares(whole, self._in_file)
        group = put(body, "OrgnlPmtInfAndSts")
        group.begin, group.end = self._begin_group, self._end_group
        keep(group, self._group, {"payment_group": "OrgnlPmtInfId", "status": "PmtInfSts", **_DECLARED})
        keep(group, self._group, _WHY, many=True)
        self._shares(group, self._in_group)
        payment = put(group, "TxInfAndSts")
        payment.begin, payment.end, payment.repeats = self._payment.clear, self._end_payment, True
        keep(payment, self._payment, _WHY, many=True, own={"narrative": "narrative"})
        keep(
            payment,
            self._payment,
            {
                "end_to_end_id": "OrgnlEndToEndId",
                "instruction_id": "OrgnlInstrId",
                "status": "TxSts",
                "bank_reference": "AcctSvcrRef",
                "amount": "OrgnlTxRef/Amt/InstdAmt",
                "account": "OrgnlTxRef/CdtrAcct/Id/IBAN OrgnlTxRef/CdtrAcct/Id/Othr/Id",
            },
            own={name: name for name in _OWN},
        )
        return body

    def again(self, known: Known) -> None:
        """Add what a payment added to sums as often as there were others like it."""
        self._desk.totals.add_again(known.line, known.times, currency=self._desk.currency)
        status, exact = known.effect
        for listed in (self._in_group, self._in_file):
            listed.add(status, exact, known.times)

    def own_columns(self, _: SettlementLine, own: Mapping[str, int]) -> dict[str, int]:
        """Say which columns of a line hold which of a payment's own texts."""
        return {name: own.get(name, -1) for name in (*_OWN, "narrative")}

    def _shares(self, above: Element, listed: _Listed) -> None:
        share = put(above, "NbOfTxsPerSts")
        keep(share, self._share, {"status": "DtldSts", "count": "DtldNbOfTxs"})

        def end() -> None:
            if "status" in self._share and "count" in self._share:
                listed.declared[self._share["status"]] = self._share["count"]

        share.begin, share.end = self._share.clear, end

    def finish(self) -> None:
        """Give the widest line and prove the file.

        :raises UnableToReadStatement: MISSING_ELEMENT, ELEMENT_ORDER, COUNT_DIFFERS, SUM_DIFFERS.
        """
        if "message_id" not in self._file:
            raise self._walker.refuse(StatementRefusal.MISSING_ELEMENT, "OrgnlMsgId, the file it answers, is not there")
        if self._early:
            why = f"{self._early} comes after the payments it speaks of; ask the bank for a mended file"
            raise self._walker.refuse(StatementRefusal.ELEMENT_ORDER, why)
        self._wide(self._file, Scope.MESSAGE)
        self._desk.totals.proofs.append(self._prove(self._file, self._in_file))

    def _begin_group(self) -> None:
        self._group.clear()
        self._in_group.forget()

    def _end_group(self) -> None:
        if "payment_group" not in self._group:
            raise self._walker.refuse(StatementRefusal.MISSING_ELEMENT, "OrgnlPmtInfId is not there")
        self._wide(self._group, Scope.GROUP)
        self._prove(self._group, self._in_group)

    def _end_payment(self) -> None:
        said, desk = self._payment, self._desk
        if "message_id" not in self._file:
            self._early = "OrgnlGrpInfAndSts"
        if "payment_group" not in self._group:
            self._early = "OrgnlPmtInfId"
        status = said.get("status") or self._group.get("status") or self._file.get("status") or ""
        exact, minor, wrong = None, None, None
        if "amount" in said:
            exact, minor, wrong = lines.amount(said["amount"], said.get("amount.Ccy"), desk.currency)
        reference, foreign = desk.reference(said.get("end_to_end_id"), said.get("instruction_id"))
        self.effect = (status, exact)
        for listed in (self._in_group, self._in_file):
            listed.add(status, exact, 1)
        unknown = None if status in ANSWER_STATUSES else Trouble.UNKNOWN_STATUS
        line = self._line(said, status, trouble=lines.first_of(wrong, unknown, foreign))
        desk.give(line._replace(amount=minor, currency=said.get("amount.Ccy"), reference=reference))

    def _wide(self, said: Record, scope: Scope) -> None:
        status = said.get("status")
        if status is None or status == _SEE_BELOW:
            return
        unknown = None if status in ANSWER_STATUSES else Trouble.UNKNOWN_STATUS
        line = self._line(said, status, trouble=unknown)
        self._desk.give(line._replace(scope=scope))

    def _line(self, said: Record, status: str, *, trouble: Trouble | None) -> SettlementLine:
        code = said.get("reason")
        return SettlementLine(
            end_to_end_id=lines.said(said.get("end_to_end_id")),
            amount=None,
            currency=None,
            direction=None,
            status=ANSWER_STATUSES.get(status, Status.PENDING),
            status_code=lines.bank_word(status),
            reason_code=lines.bank_word(code),
            reason=self._desk.reason(code),
            narrative=lines.secret("narrative", said.get("narrative")),
            account=lines.secret("account", said.get("account")),
            bank_reference=said.get("bank_reference"),
            payment_group=None if said is self._file else self._group.get("payment_group"),
            message_id=self._file.get("message_id"),
            trouble=trouble,
            ordinal=self._desk.totals.lines + 1,
        )

    def _prove(self, said: Record, listed: _Listed) -> Proof:
        """Compare what is declared with what is listed; a bank may list fewer than it was sent, never more.

        All rejections must be listed when any payment is: one left out would be taken for paid.
        """
        for status, declared in listed.declared.items():
            number, found = self._whole(declared), listed.by_status.get(status, 0)
            if found > number or (status == _REJECTED and listed.count and found < number):
                why = f"it names {number:,} payments of one status and lists {found:,}"
                raise self._walker.refuse(StatementRefusal.COUNT_DIFFERS, why)
        if "count" not in said:
            return Proof.NOTHING
        number = self._whole(said["count"])
        if listed.count > number:
            why = f"it answers a file or group of {number:,} payments and lists {listed.count:,}"
            raise self._walker.refuse(StatementRefusal.COUNT_DIFFERS, why)
        if listed.count < number:
            return Proof.NOTHING
        if "total" in said and listed.total is not None and listed.total != self._exact(said["total"]):
            why = f"the payments listed sum to {exact_text(listed.total)}, the file says another sum"
            raise self._walker.refuse(StatementRefusal.SUM_DIFFERS, why)
        return Proof.COUNT

    def _whole(self, text: str) -> int:
        exact = self._exact(text)
        if exact % EXACT or exact < 0:
            raise self._walker.refuse(StatementRefusal.COUNT_DIFFERS, "a number of payments is not a whole number")
        return exact // EXACT

    def _exact(self, text: str) -> int:
        try:
            return read_exact(text)
        except UnableToReadAmount as trouble:
            raise self._walker.refuse(StatementRefusal.SUM_DIFFERS, f"a sum or number is {trouble}") from None
