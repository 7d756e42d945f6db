"""Answers and statements: what is written reads back; a hostile or broken file is refused by name, in small memory."""

import io
import re
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cair.channels.payments.iso20022 import walk
from cair.channels.payments.iso20022.answers_out import AnswersHead, write_answers
from cair.channels.payments.iso20022.reading import Reading, read_statement
from cair.channels.payments.iso20022.reasons import reasons
from cair.channels.payments.iso20022.statement_out import StatementHead, write_statement
from cair.channels.payments.settlement import (
    Direction,
    Proof,
    Scope,
    SettlementLine,
    StatementRefusal,
    Status,
    Trouble,
    UnableToReadStatement,
)
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason

XSD = Path(__file__).parent / "iso20022" / "xsd"
STATEMENT_SCHEMA = etree.XMLSchema(etree.parse(XSD / "camt.053.001.08.xsd"))
ANSWER_SCHEMA = etree.XMLSchema(etree.parse(XSD / "pain.002.001.10.xsd"))
DAY = date(2020, 7, 28)
NOW = datetime(2020, 7, 28, 16, tzinfo=UTC)
HEAD = StatementHead(statement_id="S-1", account="0123456789", day=DAY, created_at=NOW, opening_balance=10**9)
PAID = SettlementLine("P1-1", 600_000, "IDR", Direction.DEBIT, Status.BOOKED, account=Secret("account", "1234567890"))
BACK = SettlementLine("P1-1", 600_000, "IDR", Direction.CREDIT, Status.RETURNED, reason_code="AC04")


def _statement(*lines: SettlementLine, head: StatementHead = HEAD) -> bytes:
    out = io.BytesIO()
    write_statement(lines, out, head=head)
    return out.getvalue()


def _read(text: bytes) -> tuple[Reading, list[SettlementLine]]:
    reading = read_statement(io.BytesIO(text))
    return reading, list(reading)


def _refusal(text: bytes) -> StatementRefusal:
    with pytest.raises(UnableToReadStatement) as refused:
        _read(text)
    assert "1234567890" not in str(refused.value)
    return refused.value.refusal


def _changed(old: bytes, new: bytes, count: int = 1, text: bytes | None = None) -> bytes:
    text = text or _statement(PAID, BACK)
    assert old in text
    return text.replace(old, new, count)


# Writing and reading back

_references = st.from_regex(r"[A-Za-z0-9-]{1,30}-[1-9]", fullmatch=True)
_accounts = st.from_regex(r"[0-9]{5,20}", fullmatch=True).map(lambda number: Secret("account", number))
_bank_words = st.none() | st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True)
_codes = st.sampled_from(["AC01", "AC04", "BE01", "AM04", "NARR", "X-77"])


@st.composite
def _entries(draw: st.DrawFn) -> SettlementLine:
    status = draw(st.sampled_from([Status.BOOKED, Status.RETURNED, Status.PENDING]))
    returned = status is Status.RETURNED
    code = draw(_codes) if returned else None
    return SettlementLine(
        draw(_references),
        draw(st.integers(1, 10**14)),
        "IDR",
        Direction.CREDIT if returned else draw(st.sampled_from(list(Direction))),
        status,
        reason_code=code,
        reason=code and reasons().get(code, BankReason.OTHER),
        account=draw(_accounts),
        bank_reference=draw(_bank_words),
        payment_group=draw(_bank_words),
        booked_on=DAY,
        valued_on=DAY,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_entries(), max_size=12), st.integers(-(10**12), 10**12))
def test_a_statement_is_valid_proves_itself_and_reads_back(lines: list[SettlementLine], opening: int) -> None:
    head = StatementHead(statement_id="S-1", account="01", day=DAY, created_at=NOW, opening_balance=opening)
    text = _statement(*lines, head=head)
    assert STATEMENT_SCHEMA.validate(etree.fromstring(text)), STATEMENT_SCHEMA.error_log
    reading, read = _read(text)
    same = ("status_code", "transaction_code", "reference", "ordinal")
    assert [line._replace(**dict.fromkeys(same)) for line in read] == [line._replace(ordinal=None) for line in lines]
    assert [line.reference for line in read] == [line.end_to_end_id for line in lines]
    assert reading.totals.proofs == [Proof.BALANCES]
    assert reading.totals.debit == sum(line.amount or 0 for line in lines if line.direction is Direction.DEBIT)


@st.composite
def _answers(draw: st.DrawFn) -> SettlementLine:
    status = draw(st.sampled_from([Status.ACCEPTED, Status.REJECTED, Status.PENDING]))
    code = draw(_codes) if status is Status.REJECTED else None
    amount = draw(st.none() | st.integers(1, 10**14))
    return SettlementLine(
        draw(_references),
        amount,
        amount and "IDR",
        None,
        status,
        reason_code=code,
        reason=code and reasons().get(code, BankReason.OTHER),
        bank_reference=draw(_bank_words),
        payment_group=draw(st.sampled_from(["G-1", "G-2"])),
        message_id="M-1",
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_answers(), max_size=12), st.integers(0, 3))
def test_an_answer_is_valid_and_reads_back(lines: list[SettlementLine], unanswered: int) -> None:
    lines.sort(key=lambda line: line.payment_group or "")
    out = io.BytesIO()
    head = AnswersHead(
        message_id="A-1",
        created_at=NOW,
        original_message_id="M-1",
        original_count=len(lines) + unanswered,
        groups={"G-2": SettlementLine(None, None, None, None, Status.ACCEPTED)},
    )
    write_answers(lines, out, head=head)
    assert ANSWER_SCHEMA.validate(etree.fromstring(out.getvalue())), ANSWER_SCHEMA.error_log
    reading, read = _read(out.getvalue())
    same = ("status_code", "reference", "ordinal")
    narrow = [line._replace(**dict.fromkeys(same)) for line in read if line.scope is Scope.PAYMENT]
    assert narrow == [line._replace(ordinal=None) for line in lines]
    assert [(line.payment_group, line.status) for line in read if line.scope is Scope.GROUP] == [
        ("G-2", Status.ACCEPTED)
    ]
    assert reading.totals.proofs == [Proof.NOTHING if unanswered else Proof.COUNT]


# What is wrong with a line


@pytest.mark.parametrize(
    ("line", "trouble", "amount"),
    [
        (PAID._replace(currency="USD"), Trouble.OTHER_CURRENCY, 600_000),
        (PAID._replace(end_to_end_id="BANSOS/2020/1"), Trouble.FOREIGN_REFERENCE, 600_000),
        (PAID._replace(end_to_end_id=None), Trouble.NO_REFERENCE, 600_000),
        (PAID._replace(end_to_end_id="NOTPROVIDED"), Trouble.NO_REFERENCE, 600_000),
        (PAID._replace(amount=-600_000), Trouble.NEGATIVE_AMOUNT, -600_000),
        (PAID._replace(amount=0), Trouble.ZERO_AMOUNT, 0),
        (PAID._replace(status_code="ODD"), Trouble.UNKNOWN_STATUS, 600_000),
        (PAID._replace(amount=2**31 * 400), None, 2**31 * 400),
    ],
)
def test_a_line_that_cannot_be_matched_says_why(line: SettlementLine, trouble: Trouble | None, amount: int) -> None:
    # A status nobody knows moves no balance, so the file is cut down to its entries.
    text = re.sub(rb"<Bal>.*</Bal>\n", b"", _statement(PAID, line), flags=re.DOTALL)
    reading, (_, read) = _read(text)
    assert (read.trouble, read.amount) == (trouble, amount)
    assert dict(reading.totals.troubles) == ({trouble: 1} if trouble else {})
    assert reading.totals.proofs == [Proof.SUMMARY]


@pytest.mark.parametrize(
    ("written", "trouble"),
    [
        (b"600000.50", Trouble.AMOUNT_NOT_WHOLE),
        (b"600.000,00", Trouble.AMOUNT_UNREADABLE),
        (b"6e5", Trouble.AMOUNT_UNREADABLE),
        (b"1" * 19, Trouble.AMOUNT_UNREADABLE),
        ("٦٠٠".encode(), Trouble.AMOUNT_UNREADABLE),
    ],
)
def test_an_amount_is_never_rounded_or_guessed(written: bytes, trouble: Trouble) -> None:
    text = re.sub(rb"<(Bal|TxsSummry)>.*</\1>\n", b"", _statement(PAID), flags=re.DOTALL)
    _, (line,) = _read(text.replace(b">600000.00<", b">" + written + b"<"))
    assert (line.amount, line.trouble) == (None, trouble)
    assert _refusal(
        _statement(PAID).replace(b">600000.00</Amt><CdtDbtInd>DBIT", b">" + written + b"</Amt><CdtDbtInd>DBIT")
    )


def test_a_total_beyond_32_bits_is_exact() -> None:
    lines = [PAID._replace(amount=2**31 - 1, end_to_end_id=f"P{n}-1") for n in range(5)]
    reading, _ = _read(_statement(*lines))
    assert reading.totals.debit == 5 * (2**31 - 1)
    assert [batch.num_rows for batch in read_statement(io.BytesIO(_statement(*lines))).batches(rows=2)] == [2, 2, 1]


def test_a_batch_booked_in_one_sum_speaks_of_its_group() -> None:
    text = _changed(b"<Refs>", b"", text=_statement(PAID))
    text = re.sub(rb"<NtryDtls>.*</NtryDtls>", b"<NtryDtls><Btch><PmtInfId>G-1</PmtInfId></Btch></NtryDtls>", text)
    _, (line,) = _read(text)
    assert (line.scope, line.payment_group, line.amount) == (Scope.GROUP, "G-1", 600_000)


def test_a_fee_is_known_as_one() -> None:
    _, lines = _read(
        _statement(PAID, PAID._replace(end_to_end_id=None, amount=2_500, transaction_code="PMNT/ICDT/CHRG"))
    )
    assert [(line.is_fee, line.trouble) for line in lines] == [(False, None), (True, Trouble.NO_REFERENCE)]


# What is wrong with a file

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;">]><Document>&lol2;</Document>"""
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>'
SCHEME = b"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
NO_STATEMENT = b'<Document xmlns="%s"><BkToCstmrStmt><GrpHdr/></BkToCstmrStmt></Document>' % SCHEME


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (b"", StatementRefusal.TRUNCATED),
        (_statement(PAID)[:700], StatementRefusal.TRUNCATED),
        (_statement(PAID)[:-3], StatementRefusal.TRUNCATED),
        (b"H,1,2\r\n", StatementRefusal.NOT_WELL_FORMED),
        (_statement(PAID) + b"<more/>", StatementRefusal.NOT_WELL_FORMED),
        (_changed(b"P1-1", b"P1\x00-1"), StatementRefusal.NOT_WELL_FORMED),
        (_changed(b"P1-1", b"P1\xff-1"), StatementRefusal.NOT_WELL_FORMED),
        (_changed(b"P1-1", b"P&unknown;1-1"), StatementRefusal.NOT_WELL_FORMED),
        (BOMB, StatementRefusal.DOCTYPE),
        (OUTSIDE, StatementRefusal.DOCTYPE),
        (_changed(b"UTF-8", b"UTF-7"), StatementRefusal.NOT_TEXT),
        (_changed(b"UTF-8", b"KLINGON"), StatementRefusal.NOT_TEXT),
        (_changed(b"P1-1", b"P<b>1</b>-1"), StatementRefusal.NOT_A_STATEMENT),
        (b"<html/>", StatementRefusal.NOT_A_STATEMENT),
        (b"<Document/>", StatementRefusal.NOT_A_STATEMENT),
        (b"<Document><Html/></Document>", StatementRefusal.NOT_A_STATEMENT),
        (_changed(SCHEME, b"http://example.org/"), StatementRefusal.WRONG_NAMESPACE),
        (_changed(b"<BkToCstmrStmt>", b'<BkToCstmrStmt xmlns="urn:x">'), StatementRefusal.WRONG_NAMESPACE),
        (_changed(b"camt.053.001.08", b"camt.053.001.13"), StatementRefusal.UNKNOWN_MESSAGE),
        (_changed(b"camt.053.001.08", b"camt.054.001.08"), StatementRefusal.NOT_A_STATEMENT),
        (NO_STATEMENT, StatementRefusal.MISSING_ELEMENT),
        (_changed(b"<Amt Ccy", b"<Sum Ccy", 9).replace(b"</Amt>", b"</Sum>"), StatementRefusal.SUM_DIFFERS),
        (_changed(b"<CdtDbtInd>DBIT</CdtDbtInd><Sts>", b"<Sts>"), StatementRefusal.MISSING_ELEMENT),
        (_changed(b"<Ntry><Amt", b'<Ntry><Amt Ccy="IDR">1</Amt><Amt'), StatementRefusal.REPEATED_ELEMENT),
        (_changed(b"</BkToCstmrStmt>", b"</BkToCstmrStmt><BkToCstmrStmt/>"), StatementRefusal.REPEATED_ELEMENT),
        (_changed(b"<NbOfNtries>2", b"<NbOfNtries>3"), StatementRefusal.COUNT_DIFFERS),
        (_changed(b"<Sum>1200000", b"<Sum>1200001"), StatementRefusal.SUM_DIFFERS),
        (_changed(b">1000000000.00<", b">1000000001.00<"), StatementRefusal.BALANCE_DIFFERS),
        (_changed(b'<Amt Ccy="IDR">1000000000', b'<Amt Ccy="USD">1000000000'), StatementRefusal.CURRENCIES_MIXED),
        (_changed(b"P1-1", b"P" * 3_000), StatementRefusal.TOO_LONG),
        (_changed(b"</Stmt>", b"<a>" * 200 + b"</a>" * 200 + b"</Stmt>"), StatementRefusal.TOO_DEEP),
    ],
)
def test_a_broken_or_hostile_file_is_refused_by_name(text: bytes, refusal: StatementRefusal) -> None:
    assert _refusal(text) is refusal


def test_an_entry_whose_details_come_before_its_amount_is_refused() -> None:
    text = re.sub(rb"(<Ntry>)(<Amt.*?</CdtDbtInd>)(.*)(</Ntry>)", rb"\1\3\2\4", _statement(PAID))
    assert _refusal(text) is StatementRefusal.ELEMENT_ORDER


def test_a_file_is_refused_wherever_it_is_cut() -> None:
    text = _statement(PAID, BACK).rstrip()
    for end in range(len(text)):
        assert _refusal(text[:end]) in (StatementRefusal.TRUNCATED, StatementRefusal.NOT_WELL_FORMED)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    text = bytearray(_statement(PAID, BACK))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=6))
    try:
        reading, lines = _read(bytes(text))
    except UnableToReadStatement:
        return
    assert reading.totals.lines == len(lines)
    assert sum(reading.totals.troubles.values()) == sum(line.trouble is not None for line in lines)


# Large files


class _Made(io.RawIOBase):
    """A file that is made while it is read, so that only the reader's memory counts."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        part = next(self._parts, b"")
        self.size += len(part)
        return part


def _large(megabytes: int) -> Iterable[bytes]:
    text = re.sub(rb"<(Bal|TxsSummry)>.*</\1>\n", b"", _statement(PAID), flags=re.DOTALL)
    begin, end = text.index(b"<Ntry>"), text.index(b"</Stmt>")
    yield text[:begin]
    block = text[begin:end] * 400
    for _ in range(megabytes * 1_000_000 // len(block) + 1):
        yield block
    yield text[end:]


def _peak(parts: Iterable[bytes]) -> tuple[int, int, int]:
    """Lines, size of the file, most memory held at once while it was read."""
    source = _Made(parts)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_statement(source))  # type: ignore[arg-type]
        return count, source.size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file() -> None:
    few, small, held_by_small = _peak(_large(1))
    many, large, held_by_large = _peak(_large(8))
    assert large > 6 * small
    assert many > 6 * few
    assert held_by_large < held_by_small + 1_000_000


@pytest.mark.parametrize(
    ("begun", "more"),
    [
        (b"<Stmt><!-- ", b"x" * (1 << 18)),
        (b'<Stmt><a b="', b"x" * (1 << 18)),
        (b"<Stmt>", b"<a>" * 10),
        (b"<GrpHdr><MsgId>", b"x" * (1 << 18)),
    ],
    ids=["comment", "attribute", "nesting", "text"],
)
def test_what_never_ends_is_refused_early(begun: bytes, more: bytes) -> None:
    source = _Made([b'<Document xmlns="%s"><BkToCstmrStmt>' % SCHEME, begun, *[more] * 100])
    with pytest.raises(UnableToReadStatement) as refused:
        list(read_statement(source))  # type: ignore[arg-type]
    assert refused.value.refusal in (StatementRefusal.TOO_LONG, StatementRefusal.TOO_DEEP)
    assert source.size < 8 << 20


def test_text_that_nobody_asks_for_is_not_kept() -> None:
    begun = b'<Document xmlns="%s"><BkToCstmrStmt><Stmt><Note>' % SCHEME
    tracemalloc.start()
    try:
        with pytest.raises(UnableToReadStatement):
            list(read_statement(_Made([begun, *[b"x" * (1 << 18)] * 200])))  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_names_without_end_are_refused() -> None:
    names = (b"".join(b"<n%d/>" % (1_000 * block + n) for n in range(1_000)) for block in range(1_000))
    source = _Made([b'<Document xmlns="%s"><BkToCstmrStmt>' % SCHEME, *list(names)[:40]])
    with pytest.raises(UnableToReadStatement) as refused:
        list(read_statement(source))  # type: ignore[arg-type]
    assert refused.value.refusal is StatementRefusal.TOO_LONG
    assert source.size < 40 * walk.CHUNK
