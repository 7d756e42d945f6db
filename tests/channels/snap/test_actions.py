"""What each answer allows: the table line by line, and answers that came over a real connection in odd forms."""

import json
import logging
import socket
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from cair.channels.payments.rail import NOT_EXECUTED_BY_THIS_CALL, Action, Sent, payment_reference, split_reference
from cair.channels.payments.snap.actions import SENT, STATES, Reply, after_asking, after_sending
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import SnapKeys, SnapProfile
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason as Why
from tests.channels.snap.conftest import order_of

NOW = datetime(2026, 1, 15, 2, 30, tzinfo=UTC)
QUIET = timedelta(minutes=15)
TABLE = [
    ("2001700", Action.BOOKED, None),
    ("2021700", Action.ASK_STATUS, None),
    *[(f"400170{case}", Action.MEND_REQUEST, None) for case in range(3)],
    *[(f"401170{case}", Action.RESEND_ALLOWED, None) for case in range(5)],
    *[(f"40317{case}", Action.NEXT_WINDOW, Why.LIMIT_REACHED) for case in ("02", "04", "20", "23")],
    ("4031706", Action.NEXT_WINDOW, None),
    ("4031714", Action.STOP_RAIL, Why.FUNDS_SHORT),
    ("4031705", Action.REFUSED, Why.ACCOUNT_CANNOT_RECEIVE),
    ("4031709", Action.REFUSED, Why.ACCOUNT_DORMANT),
    ("4031715", Action.REFUSED, Why.ACCOUNT_CANNOT_RECEIVE),
    ("4031716", Action.REFUSED, Why.ACCOUNT_BLOCKED),
    ("4031718", Action.REFUSED, Why.ACCOUNT_CLOSED),
    ("4041711", Action.REFUSED, Why.ACCOUNT_NOT_FOUND),
    ("4041703", Action.REFUSED, Why.BANK_NOT_SUPPORTED),
    ("4031703", Action.HELD, Why.SUSPECTED_FRAUD),
    ("4041718", Action.ALARM, None),
    ("4091700", Action.ASK_STATUS, None),
    ("4091701", Action.CONFIRM, None),
    ("4291700", Action.SLOW_DOWN, None),
    *[(code, Action.ASK_STATUS, Why.PARTNER_FAULT) for code in ("5001700", "5001701", "5001702", "5041700")],
]


@pytest.mark.parametrize(("code", "action", "reason"), TABLE)
def test_answers_to_a_transfer(code, action, reason):
    for service in ("17", "18", "38", "00"):
        raw = code[:3] + service + code[5:]
        answer = after_sending(Reply(200, {"responseCode": raw}), sent_before=False)
        assert (answer.action, answer.reason, answer.raw_code) == (action, reason, raw)
    again = after_sending(Reply(int(code[:3]), {"responseCode": code}), sent_before=True)
    denied = action in NOT_EXECUTED_BY_THIS_CALL
    assert again.action is (Action.ASK_STATUS if denied else action)


def test_the_table_has_no_row_that_is_not_tested():
    assert {(int(code[:3]), code[5:]) for code, *_ in TABLE} == set(SENT)


@given(st.from_regex(r"[1-5][0-9]{6}", fullmatch=True), st.booleans())
def test_a_code_that_is_not_in_the_table_is_never_taken_for_a_no(code, sent_before):
    answer = after_sending(Reply(200, {"responseCode": code}), sent_before=sent_before)
    if (int(code[:3]), code[5:]) not in SENT:
        assert answer.action is Action.ASK_STATUS


@pytest.mark.parametrize(
    ("state", "action", "reason"),
    [
        ("00", Action.BOOKED, None),
        ("01", Action.ASK_STATUS, None),
        ("02", Action.ASK_STATUS, None),
        ("03", Action.ASK_STATUS, None),
        ("04", Action.RETURNED, Why.OTHER),
        ("05", Action.REFUSED, Why.OTHER),
        ("06", Action.REFUSED, Why.OTHER),
    ],
)
def test_states(state, action, reason):
    reply = Reply(200, {"responseCode": "2003600", "latestTransactionStatus": state})
    answer = _asked(reply, age=timedelta(hours=1))
    assert (answer.action, answer.reason) == (action, reason)


NOT_FOUND = [
    Reply(404, {"responseCode": "4043601"}),
    Reply(200, {"responseCode": "2003600", "latestTransactionStatus": "07"}),
]


@pytest.mark.parametrize("reply", NOT_FOUND)
def test_not_found_allows_the_same_reference_after_the_quiet_period_and_within_a_day(reply):
    second = timedelta(seconds=1)
    assert _asked(reply, age=QUIET - second).action is Action.ASK_STATUS
    assert _asked(reply, age=QUIET).action is Action.RESEND_ALLOWED
    assert _asked(reply, age=timedelta(hours=24)).action is Action.RESEND_ALLOWED
    assert _asked(reply, age=timedelta(hours=24) + second).action is Action.ASK_PERSON
    resent = Sent(first_at=NOW - timedelta(hours=25), last_at=NOW - second, external_id="1")
    assert after_asking(reply, sent=resent, now=NOW, quiet_period=QUIET).action is Action.ASK_PERSON


@given(st.sampled_from(sorted({code for code, *_ in TABLE} - {"2001700"})), st.integers(0, 30 * 3600))
def test_an_inquiry_that_fails_leaves_the_payment_as_unknown_as_it_was(code, age):
    answer = _asked(Reply(int(code[:3]), {"responseCode": code}), age=timedelta(seconds=age))
    assert answer.action in (Action.ASK_STATUS, Action.ASK_PERSON)
    assert answer.reason is None


def _asked(reply: Reply, *, age: timedelta):
    sent = Sent(first_at=NOW - age, last_at=NOW - age, external_id="1")
    return after_asking(reply, sent=sent, now=NOW, quiet_period=QUIET)


def test_all_states_are_known():
    assert set(STATES) == {f"0{digit}" for digit in range(8)}


@contextmanager
def _partner(status: int, body: bytes):
    """A partner that gives one answer to everything but the request for a token."""

    class Partner(BaseHTTPRequestHandler):
        calls: list[bytes] = []  # noqa: RUF012

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            token = self.path.endswith("b2b")
            said = b'{"responseCode":"2007300","accessToken":"t","expiresIn":"900"}' if token else body
            if not token:
                self.calls.append(self.path)
            self.send_response(200 if token else status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Partner)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", Partner
    finally:
        server.shutdown()
        server.server_close()


KEYS = SnapKeys(
    client_secret=Secret("key", "RAHASIA-77"),
    private_key=rsa.generate_private_key(public_exponent=65537, key_size=2048),
)


def _rail(url: str, **more: object) -> SnapRail:
    return SnapRail(SnapProfile(name="bank-uji", base_url=url, partner_id="p", client_id="c", **more), KEYS)


@pytest.mark.parametrize(
    ("status", "body", "action", "code"),
    [
        (200, b'{"responseCode":"4031714"}', Action.STOP_RAIL, "INSUFFICIENT_FUNDS"),
        (500, b'{"responseCode":"2001700"}', Action.BOOKED, "SUCCESSFUL"),
        (404, b'{"responseCode":4041718}', Action.ALARM, "INCONSISTENT_REQUEST"),
        (200, b"", Action.ASK_STATUS, "UNREADABLE_ANSWER"),
        (200, b"<html>", Action.ASK_STATUS, "UNREADABLE_ANSWER"),
        (200, b'{"responseCode":"2001', Action.ASK_STATUS, "UNREADABLE_ANSWER"),
        (200, b"[]", Action.ASK_STATUS, "UNREADABLE_ANSWER"),
        (403, b"{}", Action.ASK_STATUS, "UNREADABLE_ANSWER"),
        (200, b"[" * 100_000, Action.ASK_STATUS, "UNREADABLE_ANSWER"),
        (200, b" " * 2_000_000, Action.ASK_STATUS, "UNREADABLE_ANSWER"),
        (429, b"", Action.SLOW_DOWN, "TOO_MANY_REQUESTS"),
        (502, b"", Action.ASK_STATUS, "UNKNOWN_502_00"),
        (302, b"", Action.ASK_STATUS, "UNKNOWN_302_00"),
    ],
)
def test_the_body_decides_and_what_cannot_be_read_is_unknown(status, body, action, code):
    with _partner(status, body) as (url, partner), _rail(url) as rail:
        answer = rail.send(order_of("bank-uji"), external_id="1", now=NOW, sent_before=False)
        assert (answer.action, answer.code) == (action, code)
        assert len(partner.calls) == 1, "one call, whatever the answer"


@pytest.mark.parametrize(
    ("body", "action"),
    [
        ({"originalPartnerReferenceNo": "another-1"}, Action.ASK_STATUS),
        ({"amount": {"value": "600001.00", "currency": "IDR"}}, Action.ALARM),
        ({"amount": {"value": "600000.00", "currency": "IDR"}}, Action.BOOKED),
        ({}, Action.BOOKED),
    ],
)
def test_an_answer_about_another_payment_settles_nothing(body, action):
    said = {"responseCode": "2003600", "latestTransactionStatus": "00", **body}
    with _partner(200, json.dumps(said).encode()) as (url, _), _rail(url) as rail:
        sent = Sent(first_at=NOW, last_at=NOW, external_id="1")
        assert rail.ask(order_of("bank-uji"), external_id="1", sent=sent, now=NOW).action is action
    sent_to_another = b'{"responseCode":"2001700","partnerReferenceNo":"another-1"}'
    with _partner(200, sent_to_another) as (url, _), _rail(url) as rail:
        answer = rail.send(order_of("bank-uji"), external_id="1", now=NOW, sent_before=False)
        assert answer.action is Action.ASK_STATUS


def test_a_partner_that_is_not_there_is_unknown_for_payments_with_a_key_and_not_called_without_a_token():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    order = order_of("bank-uji")
    for with_token, first, again in (
        (False, Action.ASK_STATUS, Action.ASK_STATUS),
        (True, Action.RESEND_ALLOWED, Action.ASK_STATUS),
    ):
        with _rail(url, with_token=with_token) as rail:
            assert rail.send(order, external_id="1", now=NOW, sent_before=False).action is first
            assert rail.send(order, external_id="2", now=NOW, sent_before=True).action is again
            sent = Sent(first_at=NOW, last_at=NOW, external_id="1")
            assert rail.ask(order, external_id="3", sent=sent, now=NOW).action is Action.ASK_STATUS
            assert not rail.check(order, external_id="4", now=NOW).certain


def test_nothing_personal_and_no_key_gets_into_logs_or_texts(caplog):
    caplog.set_level(logging.DEBUG)
    order = order_of("bank-uji", "3174019900112233", holder_name=Secret("name", "CANARIA"), bank_code="014")
    name = json.dumps({"responseCode": "2001600", "beneficiaryAccountName": "CANARIA"}).encode()
    with _partner(200, name) as (url, _), _rail(url) as rail:
        said = [
            rail.send(order, external_id="1", now=NOW, sent_before=False),
            rail.check(order, external_id="2", now=NOW),
            order,
            KEYS,
        ]
    assert said[1].holder_name == Secret("name", "CANARIA")
    text = caplog.text + repr(said) + str(said)
    for canary in ("3174019900112233", "CANARIA", "RAHASIA-77"):
        assert canary not in text


@given(st.from_regex(r"[A-Za-z0-9-]{1,28}", fullmatch=True), st.integers(1, 999_999))
def test_a_reference_gives_its_order_and_attempt_back(order_ref, attempt):
    assert split_reference(payment_reference(order_ref, attempt)) == (order_ref, attempt)
