"""Entries that differ in their own texts alone come to the same as a walk through each: lines, totals, proofs, refusals."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from cair.channels.payments.iso20022 import walk
from cair.channels.payments.iso20022.reading import read_statement
from cair.channels.payments.settlement import UnableToReadStatement

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_refs = st.one_of(
    st.integers(1, 10**6).map(lambda n: f"CA{n:06d}-{n % 3}"),
    st.sampled_from(["NOTPROVIDED", "", " CA9-1 ", "other", "A-1", "x" * 34 + "-1"]),
)
_own = st.one_of(st.integers(1, 10**6).map(str), st.sampled_from(["", " 7 ", "a]]>b", "  "]))
_gap = st.sampled_from(["", "\n", "\r\n", "<!-- x -->", "<?p q?>"])


@st.composite
def _statement(draw: st.DrawFn) -> str:
    """A few kinds of entries, each coming again and again with other references, accounts and names of the bank."""
    kinds = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["600000.00", "5", "0.5"]),
                st.sampled_from(["DBIT", "CRDT"]),
                st.sampled_from(["BOOK", "PDNG", "WHAT"]),
                st.sampled_from(["", "CdtrAcct", "DbtrAcct"]),
                st.sampled_from(["", "AC04"]),
                st.sampled_from(["detail", "detail", "bare", "batch", "none"]),
                st.booleans(),
            ),
            min_size=1,
            max_size=3,
        )
    )
    parts = []
    for _ in range(draw(st.integers(1, 12))):
        amount, side, status, account, reason, form, named = draw(st.sampled_from(kinds))
        money = f'<Amt Ccy="IDR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
        bank = f"<AcctSvcrRef>{draw(_own)}</AcctSvcrRef>" if named else ""
        refs = f"<Refs>{f'<AcctSvcrRef>{draw(_own)}</AcctSvcrRef>' if named and draw(st.booleans()) else ''}"
        refs += f"<EndToEndId>{draw(_refs)}</EndToEndId></Refs>"
        party = (
            f"<RltdPties><{account}><Id><Othr><Id>{draw(_own)}</Id></Othr></Id></{account}></RltdPties>"
            if account
            else ""
        )
        back = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn><AddtlInf>{draw(_own)}</AddtlInf></RtrInf>" if reason else ""
        detail = f"<TxDtls>{refs}{'' if form == 'bare' else money}{party}{back}</TxDtls>"
        batch = f"<Btch><PmtInfId>{draw(st.sampled_from(['G1', 'G2']))}</PmtInfId></Btch>" if form == "batch" else ""
        details = "" if form == "none" else f"<NtryDtls>{batch}{detail}{detail if form == 'batch' else ''}</NtryDtls>"
        parts.append(f"<Ntry>{money}<Sts><Cd>{status}</Cd></Sts>{bank}{details}</Ntry>{draw(_gap)}")
        if draw(st.integers(0, 9)) == 0:
            parts.append("</Stmt><Stmt><Id>2</Id>")
    inside = "".join(parts)
    said = draw(st.sampled_from(["", "<TxsSummry><TtlNtries><NbOfNtries>4</NbOfNtries></TtlNtries></TxsSummry>"]))
    return (
        f'<Document xmlns="{NAMESPACE}camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>'
        f"<Stmt><Id>1</Id>{said}{inside}</Stmt></BkToCstmrStmt></Document>"
    )


@st.composite
def _answers(draw: st.DrawFn) -> str:
    groups = []
    for number in range(draw(st.integers(1, 3))):
        payments = []
        status = draw(st.sampled_from(["", "<PmtInfSts>ACSP</PmtInfSts>", "<PmtInfSts>RJCT</PmtInfSts>"]))
        for _ in range(draw(st.integers(0, 6))):
            own = draw(st.sampled_from(["", "<TxSts>RJCT</TxSts>", "<TxSts>ACSC</TxSts>"]))
            why = f"<StsRsnInf><AddtlInf>{draw(_own)}</AddtlInf></StsRsnInf>" if draw(st.booleans()) else ""
            amount = draw(st.sampled_from(["", '<OrgnlTxRef><Amt><InstdAmt Ccy="IDR">7</InstdAmt></Amt></OrgnlTxRef>']))
            payments.append(
                f"<TxInfAndSts><OrgnlEndToEndId>{draw(_refs)}</OrgnlEndToEndId>{own}{why}{amount}</TxInfAndSts>"
            )
            if draw(st.integers(0, 9)) == 0:
                payments.append(status)
                status = ""
        count = draw(st.sampled_from(["", "<OrgnlNbOfTxs>3</OrgnlNbOfTxs><OrgnlCtrlSum>21</OrgnlCtrlSum>"]))
        groups.append(
            f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>G{number}</OrgnlPmtInfId>{count}{status}{''.join(payments)}"
            "</OrgnlPmtInfAndSts>"
        )
    return (
        f'<Document xmlns="{NAMESPACE}pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>M</MsgId></GrpHdr>'
        "<OrgnlGrpInfAndSts><OrgnlMsgId>O</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"
        f"{''.join(groups)}</CstmrPmtStsRpt></Document>"
    )


def _lines(text: bytes) -> object:
    reading = read_statement(io.BytesIO(text))
    try:
        lines = [tuple(map(repr, line)) for line in reading]
    except UnableToReadStatement as refused:
        return str(refused)
    return lines, reading.totals


def _columns(text: bytes, rows: int) -> object:
    reading = read_statement(io.BytesIO(text))
    try:
        batches = list(reading.batches(rows=rows))
    except UnableToReadStatement as refused:
        return str(refused)
    assert all(batch.num_rows == rows for batch in batches[:-1])
    return [row for batch in batches for row in batch.to_pylist()], reading.totals


@settings(max_examples=600, deadline=None)
@given(st.one_of(_statement(), _answers()), st.sampled_from([100, 300, 400, 700, 1 << 18]), st.integers(1, 7))
def test_entries_that_are_alike_come_to_what_a_walk_comes_to(text: str, chunk: int, rows: int) -> None:
    before = walk.CHUNK, walk.MOST_SHAPES, walk.MOST_KNOWN
    try:
        walk.CHUNK, walk.MOST_KNOWN = chunk, 2
        taken = _lines(text.encode()), _columns(text.encode(), rows)
        walk.MOST_SHAPES = 0
        assert taken == (_lines(text.encode()), _columns(text.encode(), rows))
    finally:
        walk.CHUNK, walk.MOST_SHAPES, walk.MOST_KNOWN = before


def test_blank_texts_are_no_texts_and_what_is_no_xml_is_refused() -> None:
    entry = (
        '<Ntry><Amt Ccy="IDR">5</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><NtryDtls><TxDtls><Refs>'
        "<AcctSvcrRef>{1}</AcctSvcrRef><EndToEndId>P{0}-1</EndToEndId></Refs><RltdPties><CdtrAcct><Id><Othr><Id>{1}"
        "</Id></Othr></Id></CdtrAcct></RltdPties></TxDtls></NtryDtls></Ntry>\n"
    )
    head = f'<Document xmlns="{NAMESPACE}camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt>'
    before, walk.CHUNK = walk.CHUNK, 500
    try:
        for odd in ("", " ", " 8 ", "a]]>b"):
            entries = "".join(entry.format(number, odd if number in (3, 5) else number) for number in range(9))
            text = f"{head}{entries}</Stmt></BkToCstmrStmt></Document>".encode()
            found = _lines(text), _columns(text, 2)
            shapes, walk.MOST_SHAPES = walk.MOST_SHAPES, 0
            assert found == (_lines(text), _columns(text, 2))
            walk.MOST_SHAPES = shapes
            assert ("column" in str(found[0])) == ("]]>" in odd)
    finally:
        walk.CHUNK = before
