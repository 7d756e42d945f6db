"""Files of payments at the sandbox: pain.001 taken in and booked, answered by pain.002."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.books import Wanted
from cair.channels.bank_sandbox.statements import write_camt
from cair.channels.payments.iso20022.answers_out import AnswersHead, write_answers
from cair.channels.payments.iso20022.payments_in import Asked, read_payments
from cair.channels.payments.settlement import SettlementLine, Status

CODES = {
    "40311": "AC01",
    "40411": "AC01",
    "40318": "AC04",
    "40305": "AC06",
    "40309": "AC06",
    "40316": "AC06",
    "40315": "AG01",
    "40302": "AM02",
    "40323": "AM02",
    "40314": "AM04",
    "40303": "FRAD",
    "40403": "RC01",
    "40901": "DUPL",
}
"""Reason codes of ISO 20022 for the cases of the standard, by HTTP status and case; the rest is free text."""


@dataclass(frozen=True)
class Answered:
    """What the bank made of a file."""

    answers: Path
    accepted: int
    rejected: int


def carry_out(
    bank: Bank, partner: str, path: Path, folder: Path, *, look: Callable[[Sequence[Asked]], None] | None = None
) -> Answered:
    """Book a file of payments and write the answer into a folder.

    :param look: is shown what is asked for before anything of it is booked.
    :raises cair.channels.payments.settlement.UnableToReadStatement: the file is refused whole, nothing is booked.
    """
    with path.open("rb") as stream:
        instructions = read_payments(stream)
        orders = list(instructions.asked())
    if look is not None:
        look(orders)
    service = "38" if bank.partners[partner].kind == "wallet" else "17"
    results = list(bank.take_batch(partner, _wanted(orders, service)))
    answers = folder / f"{partner}.{path.name.removeprefix(f'{partner}.').partition('.')[0]}.pain.002.xml"
    lines = _lines(orders, results)
    groups: dict[str, SettlementLine] = {}
    if bank.partners[partner].answers == "refused":
        lines, groups = _refused(lines, orders[0].payment_group or "" if orders else "")
    head = AnswersHead(
        message_id=f"A-{instructions.message_id}"[:35],
        created_at=bank.now(),
        original_message_id=instructions.message_id or "",
        original_count=len(orders),
        original_total_idr=sum(order.amount or 0 for order in orders),
        groups=groups,
    )
    with answers.open("wb") as out:
        write_answers(lines, out, head=head)
    accepted = sum(code[:3] == "200" for _, code, _ in results)
    return Answered(answers, accepted, len(results) - accepted)


def write_statement_of(bank: Bank, partner: str, day: date, folder: Path) -> Path:
    """Write the statement of a day into a folder, as camt.053."""
    bank.settle()
    path = folder / f"{partner}.{day:%Y%m%d}.camt.053.xml"
    with path.open("wb") as out:
        write_camt(bank.ledger, bank.partners[partner], day, out, now=bank.now())
    return path


def _wanted(orders: Iterable[Asked], service: str) -> Iterator[Wanted]:
    for order in orders:
        yield Wanted(
            reference=order.end_to_end_id or "",
            service=service,
            amount_idr=order.amount or 0,
            account=order.account,
            name=order.holder_name,
        )


def _lines(orders: Sequence[Asked], results: Iterable[tuple[str, str, str]]) -> Iterator[SettlementLine]:
    group = orders[0].payment_group if orders else None
    for order, (reference, code, own) in zip(orders, results, strict=True):
        taken = code[:3] == "200"
        yield SettlementLine(
            end_to_end_id=reference,
            amount=order.amount,
            currency="IDR",
            direction=None,
            status=Status.ACCEPTED if taken else Status.REJECTED,
            reason_code=None if taken else CODES.get(code[:3] + code[-2:], "NARR"),
            bank_reference=own or None,
            payment_group=group,
        )


def _refused(lines: Iterator[SettlementLine], group: str) -> tuple[Iterator[SettlementLine], dict[str, SettlementLine]]:
    """Keep the refusals, and answer for the payments that are not listed by the status of their group."""
    refused = [line for line in lines if line.status is Status.REJECTED]
    whole = SettlementLine(
        end_to_end_id=None, amount=None, currency=None, direction=None, status=Status.ACCEPTED,
        status_code="PART" if refused else None,
    )  # fmt: skip
    return iter(refused), {group: whole}
