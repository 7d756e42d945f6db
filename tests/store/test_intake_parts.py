"""The parts of intake: keys that may be held, plans that stay, work done ahead, whatever the environment's time zone."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from threading import Lock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cair.store.ahead import ahead, side_by_side
from cair.store.engine import session_without_spills
from cair.store.records.known import KnownKeys
from cair.store.standing import StandingQuery

KEYS = st.lists(st.integers(0, 2**64 - 1), max_size=50).map(lambda keys: np.array(keys, np.uint64))


@given(KEYS, KEYS)
def test_no_key_that_was_added_is_ever_called_new(first: np.ndarray, second: np.ndarray) -> None:
    known = KnownKeys(10)
    known.add("purchases", first)
    known.add("purchases", second)
    assert known.perhaps("purchases", np.concatenate([first, second])).all()


def test_few_keys_are_taken_for_held_ones() -> None:
    rng, known = np.random.default_rng(1), KnownKeys(100_000)
    keys = rng.integers(0, 2**63, 200_000).astype(np.uint64)
    known.add("purchases", keys[:100_000])
    assert known.perhaps("purchases", keys[100_000:]).mean() < 0.05
    assert known.perhaps("redemptions", keys[:100_000]).mean() < 0.05, "feeds have keys of their own"


def test_a_standing_query_sees_the_tables_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Jakarta")
    with session_without_spills() as engine:
        text = "SELECT n + $2::BIGINT AS n, $1::VARCHAR AS who, moment::TIMESTAMPTZ::TIMESTAMP AS moment FROM numbers"
        query = StandingQuery(engine, text)
        for count in (1, 3, 0, 100_000):
            table = pa.table(
                {
                    "n": pa.array(range(count), pa.int64()),
                    "moment": ["2020-07-01T00:00:00Z"] * count or pa.array([], pa.string()),
                }
            )
            answer = query.ask("who", 5, numbers=table)
            assert sorted(answer["n"].to_pylist()) == list(range(5, count + 5))
            assert {str(at) for at in answer["moment"].to_pylist()} <= {"2020-07-01 00:00:00"}


def test_what_is_made_ahead_comes_in_order_and_its_trouble_where_it_happened() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise ValueError("the eleventh")

    taken = []
    with pytest.raises(ValueError, match="eleventh"), ahead(items(), depth=2) as made:
        taken.extend(made)
    assert taken == list(range(10))


def test_what_is_made_side_by_side_comes_in_order_with_no_maker_used_twice_at_once() -> None:
    busy = [Lock(), Lock(), Lock()]
    taken: list[int] = []

    def maker(own: Lock) -> Callable[[int], int]:
        def make(item: int) -> int:
            assert own.acquire(blocking=False), "it is at work already"
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1 + item * 7919 % 5_000)  # some take long
            own.release()
            return item * item

        return make

    def items() -> Iterator[int]:
        for item in range(200):
            taken.append(item)
            yield item

    made = side_by_side(items(), [maker(each) for each in busy], depth=8)
    for place, square in enumerate(made):
        assert square == place * place
        assert len(taken) <= place + 8, "no more is under way than was allowed"
    assert len(taken) == 200


def test_a_trouble_of_one_maker_comes_where_its_item_would_have_come() -> None:
    made = side_by_side(iter([4, 2, 0, 1]), [lambda item: 8 // item] * 2, depth=4)
    assert [next(made), next(made)] == [2, 4]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_work_ahead_ends_with_the_one_who_takes_it() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    with ahead(endless(), depth=2) as made:
        assert next(made) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
