"""Who may be revoked: the compiled rule on every mix of messages, against the sentence of the page in plain Python."""

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cair.kernel.days import DAY, day_start
from cair.rules.reach import ReachClass
from cair.rules.reports import schema_of
from cair.rules.revocation import CHANNELS, Obstacle, Proof
from cair.store.deciding import set_moment
from cair.store.engine import decision_steps

CARD, APPOINTED, LAST_DAY = 4_000_000_000_000_001, 18_400, 18_429
AFTER = day_start(LAST_DAY + 1)
_KINDS = {"string": "VARCHAR", "int64": "BIGINT", "boolean": "BOOLEAN", "uuid": "UUID"}
GOOD, BAD = ("delivered", "opened", "clicked", "answered"), ("failed", "bounced")
MESSAGE = st.tuples(
    st.sampled_from(["m1", "m2", "m3", "m4"]),
    st.sampled_from(["aria", "gema"]),
    st.sampled_from(CHANNELS),
    st.sampled_from(["sent", "sent", *BAD, *BAD, "delivered", "opened"]),
    st.sampled_from([day_start(APPOINTED) - 1, day_start(APPOINTED), AFTER]),
)


def _table(
    engine: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], rows: list[dict[str, object]]
) -> None:
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({', '.join(f'{c} {k}' for c, k in columns.items())})")
    for row in rows:
        engine.execute(
            f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as opened:
        opened.execute("SET threads = 1")
        yield opened


PEOPLE = {
    "card_number": "BIGINT", "wave": "BIGINT", "region_code": "VARCHAR", "rulebook": "VARCHAR",
    "known_rulebook": "VARCHAR", "appointed_on": "BIGINT", "last_buying_day": "BIGINT", "buy_by": "BIGINT",
    "account_partner": "VARCHAR", "revocation": "VARCHAR", "first_code": "VARCHAR",
}  # fmt: skip


def case(
    engine: duckdb.DuckDBPyConnection,
    messages: list[tuple[str, str, str, str, int]],
    *,
    as_of: int = AFTER,
    hold: str | None = None,
    **person: object,
) -> dict[str, object]:
    stands = {
        "card_number": CARD, "wave": 1, "region_code": "31.71", "rulebook": "semi-bansos-2020",
        "known_rulebook": "semi-bansos-2020", "appointed_on": APPOINTED, "last_buying_day": LAST_DAY,
        "buy_by": LAST_DAY,
    }  # fmt: skip
    _table(engine, "people_ruled", PEOPLE, [stands | person])
    set_moment(engine, as_of)
    _table(engine, "regions", {"region_code": "VARCHAR"}, [{"region_code": "31.71"}])
    _table(
        engine,
        "reach",
        {"reach_card": "BIGINT", "reach": "VARCHAR"},
        [{"reach_card": CARD, "reach": str(ReachClass.DELIVERED)}],
    )
    kinds = {name: _KINDS[kind] for name, kind in schema_of("messages").items()}
    names = ("message_ref", "partner", "channel", "status", "occurred_at")
    told = [{"card_number": CARD} | dict(zip(names, each, strict=True)) for each in messages]
    _table(engine, "messages_now", kinds, told)
    held = [{"hold_ref": "H", "status": "START", "scope": hold, "scope_value": "31", "occurred_at": 0}] if hold else []
    _table(engine, "holds_now", {name: _KINDS[kind] for name, kind in schema_of("holds").items()}, held)
    sql = next(step.sql for step in decision_steps() if step.name == "revocable")
    found = engine.sql(sql).to_arrow_table().to_pylist()
    assert len(found) == 1, "one row for everybody who has not bought"
    return found[0]


def plainly(messages: list[tuple[str, str, str, str, int]]) -> str:
    """What the page says of the proof, word by word."""
    counted = [each for each in messages if each[4] >= day_start(APPOINTED)]
    if any(each[3] in GOOD for each in counted):
        return Proof.DELIVERED
    failed = {(each[0], each[1]): each[2] for each in counted if each[3] in BAD}
    if len(failed) >= 3 and len(set(failed.values())) >= 2:
        return Proof.FAILED_THREE_TIMES
    if not counted:
        return Obstacle.NO_MESSAGE
    if not failed:
        return Obstacle.NO_RECEIPT
    return Obstacle.FEW_ATTEMPTS if len(failed) < 3 else Obstacle.ONE_CHANNEL


@settings(max_examples=40, deadline=None)
@given(st.lists(MESSAGE, max_size=8))
def test_proof_is_what_the_page_says(
    engine: duckdb.DuckDBPyConnection, messages: list[tuple[str, str, str, str, int]]
) -> None:
    channels = {(ref, partner): channel for ref, partner, channel, _, _ in messages}
    messages = [(ref, partner, channels[ref, partner], status, at) for ref, partner, _, status, at in messages]
    found = case(engine, messages)
    assert (found["proof"] is None) != (found["obstacle"] is None)
    assert (found["proof"] or found["obstacle"]) == plainly(messages)


DELIVERED = [("m1", "aria", "sms", "delivered", day_start(APPOINTED))]


def test_last_day_is_inclusive_and_days_restored_count(engine: duckdb.DuckDBPyConnection) -> None:
    assert case(engine, DELIVERED, as_of=AFTER - 1)["obstacle"] == Obstacle.DEADLINE_AHEAD
    assert case(engine, DELIVERED, as_of=AFTER)["proof"] == Proof.DELIVERED
    assert case(engine, DELIVERED, buy_by=LAST_DAY + 5, as_of=AFTER + 5 * DAY - 1)["obstacle"] == "DEADLINE_AHEAD"


def test_holds_and_unknown_rules_stand_in_the_way(engine: duckdb.DuckDBPyConnection) -> None:
    assert case(engine, DELIVERED, hold="region")["obstacle"] == Obstacle.HELD
    assert case(engine, DELIVERED, hold="all")["obstacle"] == Obstacle.HELD
    assert case(engine, DELIVERED, hold="provider")["obstacle"] is None
    assert case(engine, DELIVERED, known_rulebook=None)["obstacle"] == Obstacle.NO_RULEBOOK


def test_one_message_that_fails_twice_is_one_attempt(engine: duckdb.DuckDBPyConnection) -> None:
    at = day_start(APPOINTED)
    twice = [("m1", "aria", "sms", status, at) for status in BAD]
    rest = [("m2", "aria", "sms", "failed", at), ("m3", "aria", "email", "bounced", at)]
    assert case(engine, [*twice, rest[1]])["obstacle"] == Obstacle.FEW_ATTEMPTS
    found = case(engine, [*twice, *rest])
    assert (found["proof"], found["on_sms"], found["on_email"]) == (Proof.FAILED_THREE_TIMES, "FAILED", "FAILED")
