"""What comes before a sending when the record may have a gap, when a partner knows too much, when a call left late."""

from datetime import timedelta
from pathlib import Path

import pytest

from cair.channels.bank_sandbox.books import Wanted
from cair.channels.bank_sandbox.partners import read_configuration, write_client_profiles
from cair.channels.payments.rail import Action
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.channels.payments.steps import Call, Deed, Gap, next_deed
from cair.journeys.pay_by_call import Worker
from tests.reliability.trial import BANK, PEOPLE, WALLET
from tests.stories.money import START, account, open_bank, programme, quiet, release_some
from tests.stories.test_money_by_call import Line

MINUTE = timedelta(minutes=1)
LOST = START + 10 * MINUTE
NO, YES = Action.RESEND_ALLOWED, Action.BOOKED


def called(deed: Deed, minutes: int, action: Action | None) -> Call:
    return Call(deed, str(minutes), START + minutes * MINUTE, action)


@pytest.mark.parametrize(
    ("calls", "waits", "expected"),
    [
        ([], True, Deed.ASK),
        ([], False, Deed.ASK),
        ([called(Deed.ASK, 11, Action.ASK_STATUS)], False, Deed.ASK),
        ([called(Deed.ASK, 11, NO)], True, Deed.WAIT),
        ([called(Deed.ASK, 11, NO)], False, Deed.CHECK),
        ([called(Deed.ASK, 11, NO), called(Deed.CHECK, 12, NO)], False, Deed.SEND),
        ([called(Deed.ASK, 11, YES)], False, Deed.REST),
        ([called(Deed.ASK, 11, Action.ASK_PERSON)], False, Deed.CASE),
        # What was known before the gap says nothing about it.
        ([called(Deed.CHECK, 1, NO)], False, Deed.ASK),
        ([called(Deed.CHECK, 1, NO), called(Deed.SEND, 2, Action.SLOW_DOWN)], False, Deed.ASK),
        ([called(Deed.SEND, 1, None), called(Deed.ASK, 9, NO)], False, Deed.ASK),
        ([called(Deed.SEND, 1, None), called(Deed.ASK, 11, NO)], False, Deed.SEND),
        # After the first sending that is on record again all is as ever.
        ([called(Deed.ASK, 11, NO), called(Deed.CHECK, 12, NO), called(Deed.SEND, 13, YES)], False, Deed.REST),
    ],
)
def test_what_comes_after_a_gap(calls: list[Call], waits: bool, expected: Deed) -> None:
    now = START + 60 * MINUTE
    assert next_deed(calls, "CA1-1", now=now, gap=Gap(LOST, waits))[0] is expected


def test_a_partner_that_knows_a_payment_before_it_was_sent_stops_its_rail(tmp_path: Path) -> None:
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[WALLET, BANK], money=1) as office:
        release_some(office, 4)
        bank = open_bank(tmp_path / "bank", office.now)
        with office.office.database.connect() as connection:
            refs = connection.execute("SELECT order_ref, card_number FROM payment_order").fetchall()
        wanted = [Wanted(reference=f"{ref}-1", service="17", amount_idr=600_000, account=account(card % 1_000))
                  for ref, card in refs]  # fmt: skip
        list(bank.take_batch(BANK, wanted))
        write_client_profiles(tmp_path / "bank", read_configuration(tmp_path / "bank" / "sandbox.toml"),
                              base_url="http://bank.test")  # fmt: skip
        bank.ledger.register((BANK, "", account(person), f"ORANG BAIK {chr(65 + person)}", "active")
                             for person in range(PEOPLE))  # fmt: skip
        profile, keys = read_profile(tmp_path / "bank" / "partners" / BANK / "profile.toml")
        rail = SnapRail(profile, keys, transport=Line(bank))
        worker = Worker(office.office, rail, profile, office.clock, quiet)
        worker.run(quiet)
        assert worker.stopped == "KNOWN_BEFORE_IT_WAS_SENT"
        assert [call["service"] for call in bank.ledger.calls()].count("17") == 1
        bank.close()


def test_quiet_is_counted_from_when_a_call_may_have_left(tmp_path: Path) -> None:
    """A call leaves up to a lease after it was put on record, and "not found" proves nothing before it can be there."""
    lease = 20 * MINUTE
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[WALLET, BANK], money=1) as office:
        release_some(office, 2)
        bank = open_bank(tmp_path / "bank", office.now)
        bank.ledger.register((WALLET, "", account(person), f"ORANG BAIK {chr(65 + person)}", "active")
                             for person in range(PEOPLE))  # fmt: skip
        bank.switches.add({"fault": "drop_before", "service": "38", "times": 1})
        write_client_profiles(tmp_path / "bank", read_configuration(tmp_path / "bank" / "sandbox.toml"),
                              base_url="http://bank.test")  # fmt: skip
        profile, keys = read_profile(tmp_path / "bank" / "partners" / WALLET / "profile.toml")
        rail = SnapRail(profile, keys, transport=Line(bank))

        def wait(pause: timedelta) -> None:
            bank.set_clock(office.pass_(microseconds=pause // timedelta(microseconds=1)))

        for _ in range(6):
            Worker(office.office, rail, profile, office.clock, wait, patience=lease, lease=lease).run(quiet)
            wait(lease)
        with office.office.database.connect() as connection:
            sent = connection.execute("SELECT begun_at FROM sending WHERE kind = 'SEND' ORDER BY number").fetchall()
        assert len(sent) == 2
        assert sent[1][0] - sent[0][0] >= profile.quiet_period + lease
        bank.close()
