"""Those who do not buy, from door to decree: a plan, another's approval, a run that is stopped anywhere, an appeal."""

import csv
import hashlib
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

import cair.journeys.revoke as journey
from cair.channels.messages.files import MessageFiles
from cair.channels.messages.messenger import Messenger, UnableToSendMessages
from cair.channels.messages.smtp import Mail, Server
from cair.journeys.explain import explain_person
from cair.journeys.hold import add_hold
from cair.journeys.reach_out import plan_campaign, send_campaign
from cair.journeys.reconcile import reconcile_now
from cair.journeys.revoke import (
    UnableToRestore,
    approve_revocation,
    plan_revocation,
    restore,
    run_revocation,
)
from cair.journeys.take_evidence import take_files
from cair.kernel.days import instant_of
from cair.rules.outreach import DESTINATIONS
from cair.rules.release import Role
from cair.store import segments
from cair.store.database import Database, UnableToUseDatabase, without_values
from cair.store.office import Office
from cair.store.queries.revocable import revocable
from cair.store.records.revocations import UnableToApproveRevocation, UnableToPlanRevocation, UnableToRevoke
from cair.store.records.staff import Actor
from cair.store.stories import is_held_out
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


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The house that each test gets a copy of."""
    folder = tmp_path_factory.mktemp("in")
    with fresh_office(tmp_path_factory.mktemp("home")) as office:
        opened = House(office, folder)
        opened.take("appointments.pmo.20200620.ndjson", people(), START - timedelta(days=9))
        opened.take("messages.aria.20200622.ndjson", messages(), START - timedelta(days=8))
        opened.take("purchases.toko.20200622.ndjson", [purchase("bought", 1)], START - timedelta(days=8))
        add_hold(
            office, scope="person", value=CARDS["held"], owner="legal", reason=None, expected_end=None, reference="H1",
            now=START - timedelta(days=7),
        )  # fmt: skip
        yield opened


@pytest.fixture
def house(pattern: House, tmp_path: Path) -> House:
    given = pattern.office.database
    name = f"test_{uuid.uuid4().hex}"
    with Database(given.parameters | {"dbname": "postgres"}, is_embedded=True).connect(autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {given.parameters['dbname']}")
    database = Database(given.parameters | {"dbname": name}, is_embedded=True)
    return House(Office(tmp_path / "home", database, pattern.office.keys), tmp_path)


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
        run_revocation(house.office, planned["plan"], by=ANI, clock=lambda: START, announce=quiet)
    house.approve(planned, START + timedelta(minutes=1))
    monkeypatch.setattr(journey, "PART", 1)
    returned: list[int] = []

    def stop(cards: list[int], _: datetime) -> None:
        returned.extend(cards)
        raise KeyboardInterrupt

    now = START + timedelta(minutes=2)
    with pytest.raises(KeyboardInterrupt):
        run_revocation(house.office, planned["plan"], by=ANI, clock=lambda: now, announce=quiet, return_money=stop)
    assert len(house.decrees()) == len(returned) == 1
    later = now + timedelta(days=1)
    again = run_revocation(house.office, planned["plan"], by=ANI, clock=lambda: later, announce=quiet)
    assert (again["revoked"], again["revoked_before"]) == (1, 1)
    once_more = run_revocation(house.office, planned["plan"], by=ANI, clock=lambda: later, announce=quiet)
    assert (once_more["revoked"], once_more["revoked_before"]) == (0, 2)
    assert [card for _, card in house.decrees()] == [int(CARDS["delivered"]), int(CARDS["thrice"])]
    assert not list((house.office.home / "outbox").iterdir())
    reconcile_now(house.office, later, full=True, announce=quiet)
    story = explain_person(house.office, CARDS["delivered"], later, lang="en")
    assert (story["decision"]["state"], story["decision"]["since"]) == ("CLOSED", "2020-07-01T03:02:00Z")


def test_an_appeal_gives_the_days_back(house: House) -> None:
    planned = house.plan(START)
    house.approve(planned, START)
    run_revocation(house.office, planned["plan"], by=ANI, clock=lambda: START, announce=quiet)
    later = START + timedelta(days=10)
    restored = restore(house.office, CARDS["thrice"], reason="was in hospital", by=BUDI, now=later)
    assert restored["buy_by"] == "2020-05-20"
    with pytest.raises(UnableToRestore):
        restore(house.office, CARDS["thrice"], reason="again", by=BUDI, now=later)
    story = explain_person(house.office, CARDS["thrice"], later, lang="en")
    assert story["decision"]["reason"] == "NOT_BOUGHT"


def test_what_changed_since_voids_the_approval(house: House) -> None:
    planned = house.plan(START)
    house.approve(planned, START)
    later = START + timedelta(hours=1)
    house.take("purchases.toko.20200702.ndjson", [purchase("delivered", 2)], later)
    with pytest.raises(UnableToRevoke, match="1 BOUGHT_OR_REVOKED"):
        run_revocation(house.office, planned["plan"], by=ANI, clock=lambda: later, announce=quiet)
    add_hold(
        house.office, scope="all", value=None, owner="legal", reason=None, expected_end=None, reference="H2", now=later
    )
    with pytest.raises(UnableToRevoke, match="1 HELD"):
        run_revocation(house.office, planned["plan"], by=ANI, clock=lambda: later, announce=quiet)
    assert not house.decrees()


def test_many_buckets_give_what_one_gives(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = revocable(house.office, instant_of(START), announce=quiet)
    monkeypatch.setattr(segments, "PEOPLE_PER_BUCKET", 2)
    cut = Office(tmp_path / "cut", house.office.database, house.office.keys)
    assert revocable(cut, instant_of(START), announce=quiet).to_pylist() == whole.to_pylist()
    assert whole["is_held_out"].to_pylist() == [held_out(name) for name in CARDS if name != "bought"]


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


class MailServer(threading.Thread):
    """Speaks enough SMTP to take mail, refuses addresses that begin with `siti4`, and can hang up after some mails."""

    def __init__(self, *, hangs_up_after: int) -> None:
        super().__init__(daemon=True)
        self.taken: list[str] = []
        self._left = hangs_up_after
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.start()

    def run(self) -> None:
        """Serve one connection after the other."""
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, connection.makefile("rwb") as stream:
                    self._serve(stream)

    def _serve(self, stream: BinaryIO) -> None:
        def answer(told: str) -> None:
            stream.write(f"{told}\r\n".encode())
            stream.flush()

        answer("220 here")
        while line := stream.readline().decode().strip():
            if line.upper().startswith("DATA"):
                if not self._left:
                    return
                answer("354 go on")
                body = b"".join(iter(stream.readline, b".\r\n"))
                self.taken.append(body.decode())
                self._left -= 1
                answer("250 taken")
            elif line.upper().startswith("QUIT"):
                answer("221 bye")
                return
            else:
                answer("550 <siti4@example.org> nobody" if "<siti4" in line else "250 fine")

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def campaign(house: House, now: datetime) -> dict[str, object]:
    return plan_campaign(house.office, now, by=ANI, lang="id", now=now, announce=quiet)


def send(house: House, planned: dict[str, object], messenger: Messenger, now: datetime) -> dict[str, object]:
    number = planned["campaign"]
    return send_campaign(house.office, number, messenger, by=ANI, lang="id", clock=lambda: now, announce=quiet)


def held_out(name: str) -> bool:
    return is_held_out(hashlib.sha256(CARDS[name].encode()).hexdigest()[:8])


def test_files_for_a_partner_are_the_same_again_and_nobody_gets_two(house: House, tmp_path: Path) -> None:
    planned = campaign(house, START)
    out = sum(held_out(name) for name in CARDS if name != "bought")
    assert (planned["not_bought"], planned["held_out"]) == (8, out)
    assert sum(row["people"] for row in planned["classes"]) == 8
    unreachable = next(row for row in planned["classes"] if row["class"] == "UNREACHABLE")
    assert set(unreachable["channels"]) <= {"whatsapp"}
    assert set(unreachable["last_day"]) == {"passed"}
    house.take("purchases.toko.20200702.ndjson", [purchase("late", 2)], START + timedelta(hours=1))
    files = MessageFiles(tmp_path / "out", title="o", form="csv", carries=frozenset(DESTINATIONS))
    now = START + timedelta(hours=2)
    sent = send(house, planned, files, now)
    begun = 7 - out + held_out("late")
    assert sent["begun"] == sum(files.written.values()) == begun
    contents = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "out").iterdir())
    told = b"".join(contents.values()).decode()
    assert not any(card in told for card in CARDS.values())
    assert held_out("untold") or (CARDS["untold"][-2:] and "081200000006" in told)
    assert "081200000009" not in told, "whoever has bought since gets nothing"
    assert send(house, planned, files, now + timedelta(days=20))["begun"] == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == contents
    assert campaign(house, now + timedelta(days=6))["campaign"] is None
    assert campaign(house, now + timedelta(days=8))["addressed"] == begun


def test_mail_is_begun_before_it_is_sent_and_never_sent_twice(house: House) -> None:
    failed = [
        {
            "message_ref": f"F{name}{channel}", "card_number": CARDS[name], "channel": channel, "status": "failed",
            "occurred_at": "2020-06-21T00:00:00Z",
        }
        for name in ("untold", "silent", "one_channel") for channel in ("sms", "whatsapp")
    ]  # fmt: skip
    house.take("messages.aria.20200701.ndjson", failed, START)
    planned = campaign(house, START)
    assert not any(held_out(name) for name in ("untold", "silent", "one_channel")), "choose other card numbers"
    server = MailServer(hangs_up_after=1)
    mail = Mail(Server("127.0.0.1", server.port, "office@example.org"))
    try:
        with pytest.raises(UnableToSendMessages, match="broke"):
            send(house, planned, mail, START)
        assert send(house, planned, mail, START + timedelta(days=1)) == {
            "campaign": planned["campaign"], "via": "smtp", "begun": 0, "fates": {}, "in_doubt": 1,
        }  # fmt: skip
    finally:
        server.close()
    assert len(server.taken) == 1
    assert "Message-ID: <C1-" in server.taken[0]
    with house.office.database.connect() as connection:
        rows = connection.execute(
            "SELECT channel, status, coalesce(reason, '') FROM messages WHERE partner = 'smtp' ORDER BY 2"
        ).fetchall()
    assert rows == [("email", "failed", "SMTP 550"), ("email", "sent", "")]
