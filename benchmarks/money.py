"""P7 and P8: a release from list to pain.001, and a statement with planted defects, each found and named.

The goals are for 480,000 payments and 680,000 lines: beside what was measured stands what it comes to there, taken as
linear.
"""

import gc
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from cair.channels.payments.configured import IsoSettings
from cair.channels.payments.iso20022.payments_in import read_payments
from cair.channels.payments.iso20022.payments_out import Debtor
from cair.channels.payments.iso20022.statement_out import StatementHead, write_statement
from cair.channels.payments.settlement import Direction, SettlementLine, Status
from cair.cli.main import FEW_ROUNDS, SOON
from cair.journeys.demonstrate import decide, end_of, make_files, take_plan
from cair.journeys.pay_by_file import SentFile, iso20022_rail, pay_by_file
from cair.journeys.release_incentives import approve_release, give_money, plan_release, run_release
from cair.journeys.settle import settle_paths
from cair.journeys.staff import add_member, who_acts
from cair.kernel.identity import Secret
from cair.ledger.chart import Purpose
from cair.rules.release import Role
from cair.store.configuration import Configuration
from cair.store.office import Office, open_office
from cair.store.records.releases import Wishes
from cair.store.records.staff import Actor

UNTIL = date(2020, 7, 27)
LINE = "semi-bansos-2020"
EVERY = 1_000
"""One line in so many is planted with each defect: 0.1%."""
LARGE = 50_000
"""Payments from which on what is done once weighs little."""
DEFECTS = ("WRONG_AMOUNT", "UNKNOWN", "DUPLICATE", "MISSING", "RETURNED")
_SETTINGS = IsoSettings("PMO", Debtor(name="PMO", account="9000000001", bank="901"))


def quiet(*_: object) -> None:
    """Tell nobody."""


def run(people: int, folder: Path) -> dict[str, object]:
    """Measure with so many appointed (about 70% of them are due); the evidence is made and taken in first, unmeasured."""
    gc.set_threshold(*FEW_ROUNDS)
    sys.setswitchinterval(SOON)
    home = folder / "money"
    with open_office(Configuration(home, home / "keys"), announce=quiet) as office:
        plan = make_files(office, people=people, seed=2020, until=UNTIL, announce=quiet)
        take_plan(office, plan, now=datetime.now(UTC), announce=quiet)
        as_of = end_of(UNTIL)
        decide(office, as_of, announce=quiet)
        now = as_of + timedelta(hours=10)
        found = _release(office, people, as_of, now)
        files: list[SentFile] = found.pop("files")  # type: ignore[assignment]
        return {"goal": "P7, P8", "people": people, **found, **_settle(office, files, now, folder)}


@contextmanager
def _timed(into: dict[str, object], name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    into[name] = round(time.perf_counter() - begun, 2)


def _forget_peak() -> None:
    """Look for the peak of memory anew, where the system can: what was made ready before is not counted."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _staff(office: Office, now: datetime) -> list[Actor]:
    roles = {"Ani": {Role.OFFICER}, "Budi": {Role.CHECKER}, "Citra": {Role.DIRECTOR}}
    return [who_acts(office, name, add_member(office, name, frozenset(held), now=now)) for name, held in roles.items()]


def _release(office: Office, people: int, as_of: datetime, now: datetime) -> dict[str, object]:
    """P7: list, two approvals, orders with pending transfers, pain.001."""
    officer, checker, director = _staff(office, now)
    give_money(office, document="BENCH", line=LINE, purpose=Purpose.INCENTIVES, amount_idr=people * 600_000, by=director,
               now=now)  # fmt: skip
    told: dict[str, object] = {}
    _forget_peak()
    begun, processor = time.perf_counter(), time.process_time()
    with _timed(told, "plan_s"):
        planned = plan_release(office, Wishes(as_of, 1, 30), by=officer, now=now, announce=quiet)
    with _timed(told, "approve_s"):
        for by in (checker, director)[: planned.stages]:
            approve_release(office, planned.number, planned.list_hash, by=by, now=now)
    with _timed(told, "run_s"):
        run_release(office, planned.number, by=officer, now=now)
    with _timed(told, "files_s"):
        files = pay_by_file(office, iso20022_rail(_SETTINGS), partner=None, now=now, announce=quiet)
    told["P7_s"] = round(time.perf_counter() - begun, 2)
    told["P7_payments"] = payments = sum(file.count for file in files)
    told["P7_goal_s"] = 60
    if payments >= LARGE:
        told["P7_s_for_480000"] = round(float(str(told["P7_s"])) / payments * 480_000, 1)
    told["P7_payments_per_s"] = round(payments / float(str(told["P7_s"])))
    # Without the database's own processes.
    told["P7_processor_s"] = round(time.process_time() - processor, 1)
    told["P7_peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told["files"] = files
    return told


def _settle(office: Office, files: list[SentFile], now: datetime, folder: Path) -> dict[str, object]:
    """P8: one statement over all payments with every kind of defect; what is found must be what was planted."""
    planted = dict.fromkeys(DEFECTS, 0)
    path = folder / "bank.20200728.camt.053.xml"
    day = (now + timedelta(hours=7)).date()
    head = StatementHead(statement_id="BENCH-1", account="9000000001", day=day, created_at=now, opening_balance=10**15)
    with path.open("wb") as out:
        write_statement(_lines(files, day, planted), out, head=head)
    told: dict[str, object] = {}
    processor = time.process_time()
    with _timed(told, "P8_s"):
        document = settle_paths(office, [path], partner="", rails=folder, now=now + timedelta(hours=1), announce=quiet)
    spent = round(time.process_time() - processor, 1)
    buckets: dict[str, int] = document["files"][0]["buckets"]  # type: ignore[index]
    found = {name: buckets.get(name, 0) for name in DEFECTS}
    # An order whose line names another amount, or whose line was left out, has no end.
    missing: int = document["missing"]["orders"]  # type: ignore[index]
    found["MISSING"] = missing - found["WRONG_AMOUNT"] - found["UNKNOWN"]
    lines: int = document["files"][0]["lines"]  # type: ignore[index]
    told["P8_goal_s"] = 60
    if lines >= LARGE:
        told["P8_s_for_680000"] = round(float(str(told["P8_s"])) / lines * 680_000, 1)
    told["P8_lines_per_s"] = round(lines / float(str(told["P8_s"])))
    told["P8_processor_s"] = spent
    return {**told, "P8_lines": lines, "P8_planted": planted, "P8_found": found, "P8_all_found": found == planted}


def _lines(files: list[SentFile], day: date, planted: dict[str, int]) -> Iterator[SettlementLine]:
    number = 0
    for file in files:
        with file.path.open("rb") as stream:
            for order in read_payments(stream):
                number += 1
                kind = DEFECTS[number % EVERY] if number % EVERY < len(DEFECTS) else ""
                if kind:
                    planted[kind] += 1
                yield from _line(str(order.end_to_end_id), int(order.amount or 0), order.account, day, kind)


def _line(reference: str, amount: int, account: Secret | None, day: date, kind: str) -> Iterator[SettlementLine]:
    if kind == "MISSING":
        return

    def line(**more: object) -> SettlementLine:
        plain: dict[str, object] = {
            "end_to_end_id": reference,
            "amount": amount,
            "currency": "IDR",
            "direction": Direction.DEBIT,
            "status": Status.BOOKED,
            "booked_on": day,
            "account": account,
        }
        return SettlementLine(**{**plain, **more})  # type: ignore[arg-type]

    if kind == "WRONG_AMOUNT":
        yield line(amount=amount + 1)
    elif kind == "UNKNOWN":
        yield line(end_to_end_id="CA0000" + reference[6:])
    else:
        yield line()
    if kind == "DUPLICATE":
        yield line()
    if kind == "RETURNED":
        yield line(direction=Direction.CREDIT, status=Status.RETURNED, reason_code="AC04")
