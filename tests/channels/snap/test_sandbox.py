"""Our client against the sandbox, over HTTP: every deed, every state of an account, every fault."""

import csv
import io
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from lxml import etree

from cair.channels.bank_sandbox.faults import Fault, Switches, UnableToSetFault
from cair.channels.bank_sandbox.states import State
from cair.channels.payments.iso20022.reading import read_statement
from cair.channels.payments.rail import Action, Sent
from cair.channels.payments.settlement import Proof, Status
from cair.channels.payments.snap.notices import UnableToTrustNotice, read_notice
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason
from tests.channels.snap.conftest import AMOUNT, external_id, order_of

XSD = Path(__file__).parents[1] / "iso20022" / "xsd" / "camt.053.001.08.xsd"
SCHEMA = etree.XMLSchema(etree.parse(XSD))
PARTNERS = ["bank-rotan", "dompet-pandan", "dompet-kemiri", "dompet-serai"]


@pytest.mark.parametrize("partner", PARTNERS)
def test_a_payment_is_checked_booked_and_found(sandbox, partner):
    order = order_of(partner)
    assert (sandbox.check(order).certain, sandbox.check(order).reason) == (True, None)
    answer = sandbox.rail(partner).send(
        order, external_id="77" + external_id(), now=datetime.now(UTC), sent_before=False
    )
    assert answer.action is Action.BOOKED
    assert answer.bank_reference
    sent_as = sandbox.entries(order)[0]["external_id"]
    now = datetime.now(UTC)
    asked = sandbox.ask(order, Sent(first_at=now, last_at=now, external_id=sent_as))
    assert (asked.action, asked.bank_reference) == (Action.BOOKED, answer.bank_reference)
    assert sandbox.kinds(order) == ["BOOKED"]


def test_to_another_bank_by_bi_fast_and_to_its_own(sandbox):
    elsewhere, own = order_of(bank_code="014"), order_of(bank_code="901")
    for order, service in ((elsewhere, "18"), (own, "17")):
        assert sandbox.check(order).certain
        assert sandbox.send(order).raw_code == f"200{service}00"
        assert sandbox.entries(order)[0]["service"] == service
        assert sandbox.ask(order).action is Action.BOOKED


@pytest.mark.parametrize(
    ("state", "action", "reason"),
    [
        ("dormant", Action.REFUSED, BankReason.ACCOUNT_DORMANT),
        ("inactive", Action.REFUSED, BankReason.ACCOUNT_CLOSED),
        ("closed", Action.REFUSED, BankReason.ACCOUNT_CLOSED),
        ("frozen", Action.REFUSED, BankReason.ACCOUNT_BLOCKED),
        ("suspended", Action.REFUSED, BankReason.ACCOUNT_BLOCKED),
        ("cannot_receive", Action.REFUSED, BankReason.ACCOUNT_CANNOT_RECEIVE),
        ("not_verified", Action.REFUSED, BankReason.NOT_VERIFIED),
        ("limit_exceeded", Action.NEXT_WINDOW, BankReason.LIMIT_REACHED),
        ("monthly_limit", Action.NEXT_WINDOW, BankReason.LIMIT_REACHED),
        ("fraud", Action.HELD, BankReason.SUSPECTED_FRAUD),
        ("unknown", Action.REFUSED, BankReason.ACCOUNT_NOT_FOUND),
        ("unregistered", Action.REFUSED, BankReason.ACCOUNT_NOT_FOUND),
        ("bank_not_supported", Action.REFUSED, BankReason.BANK_NOT_SUPPORTED),
        ("general_error", Action.ASK_STATUS, BankReason.PARTNER_FAULT),
        ("server_error", Action.ASK_STATUS, BankReason.PARTNER_FAULT),
    ],
)
def test_states_of_accounts(sandbox, state, action, reason):
    sandbox.states("dompet-pandan", a0811=state)
    order = order_of("dompet-pandan", "0811")
    answer = sandbox.send(order)
    assert (answer.action, answer.reason) == (action, reason)
    assert "BOOKED" not in sandbox.kinds(order)
    checked = sandbox.check(order)
    known = reason is not BankReason.PARTNER_FAULT
    assert (checked.certain, checked.reason) == (known, reason if known else None)
    asked = sandbox.ask(order)
    if known:
        assert (asked.action, asked.reason) == (Action.REFUSED, reason)
    else:
        assert (asked.action, asked.code) == (Action.ASK_STATUS, "NOT_FOUND")


def test_somebody_elses_account(sandbox):
    sandbox.office("POST", "accounts", text="partner,bank_code,account,name,state\nbank-rotan,014,55,DEWI,wrong_name\n")
    order = order_of(account="55", bank_code="014")
    assert sandbox.check(order).holder_name == Secret("name", "DEWI")
    assert (sandbox.send(order).action, sandbox.send(order).reason) == (Action.REFUSED, BankReason.NAME_DIFFERS)


def test_limits_funds_and_hours(sandbox):
    partner = "dompet-pandan"
    month = [sandbox.send(order_of(partner, "0899", amount_idr=9_000_000)) for _ in range(3)]
    assert [answer.action for answer in month] == [Action.BOOKED, Action.BOOKED, Action.NEXT_WINDOW]
    assert month[2].raw_code == "4033823"
    assert sandbox.send(order_of(amount_idr=300_000_000)).raw_code == "4031702"
    poor = sandbox.send(order_of(amount_idr=2 * 10**15))
    assert (poor.action, poor.reason) == (Action.STOP_RAIL, BankReason.FUNDS_SHORT)


@pytest.mark.parametrize(
    ("partner", "action", "bookings"),
    [
        ("bank-rotan", Action.CONFIRM, 1),
        ("dompet-serai", Action.CONFIRM, 1),
        ("dompet-pandan", Action.BOOKED, 1),
        ("bank-pelupa", Action.BOOKED, 2),
    ],
)
def test_a_repeated_reference(sandbox, partner, action, bookings):
    order = order_of(partner)
    first, again = sandbox.send(order), sandbox.send(order, sent_before=True)
    assert (first.action, again.action) == (Action.BOOKED, action)
    if action is Action.BOOKED and bookings == 1:
        assert again.bank_reference == first.bank_reference
    assert sandbox.kinds(order) == ["BOOKED"] * bookings


def test_a_reference_with_other_contents_is_an_alarm(sandbox):
    order = order_of()
    sandbox.send(order)
    more = order_of(order_ref=order.order_ref, amount_idr=AMOUNT + 1)
    assert sandbox.send(more).action is Action.ALARM
    assert sandbox.send(more, sent_before=True).action is Action.ALARM
    assert sandbox.kinds(order) == ["BOOKED"]


def test_a_refused_reference_may_be_sent_again(sandbox):
    sandbox.states("bank-rotan", a42="monthly_limit")
    order = order_of(account="42")
    assert sandbox.send(order).action is Action.NEXT_WINDOW
    sandbox.states("bank-rotan", a42="active")
    assert sandbox.send(order, sent_before=True).action is Action.BOOKED
    assert sandbox.kinds(order) == ["REFUSED", "BOOKED"]


def test_an_external_id_is_used_once_a_day(sandbox):
    rail, name, now = sandbox.rail("bank-rotan"), external_id(), datetime.now(UTC)
    one, other = order_of(), order_of()
    assert rail.send(one, external_id=name, now=now, sent_before=False).action is Action.BOOKED
    again = rail.send(other, external_id=name, now=now, sent_before=False)
    assert (again.action, again.raw_code) == (Action.ASK_STATUS, "4091700")
    assert sandbox.kinds(other) == []
    sandbox.office("POST", "clock", {"now": (now + timedelta(days=1)).isoformat()})
    sandbox.close()
    tomorrow = sandbox.rail("bank-rotan").send(other, external_id=name, now=now, sent_before=True)
    assert tomorrow.action is Action.BOOKED


@pytest.mark.parametrize(
    ("fault", "code", "kinds"),
    [
        ("drop_before", "UNREADABLE_ANSWER", []),
        ("drop_after", "UNREADABLE_ANSWER", ["BOOKED"]),
        ("error_before", "GENERAL_ERROR", []),
        ("error_after", "GENERAL_ERROR", ["BOOKED"]),
        ("garbled", "UNREADABLE_ANSWER", ["BOOKED"]),
        ("in_progress", "IN_PROGRESS", ["PENDING"]),
    ],
)
def test_what_is_unknown_is_asked_for(sandbox, fault, code, kinds):
    order = order_of()
    sandbox.fault(fault, service="17", seconds=60)
    answer = sandbox.send(order)
    assert answer.action is Action.ASK_STATUS
    assert answer.code in (code, "NO_ANSWER")
    assert sandbox.kinds(order) == kinds
    asked = sandbox.ask(order)
    wanted = {"BOOKED": Action.BOOKED, "PENDING": Action.ASK_STATUS}[kinds[0]] if kinds else Action.ASK_STATUS
    assert asked.action is wanted


def test_too_many_calls_and_a_refused_token(sandbox):
    order = order_of("dompet-pandan")
    sandbox.fault("too_many")
    assert sandbox.send(order).action is Action.SLOW_DOWN
    sandbox.fault("token_refused")
    assert sandbox.send(order).action is Action.RESEND_ALLOWED
    sandbox.fault("token_refused")
    assert sandbox.send(order).action is Action.STOP_RAIL, "a token that never worked was refused: the keys are wrong"
    assert sandbox.kinds(order) == []
    assert sandbox.send(order).action is Action.BOOKED


def test_one_old_token_refused_to_many_threads_does_not_stop_the_rail(sandbox):
    sandbox.send(order_of("dompet-pandan"))
    sandbox.fault("token_refused", times=8)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: sandbox.check(order_of("dompet-pandan")).certain, range(8)))
    assert answers == [False] * 8
    assert sandbox.send(order_of("dompet-pandan")).action is Action.BOOKED


def test_a_denied_repetition_says_nothing_of_the_first_call(sandbox):
    for fault in ("too_many", "token_refused"):
        sandbox.fault(fault)
        assert sandbox.send(order_of(), sent_before=True).action is Action.ASK_STATUS


def test_delays_within_the_time_limit_change_nothing(sandbox):
    for fault in ("delay_before", "delay_after"):
        order = order_of()
        sandbox.fault(fault, seconds=0.1)
        assert sandbox.send(order).action is Action.BOOKED
        assert sandbox.kinds(order) == ["BOOKED"]


def test_a_call_that_arrives_late_is_not_found_at_first(sandbox):
    order = order_of()
    sandbox.fault("late", service="17", seconds=0.2)
    sent_at = datetime.now(UTC)
    assert sandbox.send(order).action is Action.ASK_STATUS
    sent = Sent(first_at=sent_at, last_at=sent_at, external_id="1")
    quiet = sandbox.profile("bank-rotan")[0].quiet_period
    asked = sandbox.ask(order, sent)
    if not sandbox.kinds(order):
        assert (asked.action, asked.code) == (Action.ASK_STATUS, "NOT_FOUND")
    while not sandbox.kinds(order):
        pass
    assert sandbox.ask(order, sent).action is Action.BOOKED
    assert sandbox.send(order, sent_before=True).action is Action.CONFIRM
    lost = order_of()
    assert sandbox.ask(lost, sent, now=sent_at + quiet).action is Action.RESEND_ALLOWED
    assert sandbox.ask(lost, sent, now=sent_at + timedelta(hours=25)).action is Action.ASK_PERSON


def test_an_inquiry_that_lies_does_not_lead_to_a_second_payment_where_references_are_refused(sandbox):
    order, long_ago = order_of(), datetime.now(UTC) - timedelta(hours=1)
    sandbox.fault("drop_after", service="17")
    sandbox.send(order)
    sandbox.fault("not_found")
    asked = sandbox.ask(order, Sent(first_at=long_ago, last_at=long_ago, external_id="1"))
    assert asked.action is Action.RESEND_ALLOWED
    assert sandbox.send(order, sent_before=True).action is Action.CONFIRM
    assert sandbox.kinds(order) == ["BOOKED"]


@pytest.mark.parametrize(
    ("outcome", "kinds", "action"),
    [("booked", ["PENDING", "BOOKED"], Action.BOOKED), ("failed", ["PENDING", "FAILED"], Action.REFUSED)],
)
def test_what_was_in_progress_is_decided(sandbox, outcome, kinds, action):
    order = order_of()
    sandbox.fault("in_progress", seconds=0, outcome=outcome)
    assert sandbox.send(order).action is Action.ASK_STATUS
    asked = sandbox.ask(order)
    assert (asked.action, sandbox.kinds(order)) == (action, kinds)
    if outcome == "failed":
        assert asked.reason is BankReason.ACCOUNT_CLOSED


def test_what_came_back(sandbox):
    order = order_of()
    sandbox.send(order)
    sandbox.office("POST", "returns", {"partner": "bank-rotan", "reference": order.reference, "reason": "AC04"})
    asked = sandbox.ask(order)
    assert (asked.action, asked.reason) == (Action.RETURNED, BankReason.ACCOUNT_CLOSED)
    assert sandbox.send(order, sent_before=True).action is Action.CONFIRM


@pytest.mark.parametrize("partner", ["bank-rotan", "dompet-pandan"])
def test_eight_threads_with_one_reference_book_once(sandbox, partner):
    order = order_of(partner)
    sandbox.send(order_of(partner))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: sandbox.send(order), range(8)))
    assert sandbox.kinds(order) == ["BOOKED"]
    actions = {answer.action for answer in answers}
    assert actions == ({Action.BOOKED, Action.CONFIRM} if partner == "bank-rotan" else {Action.BOOKED})


def test_killed_between_booking_and_answer(sandbox):
    booked, never = order_of(), order_of()
    sandbox.office("POST", "faults", [
        {"fault": "die_before", "reference": never.reference},
        {"fault": "die_after", "reference": booked.reference},
    ])  # fmt: skip
    for order, kinds in ((booked, ["BOOKED"]), (never, [])):
        assert sandbox.send(order).action is Action.ASK_STATUS
        sandbox.kill()
        sandbox.start()
        assert sandbox.kinds(order) == kinds
        sandbox.office("POST", "faults", [{"fault": "die_before", "reference": never.reference}] if kinds else [])
    assert sandbox.ask(booked).action is Action.BOOKED
    assert sandbox.send(never, sent_before=True).action is Action.BOOKED
    expected = {order.order_ref: AMOUNT for order in (booked, never)}
    said = sandbox.office("POST", "verdict", {"expected": expected}).json()
    assert (said["paid_once"], said["lost"]) == (2, [])


def test_the_verdict_names_who_was_paid_twice_and_who_was_lost(sandbox):
    once, lost, came_back = order_of(), order_of(), order_of()
    twice = order_of()
    for order in (once, came_back, twice, order_of(order_ref=twice.order_ref, attempt=2)):
        sandbox.send(order)
    sandbox.office("POST", "returns", {"partner": "bank-rotan", "reference": came_back.reference})
    expected = {order.order_ref: AMOUNT for order in (once, lost, came_back, twice)}
    said = sandbox.office("POST", "verdict", {"expected": expected}).json()
    assert (said["paid_once"], said["is_clean"]) == (1, False)
    assert twice.order_ref in said["paid_twice"]
    assert set(said["lost"]) == {lost.order_ref, came_back.order_ref}


def test_a_batch_is_booked_with_a_result_a_line(sandbox):
    sandbox.states("dompet-kemiri", a0813="closed")
    orders = [order_of("dompet-kemiri", account) for account in ("0812", "0813", "0814")]
    lines = "".join(f"{order.reference},{order.amount_idr},{order.account_ref.reveal()},,\n" for order in orders)
    head = "reference,amount_idr,account,bank_code,name\n"
    answer = sandbox.office("POST", "batches/dompet-kemiri", text=head + lines)
    codes = [row["response_code"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert codes == ["2003800", "4033818", "2003800"]
    again = sandbox.office("POST", "batches/dompet-kemiri", text=head + lines)
    assert next(csv.DictReader(io.StringIO(again.text)))["response_code"] == "4093801"
    assert [sandbox.kinds(order) for order in orders] == [["BOOKED"], ["REFUSED", "REFUSED"], ["BOOKED"]]
    token = (sandbox.folder / "admin-token").read_text()
    faulty = head + lines + "x,-5,1,,\n"
    url, headers = f"{sandbox.url}/admin/batches/dompet-kemiri", {"Authorization": f"Bearer {token}"}
    before = sandbox.office("GET", "entries/dompet-kemiri").text
    assert httpx.post(url, content=faulty, headers=headers).status_code == 400
    assert sandbox.office("GET", "entries/dompet-kemiri").text == before


def test_lots_hang_on_the_seed_and_the_call_alone():
    def struck(seed: int) -> list[bool]:
        switches = Switches(seed)
        switches.add({"fault": "drop_after", "share": 0.3, "service": "17"})
        return [bool(switches.strike("p", "17", "r", str(call))) for call in range(1_000)]

    assert struck(1) == struck(1) != struck(2)
    assert 250 < sum(struck(1)) < 350
    with pytest.raises(UnableToSetFault):
        Switches().add({"fault": "nonsense"})


def test_the_page_about_the_sandbox_names_every_state_and_fault():
    page = (Path(__file__).parents[3] / "docs" / "bank-sandbox.md").read_text(encoding="utf-8")
    assert [word for word in (*State, *Fault) if f"`{word}`" not in page] == []


def test_the_office_opens_to_its_token_only(sandbox):
    for headers in ({}, {"Authorization": "Bearer guess"}):
        assert httpx.get(f"{sandbox.url}/admin/entries", headers=headers).status_code == 401


def test_notices_are_signed_and_may_come_twice(tmp_path, sandbox):
    got = []

    class Mailbox(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    mailbox = HTTPServer(("127.0.0.1", 0), Mailbox)
    Thread(target=mailbox.serve_forever, daemon=True).start()
    other = type(sandbox)(tmp_path / "with-notices")
    other.folder.mkdir()
    url = f"http://127.0.0.1:{mailbox.server_port}/notices/dompet"
    settings = f'[[partner]]\nname = "dompet"\nkind = "wallet"\nnotify_url = "{url}"\n'
    (other.folder / "sandbox.toml").write_text(settings)
    other.start()
    order = order_of("dompet")
    other.fault("duplicate_notice")
    other.send(order)
    while len(got) < 2:
        pass
    other.stop()
    mailbox.shutdown()
    mailbox.server_close()
    profile, keys = other.profile("dompet")
    for path, headers, body in got:
        notice = read_notice(profile, keys.partner_key, path=path, headers=headers, body=body)
        assert (notice.reference, notice.answer.action) == (order.reference, Action.BOOKED)
        with pytest.raises(UnableToTrustNotice):
            read_notice(profile, keys.partner_key, path=path, headers=headers, body=body.replace(b"600000", b"900000"))


def test_statements_hold_every_booking_and_sum_up(sandbox):
    partner, page = "dompet-serai", "statements/dompet-serai/2031-05-05"
    sandbox.office("POST", "clock", {"now": "2031-05-05T10:00:00+07:00"})
    orders = [order_of(partner) for _ in range(3)]
    for order in orders:
        sandbox.send(order)
    sandbox.office("POST", "returns", {"partner": partner, "reference": orders[0].reference, "reason": "AC04"})
    lines = list(csv.DictReader(io.StringIO(sandbox.office("GET", f"{page}.csv").text)))
    assert [line["direction"] for line in lines] == ["DEBIT"] * 3 + ["CREDIT"]
    assert {line["reference"] for line in lines} == {order.reference for order in orders}
    assert int(lines[0]["balance_idr"]) - int(lines[-1]["balance_idr"]) == AMOUNT
    camt = sandbox.office("GET", f"{page}.xml").content
    SCHEMA.assertValid(etree.fromstring(camt))
    reading = read_statement(io.BytesIO(camt))
    read = list(reading)
    assert [(line.reference, line.amount, line.status) for line in read] == [
        *[(order.reference, AMOUNT, Status.BOOKED) for order in orders],
        (orders[0].reference, AMOUNT, Status.RETURNED),
    ]
    assert read[-1].reason is BankReason.ACCOUNT_CLOSED
    assert reading.totals.proofs == [Proof.BALANCES]
    empty = sandbox.office("GET", "statements/dompet-serai/2031-05-04.csv").text.splitlines()
    assert len(empty) == 1


def test_the_books_only_grow(sandbox):
    sandbox.send(order_of())
    with sqlite3.connect(sandbox.folder / "ledger.sqlite3") as books:
        for deed in ("UPDATE entry SET amount_idr = 1", "DELETE FROM entry", "DELETE FROM call"):
            with pytest.raises(sqlite3.IntegrityError, match="only grow"):
                books.execute(deed)


def test_requests_that_are_not_in_order_are_named_exactly(sandbox):
    profile, _ = sandbox.profile("dompet-pandan")
    url = f"{sandbox.url}{profile.base_path}/emoney/topup"
    stamp = "2026-01-15T09:30:00+07:00"
    whole = {"X-TIMESTAMP": stamp, "X-SIGNATURE": "x", "X-PARTNER-ID": "p", "X-EXTERNAL-ID": "1", "CHANNEL-ID": "1"}
    cases = [
        ({**whole, "X-TIMESTAMP": ""}, (400, "4003802", "Invalid Mandatory Field X-TIMESTAMP")),
        ({**whole, "X-TIMESTAMP": "2026-01-15 09:30:00+07:00"}, (400, "4003801", "Invalid Field Format X-TIMESTAMP")),
        ({**whole, "X-EXTERNAL-ID": "1" * 37}, (400, "4003801", "Invalid Field Format X-EXTERNAL-ID")),
        (whole, (401, "4013803", "Token Not Found (B2B)")),
        ({**whole, "Authorization": "Bearer x.y"}, (401, "4013801", "Invalid Token (B2B)")),
    ]
    for headers, (status, code, message) in cases:
        answer = httpx.post(url, content=b"{}", headers=headers)
        said = answer.json()
        assert (answer.status_code, said["responseCode"], said["responseMessage"]) == (status, code, message)
    token = httpx.post(f"{sandbox.url}{profile.base_path}/access-token/b2b", content=b"{}", headers={
        "X-CLIENT-KEY": "dompet-pandan", "X-TIMESTAMP": stamp, "X-SIGNATURE": "AAAA"})  # fmt: skip
    assert token.json()["responseCode"] == "4017300"
    assert httpx.get(url).status_code == 405
    assert json.loads(httpx.post(f"{sandbox.url}/nowhere", content=b"{}").text)["responseCode"] == "4040000"
