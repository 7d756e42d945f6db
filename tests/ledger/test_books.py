"""Laws of the books, on made-up histories: everything balances, pending and voided is nothing, statements add up."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa
import pytest
from beancount import loader
from hypothesis import given, settings
from hypothesis import strategies as st

from cair.ledger import chart, transfers
from cair.ledger.balances import Movement, effects, statement, trial_balance
from cair.ledger.beancount import beancount_text
from cair.ledger.chart import Purpose
from cair.ledger.transfers import Code, Stage, Transfers, faults

FIRST = date(2020, 6, 1)
LINES = ("semi-bansos-2020", "normal-2023")


class Life(NamedTuple):
    """What becomes of one order: on which days after the first, and how it ends."""

    line: str
    amount_idr: int
    released: int
    answered: int | None
    arrives: bool
    returned: int | None


@st.composite
def lives(draw: st.DrawFn) -> Life:
    released = draw(st.integers(1, 9))
    answered = draw(st.none() | st.integers(released, 12))
    arrives = draw(st.booleans())
    returned = draw(st.none() | st.integers(answered, 15)) if answered is not None and arrives else None
    amounts = st.sampled_from([50_000, 600_000]) | st.integers(1, 10**12)
    return Life(draw(st.sampled_from(LINES)), draw(amounts), released, answered, arrives, returned)


LIVES = st.lists(lives(), max_size=12)
CALM = settings(deadline=None, max_examples=60)


class Books:
    """Books in memory: what is booked gets a number and a day."""

    def __init__(self) -> None:
        self.booked: list[tuple[date, dict[str, object], list[dict[str, object]]]] = []

    def book(self, day: date, added: Transfers) -> int:
        assert faults(added) == []
        first = len(self.booked)
        legs = added.legs.to_pylist()
        for at, head in enumerate(added.heads.to_pylist()):
            self.booked.append((day, head, [leg for leg in legs if leg["transfer"] == at]))
        return first

    def movements(self) -> list[Movement]:
        settled = {head["settles"]: (day, head["stage"]) for day, head, _ in self.booked if head["settles"] is not None}
        found = []
        for number, (day, head, legs) in enumerate(self.booked):
            on, how = settled.get(number, (None, None))
            for leg in legs:
                amount = leg["amount_idr"]
                found.append(
                    Movement(
                        day, head["stage"], on, how, leg["account"], head["code"],
                        max(amount, 0), max(-amount, 0), event=head["event"],
                    )
                )  # fmt: skip
        return found


def orders(numbered: list[tuple[int, Life]]) -> pa.Table:
    return pa.table(
        {
            "order_ref": pa.array([f"R{at}" for at, _ in numbered], pa.string()),
            "line": pa.array([life.line for _, life in numbered], pa.string()),
            "card_number": pa.array([at for at, _ in numbered], pa.int64()),
            "attempt": pa.array([1] * len(numbered), pa.int64()),
            "amount_idr": pa.array([life.amount_idr for _, life in numbered], pa.int64()),
        }
    )


def lived(all_lives: list[Life]) -> Books:
    """Book the lives day by day."""
    books = Books()
    for line in LINES:
        books.book(FIRST, transfers.appropriate(f"decree/{line}", line, Purpose.INCENTIVES, 10**14))
    numbered = list(enumerate(all_lives))
    pending: dict[int, int] = {}
    for after in range(16):
        day = FIRST + timedelta(days=after)
        if released := [each for each in numbered if each[1].released == after]:
            books.book(day, transfers.release_incentives(after, 1, orders(released)))
            first = books.book(day, transfers.pay_incentives(orders(released)))
            pending |= {at: first + place for place, (at, _) in enumerate(released)}
        for arrives, builder in ((True, transfers.confirm_incentives), (False, transfers.fail_incentives)):
            if ended := [each for each in numbered if (each[1].answered, each[1].arrives) == (after, arrives)]:
                known = pa.array([pending[at] for at, _ in ended], pa.int64())
                books.book(day, builder(orders(ended).append_column("transfer", known)))
        if back := [each for each in numbered if each[1].returned == after]:
            books.book(day, transfers.return_incentives(orders(back)))
    return books


def expected(all_lives: list[Life], line: str, day: int) -> Counter[str]:
    """Where the money of a line must be at the end of a day, told from the lives alone."""
    found: Counter[str] = Counter()
    for life in all_lives:
        if life.line != line or life.released > day:
            continue
        found["promised"] += life.amount_idr
        is_answered = life.answered is not None and life.answered <= day
        if not is_answered:
            found["in flight"] += life.amount_idr
        elif life.arrives:
            found["paid"] += life.amount_idr
            found["returned"] += life.amount_idr if life.returned is not None and life.returned <= day else 0
    return found


@CALM
@given(LIVES, st.integers(0, 16))
def test_every_rupiah_is_where_the_lives_say(all_lives: list[Life], day: int) -> None:
    balances = trial_balance(lived(all_lives).movements(), FIRST + timedelta(days=day))
    assert sum(each.balance_idr for each in balances) == 0
    assert sum(each.pending_idr for each in balances) == 0
    by_name = {each.account: each for each in balances}

    def of(account: chart.Account) -> int:
        return by_name[account.name].balance_idr if account.name in by_name else 0

    for line in LINES:
        wanted = expected(all_lives, line, day)
        assert of(chart.appropriated(line)) == 10**14
        assert of(chart.available(line, Purpose.INCENTIVES)) == wanted["promised"] - 10**14
        assert of(chart.paid(line)) == -wanted["paid"]
        assert of(chart.returned(line)) == wanted["returned"]
        assert of(chart.payable(line)) == wanted["paid"] - wanted["returned"] - wanted["promised"]
        flying = by_name.get(chart.paid(line).name)
        assert (flying.pending_idr if flying else 0) == -wanted["in flight"]


@CALM
@given(LIVES, st.integers(0, 16), st.integers(0, 16))
def test_statements_add_up_and_agree_with_the_trial_balance(all_lives: list[Life], one: int, other: int) -> None:
    movements = lived(all_lives).movements()
    first, last = FIRST + timedelta(days=min(one, other)), FIRST + timedelta(days=max(one, other))
    before = {each.account: each.balance_idr for each in trial_balance(movements, first - timedelta(days=1))}
    for balance in trial_balance(movements, last):
        told = statement(movements, balance.account, first, last)
        assert told.opening_idr == before.get(balance.account, 0)
        assert told.closing_idr == balance.balance_idr
        posted = sum(line.posted_debit_idr - line.posted_credit_idr for line in told.lines)
        assert told.opening_idr + posted == told.closing_idr
        assert [line.day for line in told.lines] == sorted(line.day for line in told.lines)


@CALM
@given(LIVES)
def test_adding_up_beforehand_changes_no_figure(all_lives: list[Life]) -> None:
    movements = lived(all_lives).movements()

    def key(each: Movement) -> tuple[object, ...]:
        return (each.day, each.stage, str(each.settled_on), str(each.settled_as), each.account, each.code)

    added = []
    for _, group in groupby(sorted(movements, key=key), key=key):
        rows = list(group)
        debit, credit = sum(row.debit_idr for row in rows), sum(row.credit_idr for row in rows)
        added.append(rows[0]._replace(debit_idr=debit, credit_idr=credit, legs=len(rows), event=""))
    for after in range(16):
        day = FIRST + timedelta(days=after)
        assert trial_balance(added, day) == trial_balance(movements, day)


def test_pending_and_voided_is_nothing() -> None:
    for amount in (1, 600_000):
        moved = Movement(FIRST, Stage.PENDING, FIRST, Stage.VOIDED, "Assets:A:B:C", Code.PAY_INCENTIVE, amount, 0)
        (balance,) = trial_balance([moved], FIRST)
        assert (balance.debit_idr, balance.credit_idr, balance.pending_idr) == (0, 0, 0)
        assert [effect.pending_idr for effect in effects(moved)] == [amount, -amount]


def test_faults_are_named() -> None:
    good = transfers.pay_incentives(orders([(0, Life(LINES[0], 600_000, 1, None, True, None))]))
    posts = transfers.confirm_incentives(
        pa.table({"order_ref": ["R0"], "attempt": [1], "amount_idr": [600_000], "transfer": pa.array([0], pa.int64())})
    )

    def damaged(kind: Transfers, *, column: str, values: list[object], legs: bool) -> Transfers:
        table = kind.legs if legs else kind.heads
        at = table.schema.get_field_index(column)
        changed = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
        return Transfers(kind.heads, changed) if legs else Transfers(changed, kind.legs)

    free = damaged(posts, column="settles", values=[None], legs=False)
    cases = [
        (damaged(good, column="amount_idr", values=[600_000, -599_999], legs=True), "pay/R0/1 does not balance"),
        (damaged(good, column="amount_idr", values=[1], legs=False), "pay/R0/1 states another amount than its debits"),
        (damaged(good, column="legs", values=[3], legs=False), "pay/R0/1 states another number of legs"),
        (damaged(good, column="settles", values=[7], legs=False), "pay/R0/1 has legs though it settles another"),
        (damaged(posts, column="amount_idr", values=[0], legs=False), "paid/R0/1 moves nothing"),
        (damaged(free, column="stage", values=["VOIDED"], legs=False), "paid/R0/1 is voided and settles nothing"),
    ]  # fmt: skip
    assert faults(good) == faults(posts) == []
    for transfer, told in cases:
        assert told in faults(transfer)


def beancount_errors(lines: Iterator[str]) -> list[str]:
    _, errors, _ = loader.load_string("\n".join(lines))
    return [str(error.message) for error in errors]


@CALM
@given(LIVES, st.integers(0, 16), st.booleans())
def test_beancount_agrees(all_lives: list[Life], day: int, is_detailed: bool) -> None:
    movements = lived(all_lives).movements()
    if not is_detailed:
        movements = [movement._replace(event="") for movement in movements]
    text = list(beancount_text(movements, FIRST + timedelta(days=day), title='Books "as of" \\ today'))
    assert beancount_errors(iter(text)) == []


def test_beancount_notices_one_rupiah() -> None:
    movements = lived([Life(LINES[0], 600_000, 1, 2, True, None)]).movements()
    text = list(beancount_text(movements, FIRST + timedelta(days=3), title="Books"))
    assert any("600000 IDR" in line and "balance" in line for line in text)
    wrong = [line.replace(" 600000 ", " 600001 ") if line.startswith("  ") else line for line in text]
    assert beancount_errors(iter(wrong))


@pytest.mark.parametrize("line", LINES)
def test_accounts_are_known_by_their_names(line: str) -> None:
    accounts = [
        chart.appropriated(line), *(chart.available(line, purpose) for purpose in Purpose), chart.payable(line),
        chart.paid(line), chart.returned(line), chart.balance(line), chart.reserved(line),
        chart.platform(line, "sekolah-mu"), chart.given_back_training(line),
    ]  # fmt: skip
    assert [chart.account_named(account.name) for account in accounts] == accounts
    assert len({account.name for account in accounts}) == len(accounts)
    for name in ("Assets:Treasury:X", "Equity:Appropriation:X:Fun", "Income:X", "", "Assets:Treasury:X:Y:Paid"):
        with pytest.raises(KeyError):
            chart.account_named(name)
