"""Orders to banks: the standard's schema accepts them, whatever people are called, and every rupiah is in them."""

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cair.channels.payments.iso20022.payments_in import read_payments
from cair.channels.payments.iso20022.payments_out import Debtor, PaymentsHead, write_payments
from cair.channels.payments.rail import PaymentOrder
from cair.channels.payments.transfers import (
    TRANSFERS,
    UnableToWritePayments,
    Unwritable,
    judge_transfers,
    latin,
    transfers_of,
)
from cair.kernel.identity import Secret

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "iso20022" / "xsd" / "pain.001.001.09.xsd"))
HEAD = PaymentsHead(
    message_id="20200727-1",
    created_at=datetime(2020, 7, 27, 9, tzinfo=UTC),
    initiator="Manajemen Pelaksana",
    debtor=Debtor(name="Bendahara Umum & Negara", account="0123456789", bank="BNINIDJA"),
    debtors={"ovo": Debtor(name="BUN", account="987", bank="009")},
)
DAY = date(2020, 7, 28)
UGLY = [
    "SITI <NUR> & 'AINI'",
    'I "Made"; Wayan',
    "José Ñáñez",
    "Đặng Văn Ân",
    "  A\tB \n C ",
    "]]>",
    "R\u200bA\x00HEL",
    "𝓐li",
]


def _row(**changes: object) -> dict[str, object]:
    return {
        "reference": "P1-1",
        "amount_idr": 600_000,
        "account": "1234567890",
        "holder_name": "SITI",
        "bank": "BRINIDJA",
        "partner": "bni",
        "execution_day": DAY,
        "remark": None,
    } | changes


def _table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=TRANSFERS)


def _written(table: pa.Table, **options: bool) -> bytes:
    out = io.BytesIO()
    written = write_payments(table, out, head=HEAD, **options)
    assert written.size == len(out.getvalue())
    return out.getvalue()


def _assert_valid(text: bytes) -> etree._Element:
    document = etree.fromstring(text)
    assert SCHEMA.validate(document), SCHEMA.error_log
    return document


@pytest.mark.parametrize("only_latin", [True, False])
def test_ugly_names_make_valid_files(only_latin: bool) -> None:
    rows = [_row(reference=f"P{n}-1", holder_name=name, remark=name) for n, name in enumerate(UGLY[:5] + UGLY[6:])]
    document = _assert_valid(_written(_table(*rows), only_latin=only_latin))
    names = [name.text for name in document.iterfind(".//{*}CdtTrfTxInf/{*}Cdtr/{*}Nm")]
    if only_latin:
        assert names == [
            "SITI .NUR. + 'AINI'",
            "I 'Made', Wayan",
            "Jose Nanez",
            "Dang Van An",
            "A B C",
            "R.A.HEL",
            "Ali",
        ]
    else:
        assert names[:4] == UGLY[:4]


def test_groups_by_partner_and_day_each_with_its_number_and_sum() -> None:
    rows = [
        _row(reference="A-1"),
        _row(reference="B-1", partner="ovo", amount_idr=50_000, bank="911"),
        _row(reference="C-1", execution_day=date(2020, 7, 27)),
        _row(reference="D-1", amount_idr=2**31 * 700, bank=None),
    ]
    document = _assert_valid(_written(_table(*rows)))
    groups = [
        tuple(group.findtext(f"{{*}}{tag}") for tag in ("PmtInfId", "NbOfTxs", "CtrlSum"))
        for group in document.iterfind(".//{*}PmtInf")
    ]
    assert groups == [
        ("20200727-1-1", "1", "600000.00"),
        ("20200727-1-2", "2", f"{2**31 * 700 + 600_000}.00"),
        ("20200727-1-3", "1", "50000.00"),
    ]
    assert document.findtext(".//{*}GrpHdr/{*}CtrlSum") == f"{2**31 * 700 + 1_250_000}.00"
    assert [code.text for code in document.iterfind(".//{*}DbtrAgt//{*}MmbId")] == ["009"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reference": "a/b"}, Unwritable.BAD_REFERENCE),
        ({"reference": "x" * 36}, Unwritable.BAD_REFERENCE),
        ({"amount_idr": 0}, Unwritable.BAD_AMOUNT),
        ({"amount_idr": -1}, Unwritable.BAD_AMOUNT),
        ({"account": "12 34"}, Unwritable.BAD_ACCOUNT),
        ({"account": ""}, Unwritable.BAD_ACCOUNT),
        ({"holder_name": "]]>"}, Unwritable.BAD_NAME),
        ({"holder_name": "王小明"}, Unwritable.BAD_NAME),
        ({"bank": "bri"}, Unwritable.BAD_BANK),
        ({"bank": "0081"}, Unwritable.BAD_BANK),
    ],
)
def test_what_no_bank_can_take_is_known_before_and_stops_the_file(changes: dict[str, object], why: Unwritable) -> None:
    table = _table(_row(), _row(**changes))
    assert judge_transfers(table.to_batches()[0]).to_pylist() == [None, str(why)]
    with pytest.raises(UnableToWritePayments, match=why) as refused:
        _written(table)
    assert "SITI" not in str(refused.value)


def test_a_file_without_payments_is_not_written() -> None:
    with pytest.raises(UnableToWritePayments, match="nothing to pay"):
        _written(_table())


def test_orders_of_the_rails_become_transfers() -> None:
    order = PaymentOrder(
        order_ref="P1",
        attempt=2,
        amount_idr=600_000,
        account_ref=Secret("account", "1234567890"),
        holder_name=Secret("name", "SITI"),
        partner="bni",
        bank_code="008",
    )
    (instruction,) = read_payments(
        io.BytesIO(_written(pa.Table.from_batches(transfers_of([order], execution_day=DAY))))
    )
    assert (instruction.end_to_end_id, instruction.bank, instruction.execution_day) == ("P1-2", "008", DAY)


_texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=160)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            _row,
            reference=st.from_regex(r"[A-Za-z0-9-]{1,35}", fullmatch=True),
            amount_idr=st.integers(1, 10**15),
            account=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,33}", fullmatch=True),
            holder_name=_texts.map(lambda text: f"{text} A"),
            bank=st.sampled_from(["BRINIDJA", "BRINIDJAXXX", "008", "", None]),
            partner=st.sampled_from(["bni", "ovo"]),
            remark=st.none() | _texts,
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_what_is_written_is_valid_and_reads_back(rows: list[dict[str, object]], only_latin: bool) -> None:
    table = _table(*rows)
    if judge_transfers(table.combine_chunks().to_batches()[0]).null_count < len(rows):
        return  # the letter of the name was beyond the longest name
    text = _written(table, only_latin=only_latin)
    _assert_valid(text)
    read = list(read_payments(io.BytesIO(text)))
    assert all(instruction.trouble is None for instruction in read)
    found = sorted((i.end_to_end_id, i.amount, i.account and i.account.reveal(), i.bank or "") for i in read)
    assert found == sorted((r["reference"], r["amount_idr"], r["account"], r["bank"] or "") for r in rows)


@given(_texts)
def test_latin_is_only_letters_banks_take_and_stays_as_it_is(text: str) -> None:
    spelt = latin(text)
    assert set(spelt) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
    assert latin(spelt) == spelt
