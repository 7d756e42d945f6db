"""Running the compiled steps: in one piece on facts in memory, or bucket by bucket on segments, with the same SQL."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa


from cair.programme.reader import default_rulebook, rulebooks, terms
from cair.rules.facts import DECIDING
from cair.store.engine import CompiledStep, steps_for
from cair.store.payment_tables import lay_down_no_payments
from cair.store.segments import BY_CARD, BY_CODE, Segments, card_bucket, code_bucket

Announce = Callable[[str, int, int], None]
CARDS_PASSES = 16
"""At most so many passes by card number: what they make is cut by redeem code, and files would be too many."""


def lay_down_law(engine: duckdb.DuckDBPyConnection) -> None:
    """Put the rulebooks' figures and the terms into a session."""
    books = rulebooks()
    law = pa.table(
        {
            "rulebook": [book.name for book in books],
            "training_balance_idr": [book.training_balance_idr for book in books],
            "buying_days": [book.buying_days for book in books],
            "tranche_1_idr": [book.tranche_1_idr for book in books],
            "counts_activities": [book.counts_activities for book in books],
        }
    )
    names, days, due_days = terms()
    assert default_rulebook() in books, "checks run under a rulebook that exists"
    for name, table in {"rulebooks": law, "terms": pa.table({"term": names, "day": days, "due_day": due_days})}.items():
        engine.register("laid", table)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM laid")
        engine.unregister("laid")
    lay_down_no_payments(engine)


def set_moment(engine: duckdb.DuckDBPyConnection, as_of: int) -> None:
    """Say as of which instant (microseconds UTC) the session decides."""
    engine.execute(f"CREATE OR REPLACE TEMP TABLE moment AS SELECT {as_of}::BIGINT AS as_of")


def run_steps(engine: duckdb.DuckDBPyConnection, steps: tuple[CompiledStep, ...]) -> None:
    """Run steps over the tables that are there: those that are kept as tables, the others as views."""
    for step in steps:
        kind = "TABLE" if step.kept else "VIEW"
        engine.execute(f"CREATE OR REPLACE TEMP {kind} {step.name} AS {step.sql}")


@contextmanager
def decided_on_segments(
    engine: duckdb.DuckDBPyConnection, segments: Segments, as_of: int, *targets: str, announce: Announce
) -> Iterator[Iterator[None]]:
    """Decide everybody on segments. Gives an iterator: at each of its turns the targets are there for one more part.

    In one bucket there is one turn. What stage CARDS and SHARED make for targets is there at every turn.
    """
    decision = _InParts(engine, segments, as_of, targets, announce)
    try:
        yield decision.turns()
    finally:
        decision.clean()


class _InParts:
    """One decision over segments."""

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        segments: Segments,
        as_of: int,
        targets: tuple[str, ...],
        announce: Announce,
    ) -> None:
        self._engine, self._segments, self._announce = engine, segments, announce
        self._steps = steps_for(*targets)
        self._targets = set(targets)
        self._buckets = segments.manifest.buckets
        self._needed = {name for step in self._steps for name in step.needs}
        spill = engine.execute("SELECT current_setting('temp_directory')").fetchall()[0][0]
        self._folder = Path(spill) / "parts"
        lay_down_law(engine)
        set_moment(engine, as_of)

    def turns(self) -> Iterator[None]:
        self._read_all(DECIDING)
        run_steps(self._engine, self._of("FIRST"))
        if self._buckets == 1:
            for stage in ("CARDS", "SHARED", "CODES"):
                run_steps(self._engine, self._of(stage))
            self._announce("", 1, 1)
            yield
            return
        self._in_passes()
        run_steps(self._engine, self._of("SHARED"))
        self._store_routed("SHARED")
        for bucket in range(self._buckets):
            self._announce("", self._buckets + bucket, 2 * self._buckets)
            self._read_bucket(BY_CODE, [bucket])
            self._route("CODES", code_bucket, [bucket])
            run_steps(self._engine, self._of("CODES"))
            yield
        self._announce("", 2 * self._buckets, 2 * self._buckets)

    def clean(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _of(self, stage: str) -> tuple[CompiledStep, ...]:
        return tuple(step for step in self._steps if step.stage == stage)

    def _read_all(self, feeds: tuple[str, ...]) -> None:
        for feed in feeds:
            if feed in self._needed:
                self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {feed} AS {self._segments.reading(feed)}")

    def _read_bucket(self, feeds: tuple[str, ...], buckets: list[int]) -> None:
        for feed in feeds:
            if feed in self._needed:
                parts = " UNION ALL ".join(self._segments.reading(feed, bucket) for bucket in buckets)
                self._engine.execute(f"CREATE OR REPLACE TEMP VIEW {feed} AS {parts}")

    def _in_passes(self) -> None:
        """Run stage CARDS over some buckets at a time, and cut what it makes by redeem code."""
        passes = min(self._buckets, CARDS_PASSES)
        for number in range(passes):
            self._announce("", number * self._buckets // passes, 2 * self._buckets)
            buckets = list(range(number, self._buckets, passes))
            self._read_bucket(BY_CARD, buckets)
            self._route("CARDS", card_bucket, buckets)
            run_steps(self._engine, self._of("CARDS"))
            self._store_cards(number)
        for step in self._of("CARDS"):
            if step.kept and step.name in self._later("CARDS"):
                self._engine.execute(f"DROP TABLE IF EXISTS {step.name}")
                self._show(step.name, "part=*")

    def _later(self, stage: str) -> set[str]:
        """Names of the tables of a stage that later stages, or the caller, look at."""
        own = {step.name for step in self._of(stage)}
        looked_at = {name for step in self._steps if step.stage not in ("FIRST", stage) for name in step.needs}
        return (looked_at | self._targets) & own

    def _store_cards(self, number: int) -> None:
        for step in self._of("CARDS"):
            if step.kept and step.name in self._later("CARDS"):
                self._store(step, f"{step.name}", f"pass{number}")

    def _store_routed(self, stage: str) -> None:
        for step in self._of(stage):
            if step.kept and step.route:
                self._store(step, step.name, "shared")
                self._engine.execute(f"DROP TABLE {step.name}")

    def _store(self, step: CompiledStep, source: str, name: str) -> None:
        bucket = code_bucket(f"coalesce({step.route}, '')", self._buckets) if step.route else "0"
        target = self._folder / step.name
        target.mkdir(parents=True, exist_ok=True)
        self._engine.execute(
            f"COPY (SELECT *, {bucket} AS part FROM {source}) TO '{target}' (FORMAT parquet, COMPRESSION lz4, "
            f"PARTITION_BY (part), OVERWRITE_OR_IGNORE, FILENAME_PATTERN '{name}-{{i}}')"
        )
        self._engine.execute(f"COPY (SELECT * FROM {source} LIMIT 0) TO '{target}/none.parquet' (FORMAT parquet)")

    def _show(self, name: str, *parts: str) -> None:
        """Let a step's name stand for what was stored of it in some parts, which may be nothing."""
        folder = self._folder / name
        found = [path for part in parts for path in sorted(folder.glob(f"{part}/*.parquet"))] or [
            folder / "none.parquet"
        ]
        files = ", ".join(f"'{path}'" for path in found)
        self._engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS FROM read_parquet([{files}], hive_partitioning = false)"
        )

    def _route(self, stage: str, bucket_of: Callable[[str, int], str], buckets: list[int]) -> None:
        """Let the steps of a stage see, of what earlier stages stored, the rows of their buckets alone."""
        for step in self._steps:
            if not step.route or step.stage == stage:
                continue
            if step.stage == "FIRST" and stage == "CARDS" and step.kept:
                self._route_table(step, bucket_of, buckets)
            elif step.stage in ("CARDS", "SHARED") and stage == "CODES" and (self._folder / step.name).exists():
                self._show(step.name, *(f"part={bucket}" for bucket in buckets))

    def _route_table(self, step: CompiledStep, bucket_of: Callable[[str, int], str], buckets: list[int]) -> None:
        whole = f"{step.name}_whole"
        known = self._engine.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [whole]).fetchall()[
            0
        ][0]
        if not known:
            self._engine.execute(f"ALTER TABLE {step.name} RENAME TO {whole}")
        wanted = ", ".join(map(str, buckets))
        self._engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {step.name} AS FROM {whole} "
            f"WHERE {bucket_of(step.route, self._buckets)} IN ({wanted})"
        )
