"""Entries taken by their shape give what a walk through them gives, to the letter, or the same refusal."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from cair.channels.payments.iso20022 import walk
from cair.channels.payments.iso20022.reading import read_statement
from cair.channels.payments.settlement import UnableToReadStatement

HEAD = (
    '<?xml version="1.0"{encoding}?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
    "<BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>1</Id>"
)
TAIL = "<AddtlStmtInf>x</AddtlStmtInf></Stmt></BkToCstmrStmt></Document>"
ODD = (
    "&amp;",
    "<!-- <Ntry><Amt>1</Amt></Ntry> -->",
    "<![CDATA[7]]>",
    "é",
    "\r\n",
    "]",
    "<x/>",
    "</Ntry>",
    "<Ntry>",
    "<?p q?>",
)

_words = st.sampled_from(["P1-1", "P2-1", " P3-1 ", "NOTPROVIDED", "other 1", ""])
_amounts = st.sampled_from(["600000.00", "600000.00", "1", "600000.50", "-5", "x"])
_ends = st.sampled_from(["", "\n", "\r\n  "])


@st.composite
def _entry(draw: st.DrawFn) -> str:
    gap = draw(_ends)
    detail = f"<Refs><EndToEndId>{draw(_words)}</EndToEndId></Refs>" + draw(
        st.sampled_from(["", "", '<Amt Ccy="USD">5</Amt>', "<Note><Deep>z</Deep></Note>", "<Refs/>"])
    )
    details = draw(st.sampled_from(["", f"<NtryDtls>{gap}<TxDtls>{detail}{gap}</TxDtls></NtryDtls>"]))
    parts = [
        f'<Amt Ccy="{draw(st.sampled_from(["IDR", "USD"]))}">{draw(_amounts)}</Amt>',
        f"<CdtDbtInd>{draw(st.sampled_from(['DBIT', 'CRDT']))}</CdtDbtInd>",
        draw(st.sampled_from(["<Sts><Cd>BOOK</Cd></Sts>", "<Sts>PDNG</Sts>", '<Sts a="1"><Cd>BOOK</Cd></Sts>'])),
        draw(st.sampled_from(["", "<BookgDt><Dt>2020-07-28</Dt></BookgDt>", "<AcctSvcrRef>R</AcctSvcrRef>"])),
        details,
    ]
    return f"<Ntry>{gap}{gap.join(parts)}</Ntry>{gap}"


@st.composite
def _file(draw: st.DrawFn) -> bytes:
    entries = draw(st.lists(_entry(), min_size=1, max_size=4))
    order = draw(st.lists(st.integers(0, len(entries) - 1), min_size=1, max_size=14))
    encoding = draw(st.sampled_from(["", "", ' encoding="UTF-8"', ' encoding="iso-8859-1"', ' encoding="UTF-7"']))
    text = HEAD.format(encoding=encoding) + "".join(entries[number] for number in order) + TAIL
    for odd in draw(st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(ODD), max_size=2))):
        place = draw(st.integers(len(HEAD), len(text)))
        text = text[:place] + odd + text[place:]
    return text.encode()


def _outcome(text: bytes, chunk: int) -> object:
    walk.CHUNK = chunk
    reading = read_statement(io.BytesIO(text))
    lines = []
    try:
        lines = [tuple(map(repr, line)) for line in reading]
    except UnableToReadStatement as refused:
        return refused.refusal
    return lines, reading.totals


@settings(max_examples=400, deadline=None)
@given(_file(), st.sampled_from([1, 17, 100, 1_000, 100_000]))
def test_shapes_change_nothing(text: bytes, chunk: int) -> None:
    chunk_before, shapes_before = walk.CHUNK, walk.MOST_SHAPES
    try:
        with_shapes = _outcome(text, chunk)
        walk.MOST_SHAPES = 0
        assert _outcome(text, 1 << 18) == with_shapes
    finally:
        walk.CHUNK, walk.MOST_SHAPES = chunk_before, shapes_before


def test_shapes_are_used() -> None:
    entry = (
        '<Ntry><Amt Ccy="IDR">600000.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><NtryDtls><TxDtls>'
        "<Refs><EndToEndId>P{}-1</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>"
    )
    text = HEAD.format(encoding="") + "".join(map(entry.format, range(50))) + TAIL
    reading = read_statement(io.BytesIO(text.encode()))
    walker = reading._walker
    walk.CHUNK, before = 1_000, walk.CHUNK
    try:
        taken = []
        walker._happen, happen = lambda *given: taken.append(happen(*given)), walker._happen
        laid_down = [row for _ in walker.run() for row in reading._desk.lines if isinstance(row, tuple)]
    finally:
        walk.CHUNK = before
    assert len(taken) == 1
    assert len(laid_down) > 40
