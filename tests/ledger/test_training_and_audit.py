"""Training money follows the evidence, back and forth; the chain of the audit shows every damage."""

from collections import Counter

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cair.ledger import chart
from cair.ledger.audit import START, canonical, first_broken, link
from cair.ledger.training import HOLDINGS, holdings, move_training
from cair.ledger.transfers import Transfers, faults

LINES = ("normal-2023", "semi-bansos-2020")
PLATFORMS = ("sekolah-mu", "skill-academy")
PURCHASE = st.tuples(
    st.integers(1, 6), st.sampled_from(LINES), st.sampled_from(PLATFORMS), st.integers(1, 9), st.booleans()
)
PERSON = st.tuples(st.sampled_from(LINES), st.integers(0, 40), st.integers(0, 9))
EVIDENCE = st.tuples(st.dictionaries(st.integers(1, 6), PERSON), st.lists(PURCHASE, max_size=8))


def wanted(evidence: tuple[dict[int, tuple[str, int, int]], list[tuple[int, str, str, int, bool]]]) -> pa.Table:
    people, purchases = evidence
    whole = pa.int64()
    return holdings(
        pa.table(
            {
                "card_number": pa.array(list(people), whole),
                "line": pa.array([line for line, _, _ in people.values()], pa.string()),
                "granted_idr": pa.array([granted for _, granted, _ in people.values()], whole),
                "given_back_idr": pa.array([back for _, _, back in people.values()], whole),
            }
        ),
        pa.table(
            {
                "card_number": pa.array([card for card, *_ in purchases], whole),
                "line": pa.array([line for _, line, *_ in purchases], pa.string()),
                "platform": pa.array([platform for _, _, platform, *_ in purchases], pa.string()),
                "bought_idr": pa.array([bought for *_, bought, _ in purchases], whole),
                "settled_idr": pa.array([bought * earned for *_, bought, earned in purchases], whole),
            }
        ),
    )


def booked(book: Counter[tuple[str, int]]) -> pa.Table:
    rows = [(account, card, held) for (account, card), held in sorted(book.items()) if held]
    return (
        pa.table([pa.array(each) for each in zip(*rows, strict=True)], schema=HOLDINGS)
        if rows
        else HOLDINGS.empty_table()
    )


def add(book: Counter[tuple[str, int]], added: Transfers) -> None:
    for leg in added.legs.to_pylist():
        if leg["card_number"] is not None:
            book[leg["account"], leg["card_number"]] -= leg["amount_idr"]


@settings(deadline=None, max_examples=60)
@given(st.lists(EVIDENCE, max_size=4))
def test_the_books_follow_whatever_the_evidence_says(steps: list[tuple[dict, list]]) -> None:
    book: Counter[tuple[str, int]] = Counter()
    names: list[str] = []
    for run, evidence in enumerate(steps):
        target = wanted(evidence)
        moves = move_training(str(run), target, booked(book))
        assert faults(moves) == []
        for leg in moves.legs.to_pylist():
            assert chart.account_named(leg["account"]).is_personal == (leg["card_number"] is not None)
        add(book, moves)
        names += moves.heads["event"].to_pylist()
        assert booked(book).equals(target)
        assert move_training(str(run), target, booked(book)).heads.num_rows == 0
    assert len(names) == len(set(names))


def test_a_training_from_grant_to_platform_and_the_rest_to_the_state() -> None:
    line, card = LINES[1], 7
    book: Counter[tuple[str, int]] = Counter()
    told = []
    for run, (granted, back, bought, earned) in enumerate(
        [(1_000_000, 0, 0, 0), (1_000_000, 0, 400_000, 0), (1_000_000, 0, 400_000, 1), (1_000_000, 600_000, 400_000, 1)]
    ):
        purchases = [(card, line, PLATFORMS[0], bought, bool(earned))] if bought else []
        moves = move_training(str(run), wanted(({card: (line, granted, back)}, purchases)), booked(book))
        add(book, moves)
        told.append([(head["code"], head["amount_idr"]) for head in moves.heads.to_pylist()])
    assert told == [
        [("grant_training", 1_000_000)],
        [("reserve_purchase", 400_000)],
        [("settle_purchase", 400_000)],
        [("return_training", 600_000)],
    ]
    assert {account: held for (account, _), held in book.items() if held} == {
        chart.platform(line, PLATFORMS[0]).name: 400_000,
        chart.given_back_training(line).name: 600_000,
    }


FACTS = st.lists(
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4) | st.none(), max_size=3), max_size=5
)


@given(FACTS, st.data())
def test_the_chain_shows_every_damage(all_facts: list[dict[str, str | int | None]], data: st.DataObject) -> None:
    lines, before = [], START
    for number, facts in enumerate(all_facts, 1):
        content = canonical(facts)
        lines.append((number, content, before, link(before, content)))
        before = lines[-1][3]
    assert first_broken(lines) is None
    if lines:
        at = data.draw(st.integers(0, len(lines) - 1))
        number, content, previous, own = lines[at]
        for damaged in ((number, content + " ", previous, own), (number, content, previous, link(own, ""))):
            assert first_broken([*lines[:at], damaged, *lines[at + 1 :]]) == at + 1
        if at < len(lines) - 1:
            assert first_broken(lines[:at] + lines[at + 1 :]) == at + 1


def test_equal_facts_are_one_text() -> None:
    assert (
        canonical({"b": 1, "a": "é", "c": None})
        == '{"a":"é","b":1,"c":null}'
        == canonical({"c": None, "a": "é", "b": 1})
    )
