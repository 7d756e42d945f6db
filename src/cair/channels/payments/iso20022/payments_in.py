"""Reading orders, pain.001.001.09, as a bank does: for the bank sandbox, and to check our own file before it goes."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, BinaryIO, NamedTuple

from cair.channels.payments import lines
from cair.channels.payments.amounts import EXACT, RUPIAH, UnableToReadAmount, exact_text, read_exact
from cair.channels.payments.iso20022.elements import Element, Record, keep, put, qualified
from cair.channels.payments.iso20022.markup import NAMESPACE
from cair.channels.payments.iso20022.payments_out import PAYMENTS
from cair.channels.payments.iso20022.shapes import Known
from cair.channels.payments.iso20022.walk import Walker
from cair.channels.payments.settlement import StatementRefusal, Trouble
from cair.kernel.identity import Secret

_BODY = "CstmrCdtTrfInitn"
_HIDDEN = {"account": "account", "holder_name": "name"}
"""Own texts of a transfer that are personal values, with their kinds."""


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


class Asked(NamedTuple):
    """What a transfer moves to whom, account and name in the clear: for where it is carried out, never to be shown."""

    end_to_end_id: str | None
    amount: int | None
    account: str
    holder_name: str
    payment_group: str | None


class Instructions:
    """Iterate over it for the instructions; the last step proves numbers and sums, so nothing may count before.

    :ivar message_id: of the file, complete after the last one.
    :ivar effect: the exact amount of the transfer walked through last.
    """

    effect: int | None = None

    def __init__(self, source: BinaryIO) -> None:
        self._walker = Walker(source, self._elements_of)
        self._walker.alike = self
        self.lines: list[Any] = []
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
        for row in self._rows():
            if isinstance(row, Instruction):
                yield row
                continue
            known, texts = row
            own = {name: texts[group].strip().decode("ascii") for name, group in known.own}
            hidden = {name: lines.secret(kind, own[name]) for name, kind in _HIDDEN.items() if name in own}
            yield known.line._replace(**{**own, **hidden})

    def asked(self) -> Iterator[Asked]:
        """Give what each transfer moves to whom, in the order of the file.

        :raises UnableToReadStatement: the file is refused whole; forget what was given before.
        """
        for row in self._rows():
            if isinstance(row, Instruction):
                account, name = (each.reveal() if each else "" for each in (row.account, row.holder_name))
                yield Asked(row.end_to_end_id, row.amount, account, name, row.payment_group)
                continue
            known, entry = row
            own = {name: entry[group].strip().decode("ascii") for name, group in known.own}
            account, name = own.get("account", ""), own.get("holder_name", "")
            yield Asked(own["end_to_end_id"], known.line.amount, account, name, known.line.payment_group)

    def _rows(self) -> Iterator[Any]:
        for _ in self._walker.run():
            yield from self.lines
            self.lines.clear()
        for name, tag in (("message_id", "MsgId"), ("count", "NbOfTxs")):
            if name not in self._file:
                raise self._walker.refuse(StatementRefusal.MISSING_ELEMENT, f"{tag} is not there")
        self._prove(self._file, self._count, self._total, "the file")

    # Transfers that are alike

    def is_reference(self, text: bytes) -> bool:
        """Whether the text is a reference."""
        return text != b"" and text.strip() == text and lines.said(text.decode("ascii")) is not None

    def count(self) -> None:
        """Count one line more: they are counted with their group."""

    def again(self, known: Known) -> None:
        """Add what a transfer added to its group as often as there were others like it."""
        self._group_count += known.times
        self._group_total += known.effect * known.times

    def own_columns(self, _: Instruction, own: Mapping[str, int]) -> dict[str, int]:
        """Say which columns hold which of a transfer's own texts."""
        return {name: own.get(name, -1) for name in ("end_to_end_id", *_HIDDEN)}

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
            own={name: name for name in ("end_to_end_id", *_HIDDEN)},
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
        self.effect = exact
        self.lines.append(
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
