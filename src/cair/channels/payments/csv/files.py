"""A bank that takes a bulk file of its own form and answers with a return file, as a rail."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from cair.channels.payments.csv.bulk_out import BulkHead, write_bulk
from cair.channels.payments.csv.mapping import BankForm
from cair.channels.payments.csv.returns_in import read_returns
from cair.channels.payments.file_answers import answer_of
from cair.channels.payments.rail import Answer, PaymentOrder
from cair.channels.payments.transfers import transfers_of
from cair.kernel.days import JAKARTA


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFiles:
    """One bank by files of its own form (a `FileRail`)."""

    name: str
    form: BankForm

    def write(self, orders: Iterable[PaymentOrder], into: BinaryIO, *, batch_ref: str, now: datetime) -> None:
        """Write one file of orders, to be carried out on the Jakarta day of `now`.

        :raises UnableToWritePayments: orders no bank can take, or none; `into` then is no file.
        """
        day = now.astimezone(JAKARTA).date()
        head = BulkHead(batch_ref=batch_ref, created_on=day)
        write_bulk(transfers_of(orders, execution_day=day), into, form=self.form, head=head)

    def read(self, source: BinaryIO) -> Iterator[tuple[str, Answer]]:
        """Give the answers to payments of ours; `read_returns` also gives amounts and troubles.

        :raises UnableToReadStatement: the file is refused whole; forget the answers given before.
        """
        for line in read_returns(source, form=self.form):
            if line.reference is not None:
                yield line.reference, answer_of(line)
