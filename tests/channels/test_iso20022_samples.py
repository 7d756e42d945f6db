"""Files of real banks: each is read to the rupiah, or refused by name."""

from datetime import date
from pathlib import Path

import pytest

from cair.channels.payments.iso20022.payments_in import read_payments
from cair.channels.payments.iso20022.reading import read_statement
from cair.channels.payments.settlement import (
    Direction,
    Proof,
    Scope,
    StatementRefusal,
    Status,
    Trouble,
    UnableToReadStatement,
)
from cair.kernel.remedies import BankReason

SAMPLES = Path(__file__).parent / "iso20022" / "samples"
IN, OUT = Direction.CREDIT, Direction.DEBIT

# (currency, [(reference, signed minor units, booked on)], proofs)
STATEMENTS = {
    "camt.053.001.02_multi_statement": (
        "EUR",
        [("000000001", 8_85, date(2014, 12, 31)), ("000000002", -7_00, date(2014, 12, 31))],
        [Proof.BALANCES, Proof.BALANCES],
    ),
    "camt.053.001.02_nordea": (
        "EUR",
        [
            ("20190501-E00005", 10000_00, date(2019, 5, 8)),
            (None, 100_50, date(2019, 5, 8)),
            ("20190508-E123456", -700_50, date(2019, 5, 8)),
            (None, -300_00, date(2019, 5, 8)),
            (None, -400_00, date(2019, 5, 8)),
            (None, -100_00, date(2019, 5, 8)),
        ],
        [Proof.BALANCES],
    ),
    "camt.053.001.04_postfinance": (
        "CHF",
        [(None, amount, date(2020, 11, 24)) for amount in (4_50, -77_70, 1500_00, 1537_00, 1692_22)],
        [Proof.VALUE_DAY_BALANCES],
    ),
    "camt.053.001.08_statement": ("SEK", [("MUELL/FINP/RA12345", 0, date(2014, 12, 31))], [Proof.NOTHING]),
    "camt.054.001.04_returns_postfinance": (
        "CHF",
        [("EndToEndId-004-01-01", 400_00, date(2019, 5, 20))],
        [Proof.NOTHING],
    ),
    "camt.054.001.08_uetr": ("SEK", [(None, -200000_00, None)], [Proof.NOTHING]),
}


def _open(name: str):
    return (SAMPLES / f"{name}.xml").open("rb")


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_banks_statement_is_read_to_the_cent(name: str) -> None:
    currency, expected, proofs = STATEMENTS[name]
    with _open(name) as source:
        reading = read_statement(source, currency=currency, is_ours=lambda _: True)
        lines = list(reading)
    signed = [
        (line.end_to_end_id, (line.amount or 0) * (1 if line.direction is IN else -1), line.booked_on) for line in lines
    ]
    assert signed == expected
    assert {line.currency for line in lines} == {currency}
    assert reading.totals.proofs == proofs
    assert [line.ordinal for line in lines] == list(range(1, len(lines) + 1))


def test_in_rupiah_every_line_of_a_foreign_statement_is_in_the_bucket_of_other_currencies() -> None:
    for name in STATEMENTS:
        with _open(name) as source:
            reading = read_statement(source)
            assert {line.trouble for line in reading} == {Trouble.OTHER_CURRENCY}
            assert (reading.totals.debit, reading.totals.credit) == (0, 0)


def test_a_return_says_why_it_came_back() -> None:
    with _open("camt.054.001.04_returns_postfinance") as source:
        (line,) = read_statement(source, currency="CHF", is_ours=lambda _: True)
    assert (line.status, line.direction, line.trouble) == (Status.RETURNED, IN, None)
    assert (line.reason_code, line.reason) == ("AC01", BankReason.ACCOUNT_NOT_FOUND)
    assert (line.payment_group, line.bank_reference) == ("PmtInfId-004-01", "180327CH02P92DYD")
    assert line.narrative is not None
    assert "Kontonummer" not in repr(line)
    assert line.narrative.reveal() == "Kontonummer falsch"


def test_a_detail_that_contradicts_its_entry_has_a_bucket_of_its_own() -> None:
    with _open("camt.053.001.04_postfinance") as source:
        lines = list(read_statement(source, currency="CHF", is_ours=lambda _: True))
    assert [line.trouble for line in lines] == [
        Trouble.NO_REFERENCE,
        Trouble.DIRECTION_DIFFERS,
        *[Trouble.NO_REFERENCE] * 3,
    ]


# name: [(scope, end-to-end id, status, reason code)]
ANSWERS = {
    "pain.002.001.03_accepted_goldman": [(Scope.PAYMENT, "GSDGFKfLURaHb", Status.ACCEPTED, "NARR")],
    "pain.002.001.03_credit_accepted_crossriver": [
        (Scope.PAYMENT, "0000000000000108", Status.ACCEPTED, None),
        (Scope.GROUP, None, Status.PENDING, None),
        (Scope.MESSAGE, None, Status.PENDING, None),
    ],
    "pain.002.001.03_group_reject_nordea": [(Scope.MESSAGE, None, Status.REJECTED, "DU01")],
    "pain.002.001.03_payment_reject_nordea": [(Scope.GROUP, None, Status.REJECTED, "NARR")],
    "pain.002.001.03_txn_reject_nordea": [
        (Scope.PAYMENT, "ENDTOENDID-950-TEST2-2807-02", Status.REJECTED, "NARR"),
        (Scope.PAYMENT, "ENDTOENDID-950-TEST2-2807-01", Status.REJECTED, "NARR"),
        (Scope.GROUP, None, Status.REJECTED, None),
    ],
    "pain.002.001.03_txn_rejected_crossriver": [
        (Scope.PAYMENT, "sanity-10-1-12-1-21", Status.REJECTED, "NARR"),
        (Scope.PAYMENT, "example01234567", Status.REJECTED, "NARR"),
        (Scope.PAYMENT, "example012345678", Status.REJECTED, "NARR"),
        (Scope.GROUP, None, Status.REJECTED, None),
        (Scope.MESSAGE, None, Status.PENDING, None),
    ],
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_banks_answer_is_read_the_narrow_before_the_wide(name: str) -> None:
    with _open(name) as source:
        reading = read_statement(source)
        lines = list(reading)
    assert [(line.scope, line.end_to_end_id, line.status, line.reason_code) for line in lines] == ANSWERS[name]
    assert len({line.message_id for line in lines}) == 1
    # Two of them spell the attribute of the namespace wrong, so they have none.
    assert reading.head.message == ("pain.002" if "crossriver" in name else "pain.002.001.03")


def test_an_answer_with_elements_out_of_order_keeps_what_comes_late() -> None:
    with _open("pain.002.001.03_accepted_goldman") as source:
        (line,) = read_statement(source, currency="USD", is_ours=lambda _: True)
    assert (line.amount, line.currency, line.bank_reference) == (10_00, "USD", "I200820000XXXXX")
    assert (line.payment_group, line.message_id, line.trouble) == ("3B-CCY", "10280093XXXX", None)


def test_what_does_not_add_up_is_refused_by_name() -> None:
    with _open("camt.054.001.08_notification") as source, pytest.raises(UnableToReadStatement) as refused:
        list(read_statement(source))
    assert refused.value.refusal is StatementRefusal.COUNT_DIFFERS  # a batch of 2, and 3 are there
    with _open("pain.001.001.09_credit_transfer") as source, pytest.raises(UnableToReadStatement) as refused:
        list(read_statement(source))
    assert refused.value.refusal is StatementRefusal.UNKNOWN_MESSAGE
    with _open("pain.001.001.09_credit_transfer") as source, pytest.raises(UnableToReadStatement) as refused:
        list(read_payments(source))
    assert refused.value.refusal is StatementRefusal.COUNT_DIFFERS  # NbOfTxs 2, and 5 are there


def test_every_sample_is_tried() -> None:
    tried = {*STATEMENTS, *ANSWERS, "camt.054.001.08_notification", "pain.001.001.09_credit_transfer"}
    assert tried == {path.stem for path in SAMPLES.glob("*.xml")}
