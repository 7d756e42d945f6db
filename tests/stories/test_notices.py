"""Notices of SNAP partners: kept, proved one by one, provisional until the statement; forged, foreign or repeated ones."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cair.channels.payments.iso20022.statement_out import StatementHead, write_statement
from cair.channels.payments.settlement import Direction, SettlementLine, Status
from cair.channels.payments.snap import signing
from cair.channels.payments.snap.notice_file import as_received
from cair.journeys.settle import settle_paths
from cair.journeys.verify import money_holds
from cair.kernel.days import JAKARTA
from tests.stories.money import Programme, jakarta_date, programme, quiet
from tests.stories.test_money_by_file import counted, pay, states

PARTNER, OTHER = "dompet-awan", "dompet-hujan"
PEOPLE = 6
PATH = "/v1.0/transfer/notify"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""Of the partner."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Programme]:
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[PARTNER, OTHER]) as made:
        own = made.office.home / "rails" / PARTNER
        own.mkdir()
        private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (own / "ours.pem").write_bytes(private)
        (own / "theirs.pem").write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        (own / "profile.toml").write_text(
            f'name = "{PARTNER}"\nbase_url = "https://bank.invalid"\npartner_id = "p"\nclient_id = "c"\n'
            'private_key_file = "ours.pem"\npartner_key_file = "theirs.pem"\n'
        )
        made.release()
        pay(made)
        yield made


def references(office: Programme, partner: str = PARTNER) -> list[str]:
    with office.office.database.connect() as connection:
        rows = connection.execute(
            "SELECT order_ref || '-' || attempt FROM payment_order WHERE partner = %s ORDER BY card_number", [partner]
        ).fetchall()
    return [row[0] for row in rows]


def notice(reference: str, state: str, at: datetime, *, amount: str = "600000.00", currency: str = "IDR",
           code: str = "", key: rsa.RSAPrivateKey = KEY) -> str:  # fmt: skip
    told = {"originalPartnerReferenceNo": reference, "originalReferenceNo": "B1", "latestTransactionStatus": state,
            "amount": {"value": amount, "currency": currency}, "previousResponseCode": code}  # fmt: skip
    body, stamp = json.dumps(told, indent=1).encode(), at.astimezone(JAKARTA).isoformat(timespec="seconds")
    text = signing.text_without_token("POST", PATH, signing.body_hash(body), stamp)
    return as_received(PATH, {"X-TIMESTAMP": stamp, "X-SIGNATURE": signing.sign_without_token(key, text)}, body)


def settle(office: Programme, *paths: Path) -> list[dict[str, object]]:
    rails = office.office.home / "rails"
    return settle_paths(office.office, paths, partner="", rails=rails, now=office.now, announce=quiet)["files"]  # type: ignore[return-value]


def take(office: Programme, *lines: str, name: str = "1", partner: str = PARTNER) -> dict[str, object]:
    path = office.folder / f"notices.{partner}.{name}.ndjson"
    path.write_text("".join(f"{line}\n" for line in lines))
    return settle(office, path)[0]


def test_what_is_noticed_is_paid_until_the_statement_says_so(office: Programme, tmp_path: Path) -> None:
    refs = references(office)
    office.pass_(minutes=5)
    told = take(
        office, notice(refs[0], "03", office.now), notice(refs[0], "00", office.now), notice(refs[0], "00", office.now),
        notice(refs[1], "06", office.now, code="4033818"), notice(refs[2], "01", office.now),
    )  # fmt: skip
    assert told["buckets"] == {"FAILED": 1, "NOTIFIED": 2, "PENDING": 2}
    assert told["whose_move"] == {}
    found = states(office)
    assert (found[0][0], found[2], found[4][0]) == ("PAID", ("FAILED", "ACCOUNT_CLOSED"), "SENT")
    assert take(office, notice(refs[0], "00", office.now), name="late")["buckets"] == {"NOTIFIED": 1}
    office.pass_(hours=2)
    line = SettlementLine(
        refs[0], 600_000, "IDR", Direction.DEBIT, Status.BOOKED, booked_on=jakarta_date(office.now), bank_reference="B1"
    )
    statement = tmp_path / f"{PARTNER}.xml"
    head = StatementHead(statement_id="S1", account="9", day=jakarta_date(office.now), created_at=office.now)
    with statement.open("wb") as out:
        write_statement([line], out, head=head)
    assert settle(office, statement)[0]["buckets"] == {"PAID": 1}
    assert take(office, notice(refs[0], "00", office.now), name="later")["buckets"] == {"NOTIFIED": 1}
    assert take(office, notice(refs[0], "06", office.now), name="no")["buckets"] == {"CONTRADICTS": 1}
    assert take(office, notice(refs[0], "04", office.now), name="back")["buckets"] == {"NOTIFIED_RETURN": 1}
    assert take(office, notice(refs[2], "04", office.now), name="early")["buckets"] == {"TOO_EARLY": 1}
    assert states(office)[0][0] == "RETURNED"
    with office.office.database.connect() as connection:
        told_by = connection.execute("SELECT evidence FROM payment_outcome ORDER BY transfer").fetchall()
    assert {each.partition(" ")[0] for (each,) in told_by} == {"callback"}
    assert money_holds(office.office).holds, money_holds(office.office).told


def test_nothing_follows_from_what_the_partner_did_not_sign(office: Programme) -> None:
    refs, others = references(office), references(office, OTHER)
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    good = notice(refs[0], "00", office.now)
    lines = {
        "forged": (notice(refs[0], "00", office.now, key=forger), "NOT_SIGNED"),
        "tampered": (good.replace("600000.00", "600001.00"), "NOT_SIGNED"),
        "on another path": (good.replace("/notify", "/notifi"), "NOT_SIGNED"),
        "at another time": (notice(refs[0], "00", office.now).replace("2020-07-01", "2020-07-02"), "NOT_SIGNED"),
        "without headers": (json.dumps({"path": PATH, "headers": {}, "body": "{}"}), "NOT_SIGNED"),
        "of another partner's order": (notice(others[0], "00", office.now), "WRONG_PARTNER"),
        "of another amount": (notice(refs[1], "00", office.now, amount="900000.00"), "WRONG_AMOUNT"),
        "in another currency": (notice(refs[1], "00", office.now, currency="USD"), "OTHER_CURRENCY"),
        "negative": (notice(refs[1], "00", office.now, amount="-600000.00"), "NEGATIVE_AMOUNT"),
        "without amount": (notice(refs[1], "00", office.now, amount=""), "NO_AMOUNT"),
        "of nobody": (notice("CA000000000000000000000000-1", "00", office.now), "UNKNOWN"),
        "of another programme": (notice("BANSOS/7", "00", office.now), "FOREIGN_REFERENCE"),
        "in no state": (notice(refs[1], "99", office.now), "UNREADABLE_NOTICE"),
        "no object": ("[1]", "UNREADABLE_NOTICE"),
        "deep": ("[" * 100_000, "UNREADABLE_NOTICE"),
        "long": (json.dumps({"path": "x" * 2_500_000}), "UNREADABLE_NOTICE"),
        "bytes": ('{"path": "/", "headers": {}, "body": "\\ud800"}', "UNREADABLE_NOTICE"),
    }
    for number, (name, (line, bucket)) in enumerate(lines.items()):
        assert take(office, line, name=str(number))["buckets"] == {bucket: 1}, name
    assert counted(office) == {"SENT": PEOPLE}
    assert money_holds(office.office).holds, money_holds(office.office).told


def test_notices_of_partners_without_a_key_are_put_aside(office: Programme) -> None:
    line = notice(references(office, OTHER)[0], "00", office.now)
    for partner in (OTHER, "nobody"):
        told = take(office, line, partner=partner)
        assert told["refused"] == "NOT_SET_UP"
        assert "partner_key_file" in str(told["why"])
    assert counted(office) == {"SENT": PEOPLE}


def test_a_failure_that_may_be_mended_makes_the_next_attempt_due(office: Programme) -> None:
    ref = references(office)[1]
    office.now += timedelta(minutes=1)
    take(office, notice(ref, "05", office.now))
    assert states(office)[2] == ("FAILED", "OTHER")
    office.pass_(days=1)
    office.link(2, PARTNER, "79999999")
    assert states(office)[2] == ("DUE", "")
