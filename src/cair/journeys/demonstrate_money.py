"""The demonstration's money: released by two approvals, paid by files and by calls through the sandbox, settled."""

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import httpx

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.files import carry_out, write_statement_of
from cair.channels.bank_sandbox.partners import Configuration, set_up, write_client_profiles
from cair.channels.bank_sandbox.server import Application
from cair.channels.bank_sandbox.states import State
from cair.channels.payments.configured import IsoSettings
from cair.channels.payments.iso20022.payments_in import Asked
from cair.channels.payments.iso20022.payments_out import Debtor
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.journeys.book_training import book_held
from cair.journeys.pay_by_call import Worker
from cair.journeys.pay_by_file import SentFile, files_to_send, iso20022_rail
from cair.journeys.release_incentives import approve_release, give_money, plan_release, run_release
from cair.journeys.settle import settle_file
from cair.journeys.staff import add_member, who_acts
from cair.journeys.verify import money_holds
from cair.kernel.days import JAKARTA
from cair.ledger.chart import Purpose
from cair.programme.reader import rulebooks
from cair.rules.release import Role
from cair.store.office import Office
from cair.store.payees import participants, with_payees
from cair.store.queries.ledger import totals
from cair.store.queries.money_by_day import first_orders, money_by_day
from cair.store.queries.releases import Release
from cair.store.queries.training_money import Held
from cair.store.records.releases import Wishes
from cair.store.records.settlement import Settled
from cair.store.records.staff import Actor

Announce = Callable[[str, int, int], None]
Result = TypeVar("Result")
BANK = "demo-bank"
STATEMENTS = "demo-statements"
BY_CALL = 1_000
"""People paid by calls; the others by files."""
CALLED = "dompet-pandan"
FAILING = 250
"""One account in so many cannot be paid: 0.4%, as the programme's director said of September 2020."""
_WRONG = (State.CLOSED, State.DORMANT, State.NOT_VERIFIED, State.FROZEN, State.LIMIT_EXCEEDED)
_RELEASED_AFTER, _SETTLED_AFTER = timedelta(hours=10), timedelta(hours=2)
_DEBTOR = Debtor(name="PMO", account="9000000001", bank="901")


@dataclass
class Shown:
    """What happened to the money of a demonstration."""

    release: Release
    by_call: int = 0
    by_file: int = 0
    buckets: Counter[str] = field(default_factory=Counter)
    totals: dict[str, dict[str, int]] = field(default_factory=dict)
    by_day: list[dict[str, object]] = field(default_factory=list)
    holds: bool = False
    told: str = ""

    def document(self) -> dict[str, object]:
        """Give it for people and programs."""
        return {
            "released": self.release.items,
            "released_idr": self.release.amount_idr,
            "list_hash": self.release.list_hash.hex(),
            "by_call": self.by_call,
            "by_file": self.by_file,
            "lines": dict(sorted(self.buckets.items())),
            "totals": self.totals,
            "books_hold": self.holds,
            "told": self.told,
        }


@dataclass(frozen=True)
class Staff:
    """Who acts in a demonstration."""

    officer: Actor
    checker: Actor
    director: Actor


def give_budget(office: Office, as_of: datetime, *, people: int) -> Staff:
    """Add the staff, and appropriate incentives and training balances for everybody."""
    now = as_of + _RELEASED_AFTER
    roles = {"Ani": {Role.OFFICER}, "Budi": {Role.CHECKER}, "Citra": {Role.DIRECTOR, Role.APPROVER}}
    secrets = {name: add_member(office, name, frozenset(held), now=now) for name, held in roles.items()}
    staff = Staff(*(who_acts(office, name, secret) for name, secret in secrets.items()))
    for book in rulebooks():
        each = {Purpose.INCENTIVES: book.tranche_1_idr, Purpose.TRAINING: book.training_balance_idr}
        for purpose, amount in each.items():
            give_money(office, document=f"DEMO-{book.name}", line=book.name, purpose=purpose,
                       amount_idr=people * amount, by=staff.director, now=now)  # fmt: skip
    return staff


def release_due(office: Office, held: Held, as_of: datetime, *, staff: Staff, announce: Announce) -> Shown:
    """Release everything that is due: planned by one officer, approved by two others, run.

    Meanwhile the books take in everybody's training money, as the evidence was found to have it when they were decided.
    """
    now = as_of + _RELEASED_AFTER
    with ThreadPoolExecutor(1, thread_name_prefix="books") as books:
        booked = books.submit(book_held, office, held, by=staff.officer, now=now, announce=_nobody)
        planned = plan_release(office, Wishes(as_of, seed=1, sample=30), by=staff.officer, now=now, announce=announce)
        for by in (staff.checker, staff.director)[: planned.stages]:
            approve_release(office, planned.number, planned.list_hash, by=by, now=now)
        booked.result()
    ran, _ = run_release(office, planned.number, by=staff.officer, now=now)
    return Shown(ran)


def pay_all(office: Office, shown: Shown, as_of: datetime, *, announce: Announce) -> None:
    """Pay a thousand by calls and the rest by files, and take in what the banks say on that day.

    The banks work in a process of their own, as they would in houses of their own: they carry out what has come, and the
    office settles what they have answered, while it writes the next files.
    """
    now = as_of + _RELEASED_AFTER
    later = now + _SETTLED_AFTER
    statements = office.home / STATEMENTS
    statements.mkdir(exist_ok=True)
    configuration = set_up(office.home / BANK)

    def settle(told: "Future[Path]") -> Settled:
        return settle_file(office, told.result(), partner="", rails=office.home, now=later)

    with (
        _banks(office.home / BANK, configuration, now) as banks,
        ThreadPoolExecutor(1, thread_name_prefix="settlement") as desk,
    ):
        calls = banks.submit(_by_call, office, configuration, now)
        told = _on_that_day(office, banks, calls, shown, now, announce)
        settled = [desk.submit(settle, each) for each in told]
        for place, each in enumerate(settled):
            announce("statements", len(settled) + place, 2 * len(settled))
            shown.buckets.update(each.result().buckets)
    _sum_up(office, shown, later)


class _Banks:
    """The banks, one task after the other: calls in a thread of this process, files in a process of their own."""

    def __init__(self, waiting: ThreadPoolExecutor, house: ProcessPoolExecutor) -> None:
        self._waiting, self._house = waiting, house

    def submit(self, task: Callable[..., Result], *given: object) -> "Future[Result]":
        """Let them do what needs the office's own database."""
        return self._waiting.submit(task, *given)

    def carry_out(self, file: SentFile, statements: Path) -> "Future[Path]":
        """Let a bank carry out a file; what comes is its answer."""
        return self._waiting.submit(lambda: self._house.submit(_carry_out, file, statements).result())

    def tell(self, partner: str, day: date, statements: Path) -> "Future[Path]":
        """Let a bank write its statement of a day."""
        return self._waiting.submit(lambda: self._house.submit(_tell, partner, day, statements).result())


@contextmanager
def _banks(folder: Path, configuration: Configuration, now: datetime) -> Iterator[_Banks]:
    with (
        ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_open_house, initargs=(folder, configuration, now, gc.get_threshold())
        ) as house,
        ThreadPoolExecutor(1, thread_name_prefix="banks") as waiting,
    ):
        yield _Banks(waiting, house)


def _on_that_day(
    office: Office, banks: _Banks, calls: "Future[int]", shown: Shown, now: datetime, announce: Announce
) -> "Iterator[Future[Path]]":
    """Send all files, and let each bank answer its own and then tell what it booked on that day.

    Calls come first: later each would wait for the books while statements are settled. The files of whoever is called are
    written when the calls are made.
    """
    statements, day = office.home / STATEMENTS, now.astimezone(JAKARTA).date()
    rail = iso20022_rail(IsoSettings("PMO", _DEBTOR))

    def files() -> Iterator[SentFile]:
        when = now + timedelta(minutes=5)
        yield from files_to_send(office, rail, partner=None, now=when, announce=announce, but=frozenset({CALLED}))
        shown.by_call = calls.result()
        yield from files_to_send(office, rail, partner=CALLED, now=when, announce=announce)

    silent = {CALLED}
    for partner, own in groupby(files(), key=lambda file: file.partner):
        silent.discard(partner)
        for file in own:
            shown.by_file += file.count
            yield banks.carry_out(file, statements)
        yield banks.tell(partner, day, statements)
    if silent and shown.by_call:
        yield banks.tell(CALLED, day, statements)


def _sum_up(office: Office, shown: Shown, now: datetime) -> None:
    shown.totals = totals(office.database, now.astimezone(JAKARTA).date())
    with office.database.connect() as connection:
        shown.by_day = money_by_day(connection)
    checked = money_holds(office)
    shown.holds, shown.told = checked.holds, checked.told


def _by_call(office: Office, configuration: Configuration, now: datetime) -> int:
    with office.database.connect() as connection:
        orders = first_orders(connection, CALLED, BY_CALL)
        if not orders.num_rows:
            return 0
        accounts = [
            account for part in with_payees(connection, office.vault, orders) for account in part["account"].to_pylist()
        ]
        names = participants(connection, office.vault, orders)
    bank = _open_bank(office.home / BANK, configuration, now)
    try:
        bank.ledger.register(
            (CALLED, "", account, name, _state(account)) for account, name in zip(accounts, names, strict=True)
        )
        _call(office, bank, configuration, now)
    finally:
        bank.close()
    return len(names)


def _call(office: Office, bank: Bank, configuration: Configuration, now: datetime) -> None:
    folder = office.home / BANK
    write_client_profiles(folder, configuration, base_url="http://bank.invalid")
    profile, keys = read_profile(folder / "partners" / CALLED / "profile.toml")
    transport = httpx.WSGITransport(app=Application(bank, ""))
    ticks = iter(range(10**9))
    with SnapRail(profile, keys, transport=transport) as rail:
        worker = Worker(
            office, rail, profile, lambda: now + timedelta(milliseconds=next(ticks)), lambda _: None, most=BY_CALL
        )
        worker.run(_nobody)


def _open_bank(folder: Path, configuration: Configuration, now: datetime) -> Bank:
    bank = Bank(folder, configuration)
    bank.set_clock(now)
    return bank


_house: list[Bank] = []
"""The banks of the process in which files are carried out."""


def _open_house(folder: Path, configuration: Configuration, now: datetime, rounds: tuple[int, int, int]) -> None:
    gc.set_threshold(*rounds)
    _house.append(_open_bank(folder, configuration, now))


def _carry_out(file: SentFile, folder: Path) -> Path:
    """Let a bank carry out a file, with some of its accounts in a state in which they cannot be paid."""
    (bank,) = _house

    def look(orders: Sequence[Asked]) -> None:
        drawn = ((file.partner, "", order.account, "", _state(order.account)) for order in orders)
        bank.ledger.register(account for account in drawn if account[-1] != State.ACTIVE)

    return carry_out(bank, file.partner, file.path, folder, look=look).answers


def _tell(partner: str, day: date, folder: Path) -> Path:
    (bank,) = _house
    return write_statement_of(bank, partner, day, folder)


def _nobody(*_: object) -> None:
    """Tell nobody: the files tell how far everything is."""


def _state(account: str) -> str:
    """Draw the state of an account at its bank: the same whenever it is asked for."""
    drawn = int.from_bytes(hashlib.sha256(account.encode()).digest()[:8], "big")
    return str(_WRONG[drawn // FAILING % len(_WRONG)] if drawn % FAILING == 0 else State.ACTIVE)
