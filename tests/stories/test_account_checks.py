"""Accounts looked at when they are linked: asked about once, names never accepted for likeness alone, nobody paid."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.partners import read_configuration, write_client_profiles
from cair.channels.payments.rail import AccountAnswer
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.journeys.check_accounts import USELESS, AccountWorker, accounts_to_look_at, judge
from cair.journeys.explain import Language, explain_person
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason
from cair.rules.names import NameVerdict
from tests.stories.money import Programme, account, card, nik, open_bank, programme, quiet
from tests.stories.test_money_by_call import PARTNER, Line
from tests.stories.test_money_by_file import counted

PEOPLE = 10


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Programme]:
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[PARTNER]) as made:
        yield made


@pytest.fixture
def bank(tmp_path: Path, office: Programme) -> Iterator[Bank]:
    opened = open_bank(tmp_path / "bank", office.now)
    opened.ledger.register(
        (PARTNER, "", account(person), f"ORANG BAIK {chr(65 + person)}", "active") for person in range(PEOPLE)
    )
    yield opened
    opened.close()


def ask(office: Programme, bank: Bank, folder: Path, most: int | None = None) -> AccountWorker:
    write_client_profiles(folder, read_configuration(folder / "sandbox.toml"), base_url="http://bank.test")
    profile, keys = read_profile(folder / "partners" / PARTNER / "profile.toml")

    def wait(pause: timedelta) -> None:
        office.now += pause
        bank.set_clock(office.now)

    with SnapRail(profile, keys, transport=Line(bank)) as rail:
        worker = AccountWorker(office.office, rail, profile, office.clock, wait, most=most)
        worker.run(quiet)
    return worker


def counts(worker: AccountWorker) -> dict[str, int]:
    return dict(+Counter(worker.counts))


def kept(office: Programme) -> list[tuple[object, ...]]:
    with office.office.database.connect() as connection:
        return connection.execute(
            "SELECT card_number - %s, verdict, reason, sealed FROM account_check ORDER BY number", [int(card(0))]
        ).fetchall()


def test_every_linked_account_is_asked_about_once(office: Programme, bank: Bank, tmp_path: Path) -> None:
    bank.ledger.register([(PARTNER, "", account(0), "", "closed"), (PARTNER, "", account(1), "SITI LAIN", "active"),
                          (PARTNER, "", account(2), "ORANG BAIK", "active")])  # fmt: skip
    office.link(3, PARTNER, holder_nik=nik(4))
    bank.ledger.register([(PARTNER, "", account(3), "ORANG BAIX D", "active")])
    first = ask(office, bank, tmp_path / "bank", most=4)
    assert counts(first)["WAITING"] == PEOPLE - 4
    second = ask(office, bank, tmp_path / "bank")
    total = Counter(first.counts) + Counter(second.counts)
    assert {name: total[name] for name in ("REFUSED", "LOOK", "ACCEPTED")} == {
        "REFUSED": 2, "LOOK": 1, "ACCEPTED": PEOPLE - 3,
    }  # fmt: skip
    rows = kept(office)
    assert len(rows) == PEOPLE
    told = {person: (verdict, reason) for person, verdict, reason, _ in rows}
    assert told[0] == ("REFUSED", "ACCOUNT_CLOSED")
    assert told[2] == ("ACCEPTED", None), "the partner confirmed the NIK, and the name is cut short"
    assert told[3] == ("LOOK", "NAME_DIFFERS"), "a likeness alone accepts nothing"
    names = [office.office.vault.unseal_bytes("check", bytes(sealed)) for *_, sealed in rows if sealed]
    assert b"SITI LAIN" in names
    assert not any(b"SITI" in bytes(sealed) for *_, sealed in rows if sealed)
    assert counts(ask(office, bank, tmp_path / "bank")) == {}
    listed = accounts_to_look_at(office.office, partner="", limit=2)
    assert (listed["count"], len(listed["accounts"])) == (3, 2)
    assert not list(bank.ledger.entries(PARTNER)), "nobody was paid"
    assert counted(office)["DUE"] == PEOPLE - 1, "an inquiry decides nothing; another's NIK at the partner does"


def test_explain_tells_what_the_partner_said_until_it_reports_the_account_anew(
    office: Programme, bank: Bank, tmp_path: Path
) -> None:
    def told(person: int, lang: Language = "en") -> dict[str, object] | None:
        story = explain_person(office.office, card(person), office.now, lang=lang)
        accounts = story["accounts"]
        assert isinstance(accounts, list)
        assert all("account_ref" not in row for row in accounts)
        return accounts[-1]["check"]  # type: ignore[no-any-return]

    bank.ledger.register([(PARTNER, "", account(0), "", "closed"), (PARTNER, "", account(1), "SITI LAIN", "active")])
    before = office.now
    assert told(0) is None, "nobody has asked"
    office.pass_(days=1)
    bank.set_clock(office.now)
    ask(office, bank, tmp_path / "bank")
    refused = told(0)
    assert refused
    assert (refused["verdict"], refused["reason"]) == ("REFUSED", "ACCOUNT_CLOSED")
    assert "nobody can be paid there: your account or e-wallet is closed; please link another" in str(
        refused["sentence"]
    )
    assert "SITI" not in str(told(1))
    assert "rekening atau dompet elektronik Anda sudah ditutup" in str((told(0, "id") or {})["sentence"])
    accepted = told(5)
    assert accepted
    assert (accepted["verdict"], accepted["reason"]) == ("ACCEPTED", None)
    then = explain_person(office.office, card(0), before, lang="en")
    assert then["accounts"][-1]["check"] is None, "as of then nobody had asked"  # type: ignore[index]
    office.pass_(days=1)
    office.link(0, PARTNER)
    office.link(5, PARTNER)
    assert told(0) is None, "the partner has reported it anew"
    assert told(5) == accepted, "what was accepted stays accepted"


def test_what_was_refused_is_asked_about_again_after_a_newer_report(
    office: Programme, bank: Bank, tmp_path: Path
) -> None:
    bank.ledger.register([(PARTNER, "", account(0), "", "closed")])
    ask(office, bank, tmp_path / "bank")
    office.pass_(days=1)
    bank.set_clock(office.now)
    assert counts(ask(office, bank, tmp_path / "bank")) == {}
    bank.ledger.register([(PARTNER, "", account(0), "ORANG BAIK A", "active")])
    for person in (0, 5):
        office.link(person, PARTNER)
    office.link(6, PARTNER, "71234567")
    bank.ledger.register([(PARTNER, "", "71234567", "ORANG BAIK G", "active")])
    assert counts(ask(office, bank, tmp_path / "bank")) == {"ACCEPTED": 2}, "the mended one and the new one"
    assert accounts_to_look_at(office.office, partner=PARTNER, limit=9)["count"] == 0


def test_a_partner_that_does_not_answer_is_left_alone(tmp_path: Path) -> None:
    with programme(tmp_path / "home", tmp_path / "files", people=USELESS + 2, partners=[PARTNER]) as office:
        bank = open_bank(tmp_path / "bank", office.now)
        try:
            bank.switches.add({"fault": "drop_before", "partner": PARTNER})
            first = ask(office, bank, tmp_path / "bank")
            assert counts(first) == {"NO_ANSWER": USELESS, "WAITING": 2}
            assert first.stopped == "NO_ANSWER"
            bank.switches.clear()
            assert counts(ask(office, bank, tmp_path / "bank"))["REFUSED"] == 2, "the others come again in an hour"
            office.pass_(hours=2)
            bank.set_clock(office.now)
            assert counts(ask(office, bank, tmp_path / "bank"))["REFUSED"] == USELESS
        finally:
            bank.close()


@pytest.mark.parametrize(
    ("answer", "confirmed", "verdict"),
    [
        (AccountAnswer(certain=False, code="X"), True, None),
        (AccountAnswer(certain=True, code="X"), True, NameVerdict.LOOK),
        (AccountAnswer(certain=True, code="X", reason=BankReason.ACCOUNT_BLOCKED), True, NameVerdict.REFUSED),
        (AccountAnswer(certain=True, code="X", reason=BankReason.LIMIT_REACHED), True, NameVerdict.LOOK),
        (AccountAnswer(certain=True, code="X", holder_name=Secret("name", "BUDI SANTOSA")), False, NameVerdict.LOOK),
        (
            AccountAnswer(certain=True, code="X", holder_name=Secret("name", "SANTOSO, BUDI")),
            False,
            NameVerdict.ACCEPTED,
        ),
        (AccountAnswer(certain=True, code="X", holder_name=Secret("name", "ANI LESTARI")), True, NameVerdict.REFUSED),
    ],
)
def test_what_an_answer_is_worth(answer: AccountAnswer, confirmed: bool, verdict: NameVerdict | None) -> None:
    assert judge(answer, "Budi Santoso", nik_confirmed=confirmed)[0] is verdict
