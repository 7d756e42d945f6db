"""Paid by calls to the sandbox: nothing sent twice, whatever is answered, dropped or forgotten, wherever it stops."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.files import write_statement_of
from cair.channels.bank_sandbox.ledger import Kind
from cair.channels.bank_sandbox.partners import read_configuration, write_client_profiles
from cair.channels.bank_sandbox.server import Application
from cair.channels.payments.rail import Action
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.channels.payments.steps import Call, Deed, next_deed
from cair.journeys.pay_by_call import Worker
from cair.journeys.verify import money_holds
from tests.stories.money import START, Programme, account, jakarta_date, open_bank, programme, quiet, release_some
from tests.stories.test_money_by_file import counted, settle, states

PARTNER = "dompet-pandan"
PEOPLE = 12


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Programme]:
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[PARTNER]) as made:
        made.release()
        yield made


@pytest.fixture
def bank(tmp_path: Path, office: Programme) -> Iterator[Bank]:
    opened = open_bank(tmp_path / "bank", office.now)
    opened.ledger.register(
        (PARTNER, "", account(person), f"ORANG BAIK {chr(65 + person)}", "active") for person in range(PEOPLE)
    )
    yield opened
    opened.close()


class Line(httpx.BaseTransport):
    """A line to the bank's own application; where that breaks off, the line does."""

    def __init__(self, bank: Bank) -> None:
        self._plain = httpx.WSGITransport(app=Application(bank, "none"))  # type: ignore[arg-type]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._plain.handle_request(request)
            response.read()
        except ConnectionAbortedError:
            raise httpx.ReadError("broken off") from None
        return response


def worker(office: Programme, bank: Bank, folder: Path) -> Worker:
    write_client_profiles(folder, read_configuration(folder / "sandbox.toml"), base_url="http://bank.test")
    profile, keys = read_profile(folder / "partners" / PARTNER / "profile.toml")
    rail = SnapRail(profile, keys, transport=Line(bank))

    def wait(pause: timedelta) -> None:
        office.now += pause
        bank.set_clock(office.now)

    return Worker(
        office.office, rail, profile, office.clock, wait, patience=timedelta(hours=2), lease=timedelta(hours=1)
    )


def paid_by_bank(bank: Bank) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in bank.ledger.entries(PARTNER):
        if entry.kind is Kind.BOOKED:
            found[entry.account] = found.get(entry.account, 0) + 1
    return found


def test_all_paid_once_and_proved_by_the_statement(office: Programme, bank: Bank, tmp_path: Path) -> None:
    bank.ledger.register([(PARTNER, "", account(0), "", "closed"), (PARTNER, "", account(1), "SITI LAIN", "active"),
                          (PARTNER, "", account(2), "", "fraud")])  # fmt: skip
    at_work = worker(office, bank, tmp_path / "bank")
    at_work.run(quiet)
    assert paid_by_bank(bank) == {account(person): 1 for person in range(3, PEOPLE)}
    found = states(office)
    assert found[0] == ("FAILED", "ACCOUNT_CLOSED")
    assert found[1] == ("FAILED", "NAME_DIFFERS")
    assert found[2] == ("RELEASED", "")
    assert counted(office)["SENT"] == PEOPLE - 3
    office.pass_(hours=1)
    bank.set_clock(office.now)
    statement = write_statement_of(bank, PARTNER, jakarta_date(office.now), tmp_path)
    assert settle(office, statement)[statement.name] == {"PAID": PEOPLE - 3}
    assert counted(office)["PAID"] == PEOPLE - 3
    worker(office, bank, tmp_path / "bank").run(quiet)
    assert paid_by_bank(bank) == {account(person): 1 for person in range(3, PEOPLE)}
    assert money_holds(office.office).holds, money_holds(office.office).told


FAULTS = ["drop_before", "drop_after", "error_before", "error_after", "garbled", "in_progress", "too_many"]


def test_each_fault_ends_with_everybody_paid_once(tmp_path: Path) -> None:
    faults = [*FAULTS, "token_refused"]
    some = 3
    with programme(
        tmp_path / "home", tmp_path / "files", people=some * len(faults), partners=[PARTNER], money=1
    ) as office:
        bank = open_bank(tmp_path / "bank", office.now)
        bank.ledger.register(
            (PARTNER, "", account(person), f"ORANG BAIK {chr(65 + person % 26)}", "active")
            for person in range(some * len(faults))
        )
        expected: dict[str, int] = {}
        for fault in faults:
            people = release_some(office, some)
            expected |= {account(person): 1 for person in people}
            bank.switches.add({"fault": fault, "service": "38", "share": 0.8, "times": 2, "seconds": 20})
            for _ in range(3):
                worker(office, bank, tmp_path / "bank").run(quiet)
                office.pass_(hours=2)
                bank.set_clock(office.now)
            bank.switches.clear()
            assert paid_by_bank(bank) == expected, fault
        bank.close()


def test_a_forgetful_inquiry_does_not_send_again_within_the_quiet_period(
    office: Programme, bank: Bank, tmp_path: Path
) -> None:
    bank.switches.add({"fault": "drop_after", "service": "38"})
    bank.switches.add({"fault": "not_found", "service": "39", "times": 3 * PEOPLE})
    at_work = worker(office, bank, tmp_path / "bank")
    at_work.patience = timedelta(minutes=10)
    at_work.run(quiet)
    calls = [line for line in bank.ledger.calls() if line["service"] == "38"]
    assert len(calls) == PEOPLE


def test_a_worker_that_slept_sends_nothing_any_more(office: Programme, bank: Bank, tmp_path: Path) -> None:
    slow, quick = worker(office, bank, tmp_path / "bank"), worker(office, bank, tmp_path / "bank")
    held = slow._claim()
    assert len(held) == PEOPLE
    quick.run(quiet)
    assert paid_by_bank(bank) == {}
    office.pass_(hours=1)  # the slow one sleeps beyond its lease
    quick.run(quiet)
    slow._carry_out(held)
    assert slow.stopped
    assert paid_by_bank(bank) == {account(person): 1 for person in range(PEOPLE)}


MINUTE = timedelta(minutes=1)


def called(deed: Deed, minutes: int, action: Action | None) -> Call:
    return Call(deed, str(minutes), START + minutes * MINUTE, action)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], Deed.CHECK),
        ([called(Deed.CHECK, 0, Action.RESEND_ALLOWED)], Deed.SEND),
        ([called(Deed.CHECK, 0, Action.HELD)], Deed.CASE),
        ([called(Deed.SEND, 0, None)], Deed.ASK),
        ([called(Deed.SEND, 0, Action.BOOKED)], Deed.REST),
        ([called(Deed.SEND, 0, Action.ALARM)], Deed.CASE),
        ([called(Deed.SEND, 0, Action.CONFIRM)], Deed.ASK),
        ([called(Deed.SEND, 0, Action.REFUSED)], Deed.ASK),
        ([called(Deed.SEND, 0, Action.SLOW_DOWN)], Deed.SEND),
        # A clear no to a call says nothing about an earlier one that was not answered.
        ([called(Deed.SEND, 0, None), called(Deed.SEND, 1, Action.SLOW_DOWN)], Deed.ASK),
        ([called(Deed.SEND, 0, None), called(Deed.ASK, 1, Action.ASK_STATUS)], Deed.ASK),
        ([called(Deed.SEND, 0, None), called(Deed.ASK, 20, Action.RESEND_ALLOWED)], Deed.SEND),
        ([called(Deed.SEND, -2_000, None), called(Deed.ASK, 0, Action.RESEND_ALLOWED)], Deed.ASK),
        ([called(Deed.SEND, -2_000, None), called(Deed.ASK, 0, Action.ASK_PERSON)], Deed.CASE),
    ],
)
def test_what_comes_next(calls: list[Call], expected: Deed) -> None:
    now: datetime = START + 30 * MINUTE
    assert next_deed(calls, "CA1-1", now=now)[0] is expected
