"""From due to paid by files: the list, two people, orders once, the bank's books against ours, failures mended."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.files import carry_out, write_statement_of
from cair.channels.payments.configured import iso_settings
from cair.channels.payments.iso20022.payments_in import read_payments
from cair.channels.payments.iso20022.statement_out import StatementHead, write_statement
from cair.channels.payments.settlement import Direction, SettlementLine, Status
from cair.journeys.export_rows import export_rows
from cair.journeys.pay import pay_now
from cair.journeys.pay_by_file import _record, iso20022_rail
from cair.journeys.release_incentives import approve_release, give_money, run_release
from cair.journeys.settle import settle_paths
from cair.journeys.verify import money_holds
from cair.kernel.days import date_of, day_number
from cair.kernel.identity import Secret
from cair.ledger.chart import Purpose
from cair.rules.payments import months_after
from cair.store.records.releases import UnableToApprove, UnableToPlan, UnableToRun
from tests.stories.money import LINE, Programme, account, card, jakarta_date, open_bank, programme, quiet

BANK = "bank-rotan"
PEOPLE = 8


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Programme]:
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[BANK]) as made:
        yield made


@pytest.fixture
def bank(tmp_path: Path, office: Programme) -> Iterator[Bank]:
    opened = open_bank(tmp_path / "bank", office.now)
    yield opened
    opened.close()


def pay(office: Programme) -> list[Path]:
    document = pay_now(
        office.office, rail="iso20022", partner=None, rails=office.office.home / "rails", clock=office.clock,
        wait=quiet, announce=quiet,
    )  # fmt: skip
    return [Path(str(file["file"])) for file in document["files"]]  # type: ignore[attr-defined]


def settle(office: Programme, *paths: Path) -> dict[str, dict[str, int]]:
    document = settle_paths(
        office.office, paths, partner="", rails=office.office.home / "rails", now=office.now, announce=quiet
    )
    found = {str(file["file"]): file.get("buckets", {}) for file in document["files"]}  # type: ignore[attr-defined]
    return {**found, "results": document["results"]}  # type: ignore[dict-item]


def bank_day(office: Programme, bank: Bank, paths: list[Path], folder: Path) -> list[Path]:
    """The bank carries files out; its answers, then its statement of the day."""
    bank.set_clock(office.now)
    folder.mkdir(exist_ok=True)
    answers = [carry_out(bank, BANK, path, folder).answers for path in paths]
    return [*answers, write_statement_of(bank, BANK, jakarta_date(office.now), folder)]


def states(office: Programme, benefit: str = "TRANCHE_1") -> dict[int, tuple[str, str]]:
    path = office.folder / "decisions.csv"
    export_rows(office.office, "decisions", path, as_of=office.now, announce=quiet)
    with path.open(newline="") as file:
        return {
            int(row["card_number"]) - int(card(0)): (row["state"], row["reason"])
            for row in csv.DictReader(file)
            if row["benefit"] == benefit
        }


def counted(office: Programme, benefit: str = "TRANCHE_1") -> Counter[str]:
    return Counter(state for state, _ in states(office, benefit).values())


def test_paid_once_and_again_only_when_mended(office: Programme, bank: Bank, tmp_path: Path) -> None:
    assert counted(office) == {"DUE": PEOPLE}
    bank.ledger.register([(BANK, "", account(0), "", "closed")])
    released, otherwise = office.release()
    assert (released.items, otherwise) == (PEOPLE, [])
    assert counted(office) == {"RELEASED": PEOPLE}
    with pytest.raises(UnableToPlan):
        office.plan()
    paths = pay(office)
    assert len(paths) == 1
    assert pay(office) == []
    assert counted(office) == {"SENT": PEOPLE}
    told = bank_day(office, bank, paths, tmp_path / "day1")
    office.pass_(hours=3)
    assert settle(office, *told)[told[-1].name] == {"PAID": PEOPLE - 1}
    assert states(office)[0] == ("FAILED", "ACCOUNT_CLOSED")
    assert counted(office) == {"PAID": PEOPLE - 1, "FAILED": 1}
    # The same file under another name, and a file cut short, change nothing.
    again = tmp_path / "other.xml"
    again.write_bytes(told[-1].read_bytes())
    cut = tmp_path / "cut.xml"
    cut.write_bytes(told[-1].read_bytes()[:2_000])
    settle(office, again, cut)
    assert counted(office) == {"PAID": PEOPLE - 1, "FAILED": 1}
    # Another account mends it: attempt 2 of the same payment.
    office.pass_(days=1)
    office.link(0, BANK, "79999999")
    assert states(office)[0] == ("DUE", "")
    office.reconcile()
    assert office.release()[0].items == 1
    second = pay(office)
    assert "-2</EndToEndId>" in second[0].read_text()
    told = bank_day(office, bank, second, tmp_path / "day2")
    settle(office, *told)
    assert counted(office) == {"PAID": PEOPLE}
    orders = {entry.reference.rpartition("-")[0] for entry in bank.ledger.entries(BANK)}
    assert bank.ledger.verdict(dict.fromkeys(orders, 600_000)).is_clean
    assert len(orders) == PEOPLE
    assert money_holds(office.office).holds, money_holds(office.office).told


def test_what_came_back_is_returned_and_due_again(office: Programme, bank: Bank, tmp_path: Path) -> None:
    office.release()
    settle(office, *bank_day(office, bank, pay(office), tmp_path / "day1"))
    office.pass_(days=1)
    bank.set_clock(office.now)
    reference = next(entry.reference for entry in bank.ledger.entries(BANK) if entry.account == account(3))
    bank.give_back(BANK, reference, "AC04")
    statement = write_statement_of(bank, BANK, jakarta_date(office.now), tmp_path / "day1")
    assert settle(office, statement)[statement.name] == {"RETURNED": 1}
    assert states(office)[3] == ("RETURNED", "ACCOUNT_CLOSED")
    office.pass_(days=1)
    office.link(3, BANK, revision=2)  # the same account, looked at again
    assert states(office)[3] == ("DUE", "")
    assert money_holds(office.office).holds, money_holds(office.office).told


def test_an_account_no_bank_can_take_stops_nobody_else(office: Programme) -> None:
    office.link(2, BANK, "rekening / 77")
    assert states(office)[2] == ("DUE", "")
    office.release()
    assert len(pay(office)) == 1
    assert states(office)[2] == ("FAILED", "ACCOUNT_NOT_FOUND")
    assert counted(office) == {"SENT": PEOPLE - 1, "FAILED": 1}


def test_a_file_that_was_begun_is_finished_and_nobody_is_in_two(office: Programme) -> None:
    office.release()
    rail = iso20022_rail(iso_settings(office.office.home / "rails"))
    begun, _ = next(_record(office.office, rail, BANK, now=office.now))  # stopped before it is written
    office.pass_(hours=1)
    paths = pay(office)
    assert [path.name.split(".")[1] for path in paths] == [begun.file_ref]
    assert paths[0].read_text().count("<CdtTrfTxInf>") == PEOPLE
    assert pay(office) == []


def test_nobody_approves_alone_and_any_change_voids(office: Programme) -> None:
    planned = office.plan()
    by, now = office.staff, office.now
    for name in ("Ani",):
        with pytest.raises(UnableToApprove):
            approve_release(office.office, planned.number, planned.list_hash, by=by[name], now=now)
    with pytest.raises(UnableToApprove):
        approve_release(office.office, planned.number, bytes(32), by=by["Budi"], now=now)
    with pytest.raises(UnableToRun):
        run_release(office.office, planned.number, by=by["Ani"], now=now)
    approve_release(office.office, planned.number, planned.list_hash, by=by["Budi"], now=now)
    # New evidence after the plan: it is run as approved, and listed as decided otherwise now.
    office.pass_(hours=1)
    office.take("holds", "pmo", [{"hold_ref": "H1", "status": "START", "scope": "person", "scope_value": card(1),
                                  "occurred_at": office.now.isoformat()}])  # fmt: skip
    office.reconcile()
    _, otherwise = run_release(office.office, planned.number, by=by["Ani"], now=office.now)
    assert [one.reason for one in otherwise] == ["HELD"]
    with pytest.raises(UnableToRun):
        run_release(office.office, planned.number, by=by["Ani"], now=office.now)


def test_never_above_the_appropriation_and_who_waits_longest_first(tmp_path: Path) -> None:
    with programme(tmp_path / "h", tmp_path / "f", people=PEOPLE, partners=[BANK], money=3 * 600_000 + 1) as office:
        assert office.release()[0].items == 3
        with pytest.raises(UnableToPlan):
            office.plan()
        give_money(office.office, document="DIPA-2", line=LINE, purpose=Purpose.INCENTIVES, amount_idr=600_000,
                   by=office.staff["Citra"], now=office.now)  # fmt: skip
        assert office.release()[0].items == 1
        assert counted(office) == {"RELEASED": 4, "DUE": 4}


def test_later_benefits_come_on_their_days(office: Programme, bank: Bank, tmp_path: Path) -> None:
    office.release()
    assert counted(office, "TRANCHE_2") == {"WAITING": PEOPLE}
    settle(office, *bank_day(office, bank, pay(office), tmp_path / "day1"))
    office.now = office.now.replace(month=7, day=31, hour=16, minute=59)
    assert counted(office, "TRANCHE_2") == {"WAITING": PEOPLE}
    assert states(office, "SURVEY_1")[0] == ("WAITING", "NOT_ANSWERED")
    office.pass_(minutes=1)  # the first of August in Jakarta
    assert counted(office, "TRANCHE_2") == {"DUE": PEOPLE}
    assert counted(office, "TRANCHE_3") == {"WAITING": PEOPLE}
    office.take("surveys", "pmo", [{"card_number": card(0), "survey_no": 1, "occurred_at": office.now.isoformat()}])
    assert states(office, "SURVEY_1")[0] == ("DUE", "")
    assert office.release()[0].amount_idr == PEOPLE * 600_000 + 50_000
    settle(office, *bank_day(office, bank, pay(office), tmp_path / "day2"))
    assert counted(office, "TRANCHE_2") == {"PAID": PEOPLE}
    assert states(office, "SURVEY_1")[0] == ("PAID", "")
    # Tranche 3 waits for its day, counted from when tranche 1 was released; a hold stops it on that day.
    office.now = office.now.replace(month=9, day=1)
    office.take("holds", "pmo", [{"hold_ref": "H1", "status": "START", "scope": "person", "scope_value": card(1),
                                  "occurred_at": office.now.isoformat()}])  # fmt: skip
    assert states(office, "TRANCHE_3")[1] == ("WAITING", "HELD")
    assert counted(office, "TRANCHE_3") == {"DUE": PEOPLE - 1, "WAITING": 1}
    assert money_holds(office.office).holds, money_holds(office.office).told


def test_results_are_evidence_and_are_booked_once(office: Programme) -> None:
    office.release()
    pay(office)
    orders = office.folder / "orders.csv"
    export_rows(office.office, "orders", orders, as_of=office.now, announce=quiet)
    with orders.open(newline="") as file:
        refs = [row["order_ref"] for row in csv.DictReader(file)]
    office.pass_(hours=1)
    told = [
        {"order_ref": refs[0], "attempt": 1, "status": "PAID", "amount_idr": 600_000},
        {"order_ref": refs[1], "attempt": 1, "status": "FAILED", "code": "AC04", "amount_idr": 600_000},
        {"order_ref": refs[2], "attempt": 1, "status": "PAID", "amount_idr": 599_999},
        {"order_ref": "CA00", "attempt": 1, "status": "PAID", "amount_idr": 600_000},
    ]
    office.take("results", BANK, [{**row, "occurred_at": office.now.isoformat()} for row in told])
    assert settle(office)["results"] == {"FAILED": 1, "PAID": 1, "UNKNOWN": 1, "WRONG_AMOUNT": 1}
    assert settle(office)["results"] == {"UNKNOWN": 1, "WRONG_AMOUNT": 1}
    assert counted(office) == {"PAID": 1, "FAILED": 1, "SENT": PEOPLE - 2}
    wrong = office.folder / f"results.{BANK}.{office.now:%Y%m%d}.negative.csv"
    wrong.write_text(
        "order_ref,attempt,status,amount_idr,occurred_at\n"
        f"{refs[3]},1,PAID,-600000,{office.now.isoformat()}\n{refs[3]},1,PAID,6e5,{office.now.isoformat()}\n"
    )
    document = settle_paths(office.office, [wrong], partner="", rails=office.folder, now=office.now, announce=quiet)
    assert document["files"] == [{"file": wrong.name, "lines": 2, "rejected": 2, "refused": []}]
    assert counted(office) == {"PAID": 1, "FAILED": 1, "SENT": PEOPLE - 2}


def test_the_last_day_of_a_short_month() -> None:
    days = [day_number(date(2020, 1, 31)), day_number(date(2021, 1, 31)), day_number(date(2020, 7, 1))]
    after = [[date_of(int(day)).isoformat() for day in months_after(days, n)] for n in (1, 2)]
    assert after == [["2020-02-29", "2021-02-28", "2020-08-01"], ["2020-03-31", "2021-03-31", "2020-09-01"]]


def test_a_statement_with_every_defect_is_bucketed_line_by_line(office: Programme, tmp_path: Path) -> None:
    office.release()
    with pay(office)[0].open("rb") as stream:
        orders = list(read_payments(stream))
    references = [str(order.end_to_end_id) for order in orders]
    office.pass_(hours=1)

    def line(reference: str | None, **more: object) -> SettlementLine:
        plain: dict[str, object] = {"amount": 600_000, "currency": "IDR", "direction": Direction.DEBIT,
                                    "status": Status.BOOKED, "booked_on": jakarta_date(office.now)}  # fmt: skip
        return SettlementLine(end_to_end_id=reference, **{**plain, **more})  # type: ignore[arg-type]

    told = [
        line(references[0]),
        line(references[0]),
        line(references[1], amount=600_001),
        line(references[2], account=Secret("account", "123")),
        line(references[3], booked_on=jakarta_date(office.now) + timedelta(days=4)),
        line("CA0-1"),
        line("somebody else's"),
        line(None, amount=2_500, transaction_code="PMNT/ICDT/CHRG"),
        line(references[4], direction=Direction.CREDIT, status=Status.RETURNED, reason_code="AC04"),
        line(references[5], amount=3 * 2**31),
    ]
    path = tmp_path / "bank-rotan.1.camt.053.xml"
    head = StatementHead(statement_id="S1", account="9000000001", day=jakarta_date(office.now), created_at=office.now,
                         opening_balance=10**12)  # fmt: skip
    with path.open("wb") as out:
        write_statement(told, out, head=head)
    office.pass_(days=5)
    assert settle(office, path)[path.name] == {
        "PAID": 1, "DUPLICATE": 1, "WRONG_AMOUNT": 2, "WRONG_ACCOUNT": 1, "LATE": 1, "UNKNOWN": 1,
        "FOREIGN_REFERENCE": 1, "FEE": 1, "TOO_EARLY": 1,
    }  # fmt: skip
    assert counted(office) == {"PAID": 2, "SENT": PEOPLE - 2}
    bomb = tmp_path / "bomb.xml"
    bomb.write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    document = settle_paths(office.office, [bomb], partner="", rails=tmp_path, now=office.now, announce=quiet)
    assert document["files"][0]["refused"] == "DOCTYPE"  # type: ignore[index]
    assert money_holds(office.office).holds, money_holds(office.office).told
