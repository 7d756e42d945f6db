"""What banks and wallets say became of payments: files matched with orders, sendings and books; results booked."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.payments.configured import csv_form
from cair.channels.payments.csv.returns_in import read_returns
from cair.channels.payments.file_answers import REPEATED
from cair.channels.payments.iso20022.reading import Reading, read_statement
from cair.channels.payments.iso20022.reasons import reasons
from cair.channels.payments.settlement import FEE_CODES, Scope, Totals, UnableToReadStatement
from cair.channels.payments.snap.actions import DETAILS
from cair.journeys.take_evidence import take_files
from cair.kernel.remedies import BankReason
from cair.store.office import Office
from cair.store.records.payments import Taken
from cair.store.records.raw_files import keep_file
from cair.store.records.settlement import (
    ARRIVED,
    Settled,
    Source,
    add_lines,
    known_file,
    missing,
    open_intake,
    refuse_file,
    settle_lines,
)
from cair.store.results import book_results, waiting_results

Announce = Callable[[str, int, int], None]
RESULTS = "results."


class UnableToSettle(Exception):
    """A path cannot be read; the message says which and what to do."""


class Lines(Protocol):
    """A partner's file on its way to lines."""

    @property
    def totals(self) -> Totals: ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the lines in batches of `SETTLEMENT_SCHEMA`."""


def settle_paths(
    office: Office, paths: Sequence[Path], *, partner: str, rails: Path, now: datetime, announce: Announce
) -> dict[str, object]:
    """Take in bank files and `results` files, and book what they say; a file with the same bytes counts once.

    :param partner: whose files they are; empty: what stands before the first dot of each name.
    :param rails: folder with the mapping of the bank's own files.
    :raises UnableToSettle: a path cannot be read.
    """
    files = list(_files(paths))
    told: list[dict[str, object]] = []
    for place, path in enumerate(files):
        announce(path.name, place, len(files))
        if path.name.startswith(RESULTS):
            taken = take_files(office, [path], received_at=now, now=now, progress=lambda *_: None)
            lines = sum(sum(file.counts.values()) for file in taken.files)
            told.append({"file": path.name, "lines": lines, "refused": [str(why) for _, why, _ in taken.refused]})
            continue
        told.append(settle_file(office, path, partner=partner, rails=rails, now=now).document())
    results = apply_results(office, now)
    with office.database.connect() as connection:
        count, examples = missing(connection, partner=partner, until=now)
    return {"files": told, "results": results, "missing": {"orders": count, "some": examples}}


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
        elif path.is_file():
            yield path
        else:
            raise UnableToSettle(f"{path} is no file and no folder. Check the path.")


def settle_file(office: Office, path: Path, *, partner: str, rails: Path, now: datetime) -> Settled:
    """Take in one file of a bank, whole or not at all."""
    sha256 = _sha256(path)
    with office.database.connect() as connection:
        if known := known_file(connection, sha256):
            return known
    keep_file(office.home, office.vault, path)
    source = Source(path.name, partner or path.name.partition(".")[0], path.suffix, sha256, "", now)
    try:
        return _apply(office, path, source, rails, now)
    except UnableToReadStatement as error:
        with office.database.connect() as connection:
            return refuse_file(connection, source, f"{error.refusal}")


def _apply(office: Office, path: Path, source: Source, rails: Path, now: datetime) -> Settled:
    with path.open("rb") as stream, office.database.connect() as connection:
        open_intake(connection)
        if known := known_file(connection, source.sha256):
            return known
        reading = _reading(path, stream, rails)
        first = 1
        for batch in reading.batches():
            add_lines(connection, office.vault, _arrived(batch, first))
            first += batch.num_rows
        message = reading.head.message if isinstance(reading, Reading) else "csv"
        kind = {"camt.053": "STATEMENT", "camt.054": "NOTICE"}.get(message[:8], "ANSWER")
        whole = Source(source.name, source.partner, message, source.sha256, kind, now)
        totals = reading.totals
        proof = ",".join(sorted({str(each) for each in totals.proofs}))
        return settle_lines(connection, whole, totals=(totals.lines, totals.debit, totals.credit), proof=proof, now=now)


def _reading(path: Path, stream: BinaryIO, rails: Path) -> Lines:
    if path.suffix == ".csv":
        return read_returns(stream, form=csv_form(rails))
    return read_statement(stream)


def _arrived(batch: pa.RecordBatch, first: int) -> pa.Table:
    """Give what of a batch counts, numbered in the order of the file."""
    codes = pc.fill_null(pc.extract_regex(batch["transaction_code"], r"(?P<last>[^/]*)$"), {"last": ""})
    wide = pc.not_equal(batch["scope"], str(Scope.PAYMENT))
    group = pc.coalesce(batch["payment_group"], batch["message_id"], "")
    columns: Mapping[str, Any] = {
        "line": pa.array(range(first, first + batch.num_rows), pa.int64()),
        **{name: batch[name] for name in ("reference", "direction", "status")},
        "rejected_as": _rejected_as(batch),
        **{name: batch[name] for name in ("reason", "amount", "currency", "booked_on", "bank_reference")},
        "account": batch["account"],
        "narrative": batch["narrative"],
        "trouble": batch["trouble"],
        "is_fee": pc.is_in(pc.struct_field(codes, "last"), pa.array(sorted(FEE_CODES))),
        "whole": pc.if_else(wide, group, pa.scalar(None, pa.string())),
    }
    return pa.table(columns, schema=ARRIVED)


def _rejected_as(batch: pa.RecordBatch) -> pa.Array:
    """Give what a rejection allows: another attempt (FAILED), or a look by people."""
    repeated = pc.fill_null(pc.is_in(batch["reason_code"], pa.array(sorted(REPEATED))), False)
    fraud = pc.fill_null(pc.equal(batch["reason"], str(BankReason.SUSPECTED_FRAUD)), False)
    unclear = pc.fill_null(pc.equal(batch["reason"], str(BankReason.OTHER)), True)
    cases = pa.StructArray.from_arrays([repeated, fraud, unclear], names=["repeated", "fraud", "unclear"])
    return pc.case_when(cases, pa.scalar("CONFIRM"), pa.scalar("HELD"), pa.scalar("ASK_PERSON"), pa.scalar("FAILED"))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def apply_results(office: Office, now: datetime) -> dict[str, int]:
    """Book the results in force that are not booked yet; give how many there are in each bucket."""
    with office.database.connect() as connection:
        found = waiting_results(connection, now)
        fits = pc.is_in(found["bucket"], pa.array(["PAID", "FAILED", "RETURNED"]))
        counts = Counter(found.filter(pc.invert(fits))["bucket"].to_pylist())
        fitting = found.filter(fits)
        if fitting.num_rows:
            why = [
                _reason(*row) for row in zip(fitting["status"].to_pylist(), fitting["code"].to_pylist(), strict=True)
            ]
            taken = book_results(connection, fitting, why, now)
            for status, became in zip(fitting["status"].to_pylist(), taken, strict=True):
                counts[status if became in (Taken.BOOKED, Taken.KNOWN) else became] += 1
    return dict(sorted(counts.items()))


def _reason(status: str, code: str | None) -> str | None:
    """Give the normalised reason of a partner's code; what is not understood is OTHER."""
    if status == "PAID":
        return None
    if code in set(BankReason):
        return code
    return str({**reasons(), **DETAILS}.get(code or "", BankReason.OTHER))
