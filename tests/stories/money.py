"""A small programme for stories about money: appointed people who finished, their accounts, staff, a bank in process."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.partners import set_up
from cair.journeys.reconcile import reconcile_now
from cair.journeys.release_incentives import (
    Otherwise,
    approve_release,
    give_money,
    plan_release,
    run_release,
)
from cair.journeys.staff import add_member, who_acts
from cair.journeys.take_evidence import take_files
from cair.ledger.chart import Purpose
from cair.rules.release import Role
from cair.store.configuration import Configuration
from cair.store.office import Office, open_office
from cair.store.queries.releases import Release
from cair.store.records.releases import Wishes
from cair.store.records.staff import Actor

LINE = "semi-bansos-2020"
START = datetime(2020, 7, 1, 3, tzinfo=UTC)
SETTINGS = 'initiator = "PMO"\ndebtor_name = "PMO"\ndebtor_account = "9000000001"\ndebtor_bank = "901"\n'
AT_ONCE = 25_000
"""People whose evidence is written at once."""


def quiet(*_: object) -> None:
    """Tell nobody."""


def card(person: int) -> str:
    return f"{9990_0000_0000_0000 + person}"


def nik(person: int) -> str:
    return f"{3171_0000_0000_0000 + person}"


def account(person: int) -> str:
    return f"{7000_0000 + person}"


@dataclass
class Programme:
    """An office with people who are due, and its staff. The clock is `now`; `pass_` moves it."""

    office: Office
    folder: Path
    now: datetime = START
    staff: dict[str, Actor] = field(default_factory=dict)
    files: int = 0

    def pass_(self, **passed: int) -> datetime:
        self.now += timedelta(**passed)
        return self.now

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def take(self, feed: str, partner: str, rows: list[dict[str, object]]) -> None:
        self.files += 1
        path = self.folder / f"{feed}.{partner}.{self.now:%Y%m%d}.{self.files}.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        taken = take_files(self.office, [path], received_at=self.now, now=self.now, progress=quiet)
        counts = taken.files[0].counts
        assert counts["accepted"] + counts["superseding"] == len(rows), counts

    def link(self, person: int, partner: str, number: str | None = None, **more: object) -> None:
        row = {"card_number": card(person), "account_ref": number or account(person), "holder_nik": nik(person),
               "holder_name": f"Orang Baik {chr(65 + person % 26)}", "kyc": "full", "status": "LINKED",
               "checked_at": self.now.isoformat()}  # fmt: skip
        self.take("accounts", partner, [{**row, **more}])

    def reconcile(self) -> None:
        reconcile_now(self.office, self.now, full=False, announce=quiet)

    def plan(self, sample: int = 2) -> Release:
        return plan_release(
            self.office, Wishes(self.now, 7, sample), by=self.staff["Ani"], now=self.now, announce=quiet
        )

    def release(self) -> tuple[Release, list[Otherwise]]:
        planned = self.plan()
        approve_release(self.office, planned.number, planned.list_hash, by=self.staff["Budi"], now=self.now)
        return run_release(self.office, planned.number, by=self.staff["Ani"], now=self.now)


def people_rows(people: range, partner_of: list[str]) -> dict[tuple[str, str], list[dict[str, object]]]:
    """The evidence of people who are all due, by feed and partner."""
    rows: dict[tuple[str, str], list[dict[str, object]]] = {}

    def add(feed: str, partner: str, **row: object) -> None:
        rows.setdefault((feed, partner), []).append(row)

    if people.start == 0:
        add("courses", "pmo", course_code="K1", title="Kelas", provider="lembaga", platforms="toko", price_idr=500_000,
            hours=1, mode="self_paced", approved_from="2020-01-01")  # fmt: skip
    for person in people:
        code = f"R{person}"
        add("appointments", "pmo", card_number=card(person), nik=nik(person), full_name=f"Orang Baik {chr(65 + person % 26)}",
            birth_date="1990-01-01", sex="L", region_code="3171", wave=1, appointed_on="2020-06-01", rulebook=LINE)  # fmt: skip
        add("purchases", "toko", invoice_code=f"I{person}", card_number=card(person), course_code="K1",
            amount_idr=400_000, redeem_code=code, status="SUCCESS",
            occurred_at=f"2020-06-0{1 + person % 5}T02:00:00Z")  # fmt: skip
        add("redemptions", "lembaga", redeem_code=code, course_code="K1", occurred_at="2020-06-07T02:00:00Z")
        for feed, partner in (("completions", "lembaga"), ("confirmations", "toko")):
            add(feed, partner, redeem_code=code, course_code="K1", occurred_at="2020-06-08T05:00:00Z",
                certificate_no=f"C{person}")  # fmt: skip
        add("reviews", "pmo", redeem_code=code, stars=5, text="Sangat bermanfaat", occurred_at="2020-06-09T02:00:00Z")
        add("accounts", partner_of[person % len(partner_of)], card_number=card(person), account_ref=account(person),
            holder_nik=nik(person), holder_name=f"Orang Baik {chr(65 + person % 26)}", kyc="full", status="LINKED",
            checked_at="2020-06-02T02:00:00Z")  # fmt: skip
    return rows


_MADE: dict[tuple[int, tuple[str, ...], int], tuple[Path, Programme]] = {}


@contextmanager
def programme(
    home: Path, folder: Path, *, people: int, partners: list[str], money: int = 10**10
) -> Iterator[Programme]:
    """Open a home with people who are due, staff, and an appropriation; made once, then copied."""
    key = people, tuple(partners), money
    if key not in _MADE:
        pattern = _folder()
        _MADE[key] = pattern, _make(pattern, people, partners, money)
    pattern, made = _MADE[key]
    shutil.copytree(pattern / "home", home)
    folder.mkdir(parents=True, exist_ok=True)
    with open_office(Configuration(home, home / "keys"), announce=quiet) as office:
        yield replace(made, office=office, folder=folder)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="programme-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _staffed() -> tuple[Path, dict[str, Actor]]:
    """A home with nothing but staff, made once: its tables and their secrets take longest."""
    home, staff = _folder() / "home", {}
    with open_office(Configuration(home, home / "keys"), announce=quiet) as office:
        for name, roles in {"Ani": [Role.OFFICER], "Budi": [Role.CHECKER], "Citra": [Role.DIRECTOR]}.items():
            secret = add_member(office, name, frozenset(roles), now=START)
            staff[name] = who_acts(office, name, secret)
    return home, staff


def _make(pattern: Path, people: int, partners: list[str], money: int) -> Programme:
    home, folder = pattern / "home", pattern / "files"
    folder.mkdir()
    staffed, staff = _staffed()
    shutil.copytree(staffed, home)
    with open_office(Configuration(home, home / "keys"), announce=quiet) as office:
        made = Programme(office, folder, staff=dict(staff))
        for first in range(0, people, AT_ONCE):
            rows = people_rows(range(first, min(first + AT_ONCE, people)), partners)
            for feed, partner in list(rows):
                made.take(feed, partner, rows.pop((feed, partner)))
        give_money(office, document="DIPA-1", line=LINE, purpose=Purpose.INCENTIVES, amount_idr=money,
                   by=made.staff["Citra"], now=made.now)  # fmt: skip
        made.reconcile()
    rails = home / "rails"
    rails.mkdir(exist_ok=True)
    (rails / "iso20022.toml").write_text(SETTINGS)
    return made


def release_some(office: Programme, people: int) -> list[int]:
    """Release the next few who are due: as much money as that is appropriated, and no more. Give who they are."""
    office.pass_(minutes=1)
    give_money(office.office, document=f"D-{office.now.isoformat()}", line=LINE, purpose=Purpose.INCENTIVES,
               amount_idr=people * 600_000, by=office.staff["Citra"], now=office.now)  # fmt: skip
    released, _ = office.release()
    assert released.items == people
    with office.office.database.connect() as connection:
        sql = "SELECT card_number FROM payment_order WHERE release = %s ORDER BY card_number"
        return [row[0] - int(card(0)) for row in connection.execute(sql, [released.number]).fetchall()]


def open_bank(folder: Path, now: datetime) -> Bank:
    bank = Bank(folder, set_up(folder))
    bank.set_clock(now)
    return bank


def jakarta_date(moment: datetime) -> date:
    return (moment + timedelta(hours=7)).date()
