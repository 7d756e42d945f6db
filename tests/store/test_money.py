"""Money in the real database: what it refuses whoever asks, the way from a plan to a payment, and what verify finds."""

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from beancount import loader

from cair.ledger import chart
from cair.ledger.chart import Purpose
from cair.ledger.training import holdings, move_training
from cair.ledger.transfers import Code, Side, Stage, batch
from cair.rules.release import (
    FAIR_ORDER,
    FORBIDDEN_PAIRS,
    ITEMS,
    MAY_APPROVE,
    Role,
    choose,
    forbidden_pair,
    stages_needed,
)
from cair.store.database import Database, UnableToUseDatabase, open_database, without_values
from cair.store.migrations import __path__ as migrations_path
from cair.store.queries import ledger as books
from cair.store.queries.invariants import MONEY_TABLES, check_invariants
from cair.store.queries.payments import payments
from cair.store.queries.releases import (
    Release,
    decided_otherwise,
    no_longer_due,
    read_items,
    read_release,
    releases,
)
from cair.store.records import releases as records
from cair.store.records.ledger import UnableToBook, add_transfers, appropriate
from cair.store.records.payments import (
    ANSWERS,
    OUTCOMES,
    SENDINGS,
    UnableToSend,
    add_answers,
    add_outcomes,
    add_sendings,
    claim,
    put_in_file,
)
from cair.store.records.releases import UnableToApprove, UnableToPlan, UnableToRun, Wishes
from cair.store.records.staff import (
    Actor,
    UnableToAddStaff,
    UnableToEndStaff,
    UnableToKnowActor,
    add_staff,
    end_staff,
    is_secret,
    known_actor,
)
from cair.store.schema import bring_up_to_date
from cair.store.vault import Vault

LINE = "semi-bansos-2020"
START = datetime(2020, 7, 27, 2, tzinfo=UTC)
WISHES = Wishes(as_of=START, seed=7, sample=2)
OFFICER = Actor("Ani", frozenset({Role.OFFICER}))
CHECKER = Actor("Budi", frozenset({Role.CHECKER}))
DIRECTOR = Actor("Citra", frozenset({Role.DIRECTOR, Role.APPROVER}))
TRANCHE = 600_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAIR_HOME", str(home))
        with open_database(home, None, announce=lambda told: None) as opened:
            with opened.connect(autocommit=True) as connection:
                connection.execute("CREATE DATABASE pattern")
            pattern = Database(opened.parameters | {"dbname": "pattern"}, is_embedded=True)
            assert bring_up_to_date(pattern)
            yield opened


@pytest.fixture
def database(server: Database) -> Database:
    """A database of one's own, with the tables and nothing in them."""
    name = f"test_{uuid.uuid4().hex}"
    with server.connect(autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE pattern")
    return Database(server.parameters | {"dbname": name}, is_embedded=True)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault.open(tmp_path_factory.mktemp("keys"))


def named(*parts: object) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(repr(parts).encode()).digest()[:16]))


def due(cards: range | list[int], *, benefit: str = "TRANCHE_1", amount: int = TRANCHE) -> pa.Table:
    """Some who are due; the smaller the card the longer."""
    rows = [
        (card, benefit, LINE, amount, "ovo", named("account", card), named("report", card), named("facts", card),
         START - timedelta(days=30) + timedelta(minutes=card % 1000))
        for card in cards
    ]  # fmt: skip
    names = [name for name in ITEMS.names if name not in {"order_ref", "attempt"}]
    schema = pa.schema([ITEMS.field(name) for name in names])
    return pa.table(
        [pa.array(column, schema.field(at).type) for at, column in enumerate(zip(*rows, strict=True))], schema=schema
    )


def fund(database: Database, amount: int, purpose: Purpose = Purpose.INCENTIVES, document: str = "DIPA-1") -> None:
    with database.connect() as connection:
        appropriate(connection, document=document, line=LINE, purpose=purpose, amount_idr=amount, by="Dewi", now=START)


def in_fair_order(table: pa.Table) -> Iterator[pa.Table]:
    """Give those who are due as they are asked for: in order, in parts."""
    ranked = table.sort_by([(name, "ascending") for name in FAIR_ORDER])
    yield from (ranked.slice(first, 3) for first in range(0, ranked.num_rows, 3))


def items_of(connection: psycopg.Connection[Any], release: int) -> pa.Table:
    return pa.concat_tables(read_items(connection, release))


def plan(database: Database, vault: Vault, table: pa.Table, wishes: Wishes = WISHES) -> Release:
    with database.connect() as connection:
        return records.add_plan(
            connection, due=partial(in_fair_order, table), wishes=wishes, by=OFFICER, vault=vault, now=START
        )


def approved(database: Database, planned: Release, by: Actor = CHECKER) -> Release:
    with database.connect() as connection:
        return records.approve(connection, release=planned.number, list_hash=planned.list_hash, by=by, now=START)


def ordered(database: Database, vault: Vault, table: pa.Table, *, now: datetime = START) -> Release:
    known = approved(database, plan(database, vault, table))
    with database.connect() as connection:
        return records.run(connection, release=known.number, by=OFFICER, now=now)


def ended(database: Database, *rows: tuple[str, int, str], now: datetime = START) -> list[str]:
    """Book outcomes; FAILED and RETURNED for a closed account."""
    whole = [
        (ref, attempt, status, None if status == "PAID" else "ACCOUNT_CLOSED", now, "statement 1")
        for ref, attempt, status in rows
    ]
    columns = [pa.array(column, kind.type) for column, kind in zip(zip(*whole, strict=True), OUTCOMES, strict=True)]
    with database.connect() as connection:
        return add_outcomes(connection, pa.table(columns, schema=OUTCOMES), now=now).to_pylist()


def refs(database: Database, release: int) -> list[str]:
    with database.connect() as connection:
        return items_of(connection, release)["order_ref"].to_pylist()


def refusal(database: Database, statements: str) -> str:
    """Give the constraint in whose name the database says no, whoever asks, also past our own functions; empty: it does not."""
    try:
        with without_values(), database.connect() as connection:
            connection.execute(f"{statements}; SET CONSTRAINTS ALL IMMEDIATE")
            connection.rollback()
    except UnableToUseDatabase as trouble:
        return str(trouble.constraint)
    return ""


TRANSFER = "INSERT INTO transfer (number, booked_at, event, code, stage, settles, amount_idr, legs) VALUES "
LEG = "INSERT INTO leg (transfer, position, account, card_number, amount_idr) VALUES "


@pytest.fixture
def paid(database: Database, vault: Vault) -> Database:
    """Three released: the first paid, the second failed, the third in flight. Six transfers."""
    fund(database, 10 * TRANCHE)
    release = ordered(database, vault, due([1, 2, 3]))
    first, second, _ = refs(database, release.number)
    assert ended(database, (first, 1, "PAID"), (second, 1, "FAILED")) == ["BOOKED", "BOOKED"]
    return database


def test_the_books_refuse_what_does_not_balance(paid: Database) -> None:
    at, later = "'2020-07-27 03:00Z'", "'2020-07-26 03:00Z'"
    payable = "(SELECT number FROM account WHERE name LIKE 'Liabilities:Incentives:%')"
    went = "(SELECT number FROM account WHERE name LIKE '%:Paid')"
    free = "(SELECT number FROM account WHERE is_capped)"
    posted = f"({{0}}, {at}, 'x', 'correction', 'POSTED', NULL, 5, 2)"
    whole = f"{TRANSFER}{posted.format(8)};{LEG}(8, 1, {payable}, 1, 5), (8, 2, {went}, 1, -5)"
    assert refusal(paid, whole) == "", "what balances is taken"
    above = (
        f"{TRANSFER}(8, {at}, 'x', 'c', 'POSTED', NULL, 6000000, 2);"
        f"{LEG}(8, 1, {free}, NULL, 6000000), (8, 2, {went}, 1, -6000000)"
    )
    cases = [
        (whole.replace("-5)", "-4)"), "transfer_balances"),
        (f"{TRANSFER}{posted.format(8)}", "transfer_balances"),
        (f"{TRANSFER}{posted.format(8)};{LEG}(8, 1, {payable}, 1, 4), (8, 2, {went}, 1, -4)", "transfer_balances"),
        (f"{LEG}(1, 3, {payable}, 1, 5), (1, 4, {went}, 1, -5)", "leg_of_its_transfer"),
        (f"{LEG}(99, 1, {payable}, 1, 5)", "leg_of_its_transfer"),
        (f"{LEG}(1, 1, {payable}, 1, 5)", "leg_pkey"),
        (whole.replace(f"{payable}, 1, 5", f"{payable}, NULL, 5"), "leg_of_its_account"),
        (whole.replace(f"{payable}, 1, 5", "99, 1, 5"), "leg_of_its_account"),
        (whole.replace(f"{payable}, 1, 5", f"{payable}, 1, 0"), "leg_amount"),
        (f"{TRANSFER}{posted.format(9)}", "transfer_numbers"),
        (f"{TRANSFER}{posted.format(3)}", "transfer_pkey"),
        (f"{TRANSFER}{posted.format(8).replace(at, later)}", "transfer_instants"),
        (f"{TRANSFER}{posted.format(8).replace('5, 2', '-5, 2')}", "transfer_amount"),
        (f"{TRANSFER}(8, {at}, 'x', 'pay_incentive', 'POSTED', 3, 600000, 0)", "transfer_settles_once"),
        (f"{TRANSFER}(8, {at}, 'x', 'pay_incentive', 'VOIDED', 5, 599999, 0)", "transfer_settles_pending"),
        (f"{TRANSFER}(8, {at}, 'x', 'appropriate', 'VOIDED', 1, 6000000, 0)", "transfer_settles_pending"),
        (f"{TRANSFER}(8, {at}, 'x', 'pay_incentive', 'VOIDED', 9, 600000, 0)", "transfer_settles_earlier"),
        (f"{TRANSFER}(8, {at}, 'x', 'pay_incentive', 'VOIDED', NULL, 600000, 0)", "transfer_stage"),
        (f"{TRANSFER}(8, {at}, 'x', 'pay_incentive', 'PENDING', 5, 600000, 0)", "transfer_stage"),
        (f"{TRANSFER}(8, {at}, 'x', 'c', 'PENDING', NULL, 5, 2);{LEG}(8, 1, {free}, NULL, 5), (8, 2, {went}, 1, -5)",
         "leg_of_capped_is_posted"),
        (above, "never_above_appropriation"),
    ]  # fmt: skip
    for statements, constraint in cases:
        assert refusal(paid, statements) == constraint, statements
    assert (
        refusal(
            paid,
            f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; {whole.replace(f'{payable}, 1, 5', f'{free}, NULL, 5')}",
        )
        == "leg_sees_all"
    )
    assert check_invariants(paid) == []


def test_payments_are_what_the_database_says(paid: Database, vault: Vault) -> None:
    one, two, three = refs(paid, 1)
    order = (
        "INSERT INTO payment_order SELECT order_ref, {}, release, position, card_number, benefit, line, partner, "
        "amount_idr, transfer, {} FROM payment_order WHERE order_ref = '{}'"
    )
    outcome = (
        "INSERT INTO payment_outcome "
        "(order_ref, attempt, status, previous_status, reason, occurred_at, evidence, transfer) VALUES "
    )
    more = (
        "INSERT INTO release_item SELECT release, 4, 'x', attempt, card_number + 9, benefit, line, amount_idr, "
        "partner, account_ref_index, account_fingerprint, facts, since, false FROM release_item WHERE position = 1"
    )
    twice = "INSERT INTO release_end SELECT release, how, by_name, ended_at, stages, list_hash, why FROM release_end"
    cases = [
        (order.format(1, "NULL, NULL", three), "payment_order_pkey"),
        (order.format(2, "1, 'RETURNED'", one), "payment_order_transfer_key"),
        (order.format(2, "NULL, NULL", one), "payment_order_after_the_one_before"),
        (order.format(3, "1, 'FAILED'", two), "payment_order_after_the_one_before"),
        (f"{outcome}('{one}', 1, 'FAILED', NULL, 'OTHER', now(), '', 3)", "payment_outcome_once"),
        (f"{outcome}('{three}', 1, 'FAILED', NULL, 'OTHER', now(), '', 2)", "payment_outcome_booked"),
        (f"{outcome}('{three}', 1, 'LOST', NULL, NULL, now(), '', 2)", "payment_outcome_status"),
        (f"{outcome}('{three}', 1, 'RETURNED', 'PAID', 'OTHER', now(), '', 2)", "payment_outcome_after_paid"),
        (more, "release_item_of_its_release"),
        (twice, "release_end_pkey"),
    ]
    for statements, constraint in cases:
        assert refusal(paid, statements) == constraint, statements
    with pytest.raises(UnableToPlan):
        plan(paid, vault, due([1, 3]))
    again = plan(paid, vault, due([1, 2, 3]))
    with paid.connect() as connection:
        items = items_of(connection, again.number)
    assert items.select(["order_ref", "attempt"]).to_pylist() == [{"order_ref": two, "attempt": 2}]


def test_what_is_looked_at_by_statement_is_looked_at_in_every_row(paid: Database) -> None:
    """Balance, the file of a line, the line and the order of a verdict: one bad row among many is enough."""
    (one, *_) = refs(paid, 1)
    payable = "(SELECT number FROM account WHERE name LIKE 'Liabilities:Incentives:%')"
    went = "(SELECT number FROM account WHERE name LIKE '%:Paid')"
    many = (
        "INSERT INTO transfer SELECT 7 + n, '2020-07-27 03:00Z', 'many/' || n, 'correction', 'POSTED', NULL, 5, 2 "
        "FROM generate_series(1, 1500) AS n;"
        f"INSERT INTO leg SELECT 7 + n, 1, {payable}, n, 5 FROM generate_series(1, 1500) AS n;"
        f"INSERT INTO leg SELECT 7 + n, 2, {went}, n, -5 FROM generate_series(1, 1500) AS n"
    )
    assert refusal(paid, many) == "", "what balances is taken"
    for old, new in (("n, -5 ", "n, -5 - (n = 777)::int "), ("n, 5 FROM", "n, 5 + 2 * (n = 1500)::int FROM")):
        assert refusal(paid, many.replace(old, new)) == "transfer_balances"
    assert refusal(paid, f"{many} WHERE n <> 3") == "transfer_balances"
    assert refusal(paid, many.split(";")[0]) == "transfer_balances"
    file = (
        "INSERT INTO bank_file (number, name, partner, format, sha256, received_at, refusal, lines, debit_idr, "
        "credit_idr, proof) VALUES (7, 'x', 'ovo', 'x', 'x', now(), '', 1500, 0, 0, '')"
    )
    line = (
        "INSERT INTO bank_line (file_number, line, direction, status) "
        "SELECT {}, n, '', 'x' FROM generate_series(1, 1500) AS n"
    )
    verdict = (
        "INSERT INTO line_verdict (file_number, line, number, bucket, whose_move, order_ref, attempt, decided_at, "
        "decided_by) SELECT 7, {}, 1, 'x', 'PMO', {}, 1, now(), '' FROM generate_series(1, 1500) AS n"
    )
    named_none = f"CASE WHEN n < 1500 THEN '{one}' END"
    cases = [
        (line.format("7"), "bank_line_of_file"),
        (f"{file}; {line.format('7 + (n = 900)::int')}", "bank_line_of_file"),
        (f"{file}; {line.format(7)}; {verdict.format('n + (n = 1500)::int', 'NULL')}", "line_verdict_of_line"),
        (
            f"{file}; {line.format(7)}; {verdict.format('n', f'coalesce({named_none}, $$no$$)')}",
            "line_verdict_of_order",
        ),
    ]
    for statements, constraint in cases:
        assert refusal(paid, statements) == constraint, statements
    with paid.connect() as connection:
        connection.execute(f"{file}; {line.format(7)}; {verdict.format('n', named_none)}")
    assert (
        refusal(
            paid,
            "INSERT INTO payment_outcome (order_ref, attempt, status, occurred_at, evidence, transfer) "
            "VALUES ('nobody', 1, 'PAID', now(), '', 5)",
        )
        == "payment_outcome_booked"
    )


def test_the_first_line_in_a_file_is_named_after_its_order(paid: Database) -> None:
    *_, three = refs(paid, 1)
    line = f"INSERT INTO sending VALUES ({{}}, '{three}', 1, 0, 'SEND', '{{}}', '{{}}', 'f', now())"
    assert refusal(paid, line.format(1, "csv", "x")) == "sending_external_id"
    first = line.format(1, "csv", f"{three}-1-0")
    assert refusal(paid, f"{first}; {line.format(2, 'iso20022', f'{three}-1-0')}") == "sending_one_first_file"


def test_nothing_of_money_is_changed_or_deleted(paid: Database) -> None:
    with paid.connect(autocommit=True) as connection:
        connection.execute("INSERT INTO staff VALUES (1, 'x', ARRAY['AUDITOR'], '', now(), '')")
        before = rows_of(connection)
        for table in MONEY_TABLES:
            column = connection.execute(f'SELECT * FROM "{table}" LIMIT 0').description[0].name
            change, remove = f'UPDATE "{table}" SET "{column}" = "{column}"', f'DELETE FROM "{table}"'
            for statement in (change, remove, f'TRUNCATE "{table}" CASCADE'):
                with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                    connection.execute(statement)
        assert rows_of(connection) == before
        assert all(before[table] for table in ("transfer", "leg", "payment_order", "payment_outcome", "staff"))


def rows_of(connection: psycopg.Connection) -> dict[str, int]:
    """Count the rows of all tables of money."""
    return {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in MONEY_TABLES}


def at_once(*acts: Callable[[], object]) -> list[BaseException | None]:
    """Do things in threads of their own; give what each raised."""
    raised: list[BaseException | None] = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def do(place: int, act: Callable[[], object]) -> None:
        ready.wait()
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised[place] = error

    threads = [threading.Thread(target=do, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def run_of(database: Database, release: int) -> Callable[[], object]:
    def act() -> None:
        with database.connect() as connection:
            records.run(connection, release=release, by=OFFICER, now=START)

    return act


def test_two_lists_with_the_same_person_pay_once(database: Database, vault: Vault) -> None:
    fund(database, 100 * TRANCHE)
    lists = [approved(database, plan(database, vault, due([1, *more]))).number for more in ([2], [3])]
    raised = at_once(*(run_of(database, number) for number in [*lists, *lists]))
    assert sum(error is None for error in raised) == 1
    assert {type(error) for error in raised} == {type(None), UnableToRun}
    assert any("ordered for since" in str(error) for error in raised)
    with database.connect() as connection:
        assert connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE card_number = 1) FROM payment_order"
        ).fetchone() == (2, 1)
    assert check_invariants(database) == []


def test_two_connections_past_our_functions_pay_once(paid: Database) -> None:
    """The second waits for the first to end, and is refused by name."""
    _, two, _ = refs(paid, 1)
    with paid.connect() as connection:
        connection.execute("CREATE TABLE copied AS SELECT * FROM payment_order WHERE attempt = 1")
        connection.execute("ALTER TABLE payment_order DISABLE TRIGGER check_orders")
    number = iter([101, 102])

    def act() -> None:
        with without_values(), paid.connect() as connection:
            connection.execute(
                "INSERT INTO payment_order SELECT order_ref, 2, release, position + %s, card_number, benefit, line, "
                "partner, amount_idr, %s, 1, 'FAILED' FROM copied WHERE order_ref = %s",
                [place := next(number), place, two],
            )

    raised = at_once(act, act)
    assert sorted(str(getattr(error, "constraint", None)) for error in raised) == ["None", "payment_order_pkey"]


def test_eight_releases_at_once_never_exceed_the_appropriation(database: Database, vault: Vault) -> None:
    fund(database, 20 * TRANCHE)
    lists = [
        approved(database, plan(database, vault, due(range(10 * place + 1, 10 * place + 8)))).number
        for place in range(8)
    ]
    raised = at_once(*(run_of(database, number) for number in lists))
    assert sum(error is None for error in raised) == 2
    assert all(error is None or isinstance(error, UnableToBook) for error in raised)
    totals = books.totals(database, date(2020, 7, 27))[LINE]
    assert (totals["appropriated"], totals["available"], totals["payable"]) == (20 * TRANCHE, 6 * TRANCHE, 14 * TRANCHE)
    assert check_invariants(database) == []


def test_raw_bookings_at_once_never_exceed_the_appropriation(database: Database) -> None:
    """The lock is the database's own, not that of our functions."""
    fund(database, 5 * TRANCHE)
    went = "Assets:Treasury:Semi-bansos-2020:Paid"
    with database.connect() as connection:
        connection.execute("INSERT INTO account VALUES (9, %s, true, false, now())", [went])
        connection.execute("ALTER TABLE transfer DISABLE TRIGGER check_transfers")
    amounts = iter(range(8))

    def act() -> None:
        with without_values(), database.connect() as connection:
            number = 10 + next(amounts)
            connection.execute(f"{TRANSFER}({number}, now(), 'raw {number}', 'c', 'POSTED', NULL, {TRANCHE}, 2)")
            connection.execute(
                f"{LEG}({number}, 1, (SELECT number FROM account WHERE is_capped), NULL, {TRANCHE}), "
                f"({number}, 2, 9, 1, {-TRANCHE})"
            )

    raised = at_once(*[act] * 8)
    assert (
        sorted(str(getattr(error, "constraint", None)) for error in raised)
        == ["None"] * 5 + ["never_above_appropriation"] * 3
    )


def test_from_plan_to_payment_and_back(database: Database, vault: Vault) -> None:
    day = timedelta(days=1)
    with pytest.raises(UnableToPlan, match="appropriat"):
        plan(database, vault, due([1, 2]))
    fund(database, 3 * TRANCHE)
    ordered(database, vault, due([5, 4, 3, 2]))
    one, two, three = refs(database, 1)
    with database.connect() as connection:
        assert items_of(connection, 1)["card_number"].to_pylist() == [2, 3, 4]
        assert sum(items_of(connection, 1)["is_sampled"].to_pylist()) == 2
    outcomes = [(one, 1, "PAID"), (two, 1, "FAILED"), (three, 1, "RETURNED"), (three, 1, "PAID"), ("CA0", 1, "PAID")]
    assert ended(database, *outcomes, now=START + day) == ["BOOKED"] * 4 + ["UNKNOWN_ORDER"]
    again = [(one, 1, "PAID"), (one, 1, "FAILED"), (two, 1, "PAID"), (two, 1, "RETURNED"), (three, 1, "RETURNED")]
    assert ended(database, *again, now=START + day) == ["KNOWN", "CONTRADICTS", "CONTRADICTS", "CONTRADICTS", "KNOWN"]
    second = ordered(database, vault, due([2, 3, 4]), now=START + 2 * day)
    assert refs(database, second.number) == [two, three]
    assert ended(database, (two, 2, "RETURNED"), now=START + 3 * day) == ["TOO_EARLY"]
    assert ended(database, (two, 2, "PAID"), (two, 2, "PAID"), now=START + 3 * day) == ["BOOKED", "KNOWN"]

    def told(after: int) -> tuple[int, ...]:
        found = books.totals(database, date(2020, 7, 27) + timedelta(days=after))[LINE]
        return tuple(found[name] // TRANCHE for name in ("available", "payable", "in_flight", "paid", "returned"))

    assert [told(after) for after in range(4)] == [(0, 3, 3, 0, 0), (0, 2, 0, 2, 1), (0, 2, 2, 2, 1), (0, 1, 1, 3, 1)]
    account = chart.paid(LINE).name
    statement = books.account_statement(database, account, date(2020, 7, 28), date(2020, 7, 30))
    assert (statement.opening_idr, statement.closing_idr) == (0, -3 * TRANCHE)
    person = [(move.code, move.stage, move.settled_as) for move in books.movements_of(database, 3, date(2020, 7, 30))]
    assert ("pay_incentive", "PENDING", "VOIDED") in person
    assert ("pay_incentive", "PENDING", "POSTED") in person
    for by_event in (False, True):
        text = "\n".join(books.beancount(database, date(2020, 7, 30), by_event=by_event))
        assert loader.load_string(text)[1] == []
    assert check_invariants(database) == []


def test_who_may_plan_approve_and_run(database: Database, vault: Vault) -> None:
    fund(database, 10_000 * TRANCHE)
    big = replace(WISHES, stages_from_idr=(0, TRANCHE, 3 * TRANCHE))
    planned = plan(database, vault, due([1, 2, 3]), big)
    assert planned.stages == 3
    with pytest.raises(UnableToRun, match="0 of 3"):
        run_of(database, planned.number)()
    cases = [
        (replace(OFFICER, roles=frozenset(Role)), planned, "Nobody approves what he planned"),
        (Actor("Eko", frozenset({Role.TREASURER})), planned, "Stage 1 is approved by"),
        (CHECKER, replace(planned, list_hash=bytes(32)), "another list"),
        (CHECKER, replace(planned, number=99), "There is no release"),
    ]
    for actor, known, told in cases:
        with pytest.raises(UnableToApprove, match=told):
            approved(database, known, actor)
    approved(database, planned)
    with pytest.raises(UnableToApprove, match="somebody else"):
        approved(database, planned, replace(CHECKER, roles=DIRECTOR.roles))
    approved(database, planned, Actor("Fitri", frozenset({Role.APPROVER})))
    with pytest.raises(UnableToApprove, match="Stage 3"):
        approved(database, planned, Actor("Gita", frozenset({Role.APPROVER})))
    approved(database, planned, DIRECTOR)
    with pytest.raises(UnableToApprove, match="needs no approval"):
        approved(database, planned, Actor("Hadi", frozenset({Role.DIRECTOR})))
    with pytest.raises(UnableToRun, match="may not run"), database.connect() as connection:
        records.run(connection, release=planned.number, by=CHECKER, now=START)
    run_of(database, planned.number)()
    with pytest.raises(UnableToRun, match="RUN"):
        run_of(database, planned.number)()
    assert [release.ended for release in releases(database)] == ["RUN"]
    ask = "INSERT INTO approval SELECT release, stage, {} FROM approval WHERE stage = 1"
    new = plan(database, vault, due([4]), big)
    for values, constraint in [
        ("previous_stage, list_hash, planned_by, 'Z', role, approved_at", "approval_of_this_list"),
    ]:
        assert refusal(database, ask.format(values).replace("SELECT release", f"SELECT {new.number}")) == constraint
    of_new = f"FROM release WHERE number = {new.number}"
    own = f"INSERT INTO approval SELECT number, {{}}, list_hash, planned_by, {{}}, now() {of_new}"
    assert refusal(database, own.format("1, NULL", "planned_by, 'CHECKER'")) == "approval_not_own"
    assert refusal(database, own.format("1, NULL", "'Z', 'OFFICER'")) == "approval_role"
    assert refusal(database, own.format("2, 1", "'Z', 'DIRECTOR'")) == "approval_after_the_one_before"
    assert refusal(database, own.format("2, NULL", "'Z', 'DIRECTOR'")) == "approval_in_order"
    assert (
        refusal(database, f"INSERT INTO release_end SELECT number, 'RUN', 'Z', now(), stages, list_hash, '' {of_new}")
        == "release_end_approved"
    )
    with database.connect() as connection:
        records.end(connection, release=new.number, how="REFUSED", why="a doubt", by=CHECKER, now=START)
    with pytest.raises(UnableToApprove, match="needs no approval"):
        approved(database, new)
    assert refusal(database, own.format("1, NULL", "'Z', 'CHECKER'")) == "approval_before_the_end"
    assert check_invariants(database) == []


def test_an_account_pays_one_participant_unless_two_people_say_so(database: Database, vault: Vault) -> None:
    fund(database, 10 * TRANCHE)
    table = due([1, 2])
    shared = table.set_column(
        table.schema.get_field_index("account_ref_index"), "account_ref_index", pa.array([named(0)] * 2)
    )
    known = approved(database, plan(database, vault, shared))
    with pytest.raises(UnableToRun, match="belongs to another participant"):
        run_of(database, known.number)()
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO account_override VALUES (1, 'ovo', %s, 2, 'Ani', 'Budi', 'couple, seen', now())", [named(0)]
        )
    run_of(database, known.number)()
    assert (
        refusal(database, "INSERT INTO payee SELECT partner, account_ref_index, 3, 1 FROM payee LIMIT 1")
        == "payee_overridden"
    )
    alone = (
        "INSERT INTO account_override SELECT 2, partner, account_ref_index, 3, 'A', 'A', '', now() FROM payee LIMIT 1"
    )
    assert refusal(database, alone) == "account_override_two_people"
    assert check_invariants(database) == []


def sending(order: tuple[str, int, int], external_id: str, kind: str = "SEND") -> pa.Table:
    row = [*order, kind, "snap", external_id, ""]
    return pa.table(
        [pa.array([value], field.type) for value, field in zip(row, SENDINGS, strict=True)], schema=SENDINGS
    )


def test_workers_share_and_a_sleeper_is_fenced_off(database: Database, vault: Vault) -> None:
    fund(database, 10 * TRANCHE)
    ordered(database, vault, due(range(1, 7)))
    lease = timedelta(minutes=5)

    def claims(worker: str, now: datetime, limit: int = 10) -> dict[str, tuple[str, int, int]]:
        with database.connect() as connection:
            found = claim(connection, worker=worker, partner="ovo", limit=limit, lease=lease, now=now)
        return {each.order_ref: (each.order_ref, each.attempt, each.epoch) for each in found}

    held: list[dict[str, tuple[str, int, int]]] = []
    raised = at_once(*[lambda: held.append(claims(f"w{len(held)}", START, 2))] * 3)
    assert raised == [None] * 3
    assert len({ref for each in held for ref in each}) == sum(map(len, held))
    sleeper = {**held[0], **held[1], **held[2], **claims("w", START)}
    assert len(sleeper) == 6
    assert claims("other", START + lease / 2) == {}
    taken = claims("other", START + lease)
    assert {epoch for _, _, epoch in taken.values()} == {2}
    ref, *_ = sleeper
    with pytest.raises(UnableToSend), database.connect() as connection:
        add_sendings(connection, sending(sleeper[ref], "1"), now=START)
    with database.connect() as connection:
        numbers = add_sendings(connection, sending(taken[ref], "1"), now=START)
    with database.connect() as connection:
        row = [numbers[0].as_py(), "ASK_STATUS", "NO_ANSWER", "", None, ""]
        add_answers(
            connection,
            pa.table(
                [pa.array([value], field.type) for value, field in zip(row, ANSWERS, strict=True)], schema=ANSWERS
            ),
            now=START,
        )
    with database.connect() as connection:
        (again,) = [
            each
            for each in claim(connection, worker="w", partner="ovo", limit=9, lease=lease, now=START + 3 * lease)
            if each.order_ref == ref
        ]
    assert (again.first_at, again.external_id, again.epoch) == (START, "1", 3)
    assert ended(database, (ref, 1, "PAID")) == ["BOOKED"]
    with pytest.raises(UnableToSend), database.connect() as connection:
        add_sendings(connection, sending((ref, 1, 3), "2"), now=START)
    with database.connect() as connection:
        add_sendings(connection, sending((ref, 1, 3), "2", "ASK"), now=START)
    assert (
        refusal(database, f"INSERT INTO sending VALUES (99, '{ref}', 1, 3, 'ASK', 'snap', '2', '', now())")
        == "sending_external_id"
    )
    assert check_invariants(database) == []


def test_a_file_takes_each_order_once(database: Database, vault: Vault) -> None:
    fund(database, 10 * TRANCHE)
    ordered(database, vault, due(range(1, 6)))
    lease = timedelta(hours=1)

    def filed(file_ref: str, limit: int, now: datetime) -> list[int]:
        with database.connect() as connection:
            found = put_in_file(connection, partner="ovo", rail="csv", file_ref=file_ref, limit=limit, now=now)
        return found["card_number"].to_pylist()

    assert filed("one", 3, START) == [1, 2, 3]
    assert filed("two", 1, START + lease) == [4]
    with database.connect() as connection:
        again = claim(connection, worker="v", partner="ovo", limit=9, lease=lease, now=START + 9 * lease)
    assert [each.first_at for each in again] == [START] * 3 + [START + lease, None]
    assert filed("three", 9, START + 99 * lease) == []
    assert filed("one", 9, START + 99 * lease) == [1, 2, 3]
    one, two, three, _, five = refs(database, 1)
    line = "INSERT INTO sending SELECT 99, '{}', 1, {}, kind, rail, 'x', {}, now() FROM sending LIMIT 1"
    assert refusal(database, line.format(one, 0, "'three'")) == "sending_one_first_file"
    assert refusal(database, line.format(five, 0, "'three'")) == "sending_by_newest_claim"
    assert refusal(database, line.format(five, 0, "''")) == "sending_by_newest_claim"
    assert refusal(database, line.format(five, 2, "''")) == "sending_by_newest_claim"
    ended(database, (one, 1, "PAID"), (two, 1, "FAILED"), (three, 1, "PAID"), (three, 1, "RETURNED"))
    with database.connect() as connection:
        found = payments(connection, cards=[1, 2, 3, 4, 9]).to_pylist()
        assert payments(connection).num_rows == 5
    assert [(each["state"], each["reason"]) for each in found] == [
        ("PAID", None), ("FAILED", "ACCOUNT_CLOSED"), ("RETURNED", "ACCOUNT_CLOSED"), ("SENT", None),
    ]  # fmt: skip
    assert check_invariants(database) == []


def test_staff_are_known_by_a_secret_that_is_not_kept(database: Database) -> None:
    with database.connect() as connection:
        secret = add_staff(connection, name="Ani", roles=OFFICER.roles, added_by="", now=START)
        assert known_actor(connection, name="Ani", secret=secret) == OFFICER
        kept = connection.execute("SELECT secret FROM staff").fetchall()[0][0]
        assert secret not in kept
        assert is_secret(secret, kept)
        renewed = add_staff(connection, name="Ani", roles=CHECKER.roles, added_by="Ani", now=START)
        assert known_actor(connection, name="Ani", secret=renewed).roles == CHECKER.roles
        for name, tried in (("Ani", secret), ("Ani", ""), ("Ani", "\udcff"), ("Nobody", renewed)):
            with pytest.raises(UnableToKnowActor):
                known_actor(connection, name=name, secret=tried)
        end_staff(connection, name="Ani", ended_by="Budi", now=START)
        with pytest.raises(UnableToKnowActor):
            known_actor(connection, name="Ani", secret=renewed)
        for name in ("Ani", "Nobody"):
            with pytest.raises(UnableToEndStaff, match=f"{name}.*nothing changed"):
                end_staff(connection, name=name, ended_by="Budi", now=START)
        for name, roles in (
            ("X", {Role.OFFICER, Role.CHECKER}),
            ("X", set()),
            ("", {Role.AUDITOR}),
            ("X\n", {Role.AUDITOR}),
        ):
            with pytest.raises(UnableToAddStaff):
                add_staff(connection, name=name, roles=frozenset(roles), added_by="", now=START)
        said = str(connection.execute("SELECT array_agg(content) FROM audit").fetchone())
    assert secret not in said
    assert renewed not in said
    for pair in sorted(map(sorted, FORBIDDEN_PAIRS)):
        assert (
            refusal(database, f"INSERT INTO staff VALUES (9, 'x', ARRAY{[str(role) for role in pair]}, '', now(), '')")
            == "staff_forbidden_pairs"
        )
    allowed = [
        pair for pair in ({Role.OFFICER, Role.TREASURER}, set(MAY_APPROVE[1])) if not forbidden_pair(frozenset(pair))
    ]
    with database.connect() as connection:
        for number, pair in enumerate(allowed, 10):
            connection.execute("INSERT INTO staff VALUES (%s, 'x', %s, '', now(), '')", [number, sorted(pair)])
    assert len(allowed) == 2


def test_training_money_is_booked_set_wise_and_never_above_its_appropriation(database: Database) -> None:
    count = 2_000
    cards = pa.array(range(1, count + 1), pa.int64())
    lines, zeros = pa.array([LINE] * count), pa.array([0] * count, pa.int64())
    people = pa.table(
        {"card_number": cards, "line": lines, "granted_idr": pa.array([1_000_000] * count), "given_back_idr": zeros}
    )
    purchases = pa.table(
        {"card_number": cards, "line": lines, "platform": pa.array(["skill-academy", "sekolah-mu"] * (count // 2)),
         "bought_idr": pa.array([400_000] * count), "settled_idr": pa.array([400_000, 0] * (count // 2))}
    )  # fmt: skip

    def follow(run: int) -> int:
        with database.connect() as connection:
            moves = move_training(str(run), holdings(people, purchases), books.holdings(connection))
            add_transfers(connection, moves, now=START)
            return moves.heads.num_rows

    fund(database, (count - 1) * 1_000_000, Purpose.TRAINING)
    with pytest.raises(UnableToBook, match="appropriated"):
        follow(1)
    fund(database, 1_000_000, Purpose.TRAINING, "DIPA-2")
    assert follow(1) == 3
    assert follow(2) == 0
    purchases = purchases.slice(0, count - 1)
    assert follow(3) == 1
    told = books.totals(database, date(2020, 7, 27))[LINE]
    assert told["earned_by_platforms"] == 400_000 * count // 2
    assert told["reserved"] == 400_000 * (count // 2 - 1)
    assert told["granted_balance"] == count * 1_000_000 - told["reserved"] - told["earned_by_platforms"]
    assert check_invariants(database) == []


def test_nothing_is_booked_backwards_or_twice(database: Database) -> None:
    fund(database, TRANCHE)
    twice = lambda: fund(database, TRANCHE)  # noqa: E731
    with pytest.raises(UnableToBook, match=f"has given Rp{TRANCHE:,} to Incentives of {LINE} already"):
        twice()
    with pytest.raises(UnableToBook, match="takes more than what is left"):
        fund(database, -TRANCHE - 1, document="a cut")
    move = batch("x", Code.RELEASE_INCENTIVE, debit=Side(chart.available(LINE, Purpose.INCENTIVES).name),
                 credit=Side(chart.payable(LINE).name, pa.array([1])), amounts=[1])  # fmt: skip
    with pytest.raises(UnableToBook, match="set the clock right"), database.connect() as connection:
        add_transfers(connection, move, now=START - timedelta(minutes=11))
    with database.connect() as connection:
        add_transfers(connection, move, now=START - timedelta(minutes=9))
        assert connection.execute("SELECT count(DISTINCT booked_at) FROM transfer").fetchone() == (1,)


def test_what_would_be_decided_otherwise_is_listed(paid: Database) -> None:
    _, _, three = refs(paid, 1)
    with paid.connect() as connection:
        for run, state in ((1, "WAITING"), (2, "DUE"), (3, "WAITING")):
            connection.execute(
                "INSERT INTO decision "
                "(card_number, benefit, run_number, state, reason, whose_move, amount_idr, facts, failing) "
                "VALUES (3, 'TRANCHE_1', %s, %s, 'HELD', 'OWNER', 0, gen_random_uuid(), 8)", [run, state]
            )  # fmt: skip
    assert list(decided_otherwise(paid)) == [(three, 1, "HELD", "RELEASED")]
    with paid.connect() as connection:
        assert no_longer_due(connection, 1) == [(three, 1, "HELD")]


DAMAGES = [
    ("transfer", "UPDATE transfer SET amount_idr = amount_idr + 1 WHERE number = 2", "do not balance"),
    ("leg", "UPDATE leg SET amount_idr = amount_idr + 1 WHERE transfer = 2 AND position = 1", "do not balance"),
    ("leg", "DELETE FROM leg WHERE transfer = 2", "do not balance"),
    ("transfer", "DELETE FROM transfer WHERE number = 4", "missing in the numbering"),
    ("transfer", "UPDATE transfer SET stage = 'VOIDED' WHERE settles IS NOT NULL", "not booked as what they are"),
    ("appropriation", "DELETE FROM appropriation", "documents of an appropriation"),
    ("payment_outcome", "DELETE FROM payment_outcome", "have no outcome"),
    ("payment_order", "UPDATE payment_order SET card_number = card_number + 9", "disagree with their item"),
    ("payment_order", "DELETE FROM payment_order WHERE card_number = 3", "lack orders"),
    ("release_item", "UPDATE release_item SET since = now() WHERE position = 2", "not the one with its"),
    ("approval", "DELETE FROM approval", "approved by whoever planned them"),
    ("audit", "UPDATE audit SET content = content || ' ' WHERE number = 2", "chain of the audit breaks at line 2"),
    ("audit", "DELETE FROM audit WHERE number = 1", "chain of the audit breaks at line 1"),
    ("leg", "ALTER TABLE leg DISABLE TRIGGER append_only", "guards are off"),
    ("payee", "UPDATE payee SET account_ref_index = '00000000-0000-0000-0000-000000000000'", "pay several"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "damage", "told"), DAMAGES)
def test_verify_finds_what_was_written_past_the_guards(paid: Database, table: str, damage: str, told: str) -> None:
    with paid.connect(autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DROP INDEX IF EXISTS payee_one_participant")
        connection.execute(damage)
    found = check_invariants(paid)
    assert any(told in each for each in found), found


def test_nothing_but_the_migration_changes_the_models(server: Database) -> None:
    from django.core.management import call_command
    from django.db import connections

    from cair.store.models import MONEY

    assert [model._meta.db_table for model in MONEY] == list(MONEY_TABLES)
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    connections.close_all()
    newest = max(path.stem for path in Path(migrations_path[0]).glob("[0-9]*.py"))
    assert (Path(migrations_path[0]) / "max_migration.txt").read_text().strip() == newest


def chosen(table: pa.Table, available: dict[str, int]) -> list[int]:
    """Choose from those in three parts; give their cards."""
    return [card for part in choose(in_fair_order(table), available) for card in part["card_number"].to_pylist()]


def test_fair_order_and_stages() -> None:
    numbered = due([3, 1, 2]).append_column("order_ref", pa.array(["a", "b", "c"]))
    first = numbered.append_column("attempt", pa.array([1, 1, 1], pa.int64()))
    assert chosen(first, {LINE: 2 * TRANCHE + 1}) == [1, 2]
    assert chosen(first, {}) == []
    later = numbered.append_column("attempt", pa.array([2, 1, 1], pa.int64()))
    assert chosen(later, {LINE: TRANCHE}) == [1, 3]
    many = due(range(20)).append_column("attempt", pa.array([1, 2] * 10, pa.int64()))
    assert chosen(many, {LINE: 6 * TRANCHE}) == [*range(12), 13, 15, 17, 19], "money is counted across parts"
    assert [stages_needed(amount, (0, 10, 20)) for amount in (1, 9, 10, 19, 20)] == [1, 1, 2, 2, 3]
    assert str(Stage.VOIDED) == "VOIDED"


@pytest.mark.parametrize("people", [1, 4, 5])
def test_a_list_of_several_parts_is_the_one_of_a_single_part(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch, people: int
) -> None:
    fund(database, 10 * TRANCHE)
    cards, wishes = list(range(1, people + 1)), replace(WISHES, sample=0)
    whole = plan(database, vault, due(cards), wishes)
    for module in ("queries", "records"):
        monkeypatch.setattr(f"cair.store.{module}.releases.PART", 2)
    known = approved(database, plan(database, vault, due(cards), wishes))
    assert known.list_hash == whole.list_hash
    with database.connect() as connection:
        records.run(connection, release=known.number, by=OFFICER, now=START)
    with database.connect() as connection:
        ran = connection.execute(
            "SELECT card_number, event FROM payment_order JOIN transfer ON number = transfer "
            "JOIN release_item AS item USING (release, position, card_number) ORDER BY payment_order.position"
        ).fetchall()
    assert check_invariants(database) == []
    assert ran == [(card, f"pay/{ref}/1") for card, ref in zip(cards, refs(database, known.number), strict=True)]


def test_a_release_that_is_read_again_has_the_hash_it_was_planned_with(database: Database, vault: Vault) -> None:
    fund(database, 10 * TRANCHE)
    planned = plan(database, vault, due([1, 2]))
    with database.connect() as connection:
        assert read_release(connection, planned.number) == planned
    assert planned.list_hash != plan(database, vault, due([1, 2])).list_hash or planned.seed == WISHES.seed
