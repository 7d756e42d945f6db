"""Training money in the books: what the evidence says of everybody, by a plain loop; revoked, restored, voided, expired."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cair.journeys import book_training as journey
from cair.journeys.book_training import UnableToBookTraining, book_training
from cair.journeys.read_books import UnableToReadBooks, read_books, read_statement, rows_of
from cair.journeys.release_incentives import give_money
from cair.journeys.revoke import approve_revocation, plan_revocation, restore, run_revocation
from cair.journeys.take_evidence import take_files
from cair.journeys.verify import money_holds
from cair.ledger import chart
from cair.ledger.chart import Purpose
from cair.rules.release import Role
from cair.store import segments
from cair.store.locks import UnableToGoAlone, alone
from cair.store.office import Office
from cair.store.queries import training_money as queries
from cair.store.queries.ledger import holdings, totals
from cair.store.records.ledger import UnableToBook
from cair.store.records.staff import Actor
from tests.reference import days
from tests.reference.adversary import make_folder
from tests.reference.decide import AsOf
from tests.stories.test_against_reference import SEEDS, reference_of
from tests.stories.test_conformance import fresh_office, quiet
from tests.stories.test_revoke import CARDS, house, pattern  # noqa: F401 - fixtures

ANI = Actor("Ani", frozenset({Role.OFFICER}))
BUDI = Actor("Budi", frozenset({Role.CHECKER}))
CITRA = Actor("Citra", frozenset({Role.DIRECTOR}))
LINES = ("semi-bansos-2020", "normal-2023")


def fund(office: Office, now: datetime, amount: int = 10**12, lines: tuple[str, ...] = LINES) -> None:
    for line in lines:
        give_money(office, document=f"DIPA-{now:%Y%m%d%H%M}", line=line, purpose=Purpose.TRAINING, amount_idr=amount,
                   by=CITRA, now=now)  # fmt: skip


def booked(office: Office) -> dict[tuple[str, int], int]:
    with office.database.connect() as connection:
        rows = holdings(connection).to_pylist()
    return {(row["account"], row["card_number"]): row["held_idr"] for row in rows}


def expected(evidence: AsOf, as_of: datetime) -> dict[tuple[str, int], int]:
    """What everybody should hold, person by person, from the reference's reading of the same files."""
    held: Counter[tuple[str, int]] = Counter()
    today = days.jakarta_day(days.micros_of(as_of))
    for person in evidence.people():
        if person.rulebook is None:
            continue
        line, card = person.appointment["rulebook"], int(person.card_number)
        granted = person.rulebook["balance"]
        last = max(person.revocations, key=lambda r: (r["occurred_at"], r["revocation_ref"]), default=None)
        is_over = today > max(person.last_day(), person.buying_due())
        left, spent = granted, 0
        for purchase in evidence.bought_by(person.card_number):
            spent += purchase["amount_idr"]
            if spent > granted:
                break
            code = evidence.code(purchase["redeem_code"])
            is_earned = code.c and code.k and not evidence.breaks_of(purchase["redeem_code"])[0]
            if is_over and not (code.c or code.k):
                continue
            account = chart.platform(line, purchase["partner"]) if is_earned else chart.reserved(line)
            held[account.name, card] += purchase["amount_idr"]
            left -= purchase["amount_idr"]
        falls_back = is_over or (last is not None and last["status"] == "REVOKED")
        held[(chart.given_back_training if falls_back else chart.balance)(line).name, card] += left
    return {place: amount for place, amount in held.items() if amount}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_books_are_what_the_evidence_says_of_each_person(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On adversarial files, step after step, in small ranges; a year later everything unspent is the state's."""
    monkeypatch.setattr(queries, "PEOPLE_AT_ONCE", 17)
    monkeypatch.setattr(segments, "PEOPLE_PER_BUCKET", 40)
    folder = tmp_path / "folder"
    make_folder(seed + 4000, folder, steps=3, people=120)
    plan = json.loads((folder / "plan.json").read_text())
    world, _ = reference_of(folder, plan)
    with fresh_office(tmp_path / "home") as office:
        fund(office, datetime.fromisoformat(plan["steps"][0]["received_at"]))
        moments = []
        for step in plan["steps"]:
            received = datetime.fromisoformat(step["received_at"])
            take_files(office, [folder / name for name in step["files"]], received_at=received,
                       now=datetime.now(UTC), progress=quiet)  # fmt: skip
            moments.append(received)
            book_training(office, by=ANI, now=received, announce=quiet)
        for moment in (moments[-1], *(moments[-1] + timedelta(days=after) for after in (40, 400, 1500))):
            book_training(office, by=ANI, now=moment, announce=quiet)
            evidence = world.as_of(moment)
            assert booked(office) == expected(evidence, moment)
            assert not book_training(office, by=ANI, now=moment, announce=quiet).amounts_idr
        assert money_holds(office).holds, money_holds(office).told


def test_revoked_and_restored_money_goes_with_the_decree(house, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Two of those who did not buy lose their balance by the run, at whatever instant it was stopped; an appeal wins."""
    office, line = house.office, LINES[0]
    start = datetime(2020, 7, 1, 3, tzinfo=UTC)
    with pytest.raises(UnableToBook, match=f"Rp9,000,000 for {line}"):
        book_training(office, by=ANI, now=start, announce=quiet)
    with pytest.raises(UnableToBookTraining):
        book_training(office, by=BUDI, now=start, announce=quiet)
    fund(office, start, 9_000_000, (line,))
    told = book_training(office, by=ANI, now=start, announce=quiet).document()
    assert told == {
        "grant_training": {"people": 9, "amount_idr": 9_000_000},
        "reserve_purchase": {"people": 1, "amount_idr": 100_000},
    }
    planned = plan_revocation(office, start, by=ANI, now=start, listed_in=None, announce=quiet)
    approve_revocation(office, planned["plan"], bytes.fromhex(planned["list_hash"]), by=BUDI, now=start)
    ran = run_revocation(office, planned["plan"], by=ANI, clock=lambda: start, announce=quiet)
    assert (ran["returned_idr"], ran["returned_people"]) == (2_000_000, 2)
    again = run_revocation(office, planned["plan"], by=ANI, clock=lambda: start, announce=quiet)
    assert again["returned_idr"] == 0
    assert not book_training(office, by=ANI, now=start, announce=quiet).amounts_idr, "the evidence says the same"
    later = start + timedelta(days=10)
    restored = restore(office, CARDS["thrice"], reason="was in hospital", by=BUDI, now=later)
    assert restored["restored_idr"] == 1_000_000
    assert not book_training(office, by=ANI, now=later, announce=quiet).amounts_idr
    sums = totals(office.database, later.date())[line]
    assert {name: sums[name] for name in ("granted_balance", "reserved", "given_back", "available_training")} == {
        "granted_balance": 7_900_000, "reserved": 100_000, "given_back": 1_000_000, "available_training": 0,
    }  # fmt: skip
    books = read_books(office, later.date())
    assert (books.lines[line], books.rest_idr, books.pending_rest_idr) == (sums, 0, 0)
    account = chart.given_back_training(line).name
    told = read_statement(office, account, start.date(), later.date())
    assert [(row["code"], row["credit_idr"], row["debit_idr"]) for row in rows_of(told)] == [
        ("return_training", 2_000_000, 0), ("restore_training", 0, 1_000_000),
    ]  # fmt: skip
    assert (told.opening_idr, told.closing_idr) == (0, -1_000_000)
    with pytest.raises(UnableToReadBooks, match="no day lies between"):
        read_statement(office, account, later.date(), start.date())
    after = datetime(2020, 12, 16, 3, tzinfo=UTC)
    assert book_training(office, by=ANI, now=after, announce=quiet).document() == {
        "return_training": {"people": 8, "amount_idr": 8_000_000},
        "void_purchase": {"people": 1, "amount_idr": 100_000},
    }
    assert money_holds(office).holds, money_holds(office).told
    with office.database.connect() as connection:
        acts = [row[0] for row in connection.execute("SELECT content::jsonb ->> 'act' FROM audit ORDER BY number")]
    assert [act for act in acts if act.startswith(("training", "revocation"))] == [
        "training.book", "revocation.plan", "revocation.approve", "revocation.run", "training.return",
        "training.restore", "revocation.restore", "training.book",
    ]  # fmt: skip


def test_whoever_was_never_granted_has_nothing_to_return(house) -> None:  # noqa: F811
    office, start = house.office, datetime(2020, 7, 1, 3, tzinfo=UTC)
    planned = plan_revocation(office, start, by=ANI, now=start, listed_in=None, announce=quiet)
    approve_revocation(office, planned["plan"], bytes.fromhex(planned["list_hash"]), by=BUDI, now=start)
    ran = run_revocation(office, planned["plan"], by=ANI, clock=lambda: start, announce=quiet)
    assert (ran["revoked"], ran["returned_idr"]) == (2, 0)
    fund(office, start)
    told = book_training(office, by=ANI, now=start, announce=quiet).document()
    assert told["grant_training"]["people"] == 9
    assert told["return_training"] == {"people": 2, "amount_idr": 2_000_000}


def test_two_do_not_book_beside_each_other(house, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("cair.store.locks.PATIENCE", "50ms")
    with alone(house.office.database, "booking of training money"), pytest.raises(UnableToGoAlone):
        book_training(house.office, by=ANI, now=datetime(2020, 7, 1, tzinfo=UTC), announce=quiet)


def test_appeals_are_not_decided_by_who_plans(house) -> None:  # noqa: F811
    from cair.journeys.revoke import UnableToRestore

    with pytest.raises(UnableToRestore, match="may not decide appeals"):
        restore(house.office, CARDS["thrice"], reason="x", by=ANI, now=datetime(2020, 7, 1, tzinfo=UTC))


def test_stopped_between_two_ranges_it_goes_on(house, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Each range is booked whole with its line in the audit, or not at all."""
    office, start = house.office, datetime(2020, 7, 1, 3, tzinfo=UTC)
    fund(office, start)
    monkeypatch.setattr(queries, "PEOPLE_AT_ONCE", 2)
    book, calls = journey.records.book_range, []

    def stop(*given: object, **named: object) -> None:
        calls.append(named["cards"])
        book(*given, **named)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(journey.records, "book_range", stop)
    with pytest.raises(KeyboardInterrupt):
        book_training(office, by=ANI, now=start, announce=quiet)
    assert {card for _, card in booked(office)} == {int(card) for card in sorted(CARDS.values())[:2]}
    told = book_training(office, by=ANI, now=start, announce=quiet).document()
    assert told["grant_training"]["people"] == len(CARDS) - 2
    first, *_, last = calls[2:]
    assert (first[0], last[1]) == (0, queries.LAST_CARD)
    with office.database.connect() as connection:
        rows = connection.execute("SELECT content::jsonb ->> 'subject' FROM audit WHERE content LIKE '%training.book%'")
        assert len(rows.fetchall()) == 5
    assert money_holds(office).holds, money_holds(office).told
