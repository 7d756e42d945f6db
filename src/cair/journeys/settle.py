"""What banks and wallets say became of payments: files matched with orders, sendings and books; results booked."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.payments.arriving import partner_of, read_arriving
from cair.channels.payments.configured import UnableToUseRail
from cair.channels.payments.csv.mapping import UnableToReadMapping
from cair.channels.payments.file_answers import REPEATED
from cair.channels.payments.iso20022.reasons import reasons
from cair.channels.payments.settlement import FEE_CODES, Scope, StatementRefusal, UnableToReadStatement
from cair.channels.payments.snap.actions import DETAILS
from cair.channels.payments.snap.profile import UnableToUseProfile
from cair.journeys.recover import find_forgotten
from cair.journeys.take_evidence import take_files
from cair.kernel.reasons import Outcome
from cair.kernel.remedies import BankReason
from cair.store.ahead import ahead
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
NOT_SET_UP = "NOT_SET_UP"
"""Why a file is put aside that nothing here can read yet; it is not on record, and may come again."""
MOST = 2**63 - 1
"""Rupiah that the sums of a file may come to."""


class UnableToSettle(Exception):
    """A path cannot be read; the message says which and what to do."""


def settle_paths(
    office: Office, paths: Sequence[Path], *, partner: str, rails: Path, now: datetime, announce: Announce
) -> dict[str, object]:
    """Take in bank files, notices and `results` files, and book what they say; the same bytes count once.

    :param partner: whose files they are; empty: by the name of each.
    :param rails: folder with the mappings of banks' own files, and the keys that prove notices.
    :raises UnableToSettle: a path cannot be read.
    """
    files = list(_files(paths))
    told: list[dict[str, object]] = []
    for place, path in enumerate(files):
        announce(path.name, place, len(files))
        if path.name.startswith(RESULTS):
            taken = take_files(office, [path], received_at=now, now=now, progress=lambda *_: None)
            lines = sum(sum(file.counts.values()) for file in taken.files)
            rejected = sum(file.counts.get(str(Outcome.REJECTED), 0) for file in taken.files)
            refused = [str(why) for _, why, _ in taken.refused]
            told.append({"file": path.name, "lines": lines, "rejected": rejected, "refused": refused})
            continue
        told.append(settle_file(office, path, partner=partner, rails=rails, now=now).document())
    results = apply_results(office, now)
    found = find_forgotten(office, now=now)
    with office.database.connect() as connection:
        count, examples = missing(connection, partner=partner, until=now)
    counts: dict[str, object] = {"results": results, "missing": {"orders": count, "some": examples}}
    return {"files": told, **counts, **({"found_again": found} if found else {})}


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
    try:
        sha256 = _sha256(path)
        with office.database.connect() as connection:
            if known := known_file(connection, sha256, name=path.name):
                return known
        keep_file(office.home, office.vault, path)
    except OSError as error:
        return Settled(path.name, refusal=str(StatementRefusal.UNREADABLE), why=f"it cannot be read: {error.strerror}")
    source = Source(path.name, partner or partner_of(path), path.suffix, sha256, "", now)
    try:
        return _apply(office, path, source, rails, now)
    except (UnableToUseRail, UnableToUseProfile, UnableToReadMapping) as error:
        return Settled(path.name, refusal=NOT_SET_UP, why=str(error))
    except UnableToReadStatement as error:
        with office.database.connect() as connection:
            return refuse_file(connection, source, str(error.refusal), why=error.why)


def _apply(office: Office, path: Path, source: Source, rails: Path, now: datetime) -> Settled:
    with path.open("rb") as stream, office.database.connect() as connection:
        open_intake(connection)
        if known := known_file(connection, source.sha256, name=path.name):
            return known
        arriving = read_arriving(path, stream, partner=source.partner, rails=rails)
        first = 1
        with ahead(arriving.lines.batches(), depth=1) as batches:
            for batch in batches:
                add_lines(connection, office.vault, _arrived(batch, first, is_callback=arriving.is_callback))
                first += batch.num_rows
        whole = Source(source.name, source.partner, arriving.message(), source.sha256, arriving.kind, now)
        totals = arriving.lines.totals
        if max(totals.debit, totals.credit, -totals.debit, -totals.credit) > MOST:
            why = "its amounts sum to more than any money there is; ask the bank what they are"
            raise UnableToReadStatement(StatementRefusal.SUM_TOO_LARGE, why)
        proof = ",".join(sorted({str(each) for each in totals.proofs}))
        return settle_lines(connection, whole, totals=(totals.lines, totals.debit, totals.credit), proof=proof, now=now)


def _arrived(batch: pa.RecordBatch, first: int, *, is_callback: bool) -> pa.Table:
    """Give what of a batch counts, numbered in the order of the file."""
    codes = pc.fill_null(pc.extract_regex(batch["transaction_code"], r"(?P<last>[^/]*)$"), {"last": ""})
    wide = pc.not_equal(batch["scope"], str(Scope.PAYMENT))
    group = pc.coalesce(batch["payment_group"], batch["message_id"], "")
    columns: Mapping[str, Any] = {
        "line": pa.array(range(first, first + batch.num_rows), pa.int64()),
        **{name: batch[name] for name in ("reference", "direction", "status")},
        "rejected_as": _rejected_as(batch, is_clear=is_callback),
        **{name: batch[name] for name in ("reason", "amount", "currency", "booked_on", "bank_reference")},
        "account": batch["account"],
        "narrative": batch["narrative"],
        "trouble": batch["trouble"],
        "is_fee": pc.is_in(pc.struct_field(codes, "last"), pa.array(sorted(FEE_CODES))),
        "whole": pc.if_else(wide, group, pa.scalar(None, pa.string())),
    }
    return pa.table(columns, schema=ARRIVED)


def _rejected_as(batch: pa.RecordBatch, *, is_clear: bool) -> pa.Array:
    """Give what a rejection allows: another attempt (FAILED), or a look by people.

    :param is_clear: it is a state that the partner signed, and no free text that may say anything.
    """
    repeated = pc.fill_null(pc.is_in(batch["reason_code"], pa.array(sorted(REPEATED))), False)
    fraud = pc.fill_null(pc.equal(batch["reason"], str(BankReason.SUSPECTED_FRAUD)), False)
    unclear = pc.and_(pc.fill_null(pc.equal(batch["reason"], str(BankReason.OTHER)), True), not is_clear)
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
