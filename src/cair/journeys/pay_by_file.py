"""Orders into files for banks: the lines are on record before a file is written, and a file is written whole or again."""

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.payments.configured import IsoSettings
from cair.channels.payments.csv.bulk_out import BulkHead, write_bulk
from cair.channels.payments.csv.mapping import BankForm
from cair.channels.payments.ink import Written
from cair.channels.payments.iso20022.payments_out import PaymentsHead, write_payments
from cair.channels.payments.rail import payment_reference
from cair.channels.payments.transfers import TRANSFERS, Unwritable, judge_transfers
from cair.kernel.days import JAKARTA
from cair.kernel.remedies import BankReason
from cair.kernel.states import State
from cair.store.office import Office
from cair.store.payees import with_payees
from cair.store.private_files import own_folder, sync_folder
from cair.store.queries.payment_files import (
    PAYMENT_FILES,
    WRITTEN,
    PaymentFile,
    last_line,
    partners_to_pay,
    unfinished_files,
)
from cair.store.records.audit import add_audit
from cair.store.records.payments import OUTCOMES, add_outcomes, lines_of_file, put_in_file
from cair.store.witness import note_sent

Announce = Callable[[str, int, int], None]
MOST_IN_A_FILE = 500_000
LONG = 10_000
"""Lines from which on a file takes long enough to be written that something else can be done meanwhile."""


class UnableToPay(Exception):
    """A file of payments is not what is on record; nothing of it may be sent."""


@dataclass(frozen=True)
class SentFile:
    """A file that is ready for its bank."""

    path: Path
    file_ref: str
    partner: str
    count: int
    total_idr: int
    sha256: str

    def document(self) -> dict[str, object]:
        """Give the file for people and programs."""
        return {
            "file": str(self.path),
            "partner": self.partner,
            "payments": self.count,
            "amount_idr": self.total_idr,
            "sha256": self.sha256,
        }


@dataclass(frozen=True)
class FileRailOf:
    """How files of one rail are written: its name, the ending of its files, and the writer.

    :ivar check: raises where nothing can be written for a partner; asked before anything is on record.
    """

    name: str
    ending: str
    write: Callable[[Iterator[pa.RecordBatch], BinaryIO, PaymentFile], Written]
    check: Callable[[str], object] = str


def iso20022_rail(settings: IsoSettings) -> FileRailOf:
    """Files of ISO 20022, pain.001.001.09."""

    def write(transfers: Iterator[pa.RecordBatch], out: BinaryIO, file: PaymentFile) -> Written:
        head = PaymentsHead(
            message_id=file.file_ref, created_at=file.begun_at, initiator=settings.initiator, debtor=settings.debtor
        )
        return write_payments(transfers, out, head=head)

    return FileRailOf("iso20022", ".pain.001.xml", write)


def csv_rail(form_of: Callable[[str], BankForm]) -> FileRailOf:
    """Files of banks' own forms.

    :param form_of: gives the form by the partner.
    """

    def write(transfers: Iterator[pa.RecordBatch], out: BinaryIO, file: PaymentFile) -> Written:
        head = BulkHead(batch_ref=file.file_ref, created_on=_day(file.begun_at))
        return write_bulk(transfers, out, form=form_of(file.partner), head=head)

    return FileRailOf("csv", ".csv", write, check=form_of)


def pay_by_file(
    office: Office,
    rail: FileRailOf,
    *,
    partner: str | None,
    now: datetime,
    announce: Announce,
    but: frozenset[str] = frozenset(),
) -> list[SentFile]:
    """Write all orders that nobody has sent into files, as `files_to_send` does one by one."""
    return list(files_to_send(office, rail, partner=partner, now=now, announce=announce, but=but))


def files_to_send(
    office: Office,
    rail: FileRailOf,
    *,
    partner: str | None,
    now: datetime,
    announce: Announce,
    but: frozenset[str] = frozenset(),
) -> Iterator[SentFile]:
    """Write all orders that nobody has sent into files, one or more a partner; finish files begun before.

    Stop it at any instant and give it again: lines stay in the file they were recorded for, and a file is the same
    bytes when it is written again. `but`: partners that another rail pays.

    :returns: each file when it is ready for its bank.
    :raises UnableToPay: a file does not sum to what is on record.
    :raises cair.channels.payments.configured.UnableToUseRail: the rail is not set up for a partner; nothing was sent.
    """
    with office.database.connect() as connection:
        begun = unfinished_files(connection, rail.name)
    for file in begun:
        with office.database.connect() as connection:
            lines = lines_of_file(connection, rail=rail.name, file_ref=file.file_ref)
        yield from _write(office, rail, file, lines, now=now)
    with office.database.connect() as connection:
        partners = [name for name in partners_to_pay(connection, partner=partner) if name not in but]
    for name in partners:
        rail.check(name)
    recorded = (found for name in partners for found in _record(office, rail, name, now=now))
    for file, lines in _one_ahead(recorded):
        announce(file.partner, partners.index(file.partner), len(partners))
        yield from _write(office, rail, file, lines, now=now)


def _one_ahead(recorded: Iterator[tuple[PaymentFile, pa.Table]]) -> Iterator[tuple[PaymentFile, pa.Table]]:
    """Give files that are on record; while a long one is written, the database records the lines of the next."""
    with ThreadPoolExecutor(max_workers=1) as ahead:
        found = next(recorded, None)
        while found:
            following = ahead.submit(next, recorded, None) if found[1].num_rows >= LONG else None
            yield found
            found = following.result() if following else next(recorded, None)


def _record(office: Office, rail: FileRailOf, partner: str, *, now: datetime) -> Iterator[tuple[PaymentFile, pa.Table]]:
    """Put the orders of a partner on record as lines of new files, one file at a time, each committed."""
    while True:
        file_ref = f"{_day(now):%Y%m%d}-{secrets.token_hex(6)}"
        with office.database.connect() as connection:
            lines = put_in_file(
                connection, partner=partner, rail=rail.name, file_ref=file_ref, limit=MOST_IN_A_FILE, now=now
            )
            last = last_line(connection, file_ref)
        if last:
            note_sent(office.home, *last, now)
            yield PaymentFile(file_ref, partner, now), lines
        if lines.num_rows < MOST_IN_A_FILE:
            return


def _writable(transfers: Iterator[pa.RecordBatch], left_out: list[tuple[str, str, int]]) -> Iterator[pa.RecordBatch]:
    """Give what a bank can take; note reference, reason and amount of the rest."""
    for batch in transfers:
        judged = judge_transfers(batch)
        if judged.null_count == len(judged):
            yield batch
            continue
        columns = (batch["reference"].to_pylist(), judged.to_pylist(), batch["amount_idr"].to_pylist())
        left_out += [(reference, word, amount) for reference, word, amount in zip(*columns, strict=True) if word]
        yield batch.filter(judged.is_null())


def _failed(left_out: list[tuple[str, str, int]], now: datetime) -> pa.Table:
    rows = []
    for reference, word, _ in left_out:
        order_ref, _, attempt = reference.rpartition("-")
        reason = BankReason.NAME_DIFFERS if word == Unwritable.BAD_NAME else BankReason.ACCOUNT_NOT_FOUND
        rows.append((order_ref, int(attempt), str(State.FAILED), str(reason), now, f"unwritable {word}"))
    columns = [pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), OUTCOMES, strict=True)]
    return pa.table(columns, schema=OUTCOMES)


def _write(
    office: Office, rail: FileRailOf, file: PaymentFile, lines: pa.Table, *, now: datetime
) -> Iterator[SentFile]:
    """Write a file from its lines on record, compare it with them, and say so in the audit once it is on disk.

    Orders whose account or name no bank can take are left out, and end as failed; where none is left there is no file.

    :param lines: columns of `cair.store.records.payments.FILED`.
    """
    folder = own_folder(office.home / PAYMENT_FILES, private=True)
    path = folder / f"{file.partner}.{file.file_ref}{rail.ending}"
    with office.database.connect() as connection:
        left_out: list[tuple[str, str, int]] = []
        transfers = _writable(_transfers(with_payees(connection, office.vault, lines), file), left_out)
        written = _on_disk(rail, transfers, file, path)
        count = lines.num_rows - len(left_out)
        expected = (pc.sum(lines["amount_idr"]).as_py() or 0) - sum(amount for *_, amount in left_out)
        if (written.count, written.total) != (count, expected):
            path.unlink(missing_ok=True)
            raise UnableToPay(f"{path.name} does not sum to its lines on record. Send nothing; run cair verify.")
        if left_out:
            add_outcomes(connection, _failed(left_out, now), now=now)
        facts: dict[str, str | int] = {
            "sha256": written.sha256,
            "payments": written.count,
            "left_out": len(left_out),
            "amount_idr": written.total,
            "rail": rail.name,
        }
        add_audit(connection, act=WRITTEN, actor="", roles=[], at=now, subject=file.file_ref, facts=facts)
    if written.count:
        yield SentFile(path, file.file_ref, file.partner, written.count, written.total, written.sha256)


def _on_disk(rail: FileRailOf, transfers: Iterator[pa.RecordBatch], file: PaymentFile, path: Path) -> Written:
    """Write a file, whole or not at all; none when nobody in it can be paid."""
    first = next((batch for batch in transfers if len(batch)), None)
    if first is None:
        return Written(0, 0, 0, "")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            written = rail.write(chain([first], transfers), out, file)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)
    return written


def _transfers(parts: Iterator[pa.Table], file: PaymentFile) -> Iterator[pa.RecordBatch]:
    day = _day(file.begun_at)
    for part in parts:
        size = part.num_rows
        references = [
            payment_reference(order_ref, attempt)
            for order_ref, attempt in zip(part["order_ref"].to_pylist(), part["attempt"].to_pylist(), strict=True)
        ]
        remarks = [str(benefit).replace("_", " ") for benefit in part["benefit"].to_pylist()]
        columns = {
            "reference": pa.array(references),
            "amount_idr": part["amount_idr"],
            "account": part["account"],
            "holder_name": part["holder_name"],
            "bank": pa.repeat(pa.scalar(""), size),
            "partner": pa.repeat(pa.scalar(file.partner), size),
            "execution_day": pa.repeat(pa.scalar(day, pa.date32()), size),
            "remark": pa.array(remarks),
        }
        yield from pa.table(columns, schema=TRANSFERS).combine_chunks().to_batches()


def _day(moment: datetime) -> date:
    return moment.astimezone(JAKARTA).date()
