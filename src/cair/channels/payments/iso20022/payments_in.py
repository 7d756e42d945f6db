"""Reading orders, pain.001.001.09, as a bank does: for the bank sandbox, and to check our own file before it goes."""

from collections.abc import Iterator
from datetime import date
from typing import BinaryIO, NamedTuple

from cair.channels.payments import lines
from cair.channels.payments.amounts import EXACT, RUPIAH, UnableToReadAmount, exact_text, read_exact
from cair.channels.payments.iso20022.elements import Element, Record, keep, put, qualified
from cair.channels.payments.iso20022.markup import NAMESPACE
from cair.channels.payments.iso20022.payments_out import PAYMENTS
from cair.channels.payments.iso20022.walk import Walker
from cair.channels.payments.settlement import StatementRefusal, Trouble
from cair.kernel.identity import Secret

_BODY = "CstmrCdtTrfInitn"


class Instruction(NamedTuple):
    """One transfer a bank is asked for.

    :ivar amount: whole rupiah, or minor units of another currency; None by `trouble`.
    :ivar bank: BIC or code of the receiving bank; None: the bank that is asked.
    """

    end_to_end_id: str | None
    amount: int | None
    currency: str | None
    account: Secret | None
    holder_name: Secret | None
    bank: str | None
    remark: str | None
    payment_group: str | None
    execution_day: date | None
    debtor_account: Secret | None
    trouble: Trouble | None


class Instructions:
    """Iterate over it for the instructions; the last step proves numbers and sums, so nothing may count before.

    :ivar message_id: of the file, complete after the last one.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._walker = Walker(source, self._elements_of)
        self._ready: list[Instruction] = []
        self._file: Record = {}
        self._group: Record = {}
        self._transfer: Record = {}
        self._count = self._total = self._group_count = self._group_total = 0

    @property
    def message_id(self) -> str | None:
        """What the file is called by its sender."""
        return self._file.get("message_id")

    def __iter__(self) -> Iterator[Instruction]:
        """Give the instructions in the order of the file.

        :raises UnableToReadStatement: the file is refused whole; forget the instructions given before.
        """
        for _ in self._walker.run():
            yield from self._ready
            self._ready.clear()
        for name, tag in (("message_id", "MsgId"), ("count", "NbOfTxs")):
            if name not in self._file:
                raise self._walker.refuse(StatementRefusal.MISSING_ELEMENT, f"{tag} is not there")
        self._prove(self._file, self._count, self._total, "the file")

    def _elements_of(self, walker: Walker, namespace: str, body: str) -> Element:
        if namespace != NAMESPACE + PAYMENTS or body != _BODY:
            raise walker.refuse(StatementRefusal.UNKNOWN_MESSAGE, f"only {PAYMENTS} is read here")
        root = Element()
        keep(root, self._file, {"message_id": "GrpHdr/MsgId", "count": "GrpHdr/NbOfTxs", "total": "GrpHdr/CtrlSum"})
        group = put(root, "PmtInf")
        group.begin, group.end = self._begin_group, self._end_group
        keep(group, self._group, {"payment_group": "PmtInfId", "count": "NbOfTxs", "total": "CtrlSum"})
        keep(group, self._group, {"execution_day": "ReqdExctnDt/Dt ReqdExctnDt/DtTm"})
        keep(group, self._group, {"debtor_account": "DbtrAcct/Id/IBAN DbtrAcct/Id/Othr/Id"})
        transfer = put(group, "CdtTrfTxInf")
        transfer.begin, transfer.end, transfer.repeats = self._transfer.clear, self._end_transfer, True
        keep(
            transfer,
            self._transfer,
            {
                "end_to_end_id": "PmtId/EndToEndId",
                "amount": "Amt/InstdAmt",
                "bank": "CdtrAgt/FinInstnId/BICFI CdtrAgt/FinInstnId/ClrSysMmbId/MmbId",
                "holder_name": "Cdtr/Nm",
                "account": "CdtrAcct/Id/IBAN CdtrAcct/Id/Othr/Id",
            },
        )
        keep(transfer, self._transfer, {"remark": "RmtInf/Ustrd"}, many=True)
        return qualified(root, namespace)

    def _begin_group(self) -> None:
        self._group.clear()
        self._group_count = self._group_total = 0

    def _end_group(self) -> None:
        if "payment_group" not in self._group:
            raise self._walker.refuse(StatementRefusal.MISSING_ELEMENT, "PmtInfId is not there")
        self._prove(self._group, self._group_count, self._group_total, "a payment group")
        self._count += self._group_count
        self._total += self._group_total

    def _end_transfer(self) -> None:
        said, group = self._transfer, self._group
        if "payment_group" not in group:
            raise self._walker.refuse(StatementRefusal.ELEMENT_ORDER, "PmtInfId comes after its transfers")
        exact, minor, wrong = lines.amount(said.get("amount"), said.get("amount.Ccy"), RUPIAH)
        self._group_count += 1
        self._group_total += exact
        day, bad_day = lines.day(group.get("execution_day"))
        reference = said.get("end_to_end_id")
        unsaid = Trouble.NO_REFERENCE if lines.said(reference) is None else None
        self._ready.append(
            Instruction(
                end_to_end_id=reference,
                amount=minor,
                currency=said.get("amount.Ccy"),
                account=lines.secret("account", said.get("account")),
                holder_name=lines.secret("name", said.get("holder_name")),
                bank=said.get("bank"),
                remark=said.get("remark"),
                payment_group=group.get("payment_group"),
                execution_day=day,
                debtor_account=lines.secret("account", group.get("debtor_account")),
                trouble=lines.first_of(wrong, bad_day, unsaid),
            )
        )

    def _prove(self, said: Record, count: int, total: int, what: str) -> None:
        if "count" in said and self._exact(said["count"]) != count * EXACT:
            why = f"{what} holds {count:,} transfers and says another number"
            raise self._walker.refuse(StatementRefusal.COUNT_DIFFERS, why)
        if "total" in said and self._exact(said["total"]) != total:
            why = f"the transfers of {what} sum to {exact_text(total)}, and it says another sum"
            raise self._walker.refuse(StatementRefusal.SUM_DIFFERS, why)

    def _exact(self, text: str) -> int:
        try:
            return read_exact(text)
        except UnableToReadAmount as trouble:
            raise self._walker.refuse(StatementRefusal.SUM_DIFFERS, f"a sum or number is {trouble}") from None


def read_payments(source: BinaryIO) -> Instructions:
    """Read a file of orders of any size."""
    return Instructions(source)
