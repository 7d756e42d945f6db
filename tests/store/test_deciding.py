"""The same facts decided in one piece and in parts give the same rows: whatever the buckets, generations and routes."""

import random
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from cair.kernel.reasons import BreakKind
from cair.rules.reports import DECIDING, schema_of
from cair.rules.tables import FEEDS, PMO, Kind
from cair.store import deciding, segments
from cair.store.engine import decision_steps, session

AS_OF = 1_592_000_000_000_000  # 12 June 2020
_DAY = 86_400_000_000
_FIRST = 18_360  # 8 April 2020
_ARROW = {"string": pa.string(), "int64": pa.int64(), "uuid": pa.string(), "boolean": pa.bool_()}
_SIZES = {"appointments": 90, "courses": 9, "holds": 5, "revocations": 8, "resolutions": 12, "activities": 60}
_QUERIES = {
    "decisions": "SELECT * REPLACE (appointed_fingerprint::VARCHAR AS appointed_fingerprint) FROM decisions",
    "breaks": "SELECT * FROM breaks",
    "figures": "SELECT measure, dimension, value, count FROM figures",
    "reach_figures": "SELECT measure, dimension, value, count FROM reach_figures",
}
Rows = Counter[Any]


def _pools(chance: random.Random) -> dict[str, list[Any]]:
    """Give few values for each column, so that reports meet: same codes, cards, persons, certificates."""
    instants = [(_FIRST + chance.randrange(60)) * _DAY + chance.randrange(_DAY) for _ in range(40)]
    return {
        "card_number": [1_000_000_000_000_000 + number for number in range(80)],
        "redeem_code": [f"CODE-{number:04}" for number in range(70)],
        "invoice_code": [f"INV/{number:05}" for number in range(80)],
        "course_code": ["course-a", "course-b", "course-c"],
        "partner": ["platform-one", "platform-two", "provider-one", "provider-two", "pmo"],
        "provider": ["provider-one", "provider-two"],
        "platforms": ["platform-one", "platform-one;platform-two", "platform-two"],
        "nik": [str(uuid.UUID(int=number)) for number in range(70)],
        "holder_nik": [str(uuid.UUID(int=number)) for number in range(70)],
        "account_ref": [str(uuid.UUID(int=number)) for number in range(3)],
        "certificate_no": [None, *(f"CERT-{number}" for number in range(60))],
        "rulebook": ["semi-bansos-2020", "normal-2023", "nobody-knows"],
        "region_code": ["3171", "3201", "1101"],
        "scope_value": ["1", "31", "provider-one", "platform-two", "1000000000000007"],
        "break_kind": [str(kind) for kind in BreakKind],
        "amount_idr": [300_000, 600_000, 1_200_000],
        "price_idr": [500_000, 1_000_000],
        "hours": [20_000, 80_000],
        "wave": [1, 2],
        "instant": instants,
        "day": [_FIRST + number for number in range(0, 60, 7)],
        "known_at": [_FIRST * _DAY + number * _DAY for number in range(80)],
    }


def _value(feed: str, name: str, kind: str, pools: dict[str, list[Any]], chance: random.Random) -> Any:
    if name == "partner" and FEEDS[feed].sender == PMO:
        return PMO
    if name in pools:
        return chance.choice(pools[name])
    column = next((column for column in FEEDS[feed].columns if column.name == name), None)
    if column is not None and column.words:
        weights = [20, *(1 for _ in column.words[1:])] if name == "status" and feed == "purchases" else None
        return chance.choices(column.words, weights)[0]
    if column is not None and column.kind is Kind.DAY:
        return None if column.optional and chance.random() < 0.5 else chance.choice(pools["day"])
    if column is not None and column.kind is Kind.INSTANT:
        return chance.choice(pools["instant"])
    return chance.randrange(1, 5) if kind == "int64" else f"{name}-{chance.randrange(6)}"


def _reports(feed: str, pools: dict[str, list[Any]], chance: random.Random, numbers: Any) -> pa.Table:
    """Make reports of a feed in the order of their arrival, a part of them corrections of earlier ones."""
    columns = [
        name for name in schema_of(feed) if name not in ("contested", "key", "fingerprint", "taken_in", "revision")
    ]
    keys = {column.name for column in FEEDS[feed].key} | {"partner"}
    rows: list[dict[str, Any]] = []
    revisions: Counter[uuid.UUID] = Counter()
    for _ in range(_SIZES.get(feed, 110)):
        row = {name: _value(feed, name, schema_of(feed)[name], pools, chance) for name in columns}
        if rows and chance.random() < 0.15:
            row |= {name: value for name, value in chance.choice(rows).items() if name in keys}
        key = uuid.uuid5(uuid.NAMESPACE_OID, "|".join(str(row.get(name)) for name in sorted(keys)))
        revisions[key] += 1
        row |= {"key": str(key), "fingerprint": str(uuid.UUID(int=chance.getrandbits(128))), "taken_in": next(numbers)}
        row |= {"revision": revisions[key], "outcome": "accepted" if revisions[key] == 1 else "corrected"}
        rows.append(row)
    kinds = {name: _ARROW[kind] for name, kind in schema_of(feed).items() if name != "contested"}
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
                    | {"outcome": [row["outcome"] for row in rows]})  # fmt: skip


@pytest.fixture(scope="module", params=[1])
def reports(request: pytest.FixtureRequest) -> dict[str, pa.Table]:
    chance = random.Random(request.param)
    pools, numbers = _pools(chance), iter(range(10**6))
    return {feed: _reports(feed, pools, chance, numbers) for feed in DECIDING}


def _seen(feed: str, more: str = "") -> str:
    names = [
        f'"{name}"::UUID AS "{name}"' if kind == "uuid" else f'"{name}"'
        for name, kind in schema_of(feed).items()
        if name != "contested"
    ]
    return f"SELECT {', '.join(names)}{more} FROM given"


def _hold(engine: duckdb.DuckDBPyConnection, found: dict[str, Rows], *, once: bool) -> None:
    for name, query in _QUERIES.items():
        if name == "reach_figures" and not once:
            continue
        for row in engine.execute(query).fetchall():
            if name.endswith("figures"):
                found[name][row[:3]] += row[3]
            else:
                found[name][row] += 1


def _nothing() -> dict[str, Rows]:
    return {name: Counter() for name in _QUERIES}


@pytest.fixture(scope="module")
def in_one_piece(reports: dict[str, pa.Table], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    found = _nothing()
    with session(tmp_path_factory.mktemp("one")) as engine:
        for feed, table in reports.items():
            engine.register("given", table)
            contested = ", count(*) OVER (PARTITION BY key) > 1 AS contested"
            engine.execute(f"CREATE TEMP TABLE {feed} AS {_seen(feed, contested)}")
            engine.unregister("given")
        deciding.lay_down_law(engine)
        deciding.set_moment(engine, AS_OF)
        deciding.run_steps(engine, decision_steps())
        _hold(engine, found, once=True)
    return found


def _written(home: Path, reports: dict[str, pa.Table], *, buckets: int, generations: int) -> segments.Segments:
    """Write reports as segments, as if they had come in at several times."""
    made = segments.Segments(home)
    made.manifest = segments.Manifest(buckets=buckets)
    last = max(table["taken_in"].to_pylist()[-1] for table in reports.values())
    found = []
    with session(home) as engine:
        for generation in range(generations):
            for feed, table in reports.items():
                size = -(-table.num_rows // generations)
                engine.register("given", table.slice(generation * size, size))
                part = engine.sql(_seen(feed, ", false AS contested")).to_arrow_table().to_reader()
                disputed = engine.sql(
                    "SELECT DISTINCT key::UUID AS key FROM given WHERE outcome <> 'accepted'"
                ).to_arrow_table()
                engine.unregister("given")
                place = {"folder": f"{generation}-test", "generation": generation}
                found += segments.write_generation(made, engine, feed, part, disputed, **place)
    made.put_in_place(segments.Manifest(buckets=buckets, taken_in=last, generations=generations, segments=found))
    return made


@pytest.mark.parametrize(("buckets", "generations", "in_memory"), [(1, 1, True), (3, 3, True), (4, 2, False)])
def test_parts_give_what_one_piece_gives(
    reports: dict[str, pa.Table],
    in_one_piece: dict[str, Rows],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    buckets: int,
    generations: int,
    in_memory: bool,
) -> None:
    monkeypatch.setattr(deciding, "BUCKETS_IN_MEMORY", 100 if in_memory else 0)
    made = _written(tmp_path, reports, buckets=buckets, generations=generations)
    assert made.check() == []
    assert _decided(tmp_path, made) == in_one_piece


def test_generations_united_give_the_same(
    reports: dict[str, pa.Table], in_one_piece: dict[str, Rows], tmp_path: Path
) -> None:
    made = _written(tmp_path, reports, buckets=1, generations=3)
    with session(tmp_path) as engine:
        made._unite(engine, 2)
    assert (made.manifest.generations, made.manifest.buckets) == (1, 2)
    assert _decided(tmp_path, made, times=2) == in_one_piece  # a session can decide again: nothing is left behind


def _decided(home: Path, made: segments.Segments, *, times: int = 1) -> dict[str, Rows]:
    found = _nothing()
    with session(home) as engine:
        for _ in range(times):
            found = _nothing()
            with deciding.decided_on_segments(
                engine, made, AS_OF, *_QUERIES, announce=lambda *_: None, spared=frozenset()
            ) as turns:
                for place, _ in enumerate(turns):
                    _hold(engine, found, once=place == 0)
    return found


def test_sparing_columns_changes_no_answer(reports: dict[str, pa.Table], tmp_path: Path) -> None:
    made = _written(tmp_path, reports, buckets=3, generations=1)
    answers = []
    query = "SELECT card_number, state, reason, detail, whose_move, partner, since, due_day, step FROM decisions"
    with session(tmp_path) as engine:
        for spared in (frozenset[str](), deciding.ANSWERS_ONLY):
            rows: Rows = Counter()
            with deciding.decided_on_segments(
                engine, made, AS_OF, "decisions", announce=lambda *_: None, spared=spared
            ) as turns:
                for _ in turns:
                    rows.update(engine.execute(query).fetchall())
            answers.append(rows)
    assert answers[0] == answers[1]


def test_the_facts_are_worth_deciding(in_one_piece: dict[str, Rows]) -> None:
    """Many kinds of breaks and reasons come up, else the tests above say little."""
    kinds = {row[2] for row in in_one_piece["breaks"]}
    states = {row[2] for row in in_one_piece["figures"] if row[:2] == ("state", "state")}
    assert len(kinds) >= 14, sorted(kinds)
    assert states >= {"WAITING", "CLOSED"}


@pytest.mark.parametrize("in_memory", [True, False])
def test_what_needs_no_codes_is_made_without_them(
    reports: dict[str, pa.Table],
    in_one_piece: dict[str, Rows],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_memory: bool,
) -> None:
    monkeypatch.setattr(deciding, "BUCKETS_IN_MEMORY", 100 if in_memory else 0)
    made, found = _written(tmp_path, reports, buckets=3, generations=1), _nothing()
    with (
        session(tmp_path) as engine,
        deciding.decided_on_segments(
            engine, made, AS_OF, "reach_figures", "revocable", announce=lambda *_: None
        ) as turns,
    ):
        next(turns)
        rows = engine.execute(_QUERIES["reach_figures"]).fetchall()
        found["reach_figures"].update({row[:3]: row[3] for row in rows})
        assert engine.execute("SELECT count(*) FROM revocable").fetchall()[0][0] == sum(row[3] for row in rows)
    assert found["reach_figures"] == in_one_piece["reach_figures"]
