"""Orders to a bank, pain.001.001.09: payment groups by partner and day, each with its number and sum."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.payments.amounts import RUPIAH, amount_text
from cair.channels.payments.ink import Ink, Written, spool
from cair.channels.payments.iso20022.markup import opening, optional, time_text, xml_text
from cair.channels.payments.transfers import (
    BATCH,
    LONGEST_NAME,
    LONGEST_REMARK,
    TRANSFERS,
    UnableToWritePayments,
    latin,
    latin_column,
    refuse_unwritable,
)

PAYMENTS = "pain.001.001.09"
MOST_GROUPS = 200
_LONGEST_MESSAGE_ID = 29
"""Of the 35 the standard has, for the group's number is put behind it."""
_BANK_CODE = r"^[0-9]{3}$"

_Group = tuple[date, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """Whose account pays: its holder, number, and bank (BIC or three-digit code)."""

    name: str
    account: str = field(repr=False)
    bank: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsHead:
    """What a file of payments says once.

    :ivar message_id: at most 29 letters, digits and hyphens; a bank refuses one it has seen.
    :ivar debtors: by payment partner, where another account than `debtor` pays.
    """

    message_id: str
    created_at: datetime
    initiator: str
    debtor: Debtor
    debtors: Mapping[str, Debtor] = field(default_factory=dict)


@dataclass(slots=True)
class _Spooled:
    body: tempfile.SpooledTemporaryFile[bytes] = field(default_factory=spool)
    count: int = 0
    total: int = 0


def write_payments(
    transfers: pa.Table | Iterable[pa.RecordBatch], out: BinaryIO, *, head: PaymentsHead, only_latin: bool = True
) -> Written:
    """Write transfers (batches of `TRANSFERS`, in any order) as one file; memory does not grow with them.

    Compare `count` and `total` of the result with the frozen list before the file is sent.

    :param only_latin: spell names and remarks in the letters every bank takes; else as they are.
    :raises UnableToWritePayments: rows no bank can take, nothing to pay, or too many groups; `out` then is no file.
    """
    assert 0 < len(head.message_id) <= _LONGEST_MESSAGE_ID, "a message id is of 1 to 29 characters"
    groups: dict[_Group, _Spooled] = {}
    try:
        batches = transfers.to_batches(BATCH) if isinstance(transfers, pa.Table) else transfers
        for batch in batches:
            _spool_batch(batch, groups, only_latin=only_latin)
        if not groups:
            raise UnableToWritePayments("there is nothing to pay; a file without payments is refused by banks")
        return _assemble(groups, Ink(out), head)
    finally:
        for group in groups.values():
            group.body.close()


def _spool_batch(batch: pa.RecordBatch, groups: dict[_Group, _Spooled], *, only_latin: bool) -> None:
    batch = batch.select(TRANSFERS.names)
    refuse_unwritable(batch)
    kinds = pa.table({"day": batch["execution_day"], "partner": batch["partner"]}).group_by(["day", "partner"])
    for kind in kinds.aggregate([]).to_pylist():
        day, partner = kind["day"], kind["partner"]
        chosen = pc.and_(pc.equal(batch["execution_day"], pa.scalar(day)), pc.equal(batch["partner"], partner))
        rows = batch if pc.all(chosen).as_py() else batch.filter(chosen)
        group = groups.setdefault((day, partner), _Spooled())
        if len(groups) > MOST_GROUPS:
            raise UnableToWritePayments(f"more than {MOST_GROUPS} groups of partner and day; write several files")
        _write_rows(_elements(rows, only_latin=only_latin), group.body)
        group.count += len(rows)
        group.total += pc.sum(rows["amount_idr"]).as_py()


def _write_rows(texts: pa.Array, body: tempfile.SpooledTemporaryFile[bytes]) -> None:
    """Write a column's bytes as they lie in memory, one after the other."""
    _, offsets, characters = texts.buffers()
    ends = memoryview(offsets).cast("q")
    body.write(memoryview(characters)[ends[texts.offset] : ends[texts.offset + len(texts)]])


def _elements(rows: pa.RecordBatch, *, only_latin: bool) -> pa.Array:
    def words(name: str, longest: int) -> pa.Array:
        if only_latin:
            return latin_column(rows[name], longest=longest)
        return _escaped(pc.utf8_slice_codeunits(pc.fill_null(rows[name], ""), 0, longest))

    bank, remark = pc.fill_null(rows["bank"], ""), words("remark", LONGEST_REMARK)
    code = pc.match_substring_regex(bank, _BANK_CODE)
    agent = pc.if_else(
        pc.equal(bank, ""),
        "",
        pc.if_else(
            code,
            _joined("<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>", bank, "</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>"),
            _joined("<CdtrAgt><FinInstnId><BICFI>", bank, "</BICFI></FinInstnId></CdtrAgt>"),
        ),
    )
    remittance = pc.if_else(pc.equal(remark, ""), "", _joined("<RmtInf><Ustrd>", remark, "</Ustrd></RmtInf>"))
    return _joined(
        "<CdtTrfTxInf><PmtId><InstrId>",
        rows["reference"],
        "</InstrId><EndToEndId>",
        rows["reference"],
        f'</EndToEndId></PmtId><Amt><InstdAmt Ccy="{RUPIAH}">',
        rows["amount_idr"].cast(pa.string()),
        ".00</InstdAmt></Amt>",
        agent,
        "<Cdtr><Nm>",
        words("holder_name", LONGEST_NAME),
        "</Nm></Cdtr><CdtrAcct><Id><Othr><Id>",
        rows["account"],
        "</Id></Othr></Id></CdtrAcct>",
        remittance,
        "</CdtTrfTxInf>\n",
    )


def _joined(*parts: pa.Array | str) -> pa.Array:
    columns = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    columns = [part if isinstance(part, pa.Scalar) else part.cast(pa.large_string()) for part in columns]
    return pc.binary_join_element_wise(*columns, pa.scalar("", pa.large_string()))


def _escaped(texts: pa.Array) -> pa.Array:
    texts = pc.replace_substring_regex(texts, r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]", "")
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        texts = pc.replace_substring(texts, sign, written)
    return texts


def _assemble(groups: dict[_Group, _Spooled], ink: Ink, head: PaymentsHead) -> Written:
    count = sum(group.count for group in groups.values())
    total = sum(group.total for group in groups.values())
    ink.text(
        f"{opening(PAYMENTS)}<CstmrCdtTrfInitn>\n<GrpHdr><MsgId>{xml_text(head.message_id)}</MsgId>"
        f"<CreDtTm>{time_text(head.created_at)}</CreDtTm><NbOfTxs>{count}</NbOfTxs>"
        f"<CtrlSum>{amount_text(total)}</CtrlSum><InitgPty><Nm>{_name(head.initiator)}</Nm></InitgPty></GrpHdr>\n"
    )
    for number, ((day, partner), group) in enumerate(sorted(groups.items()), 1):
        debtor = head.debtors.get(partner, head.debtor)
        ink.text(_group_head(f"{head.message_id}-{number}", day, group, debtor))
        size = group.body.tell()
        group.body.seek(0)
        ink.copy(group.body, size)
        ink.text("</PmtInf>\n")
    ink.text("</CstmrCdtTrfInitn>\n</Document>\n")
    return ink.written(count=count, total=total)


def _group_head(identity: str, day: date, group: _Spooled, debtor: Debtor) -> str:
    bank = (
        f"<ClrSysMmbId><MmbId>{xml_text(debtor.bank)}</MmbId></ClrSysMmbId>"
        if debtor.bank.isdigit()
        else optional("BICFI", debtor.bank)
    )
    return (
        f"<PmtInf><PmtInfId>{xml_text(identity)}</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>false</BtchBookg>"
        f"<NbOfTxs>{group.count}</NbOfTxs><CtrlSum>{amount_text(group.total)}</CtrlSum>"
        f"<ReqdExctnDt><Dt>{day}</Dt></ReqdExctnDt><Dbtr><Nm>{_name(debtor.name)}</Nm></Dbtr>"
        f"<DbtrAcct><Id><Othr><Id>{xml_text(debtor.account)}</Id></Othr></Id><Ccy>{RUPIAH}</Ccy></DbtrAcct>"
        f"<DbtrAgt><FinInstnId>{bank}</FinInstnId></DbtrAgt><ChrgBr>SLEV</ChrgBr>\n"
    )


def _name(name: str) -> str:
    return xml_text(latin(name)[:LONGEST_NAME])
