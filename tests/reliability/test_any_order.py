"""Whatever happens in whatever order: the real journeys on PostgreSQL, the laws of money looked at after each step.

A few short histories run with every test; CAIR_SEEDS=N or CAIR_TORTURE=N goes through more and longer ones.
"""

import json
import os
import shutil
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.files import carry_out, write_statement_of
from cair.channels.bank_sandbox.ledger import Kind
from cair.channels.bank_sandbox.partners import read_configuration, set_up, write_client_profiles
from cair.channels.payments.iso20022.statement_out import StatementHead, write_statement
from cair.channels.payments.settlement import Direction, SettlementLine, Status
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.journeys.pay import pay_now
from cair.journeys.pay_by_call import Worker
from cair.journeys.release_incentives import approve_release, end_release, give_money, run_release
from cair.journeys.settle import settle_paths
from cair.journeys.take_evidence import take_files
from cair.ledger.chart import Purpose
from cair.store.database import Database
from cair.store.office import Office
from cair.store.queries.invariants import check_invariants
from cair.store.queries.ledger import totals
from cair.store.queries.releases import Release, releases
from cair.store.records.releases import UnableToApprove, UnableToPlan, UnableToRun
from tests.reliability.trial import BANK, PEOPLE, TORTURE, WALLET
from tests.stories.money import LINE, Programme, account, card, jakarta_date, programme, quiet
from tests.stories.test_money_by_call import Line

LONG = TORTURE or int(os.environ.get("CAIR_SEEDS", "0"))
BEGUN, SOME = 8, 12
"""How many have been paid when a history begins, as far as they can be, and how many are released."""
FAULTS = ("drop_before", "drop_after", "error_before", "error_after", "garbled", "in_progress", "too_many", "not_found")
OFFICE = ("Ani", "Budi", "Citra")
people = st.integers(0, PEOPLE - 1)
_NUMBERS = count()


def register(bank: Bank) -> None:
    """All accounts that people may ever have, with either partner."""
    bank.ledger.register(
        (partner, "", str(int(account(person)) + 100_000 * more), f"ORANG BAIK {chr(65 + person % 26)}", "active")
        for partner in (WALLET, BANK) for person in range(PEOPLE) for more in range(20)
    )  # fmt: skip


def call(office: Programme, bank: Bank, folder: Path, patience: timedelta) -> None:
    """Pay by calls; waiting moves the clocks."""
    profile, keys = read_profile(folder / "bank" / "partners" / WALLET / "profile.toml")
    rail = SnapRail(profile, keys, transport=Line(bank))

    def wait(pause: timedelta) -> None:
        bank.set_clock(office.pass_(microseconds=pause // timedelta(microseconds=1) + 1))

    Worker(office.office, rail, profile, office.clock, wait, patience=patience, lease=timedelta(minutes=50)).run(quiet)
    bank.set_clock(office.pass_(hours=1))


def write_files(office: Programme) -> list[Path]:
    """Write payment files; give those that are to be brought to the bank."""
    document = pay_now(office.office, rail="iso20022", partner=BANK, rails=office.office.home / "rails",
                       clock=office.clock, wait=quiet, announce=quiet)  # fmt: skip
    return [Path(str(file["file"])) for file in document["files"]]  # type: ignore[attr-defined]


def settle(office: Programme, folder: Path, paths: list[Path]) -> None:
    """Take in what partners say."""
    settle_paths(office.office, paths, partner="", rails=folder, now=office.now, announce=quiet)


def give(office: Programme, document: str, people: int) -> None:
    """Appropriate money for so many people."""
    give_money(office.office, document=document, line=LINE, purpose=Purpose.INCENTIVES, amount_idr=people * 600_000,
               by=office.staff["Citra"], now=office.now)  # fmt: skip


class Place:
    """One server for all histories. Each begins with copies of the same database and bank, in the midst of payments."""

    def __init__(self, folder: Path, made: Programme) -> None:
        self.folder, self.made = folder, made
        configuration = set_up(folder / "bank")
        write_client_profiles(folder / "bank", configuration, base_url="http://bank.test")
        bank = Bank(folder / "bank", configuration)
        register(bank)
        bank.set_clock(made.pass_(hours=1))
        bank.ledger.register([(partner, "", account(0), "", "closed") for partner in (WALLET, BANK)])
        give(made, "D-begin", BEGUN)
        made.release()
        call(made, bank, folder, timedelta(hours=1))
        said = [carry_out(bank, BANK, path, folder).answers for path in write_files(made)]
        said.append(write_statement_of(bank, BANK, jakarta_date(made.now), folder))
        settle(made, folder, said)
        give(made, "D-then", SOME - BEGUN)
        made.release()
        bank.close()

    def database(self, name: str) -> Database:
        """Another database of the same server."""
        return Database({**self.made.office.database.parameters, "dbname": name}, is_embedded=True)

    def begin(self) -> tuple[Programme, Bank, Path]:
        """Copy what a history begins with."""
        name = f"history_{next(_NUMBERS)}"
        with self.database("template1").connect(autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE postgres")
        folder, before = self.folder / name, self.made.office.home
        shutil.copytree(before, folder / "home", ignore=lambda *_: ["postgres", "run"])
        shutil.copytree(self.folder / "bank", folder / "bank")
        (folder / "files").mkdir()
        office = Office(folder / "home", self.database(name), self.made.office.keys)
        bank = Bank(folder / "bank", read_configuration(folder / "bank" / "sandbox.toml"))
        return replace(self.made, office=office, folder=folder / "files", staff=dict(self.made.staff)), bank, folder

    def end(self, office: Programme) -> None:
        """Throw a history away."""
        name = office.office.database.parameters["dbname"]
        with self.database("template1").connect(autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        shutil.rmtree(office.folder.parent)


class Money(RuleBasedStateMachine):
    """An office, its partners and the world around it."""

    place: Place
    seen: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        self.office, self.bank, self.folder = self.place.begin()
        self.given = 1 + SOME * 600_000
        self.linked, self.holds = Counter[int](), dict[int, str]()
        self.desk: list[Path] = []
        self.said: list[Path] = []
        self.pass_(hours=1)

    def teardown(self) -> None:
        if hasattr(self, "office"):
            self.seen.update(status for statuses in self._outcomes().values() for status in statuses)
            self.seen.update(orders=len(self._orders()), histories=1)
            self.bank.close()
            self.place.end(self.office)

    def pass_(self, **passed: int) -> None:
        self.bank.set_clock(self.office.pass_(**passed))

    # The world

    @rule(hours=st.sampled_from([1, 5, 26, 24 * 8, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        self.pass_(hours=hours)

    @rule(person=people, partner=st.sampled_from([WALLET, BANK]))
    def an_account_is_linked(self, person: int, partner: str) -> None:
        self.linked[person] += 1
        number = int(account(person)) + 100_000 * (self.linked[person] % 20)
        self.office.link(person, partner, str(number))

    @rule(person=people, state=st.sampled_from(["closed", "active", "fraud", "wrong_name"]))
    def a_bank_changes_an_account(self, person: int, state: str) -> None:
        name = f"ORANG BAIK {chr(65 + person % 26)}"
        number = str(int(account(person)) + 100_000 * (self.linked[person] % 20))
        self.bank.ledger.register([(partner, "", number, name, state) for partner in (WALLET, BANK)])

    @rule(person=people)
    def a_hold_begins_or_ends(self, person: int) -> None:
        begun = self.holds.pop(person, None)
        if begun is None:
            self.holds[person] = f"H-{person}-{self.office.files}"
        self.office.take("holds", "pmo", [{
            "hold_ref": begun or self.holds[person], "status": "END" if begun else "START", "scope": "person",
            "scope_value": card(person), "occurred_at": self.office.now.isoformat(),
        }])  # fmt: skip

    @rule(dice=st.randoms(use_true_random=False))
    def a_payment_comes_back(self, dice: Random) -> None:
        kinds = {
            entry.reference: entry for entry in self.bank.ledger.entries() if entry.kind in (Kind.BOOKED, Kind.RETURNED)
        }
        booked = sorted(reference for reference, entry in kinds.items() if entry.kind is Kind.BOOKED)
        if booked:
            reference = dice.choice(booked)
            self.bank.give_back(kinds[reference].partner, reference, "AC04")

    # The office

    @rule(some=st.integers(1, 5))
    def money_is_given(self, some: int) -> None:
        self.given += some * 600_000
        give(self.office, f"D-{self.given}", some)

    @rule(person=st.sampled_from(OFFICE))
    def somebody_plans(self, person: str) -> None:
        ani, self.office.staff["Ani"] = self.office.staff["Ani"], self.office.staff[person]
        try:
            self.office.plan()
            assert person == "Ani"
        except UnableToPlan:
            pass
        finally:
            self.office.staff["Ani"] = ani

    def open_release(self) -> Release | None:
        return next((each for each in releases(self.office.office.database) if not each.ended), None)

    @rule(person=st.sampled_from(OFFICE), right=st.sampled_from([True, True, False]))
    def somebody_approves(self, person: str, right: bool) -> None:
        planned = self.open_release()
        if planned:
            hashed = planned.list_hash if right else bytes(32)
            try:
                approve_release(
                    self.office.office, planned.number, hashed, by=self.office.staff[person], now=self.office.now
                )
                assert right
                assert person != "Ani"
            except UnableToApprove:
                pass

    @rule(person=st.sampled_from(["Ani", "Ani", "Budi"]))
    def somebody_runs(self, person: str) -> None:
        planned = self.open_release()
        if planned:
            try:
                run_release(self.office.office, planned.number, by=self.office.staff[person], now=self.office.now)
                assert person == "Ani"
                assert set(planned.approved_by) & {"Budi", "Citra"}
            except UnableToRun:
                pass

    @rule()
    def a_plan_is_withdrawn(self) -> None:
        planned = self.open_release()
        if planned:
            end_release(self.office.office, planned.number, how="WITHDRAWN", why="", by=self.office.staff["Ani"],
                        now=self.office.now)  # fmt: skip

    @rule(person=st.sampled_from(["Budi", "Citra"]))
    def a_release_goes_through(self, person: str) -> None:
        """What the steps above do, so that money moves in short histories too."""
        self.money_is_given(2)
        self.somebody_plans("Ani")
        self.somebody_approves(person, right=True)
        self.somebody_runs("Ani")

    # The rails

    @rule(fault=st.sampled_from(["", *FAULTS]), minutes=st.sampled_from([0, 45, 120]))
    def calls_are_made(self, fault: str, minutes: int) -> None:
        if fault:
            self.bank.switches.add({"fault": fault, "share": 0.5, "times": 3, "seconds": 60})
        call(self.office, self.bank, self.folder, timedelta(minutes=minutes))
        self.bank.switches.clear()

    @rule(carried=st.booleans())
    def files_are_written(self, carried: bool) -> None:
        self.desk += write_files(self.office)
        while carried and self.desk:
            self.said.append(carry_out(self.bank, BANK, self.desk.pop(0), self.folder).answers)

    @rule(fault=st.sampled_from(["", *FAULTS]))
    def a_day_of_work(self, fault: str) -> None:
        self.a_release_goes_through("Budi")
        self.calls_are_made(fault, minutes=45)
        self.files_are_written(carried=True)
        self.a_statement_comes(WALLET)
        self.a_statement_comes(BANK)

    @rule(partner=st.sampled_from([WALLET, BANK]))
    def a_statement_comes(self, partner: str) -> None:
        path = write_statement_of(self.bank, partner, jakarta_date(self.office.now), self.folder)
        self.said.append(path.rename(path.with_name(f"{partner}.{len(self.said)}.camt.053.xml")))
        self.what_was_said_is_settled()

    @rule()
    def what_was_said_is_settled(self) -> None:
        settle(self.office, self.folder, self.said)

    def _references(self) -> list[tuple[str, int, int]]:
        with self.office.office.database.connect() as connection:
            sql = "SELECT order_ref, attempt, amount_idr FROM payment_order ORDER BY transfer DESC LIMIT 3"
            return connection.execute(sql).fetchall()

    @precondition(lambda self: hasattr(self, "office"))
    @rule(defect=st.sampled_from(["amount", "attempt", "unknown", "credit", "currency"]))
    def a_statement_is_wrong(self, defect: str) -> None:
        """A statement of a bank that errs: none of its lines may settle anything."""
        lines = []
        for order_ref, attempt, amount in self._references():
            told: dict[str, object] = {"end_to_end_id": f"{order_ref}-{attempt}", "amount": amount, "currency": "IDR",
                                       "direction": Direction.DEBIT, "status": Status.BOOKED,
                                       "booked_on": jakarta_date(self.office.now)}  # fmt: skip
            told |= {"amount": {"amount": amount + 1}, "attempt": {"end_to_end_id": f"{order_ref}-{attempt + 1}"},
                     "unknown": {"end_to_end_id": f"CA0{order_ref[3:]}-{attempt}"}, "currency": {"currency": "USD"},
                     "credit": {"direction": Direction.CREDIT}}[defect]  # fmt: skip
            lines.append(SettlementLine(**told))  # type: ignore[arg-type]
        path = self.folder / f"{BANK}.{len(self.said)}.wrong.camt.053.xml"
        head = StatementHead(statement_id=path.name[:35], account="9000000001", day=jakarta_date(self.office.now),
                             created_at=self.office.now, opening_balance=10**12)  # fmt: skip
        with path.open("wb") as out:
            write_statement(lines, out, head=head)
        before = self._outcomes()
        self.said.append(path)
        settle(self.office, self.folder, [path])
        assert self._outcomes() == before

    @rule()
    def results_come(self) -> None:
        """Results that name another amount, another partner or an attempt that is none settle nothing."""
        before = self._outcomes()
        rows: list[dict[str, object]] = [
            {"order_ref": order_ref, "attempt": attempt + wrong, "status": "PAID", "amount_idr": amount + 1 - wrong,
             "occurred_at": self.office.now.isoformat()}
            for order_ref, attempt, amount in self._references() for wrong in (0, 1)
        ]  # fmt: skip
        path = (
            self.office.folder / f"results.{BANK}.{self.office.now:%Y%m%d}.{len(self.said)}{self.office.files}.ndjson"
        )
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        self.office.files += 1
        take_files(self.office.office, [path], received_at=self.office.now, now=self.office.now, progress=quiet)
        settle(self.office, self.folder, [])
        assert self._outcomes() == before

    # What always holds

    def _outcomes(self) -> dict[tuple[str, int], list[str]]:
        with self.office.office.database.connect() as connection:
            sql = "SELECT order_ref, attempt, array_agg(status ORDER BY status) FROM payment_outcome GROUP BY 1, 2"
            return {(row[0], row[1]): row[2] for row in connection.execute(sql).fetchall()}

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        """By the bank's own books; and what ours call paid, the bank has booked."""
        times, amounts, booked = Counter[str](), Counter[str](), set()
        for entry in self.bank.ledger.entries() if hasattr(self, "bank") else ():
            if entry.kind in (Kind.BOOKED, Kind.RETURNED):
                sign = 1 if entry.kind is Kind.BOOKED else -1
                name = entry.reference.rpartition("-")[0]
                times[name] += sign
                amounts[name] += sign * entry.amount_idr
                booked.add(entry.reference)
        assert not [name for name in times if times[name] not in (0, 1)]
        if hasattr(self, "office"):
            orders = self._orders()
            assert all(amounts[name] in (0, orders[name]) for name in times)
            assert {f"{ref}-{attempt}" for (ref, attempt), ends in self._outcomes().items() if "PAID" in ends} <= booked

    def _orders(self) -> dict[str, int]:
        with self.office.office.database.connect() as connection:
            return dict(
                connection.execute("SELECT order_ref, amount_idr FROM payment_order WHERE attempt = 1").fetchall()
            )

    @invariant()
    def the_laws_hold(self) -> None:
        if hasattr(self, "office"):
            assert check_invariants(self.office.office.database) == []

    @invariant()
    def totals_are_what_the_rows_add_up_to(self) -> None:
        if not hasattr(self, "office"):
            return
        orders, ends = self._orders(), self._outcomes()
        with self.office.office.database.connect() as connection:
            flying = connection.execute(
                "SELECT coalesce(sum(amount_idr), 0)::bigint FROM payment_order LEFT JOIN payment_outcome "
                "USING (order_ref, attempt) WHERE status IS NULL"
            ).fetchone()
        paid = sum(orders[ref] for (ref, _), statuses in ends.items() if "PAID" in statuses)
        returned = sum(orders[ref] for (ref, _), statuses in ends.items() if "RETURNED" in statuses)
        promised = sum(orders.values())
        told = totals(self.office.office.database, jakarta_date(self.office.now + timedelta(days=1))).get(LINE, {})
        assert told.get("appropriated", 0) == self.given
        assert told.get("available", 0) == self.given - promised >= 0
        assert (told.get("in_flight", 0), told.get("paid", 0), told.get("returned", 0)) == (*flying, paid, returned)
        assert told.get("payable", 0) == promised - paid + returned


def test_whatever_happens_in_whatever_order(tmp_path: Path) -> None:
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[WALLET, BANK], money=1) as made:
        Money.place = Place(tmp_path, made)
        run_state_machine_as_test(
            Money,
            settings=settings(
                max_examples=LONG or 3,
                stateful_step_count=50 if LONG else 15,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
            ),
        )
        assert Money.seen["histories"] > 0
        assert Money.seen["orders"] >= BEGUN * Money.seen["histories"]
        assert Money.seen["PAID"] >= Money.seen["histories"]
        sys.stdout.write(f"{dict(Money.seen)}\n")
