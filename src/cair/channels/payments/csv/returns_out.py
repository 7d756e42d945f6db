"""Writing a return file as a bank does, by its mapping: for the bank sandbox and for tests."""

import csv
import io
from collections.abc import Iterable
from datetime import date
from typing import BinaryIO

from cair.channels.payments.csv.bulk_out import ACCOUNT_TOTAL_DIGITS, account_total, amount_in_form
from cair.channels.payments.csv.mapping import BankForm, Field
from cair.channels.payments.ink import Ink, Written, finish, spool
from cair.channels.payments.settlement import SettlementLine

_DAY_FORM = "%Y-%m-%d"
_WRITTEN_AT_ONCE = 1_000


def write_returns(
    lines: Iterable[SettlementLine], out: BinaryIO, *, form: BankForm, batch_ref: str, created_on: date
) -> Written:
    """Write answers in the order they come, in whole rupiah; memory does not grow with them.

    A line's status and reason are written in the bank's words (its own `status_code` and `reason_code` go first).
    """
    side = form.returns
    statuses = {status: word for word, status in reversed(side.statuses.items())}
    reasons = {reason: code for code, reason in reversed(side.reasons.items())}
    values: dict[str, object] = {"batch_ref": batch_ref, "created_on": created_on}
    count = total = accounts = 0
    with spool() as body:
        rows: list[list[str]] = []
        for line in lines:
            count += 1
            total += line.amount or 0
            account = line.account.reveal() if line.account else ""
            accounts += account_total([account])
            said: dict[str, object] = {name: value for name, value in line._asdict().items() if value is not None}
            said |= {"ordinal": count, "reference": line.end_to_end_id, "account": account, "amount_idr": line.amount}
            said["status"] = line.status_code or statuses[line.status]
            said["reason_code"] = line.reason_code or (reasons.get(line.reason, "") if line.reason else "")
            said["narrative"] = line.narrative.reveal() if line.narrative else ""
            rows.append([_text(item, said) for item in side.columns])
            if len(rows) == _WRITTEN_AT_ONCE:
                body.write(_rows(rows, form))
                rows.clear()
        body.write(_rows(rows, form))
        values |= {"count": count, "total_idr": total, "account_total": accounts % 10**ACCOUNT_TOTAL_DIGITS}
        ink = Ink(out)
        if side.header:
            ink.write(_rows([[_text(item, values) for item in side.header]], form))
        if side.column_names:
            ink.write(_rows([list(side.column_names)], form))
        finish(ink, body)
    if side.trailer:
        ink.write(_rows([[_text(item, {**values, "sha256": ink.sha256}) for item in side.trailer]], form))
    return ink.written(count=count, total=total)


def _rows(rows: list[list[str]], form: BankForm) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=form.returns.separator, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(form.returns.encoding)


def _text(item: Field, values: dict[str, object]) -> str:
    if item.text is not None:
        return item.text
    value = values.get(item.value or "")
    if isinstance(value, date):
        return value.strftime(item.form or _DAY_FORM)
    if item.value in ("amount_idr", "total_idr") and isinstance(value, int):
        return amount_in_form(value, item.form)
    return "" if value is None else str(value)[: item.longest]
