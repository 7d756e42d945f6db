"""A bank that takes pain.001 and answers with pain.002, camt.053 or camt.054, as a rail."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from cair.channels.payments.file_answers import answer_of
from cair.channels.payments.iso20022.payments_out import Debtor, PaymentsHead, write_payments
from cair.channels.payments.iso20022.reading import read_statement
from cair.channels.payments.rail import Answer, PaymentOrder
from cair.channels.payments.settlement import Scope
from cair.channels.payments.transfers import transfers_of
from cair.kernel.days import JAKARTA
from cair.kernel.remedies import BankReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Iso20022Files:
    """One bank by files of ISO 20022 (a `FileRail`).

    :ivar debtors: by payment partner, where another account than `debtor` pays.
    :ivar own_codes: the bank's own reason codes in our words.
    """

    name: str
    initiator: str
    debtor: Debtor
    debtors: Mapping[str, Debtor] = field(default_factory=dict)
    own_codes: Mapping[str, BankReason] = field(default_factory=dict)

    def write(self, orders: Iterable[PaymentOrder], into: BinaryIO, *, batch_ref: str, now: datetime) -> None:
        """Write one file of orders, to be carried out on the Jakarta day of `now`.

        :raises UnableToWritePayments: orders no bank can take, or none; `into` then is no file.
        """
        head = PaymentsHead(
            message_id=batch_ref,
            created_at=now,
            initiator=self.initiator,
            debtor=self.debtor,
            debtors=self.debtors,
        )
        write_payments(transfers_of(orders, execution_day=now.astimezone(JAKARTA).date()), into, head=head)

    def read(self, source: BinaryIO) -> Iterator[tuple[str, Answer]]:
        """Give the answers to single payments of ours; `read_statement` also gives amounts, troubles and wider answers.

        :raises UnableToReadStatement: the file is refused whole; forget the answers given before.
        """
        for line in read_statement(source, own_codes=self.own_codes):
            if line.reference is not None and line.scope is Scope.PAYMENT:
                yield line.reference, answer_of(line)
