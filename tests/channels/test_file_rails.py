"""Both file rails keep the promise of one protocol: the orders go out, the answers come back to their references."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from cair.channels.payments.csv.files import CsvFiles
from cair.channels.payments.csv.mapping import example_mapping
from cair.channels.payments.csv.returns_out import write_returns
from cair.channels.payments.file_answers import answer_of
from cair.channels.payments.iso20022.answers_out import AnswersHead, write_answers
from cair.channels.payments.iso20022.files import Iso20022Files
from cair.channels.payments.iso20022.payments_in import read_payments
from cair.channels.payments.iso20022.payments_out import Debtor
from cair.channels.payments.rail import Action, FileRail, PaymentOrder
from cair.channels.payments.settlement import SettlementLine, Status
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason

NOW = datetime(2020, 7, 27, 18, tzinfo=UTC)  # the 28th in Jakarta
ISO = Iso20022Files(name="bni", initiator="PMO", debtor=Debtor(name="BUN", account="01", bank="BNINIDJA"))
CSV = CsvFiles(name="other", form=example_mapping())


def _orders() -> Iterator[PaymentOrder]:
    for number in range(3):
        yield PaymentOrder(
            order_ref=f"P{number}",
            attempt=1,
            amount_idr=600_000,
            account_ref=Secret("account", f"081234567{number}"),
            holder_name=Secret("name", "SITI"),
            partner="bni",
            bank_code="009",
        )


def _line(status: Status, code: str | None = None, reference: str = "P0-1") -> SettlementLine:
    return SettlementLine(reference, 600_000, "IDR", None, status, reason_code=code, payment_group="G")


@pytest.mark.parametrize("rail", [ISO, CSV], ids=["iso20022", "csv"])
def test_orders_go_out(rail: FileRail) -> None:
    out = io.BytesIO()
    rail.write(_orders(), out, batch_ref="B-1", now=NOW)
    text = out.getvalue().decode()
    assert all(f"P{number}-1" in text for number in range(3))
    if rail is ISO:
        out.seek(0)
        assert [instruction.execution_day for instruction in read_payments(out)] == [date(2020, 7, 28)] * 3


@pytest.mark.parametrize("rail", [ISO, CSV], ids=["iso20022", "csv"])
def test_answers_come_back_to_their_references(rail: FileRail) -> None:
    lines = [_line(Status.REJECTED, "AC04" if rail is ISO else "02"), _line(Status.PENDING, reference="P1-1")]
    out = io.BytesIO()
    if rail is ISO:
        write_answers(lines, out, head=AnswersHead(message_id="A", created_at=NOW, original_message_id="B-1"))
    else:
        write_returns(lines, out, form=CSV.form, batch_ref="B-1", created_on=date(2020, 7, 28))
    out.seek(0)
    answers = [(reference, answer.action, answer.reason) for reference, answer in rail.read(out)]
    assert answers == [("P0-1", Action.REFUSED, BankReason.ACCOUNT_CLOSED), ("P1-1", Action.ASK_STATUS, None)]


@pytest.mark.parametrize(
    ("status", "code", "reason", "action"),
    [
        (Status.REJECTED, "DU04", BankReason.PARTNER_FAULT, Action.CONFIRM),
        (Status.REJECTED, "AM05", BankReason.PARTNER_FAULT, Action.CONFIRM),
        (Status.REJECTED, "AM04", BankReason.FUNDS_SHORT, Action.STOP_RAIL),
        (Status.REJECTED, "FR01", BankReason.SUSPECTED_FRAUD, Action.HELD),
        (Status.REJECTED, "FF01", BankReason.PARTNER_FAULT, Action.MEND_REQUEST),
        (Status.REJECTED, "AC04", BankReason.ACCOUNT_CLOSED, Action.REFUSED),
        (Status.REJECTED, "NARR", BankReason.OTHER, Action.ASK_PERSON),
        (Status.REJECTED, None, None, Action.ASK_PERSON),
        (Status.ACCEPTED, None, None, Action.ASK_STATUS),
        (Status.BOOKED, None, None, Action.BOOKED),
        (Status.RETURNED, "AC01", BankReason.ACCOUNT_NOT_FOUND, Action.RETURNED),
    ],
)
def test_what_an_answer_allows(status: Status, code: str | None, reason: BankReason | None, action: Action) -> None:
    assert answer_of(_line(status, code)._replace(reason=reason)).action is action
