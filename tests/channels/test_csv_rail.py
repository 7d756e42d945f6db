"""Bulk files by a bank's mapping: orders as the mapping says, returns proved or refused whole."""

import csv
import hashlib
import io
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cair.channels.payments.csv.bulk_out import BulkHead, write_bulk
from cair.channels.payments.csv.mapping import BankForm, UnableToReadMapping, example_mapping, read_mapping
from cair.channels.payments.csv.returns_in import Returns, read_returns
from cair.channels.payments.csv.returns_out import write_returns
from cair.channels.payments.settlement import (
    Direction,
    Proof,
    SettlementLine,
    StatementRefusal,
    Status,
    Trouble,
    UnableToReadStatement,
)
from cair.channels.payments.transfers import TRANSFERS, UnableToWritePayments
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason

DAY = date(2020, 7, 28)
FORM = example_mapping()
HEAD = BulkHead(batch_ref="B-1", created_on=DAY)

OTHER_BANK = """
name: other
about: Indonesian amounts, semicolons, names of columns, no header.
bulk:
  separator: ";"
  line_end: lf
  quote: never
  column_names: [ref, rekening, nama, jumlah]
  columns:
    - {value: reference}
    - {value: account}
    - {value: holder_name, longest: 10}
    - {value: amount_idr, form: "600.000,00"}
returns:
  separator: ";"
  column_names: [ref, jumlah, status]
  columns: [{value: reference}, {value: amount_idr, form: "600.000,00"}, {value: status}]
  statuses: {sukses: BOOKED, gagal: REJECTED}
  trailer: [{text: TOTAL}, {value: count}, {value: total_idr, form: "600.000"}]
"""


@pytest.fixture
def other(tmp_path: Path) -> BankForm:
    return _mapping(tmp_path, OTHER_BANK)


def _mapping(folder: Path, text: str) -> BankForm:
    (folder / "bank.yaml").write_text(text, encoding="utf-8")
    return read_mapping(folder / "bank.yaml")


def _table(*changes: dict[str, object]) -> pa.Table:
    row = {
        "reference": "P1-1",
        "amount_idr": 600_000,
        "account": "1234567890",
        "holder_name": "SITI",
        "bank": "008",
        "partner": "bni",
        "execution_day": DAY,
        "remark": "Insentif",
    }
    return pa.Table.from_pylist([row | change for change in changes], schema=TRANSFERS)


def _bulk(form: BankForm, *changes: dict[str, object]) -> str:
    out = io.BytesIO()
    write_bulk(_table(*changes), out, form=form, head=HEAD)
    return out.getvalue().decode("ascii")


def _line(**changes: object) -> SettlementLine:
    line = SettlementLine(
        "P1-1", 600_000, "IDR", Direction.DEBIT, Status.BOOKED, account=Secret("account", "1234567890")
    )
    return line._replace(booked_on=DAY, **changes)


def _returns(*lines: SettlementLine, form: BankForm = FORM) -> bytes:
    out = io.BytesIO()
    write_returns(lines, out, form=form, batch_ref="B-1", created_on=DAY)
    return out.getvalue()


def _read(text: bytes, form: BankForm = FORM) -> tuple[Returns, list[SettlementLine]]:
    returns = read_returns(io.BytesIO(text), form=form)
    return returns, list(returns)


def _refusal(text: bytes, form: BankForm = FORM) -> StatementRefusal:
    with pytest.raises(UnableToReadStatement) as refused:
        _read(text, form)
    assert "1234567890" not in str(refused.value)
    return refused.value.refusal


# Orders


def test_orders_look_as_the_mapping_says() -> None:
    text = _bulk(FORM, {}, {"reference": "P2-1", "holder_name": '=H. ALI, S.Pd "x"', "account": "0812", "bank": None})
    header, first, second, trailer = text.splitlines(keepends=True)
    assert header == "H,B-1,20200728,2,1200000.00\r\n"
    assert first == "D,1,P1-1,008,1234567890,SITI,600000.00,20200728,Insentif\r\n"
    assert second == "D,2,P2-1,,0812,\".H. ALI, S.Pd 'x'\",600000.00,20200728,Insentif\r\n"
    hashed = hashlib.sha256((header + first + second).encode()).hexdigest()
    assert trailer == f"T,2,1200000.00,{1234567890 + 812},{hashed}\r\n"


def test_another_bank_another_form(other: BankForm) -> None:
    text = _bulk(other, {"holder_name": "H; ALI BIN ABDULLAH", "amount_idr": 1_200_600_000})
    assert text == "ref;rekening;nama;jumlah\nP1-1;1234567890;H, ALI BIN;1.200.600.000,00\n"


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=60))
def test_no_name_breaks_a_line_or_becomes_a_formula(name: str) -> None:
    text = _bulk(FORM, {"holder_name": f"{name[:20]} A", "remark": name})
    rows = list(csv.reader(io.StringIO(text), strict=True))
    assert [len(row) for row in rows] == [5, 9, 5]
    assert rows[1][5][:1] not in set("=+-@")
    assert rows[1][8][:1] not in {"=", "+", "-", "@"}


def test_what_no_bank_can_take_stops_the_file() -> None:
    with pytest.raises(UnableToWritePayments, match="1 BAD_ACCOUNT"):
        _bulk(FORM, {}, {"account": "1;2"})


# Returns

_amounts = st.integers(1, 10**13)
_references = st.from_regex(r"[A-Za-z0-9-]{1,30}-[1-9]", fullmatch=True)
_codes = FORM.returns.reasons | {"99": BankReason.OTHER}


@st.composite
def _lines(draw: st.DrawFn) -> SettlementLine:
    status = draw(st.sampled_from([Status.BOOKED, Status.REJECTED, Status.RETURNED, Status.PENDING]))
    code = draw(st.sampled_from(sorted(_codes))) if status in (Status.REJECTED, Status.RETURNED) else None
    return SettlementLine(
        draw(_references),
        draw(_amounts),
        "IDR",
        {Status.BOOKED: Direction.DEBIT, Status.RETURNED: Direction.CREDIT}.get(status),
        status,
        reason_code=code,
        reason=code and _codes[code],
        booked_on=DAY,
        account=Secret("account", draw(st.from_regex(r"[0-9]{5,20}", fullmatch=True))),
        message_id="B-1",
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_lines(), max_size=10))
def test_returns_read_back(lines: list[SettlementLine]) -> None:
    returns, read = _read(_returns(*lines))
    same = ("status_code", "reference", "ordinal")
    assert [line._replace(**dict.fromkeys(same)) for line in read] == [line._replace(ordinal=None) for line in lines]
    assert returns.totals.proofs == [Proof.HASH]
    assert returns.head["batch_ref"] == "B-1"


def test_returns_of_another_bank(other: BankForm) -> None:
    text = b"ref;jumlah;status\r\nP1-1;1.200.000,00;sukses\r\nP2-1;600.000,00;gagal\r\nTOTAL;2;1.800.000\r\n"
    returns, lines = _read(text, other)
    assert [(line.reference, line.amount, line.status) for line in lines] == [
        ("P1-1", 1_200_000, Status.BOOKED),
        ("P2-1", 600_000, Status.REJECTED),
    ]
    assert returns.totals.proofs == [Proof.COUNT]
    assert _refusal(text.replace(b"1.800.000", b"1.800.001"), other) is StatementRefusal.SUM_DIFFERS
    assert _refusal(text.replace(b";2;", b";3;"), other) is StatementRefusal.COUNT_DIFFERS
    assert _refusal(text.replace(b"jumlah", b"nominal"), other) is StatementRefusal.WRONG_HEADER


@pytest.mark.parametrize(
    ("row", "trouble"),
    [
        (b"P1-1;-600.000,00;sukses", Trouble.NEGATIVE_AMOUNT),
        (b"P1-1;6000.00,00;sukses", Trouble.AMOUNT_UNREADABLE),
        (b"P1-1;600.000,50;sukses", Trouble.AMOUNT_NOT_WHOLE),
        (b"P1-1;;sukses", Trouble.NO_AMOUNT),
        (b"P1-1;600.000,00;entah", Trouble.UNKNOWN_STATUS),
        (b"BANSOS 1;600.000,00;sukses", Trouble.FOREIGN_REFERENCE),
        (b";600.000,00;sukses", Trouble.NO_REFERENCE),
    ],
)
def test_a_line_that_cannot_be_matched_says_why(row: bytes, trouble: Trouble, tmp_path: Path) -> None:
    form = _mapping(tmp_path, OTHER_BANK.replace(', {value: total_idr, form: "600.000"}', ""))
    _, (line,) = _read(b"ref;jumlah;status\n" + row + b"\nTOTAL;1\n", form)
    assert line.trouble is trouble


WHOLE = _returns(_line(), _line(end_to_end_id="P2-1"))


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (b"", StatementRefusal.TRUNCATED),
        (WHOLE.splitlines(keepends=True)[0], StatementRefusal.TRUNCATED),
        (b"".join(WHOLE.splitlines(keepends=True)[:-1]), StatementRefusal.MISSING_TRAILER),
        (b"".join(WHOLE.splitlines(keepends=True)[1:]), StatementRefusal.WRONG_HEADER),
        (WHOLE.replace(b"OK,", b"OK,,", 1), StatementRefusal.FIELD_COUNT),
        (WHOLE.replace(b"P2-1", b'"P2-1', 1), StatementRefusal.NOT_WELL_FORMED),
        (WHOLE.replace(b"\r\nD", b"\r\n\r\nD", 1), StatementRefusal.NOT_WELL_FORMED),
        (WHOLE.replace(b"\r\nD", b"\r\nX", 1), StatementRefusal.NOT_WELL_FORMED),
        (WHOLE.replace(b"P2-1", b"P2\xff-1"), StatementRefusal.NOT_TEXT),
        (WHOLE.replace(b"P2-1", b"P" * 70_000), StatementRefusal.TOO_LONG),
        (WHOLE.replace(b"1234567890", b"1234567891", 1), StatementRefusal.HASH_DIFFERS),
        (WHOLE.replace(b"600000.00,OK", b"600001.00,OK", 1), StatementRefusal.SUM_DIFFERS),
        (WHOLE.replace(b"T,2,", b"T,1,"), StatementRefusal.COUNT_DIFFERS),
    ],
)
def test_a_file_that_is_not_whole_is_refused_by_name(text: bytes, refusal: StatementRefusal) -> None:
    assert _refusal(text) is refusal


def test_wherever_it_is_cut_or_changed_it_is_refused() -> None:
    whole = WHOLE.rstrip()
    for end in range(len(whole)):
        assert _refusal(whole[:end]) in StatementRefusal
    for place in range(len(whole)):
        assert _refusal(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]) in StatementRefusal


# Mappings


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('separator: ";"', 'separator: ";;"', "separator"),
        ("value: holder_name", "value: nik", "nik is not a value here"),
        ("{value: reference}\n", "{value: reference, text: x}\n", "either a text or a value"),
        ('form: "600.000,00"', 'form: "6e5"', "form of an amount"),
        ('  trailer: [{text: TOTAL}, {value: count}, {value: total_idr, form: "600.000"}]\n', "", "nothing proves"),
        ("{value: status}]", "{value: account}]", "status must be among them"),
        ("sukses: BOOKED", "sukses: DIBAYAR", "DIBAYAR"),
        ("column_names: [ref, jumlah, status]", "column_names: [ref]", "as many names"),
        ("about:", "abuot:", "abuot"),
        ("name: other", "name: [", "bank.yaml"),
    ],
)
def test_a_mapping_with_a_fault_says_where(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in OTHER_BANK
    with pytest.raises(UnableToReadMapping, match=said):
        _mapping(tmp_path, OTHER_BANK.replace(old, new))
