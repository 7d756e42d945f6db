"""Those who do not buy, from door to decree: a plan, another's approval, a run that is stopped anywhere, an appeal."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import cair.journeys.revoke as journey
from cair.journeys.explain import explain_person
from cair.journeys.hold import add_hold
from cair.journeys.reconcile import reconcile_now
from cair.journeys.revoke import (
    UnableToRestore,
    approve_revocation,
    plan_revocation,
    restore,
    run_revocation,
)
from cair.journeys.take_evidence import take_files
from cair.rules.release import Role
from cair.store.database import UnableToUseDatabase, without_values
from cair.store.office import Office
from cair.store.records.revocations import UnableToApproveRevocation, UnableToPlanRevocation, UnableToRevoke
from cair.store.records.staff import Actor
from tests.stories.test_conformance import fresh_office, quiet

ANI = Actor("Ani", frozenset({Role.OFFICER}))
BUDI = Actor("Budi", frozenset({Role.CHECKER}))
START = datetime(2020, 7, 1, 3, tzinfo=UTC)
"""After the last buying day, 10 May 2020, of those appointed on 11 April."""
CARDS = {name: f"4000000000000{number:03d}" for number, name in enumerate(
    ("delivered", "thrice", "twice", "one_channel", "silent", "untold", "held", "bought", "late"), 1)}  # fmt: skip
_APPOINTED = {
    "full_name": "Siti Aminah", "birth_date": "1990-02-03", "sex": "P", "region_code": "31.71", "wave": 1,
    "appointed_on": "2020-04-11", "rulebook": "semi-bansos-2020",
}  # fmt: skip


def lines(folder: Path, name: str, rows: list[dict[str, object]]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def people() -> list[dict[str, object]]:
    rows = [
        _APPOINTED | {
            "card_number": card, "nik": f"31710{number:011d}", "phone": f"0812000000{number:02d}",
            "email": f"siti{number}@example.org",
        }
        for number, card in enumerate(CARDS.values(), 1)
    ]  # fmt: skip
    rows[-1]["appointed_on"] = "2020-06-20"
    return rows


def messages() -> list[dict[str, object]]:
    told = [
        ("delivered", "sms", "delivered"), ("thrice", "sms", "failed"), ("thrice", "sms", "failed"),
        ("thrice", "email", "bounced"), ("twice", "sms", "failed"), ("twice", "email", "bounced"),
        ("one_channel", "sms", "failed"), ("one_channel", "sms", "failed"), ("one_channel", "sms", "failed"),
        ("silent", "sms", "sent"), ("held", "sms", "opened"), ("bought", "sms", "opened"), ("late", "sms", "opened"),
    ]  # fmt: skip
    return [
        {
            "message_ref": f"M{number}", "card_number": CARDS[name], "channel": channel, "status": status,
            "occurred_at": "2020-06-21T00:00:00Z",
        }
        for number, (name, channel, status) in enumerate(told)
    ]  # fmt: skip


def purchase(name: str, number: int) -> dict[str, object]:
    return {
        "invoice_code": f"INV{number}", "card_number": CARDS[name], "course_code": "C1", "amount_idr": 100_000,
        "redeem_code": f"R{number}", "status": "SUCCESS", "occurred_at": "2020-04-20T00:00:00Z",
    }  # fmt: skip


@dataclass
class House:
    """An office with the people above, and a folder for what comes in later."""

    office: Office
    folder: Path

    def take(self, name: str, rows: list[dict[str, object]], now: datetime) -> None:
        """Take a file in."""
        path = lines(self.folder, name, rows)
        taken = take_files(self.office, [path], received_at=now, now=now, progress=quiet)
        assert sum(taken.files[0].counts.values()) == taken.files[0].counts["accepted"] == len(rows)

    def plan(self, now: datetime, **wishes: Path) -> dict[str, object]:
        """Plan as Ani."""
        listed_in = wishes.get("listed_in")
        return plan_revocation(self.office, now, by=ANI, now=now, listed_in=listed_in, announce=quiet)

    def approve(self, planned: dict[str, object], now: datetime) -> None:
        """Approve as Budi."""
        approve_revocation(self.office, planned["plan"], bytes.fromhex(planned["list_hash"]), by=BUDI, now=now)

    def decrees(self) -> list[tuple[str, int]]:
        """What the database has."""
        with self.office.database.connect() as connection:
            return connection.execute(
                "SELECT revocation_ref, card_number FROM revocations WHERE status = 'REVOKED' ORDER BY 2"
            ).fetchall()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "in"
    folder.mkdir()
    with fresh_office(tmp_path / "home") as office:
        opened = House(office, folder)
        opened.take("appointments.pmo.20200620.ndjson", people(), START - timedelta(days=9))
        opened.take("messages.aria.20200622.ndjson", messages(), START - timedelta(days=8))
        opened.take("purchases.toko.20200622.ndjson", [purchase("bought", 1)], START - timedelta(days=8))
        add_hold(
            office, scope="person", value=CARDS["held"], owner="legal", reason=None, expected_end=None, reference="H1",
            now=START - timedelta(days=7),
        )  # fmt: skip
        yield opened


def test_revoked_by_two_people_however_often_it_is_stopped(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = house.plan(START, listed_in=tmp_path / "list.csv")
    assert planned["not_bought"] == 8
    assert planned["by_proof"] == {"DELIVERED": 1, "FAILED_THREE_TIMES": 1}
    assert planned["not_revocable"] == {
        "DEADLINE_AHEAD": 1, "FEW_ATTEMPTS": 1, "HELD": 1, "NO_MESSAGE": 1, "NO_RECEIPT": 1, "ONE_CHANNEL": 1,
    }  # fmt: skip
    with (tmp_path / "list.csv").open(newline="") as file:
        told = {row["card_number"]: row["obstacle"] or row["proof"] for row in csv.DictReader(file)}
    assert told[CARDS["one_channel"]] == "ONE_CHANNEL"
    assert CARDS["bought"] not in told
    assert not house.decrees()
    with pytest.raises(UnableToRevoke, match="not approved"):
        run_revocation(house.office, planned["plan"], by=ANI, now=START, announce=quiet)
    house.approve(planned, START + timedelta(minutes=1))
    monkeypatch.setattr(journey, "PART", 1)
    returned: list[int] = []

    def stop(cards: list[int], _: datetime) -> None:
        returned.extend(cards)
        raise KeyboardInterrupt

    now = START + timedelta(minutes=2)
    with pytest.raises(KeyboardInterrupt):
        run_revocation(house.office, planned["plan"], by=ANI, now=now, announce=quiet, return_money=stop)
    assert len(house.decrees()) == len(returned) == 1
    later = now + timedelta(days=1)
    again = run_revocation(house.office, planned["plan"], by=ANI, now=later, announce=quiet)
    assert (again["revoked"], again["revoked_before"]) == (1, 1)
    once_more = run_revocation(house.office, planned["plan"], by=ANI, now=later, announce=quiet)
    assert (once_more["revoked"], once_more["revoked_before"]) == (0, 2)
    assert [card for _, card in house.decrees()] == [int(CARDS["delivered"]), int(CARDS["thrice"])]
    assert not list((house.office.home / "outbox").iterdir())
    reconcile_now(house.office, later, full=True, announce=quiet)
    story = explain_person(house.office, CARDS["delivered"], later, lang="en")
    assert (story["decision"]["state"], story["decision"]["since"]) == ("CLOSED", "2020-07-01T03:02:00Z")


def test_an_appeal_gives_the_days_back(house: House) -> None:
    planned = house.plan(START)
    house.approve(planned, START)
    run_revocation(house.office, planned["plan"], by=ANI, now=START, announce=quiet)
    later = START + timedelta(days=10)
    restored = restore(house.office, CARDS["thrice"], reason="was in hospital", now=later)
    assert restored["buy_by"] == "2020-05-20"
    with pytest.raises(UnableToRestore):
        restore(house.office, CARDS["thrice"], reason="again", now=later)
    story = explain_person(house.office, CARDS["thrice"], later, lang="en")
    assert story["decision"]["reason"] == "NOT_BOUGHT"


def test_what_changed_since_voids_the_approval(house: House) -> None:
    planned = house.plan(START)
    house.approve(planned, START)
    later = START + timedelta(hours=1)
    house.take("purchases.toko.20200702.ndjson", [purchase("delivered", 2)], later)
    with pytest.raises(UnableToRevoke, match="1 BOUGHT_OR_REVOKED"):
        run_revocation(house.office, planned["plan"], by=ANI, now=later, announce=quiet)
    add_hold(
        house.office, scope="all", value=None, owner="legal", reason=None, expected_end=None, reference="H2", now=later
    )
    with pytest.raises(UnableToRevoke, match="1 HELD"):
        run_revocation(house.office, planned["plan"], by=ANI, now=later, announce=quiet)
    assert not house.decrees()


def test_nobody_approves_his_own_or_another_list(house: House) -> None:
    planned = house.plan(START)
    number, hashed = planned["plan"], bytes.fromhex(planned["list_hash"])
    with pytest.raises(UnableToPlanRevocation):
        plan_revocation(house.office, START, by=BUDI, now=START, listed_in=None, announce=quiet)
    for by, told in (
        (ANI, "what he planned"),
        (Actor("Citra", frozenset({Role.AUDITOR})), "approved by"),
    ):
        with pytest.raises(UnableToApproveRevocation, match=told):
            approve_revocation(house.office, number, hashed, by=by, now=START)
    with pytest.raises(UnableToApproveRevocation, match="another list"):
        approve_revocation(house.office, number, bytes(32), by=BUDI, now=START)
    with house.office.database.connect() as connection:
        connection.execute(
            "INSERT INTO revocation_item (plan, position, card_number, reach, last_day, proof) "
            "VALUES (%s, 3, %s, 'TRIED', '2020-05-10', 'DELIVERED')",
            [number, int(CARDS["held"])],
        )
    with pytest.raises(UnableToApproveRevocation, match="not what its hash says"):
        approve_revocation(house.office, number, hashed, by=BUDI, now=START)
    for statement in (
        "UPDATE revocation_plan SET people = 1",
        "INSERT INTO revocation_run VALUES (1, now(), 'Ani')",
        "INSERT INTO revocation_approval SELECT number, list_hash, planned_by, planned_by, '', now() FROM revocation_plan",
    ):
        with pytest.raises(UnableToUseDatabase), without_values(), house.office.database.connect() as connection:
            connection.execute(statement)
