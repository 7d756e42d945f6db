"""Writing a bank's bulk file of orders by its mapping."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.payments.csv.mapping import AMOUNT_FORMS, BankForm, Bulk, Field
from cair.channels.payments.ink import Ink, Written, finish, spool
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

ACCOUNT_TOTAL_DIGITS = 15
_DAY_FORM = "%Y-%m-%d"
_ENDS = {"lf": "\n", "crlf": "\r\n"}
_LEADING = " +-=@/"
"""Signs a spreadsheet takes for a formula; a name has none of them in front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkHead:
    """What a bulk file says once."""

    batch_ref: str
    created_on: date


def write_bulk(
    transfers: pa.Table | Iterable[pa.RecordBatch], out: BinaryIO, *, form: BankForm, head: BulkHead
) -> Written:
    """Write transfers (batches of `TRANSFERS`) in the order they come; memory does not grow with them.

    Compare `count` and `total` of the result with the frozen list before the file is sent.

    :raises UnableToWritePayments: rows no bank can take, or nothing to pay; `out` then is no file.
    """
    bulk = form.bulk
    count = total = accounts = 0
    ink = Ink(out)
    with spool() as body:
        for batch in transfers.to_batches(BATCH) if isinstance(transfers, pa.Table) else transfers:
            rows = batch.select(TRANSFERS.names)
            refuse_unwritable(rows)
            body.write("".join(_lines(rows, bulk, first=count + 1)).encode("ascii"))
            count += len(rows)
            total += pc.sum(rows["amount_idr"]).as_py() or 0
            accounts += account_total(rows["account"].to_pylist())
        if not count:
            raise UnableToWritePayments("there is nothing to pay; a file without payments is refused by banks")
        values = {"batch_ref": head.batch_ref, "created_on": head.created_on, "count": count, "total_idr": total}
        values["account_total"] = accounts % 10**ACCOUNT_TOTAL_DIGITS
        if bulk.header:
            ink.text(_once(bulk.header, values, bulk))
        if bulk.column_names:
            ink.text(bulk.separator.join(_quoted(name, bulk) for name in bulk.column_names) + _ENDS[bulk.line_end])
        finish(ink, body)
    if bulk.trailer:
        ink.text(_once(bulk.trailer, {**values, "sha256": ink.sha256}, bulk))
    return ink.written(count=count, total=total)


def account_total(accounts: Iterable[str]) -> int:
    """Sum account numbers, digits only, as banks do to find a number that was changed on the way."""
    return sum(int("0" + "".join(filter(str.isdigit, account))) for account in accounts)


def amount_in_form(amount_idr: int, example: str | None) -> str:
    """Write whole rupiah as an example of `AMOUNT_FORMS` looks."""
    thousands, cents = AMOUNT_FORMS[example or "600000"]
    text = f"{amount_idr:,}".replace(",", thousands) if thousands else str(amount_idr)
    return f"{text}{cents}00" if cents else text


def _once(fields: Iterable[Field], values: Mapping[str, object], bulk: Bulk) -> str:
    return bulk.separator.join(_quoted(_text(item, values), bulk) for item in fields) + _ENDS[bulk.line_end]


def _text(item: Field, values: Mapping[str, object]) -> str:
    if item.text is not None:
        return item.text
    value = values[item.value or ""]
    if isinstance(value, date):
        return value.strftime(item.form or _DAY_FORM)
    if item.value == "total_idr":
        assert isinstance(value, int), "a total is whole rupiah"
        return amount_in_form(value, item.form)
    return latin(str(value))[: item.longest]


def _quoted(text: str, bulk: Bulk) -> str:
    if bulk.quote == "always" or (bulk.quote == "needed" and (bulk.separator in text or '"' in text)):
        return '"' + text.replace('"', '""') + '"'
    return text.replace(bulk.separator, " ") if bulk.quote == "never" else text


def _lines(rows: pa.RecordBatch, bulk: Bulk, *, first: int) -> list[str]:
    columns = [_column(item, rows, bulk, first=first) for item in bulk.columns]
    ends = pa.scalar(_ENDS[bulk.line_end])
    joined = pc.binary_join_element_wise(*columns, pa.scalar(bulk.separator))
    texts: list[str] = pc.binary_join_element_wise(joined, ends, pa.scalar("")).to_pylist()
    return texts


def _column(item: Field, rows: pa.RecordBatch, bulk: Bulk, *, first: int) -> pa.Array:
    if item.text is not None:
        return pa.array([_quoted(item.text, bulk)] * len(rows))
    if item.value == "ordinal":
        texts = pa.array(range(first, first + len(rows)), pa.int64()).cast(pa.string())
    elif item.value == "amount_idr":
        amounts = rows["amount_idr"].dictionary_encode()
        written = [amount_in_form(amount, item.form) for amount in amounts.dictionary.to_pylist()]
        texts = pa.array(written, pa.string()).take(amounts.indices)
    elif item.value == "execution_day":
        texts = pc.strftime(rows["execution_day"], format=item.form or _DAY_FORM)
    elif item.value in ("holder_name", "remark"):
        longest = min(item.longest or 10**6, LONGEST_NAME if item.value == "holder_name" else LONGEST_REMARK)
        texts = pc.utf8_ltrim(latin_column(rows[item.value], longest=10**6), characters=_LEADING)
        texts = pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(texts, 0, longest))
    else:
        texts = latin_column(rows[item.value], longest=item.longest or 10**6)
    return _quoted_column(texts, bulk)


def _quoted_column(texts: pa.Array, bulk: Bulk) -> pa.Array:
    if bulk.quote == "never":
        return pc.replace_substring(texts, bulk.separator, " ")
    quoted = pc.binary_join_element_wise(pa.scalar('"'), texts, pa.scalar('"'), pa.scalar(""))
    return quoted if bulk.quote == "always" else pc.if_else(pc.match_substring(texts, bulk.separator), quoted, texts)
