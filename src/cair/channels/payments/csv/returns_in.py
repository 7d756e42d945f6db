"""Reading a bank's return file by its mapping, strictly: header, trailer, number, sum and hash are proved."""

import csv
import hashlib
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import BinaryIO

import pyarrow as pa

from cair.channels.payments import lines
from cair.channels.payments.amounts import RUPIAH, UnableToReadAmount, exact_text, in_exact_units, read_exact
from cair.channels.payments.csv.bulk_out import ACCOUNT_TOTAL_DIGITS, account_total
from cair.channels.payments.csv.mapping import AMOUNT_FORMS, BankForm, Field
from cair.channels.payments.lines import Desk, is_reference_of_ours
from cair.channels.payments.settlement import (
    BATCH,
    Proof,
    SettlementLine,
    StatementRefusal,
    Status,
    Totals,
    Trouble,
    UnableToReadStatement,
    as_batches,
)

LONGEST_LINE = 64 << 10
_DAY_FORM = "%Y-%m-%d"


class Returns:
    """Iterate over it for the lines; the last step proves the file, so nothing may count before that is done.

    :ivar head: what header and trailer say, by value; complete after the last line.
    """

    def __init__(self, source: BinaryIO, form: BankForm, desk: Desk) -> None:
        self._source, self._form, self._desk = source, form, desk
        self._side = form.returns
        self._number = 0
        self._hash = hashlib.sha256()
        self._exact = 0
        self._accounts = 0
        self.head: dict[str, str] = {}

    def __iter__(self) -> Iterator[SettlementLine]:
        """Give the lines in the order of the file.

        :raises UnableToReadStatement: the file is refused whole; forget the lines given before.
        """
        raws = self._raws()
        if self._side.header:
            self._once(next(raws, None), self._side.header, "header")
        if self._side.column_names:
            self._column_names(next(raws, None))
        last: bytes | None = None
        for raw in raws:
            if last is not None:
                yield self._line(last)
            last = raw
        if self._side.trailer:
            self._once(last, self._side.trailer, "trailer")
        elif last is not None:
            yield self._line(last)
        self._desk.totals.proofs.append(self._prove())

    def batches(self, *, rows: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Give the lines as record batches of `SETTLEMENT_SCHEMA`.

        :raises UnableToReadStatement: the file is refused whole; forget the batches given before.
        """
        return as_batches(self, rows=rows)

    @property
    def totals(self) -> Totals:
        """What was read so far."""
        return self._desk.totals

    def _refuse(self, refusal: StatementRefusal, why: str) -> UnableToReadStatement:
        return UnableToReadStatement(refusal, f"line {self._number}: {why}")

    def _raws(self) -> Iterator[bytes]:
        """The lines of the file as they are; empty ones only at its end."""
        empty = False
        while raw := self._read():
            if not raw.strip(b"\r\n"):
                empty = True
                continue
            self._number += 1
            if empty:
                raise self._refuse(StatementRefusal.NOT_WELL_FORMED, "an empty line before this one")
            yield raw

    def _read(self) -> bytes:
        try:
            raw = self._source.readline(LONGEST_LINE)
        except (OSError, EOFError) as trouble:
            why = f"the file cannot be read to its end ({type(trouble).__name__}); fetch it again"
            raise self._refuse(StatementRefusal.UNREADABLE, why) from None
        if len(raw) == LONGEST_LINE:
            raise self._refuse(StatementRefusal.TOO_LONG, f"a line of {LONGEST_LINE:,} bytes or more")
        return raw

    def _fields(self, raw: bytes, expected: int, what: str) -> list[str]:
        try:
            text = raw.decode(self._side.encoding)
        except UnicodeDecodeError:
            why = f"{what} is not of the encoding {self._side.encoding}; ask the bank for the file as it was made"
            raise self._refuse(StatementRefusal.NOT_TEXT, why) from None
        if self._number == 1:
            text = text.removeprefix("\ufeff")
        try:
            fields = next(csv.reader([text.rstrip("\r\n")], delimiter=self._side.separator, strict=True))
        except (csv.Error, StopIteration):
            raise self._refuse(StatementRefusal.NOT_WELL_FORMED, f"{what} is not quoted as a line must be") from None
        if len(fields) != expected:
            why = f"{what} has {len(fields)} fields, {expected} are due; it was cut or changed on its way"
            raise self._refuse(StatementRefusal.FIELD_COUNT, why)
        return fields

    def _once(self, raw: bytes | None, fields: tuple[Field, ...], what: str) -> None:
        absent = StatementRefusal.WRONG_HEADER if what == "header" else StatementRefusal.MISSING_TRAILER
        if raw is None:
            raise self._refuse(StatementRefusal.TRUNCATED, f"the file ends before its {what}; fetch it again")
        first = fields[0].text
        if first is not None and not raw.removeprefix(b"\xef\xbb\xbf").lstrip(b'"').startswith(first.encode()):
            raise self._refuse(absent, f"there is no {what} where it must be; fetch the file again from the bank")
        if what == "header":
            self._hash.update(raw)
        for item, text in zip(fields, self._fields(raw, len(fields), f"the {what}"), strict=True):
            if item.text is not None and text != item.text:
                raise self._refuse(absent, f"the {what} does not have its fixed text; this is another kind of file")
            if item.value is not None:
                self._say(item, text.strip())

    def _say(self, item: Field, text: str) -> None:
        if item.value == "total_idr":
            text = _plain(text, item.form) or ""
        assert item.value is not None, "only values are kept"
        if self.head.setdefault(item.value, text) != text:
            why = f"header and trailer differ in {item.value}"
            raise self._refuse(StatementRefusal.COUNT_DIFFERS, why)

    def _column_names(self, raw: bytes | None) -> None:
        if raw is None:
            raise self._refuse(StatementRefusal.TRUNCATED, "the file ends before its names of columns")
        self._hash.update(raw)
        if tuple(self._fields(raw, len(self._side.columns), "the line of names")) != self._side.column_names:
            raise self._refuse(StatementRefusal.WRONG_HEADER, "the names of the columns are not those of the mapping")

    def _line(self, raw: bytes) -> SettlementLine:
        self._hash.update(raw)
        said: dict[str, str] = {}
        for item, text in zip(self._side.columns, self._fields(raw, len(self._side.columns), "a line"), strict=True):
            if item.text is not None:
                if text != item.text:
                    raise self._refuse(StatementRefusal.NOT_WELL_FORMED, "a line does not begin as a line must")
            elif text and item.value is not None:
                said[item.value] = (
                    (_plain(text.strip(), item.form) or "") if item.value == "amount_idr" else text.strip()
                )
        line = self._settlement_line(said)
        self._desk.give(line)
        self._desk.lines.clear()
        return line

    def _settlement_line(self, said: dict[str, str]) -> SettlementLine:
        desk = self._desk
        currency = said.get("currency", RUPIAH)
        exact, minor, wrong = lines.amount(said.get("amount_idr"), currency, desk.currency)
        self._exact += exact
        account = said.get("account")
        self._accounts += account_total([account]) if account else 0
        status = self._side.statuses.get(said.get("status", ""))
        form = next((item.form for item in self._side.columns if item.value == "booked_on"), None)
        booked_on, bad_day = _day(said.get("booked_on"), form)
        reference, foreign = desk.reference(said.get("reference"))
        unknown = Trouble.UNKNOWN_STATUS if status is None else None
        return SettlementLine(
            end_to_end_id=said.get("reference"),
            amount=minor,
            currency=currency,
            direction=self._form.directions.get(status) if status else None,
            status=status or Status.PENDING,
            status_code=lines.bank_word(said.get("status")),
            reason_code=lines.bank_word(said.get("reason_code")),
            reason=desk.reason(said.get("reason_code")),
            narrative=lines.secret("narrative", said.get("narrative")),
            booked_on=booked_on,
            account=lines.secret("account", account),
            bank_reference=said.get("bank_reference"),
            message_id=self.head.get("batch_ref"),
            reference=reference,
            trouble=lines.first_of(wrong, unknown, bad_day, foreign),
            ordinal=desk.totals.lines + 1,
        )

    def _prove(self) -> Proof:
        count = self._desk.totals.lines
        if (said := self.head.get("count")) is not None and not _is(said, count):
            raise self._refuse(
                StatementRefusal.COUNT_DIFFERS, f"the file holds {count:,} lines and says another number"
            )
        if (said := self.head.get("total_idr")) is not None and not _is(said, exact=self._exact):
            why = f"the lines sum to {exact_text(self._exact)}, the file says another sum"
            raise self._refuse(StatementRefusal.SUM_DIFFERS, why)
        accounts = self._accounts % 10**ACCOUNT_TOTAL_DIGITS
        if (said := self.head.get("account_total")) is not None and not _is(said, accounts):
            why = "the account numbers do not sum to what the file says; one was changed on its way"
            raise self._refuse(StatementRefusal.HASH_DIFFERS, why)
        if (said := self.head.get("sha256")) is not None:
            if said.lower() != self._hash.hexdigest():
                why = "the hash of the lines is not the one the file names; it was changed on its way"
                raise self._refuse(StatementRefusal.HASH_DIFFERS, why)
            return Proof.HASH
        return Proof.COUNT if "count" in self.head else Proof.SUMMARY


def _is(text: str, number: int | None = None, *, exact: int = 0) -> bool:
    try:
        return read_exact(text) == (exact if number is None else in_exact_units(number, RUPIAH))
    except UnableToReadAmount:
        return False


@lru_cache(maxsize=65_536)
def _plain(text: str, example: str | None) -> str | None:
    """An amount as the standard would write it; what is not of the form stays and will not be read."""
    thousands, cents = AMOUNT_FORMS[example or "600000"]
    whole, found, fraction = text.partition(cents) if cents else (text, "", "")
    if thousands and thousands in whole:
        groups = whole.lstrip("+-").split(thousands)
        if not (1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])):
            return f"not {example}"
        whole = whole.replace(thousands, "")
    if not cents and not whole.lstrip("+-").isdigit():
        return f"not {example}"
    return f"{whole}.{fraction}" if found else whole


@lru_cache(maxsize=4_096)
def _day(text: str | None, form: str | None) -> tuple[date | None, Trouble | None]:
    if text is None:
        return None, None
    try:
        return datetime.strptime(text, form or _DAY_FORM).date(), None  # noqa: DTZ007
    except ValueError:
        return None, Trouble.BAD_DATE


def read_returns(source: BinaryIO, *, form: BankForm, is_ours: Callable[[str], bool] = is_reference_of_ours) -> Returns:
    """Read a bank's return file of any size.

    :param is_ours: whether a reference is of this programme; others are FOREIGN_REFERENCE.
    """
    return Returns(source, form, Desk(is_ours=is_ours, reasons=form.returns.reasons))
