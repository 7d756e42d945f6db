"""Running the compiled steps: in one piece on facts in memory, or bucket by bucket on segments, with the same SQL."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from cair.rules.reports import DECIDING, PRINTS, TOLD
from cair.store.engine import CompiledStep, last_uses, steps_for
from cair.store.law import lay_down_law
from cair.store.segments import BY_CARD, BY_CODE, Segments, card_bucket, code_bucket

__all__ = ["ANSWERS_ONLY", "decided_on_segments", "lay_down_law", "run_steps", "set_moment"]

Announce = Callable[[str, int, int], None]
BUCKETS_PER_PASS = 2
"""So many buckets by card number are worked on at a time: they take less memory than those by redeem code."""
BUCKETS_IN_MEMORY = 5
"""With no more buckets, what is carried from one stage to the next stays in memory."""
MOST_PASSES = 16
"""What passes make is cut by redeem code, and files would be too many with more."""
ANSWERS_ONLY = frozenset((*PRINTS, *TOLD))
"""Columns that may stay NULL where only answers are wanted, not what they rest on."""


def set_moment(engine: duckdb.DuckDBPyConnection, as_of: int) -> None:
    """Say as of which instant (microseconds UTC) the session decides."""
    engine.execute(f"CREATE OR REPLACE TEMP TABLE moment AS SELECT {as_of}::BIGINT AS as_of")
    engine.execute(f"CREATE OR REPLACE TEMP MACRO the_moment() AS {as_of}::BIGINT")


def run_steps(
    engine: duckdb.DuckDBPyConnection, steps: tuple[CompiledStep, ...], *, spared: frozenset[str] = frozenset()
) -> None:
    """Run steps over the tables that are there: those that are kept as tables, the others as views.

    `spared`: columns that nobody will look at; in kept tables they stay NULL.
    """
    for step in steps:
        kind = "TABLE" if step.kept else "VIEW"
        engine.execute(f"CREATE OR REPLACE TEMP {kind} {step.name} AS {_sparing(step, spared)}")


def _sparing(step: CompiledStep, spared: frozenset[str]) -> str:
    empty = [f"CASE WHEN false THEN {name} END AS {name}" for name in step.spares if name in spared]
    return f"SELECT * REPLACE ({', '.join(empty)}) FROM ({step.sql})" if step.kept and empty else step.sql


@contextmanager
def decided_on_segments(
    engine: duckdb.DuckDBPyConnection,
    segments: Segments,
    as_of: int,
    *targets: str,
    announce: Announce,
    spared: frozenset[str] = frozenset(TOLD),
) -> Iterator[Iterator[None]]:
    """Decide everybody on segments. Gives an iterator: at each of its turns the targets are there for one more part.

    In one bucket there is one turn. What stage CARDS and SHARED make for targets is there at every turn. `spared`:
    columns that nobody will look at (`ANSWERS_ONLY` where no fingerprints are wanted).
    """
    decision = _InParts(engine, segments, targets, announce, spared)
    lay_down_law(engine, kept=segments.folder)
    set_moment(engine, as_of)
    try:
        yield decision.turns()
    finally:
        decision.clean()


class _InParts:
    """One decision over segments.

    Stage CARDS runs over some buckets by card number at a time. What it makes is cut by redeem code at once: into tables
    while everybody fits into memory, else into files.
    """

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        segments: Segments,
        targets: tuple[str, ...],
        announce: Announce,
        spared: frozenset[str],
    ) -> None:
        self._engine, self._segments, self._announce, self._spared = engine, segments, announce, spared
        self._steps, self._spent = steps_for(*targets), last_uses(*targets)
        self._buckets = segments.manifest.buckets
        self._in_memory = self._buckets <= BUCKETS_IN_MEMORY
        self._passes = min(-(-self._buckets // BUCKETS_PER_PASS), MOST_PASSES)
        self._needed = {name for step in self._steps for name in step.needs}
        self._made: dict[str, str] = {}
        self._carried: dict[str, CompiledStep] = {}
        spill = engine.execute("SELECT current_setting('temp_directory')").fetchall()[0][0]
        self._folder = Path(spill) / "parts"

    def turns(self) -> Iterator[None]:
        self._read(DECIDING)
        self._run("FIRST")
        if self._buckets == 1:
            for stage in ("CARDS", "SHARED", "CODES"):
                self._run(stage)
            self._announce("", 1, 1)
            yield
            return
        for number in range(self._passes):
            self._announce("", number * self._buckets // self._passes, 2 * self._buckets)
            self._pass(number)
        for step in self._carried.values():
            parts = range(self._buckets) if step.route else (0,)
            self._make("VIEW", step.name, " UNION ALL ".join(self._stored(step, part) for part in parts))
        self._run("SHARED")
        for step in self._cut("SHARED"):
            if step.name in self._made:
                self._cut_by_code(step, "shared")
                self._carried[step.name] = step
        for bucket in range(self._buckets):
            self._announce("", self._buckets + bucket, 2 * self._buckets)
            self._read(BY_CODE, [bucket])
            for step in self._carried.values():
                if step.route:
                    self._make("VIEW", step.name, self._stored(step, bucket))
            self._run("CODES")
            yield
            for step in self._carried.values():
                if step.route:
                    self._drop(f"{step.name}_{bucket}")
        self._announce("", 2 * self._buckets, 2 * self._buckets)

    def clean(self) -> None:
        """Remove what was made: files, tables and views."""
        for name in tuple(reversed(self._made)):
            self._drop(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _of(self, stage: str) -> tuple[CompiledStep, ...]:
        return tuple(step for step in self._steps if step.stage == stage)

    def _cut(self, stage: str) -> tuple[CompiledStep, ...]:
        return tuple(step for step in self._of(stage) if step.kept and step.route)

    def _run(self, stage: str) -> None:
        """Run a stage. Views look up their tables by name each time, so they are made once."""
        own = {step.name for step in self._of(stage)}
        for step in self._of(stage):
            if step.kept:
                self._make("TABLE", step.name, _sparing(step, self._spared))
                for name in own.intersection(self._spent[step.name]):
                    self._drop(name)
            elif step.name not in self._made:
                self._make("VIEW", step.name, step.sql)

    def _make(self, kind: str, name: str, sql: str) -> None:
        if self._made.get(name, kind) != kind:
            self._drop(name)
        self._engine.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {sql}")
        self._made[name] = kind

    def _drop(self, name: str) -> None:
        kind = self._made.pop(name, None)
        if kind:
            self._engine.execute(f"DROP {kind} {name}")

    def _read(self, feeds: tuple[str, ...], buckets: list[int] | None = None) -> None:
        """Let feeds be their reports in some buckets, or in all."""
        for feed in feeds:
            if feed in self._needed:
                asked: list[int | None] = [*buckets] if buckets else [None]
                parts = [self._segments.reading(feed, bucket) for bucket in asked]
                self._make("VIEW", feed, " UNION ALL ".join(parts))

    def _pass(self, number: int) -> None:
        """Run stage CARDS over some buckets."""
        buckets = list(range(number, self._buckets, self._passes))
        wanted = ", ".join(map(str, buckets))
        self._read(BY_CARD, buckets)
        for step in self._cut("FIRST"):
            if number == 0:
                self._engine.execute(f"ALTER TABLE {step.name} RENAME TO {step.name}_whole")
                self._made[f"{step.name}_whole"] = self._made.pop(step.name)
            condition = f"{card_bucket(step.route[0], self._buckets)} IN ({wanted})"
            self._make("TABLE", step.name, f"FROM {step.name}_whole WHERE {condition}")
        self._run("CARDS")
        for step in self._of("CARDS"):
            if step.kept and step.name in self._made:
                self._cut_by_code(step, f"pass{number}")
                self._drop(step.name)
                self._carried[step.name] = step

    def _cut_by_code(self, step: CompiledStep, name: str) -> None:
        """Put the rows of a step to those of earlier passes, by redeem code."""
        if not self._in_memory:
            self._to_files(step, name)
            return
        for bucket in range(self._buckets) if step.route else (0,):
            part = f"{step.name}_{bucket}"
            condition = f"{_part(step, self._buckets)} = {bucket}" if step.route else "true"
            if part in self._made:
                self._engine.execute(f"INSERT INTO {part} FROM {step.name} WHERE {condition}")
            else:
                self._make("TABLE", part, f"FROM {step.name} WHERE {condition}")

    def _to_files(self, step: CompiledStep, name: str) -> None:
        part = _part(step, self._buckets) if step.route else "0"
        target = self._folder / step.name
        target.mkdir(parents=True, exist_ok=True)
        self._engine.execute(
            f"COPY (SELECT *, {part} AS part FROM {step.name}) TO '{target}' (FORMAT parquet, COMPRESSION lz4, "
            f"PARTITION_BY (part), OVERWRITE_OR_IGNORE, FILENAME_PATTERN '{name}-{{i}}')"
        )
        empty = target / "none.parquet"
        if not empty.exists():  # so that the columns are known where a part has no rows
            self._engine.execute(f"COPY (FROM {step.name} LIMIT 0) TO '{empty}' (FORMAT parquet)")

    def _stored(self, step: CompiledStep, bucket: int) -> str:
        """Write the SELECT of what passes made for a bucket by redeem code."""
        if self._in_memory:
            return f"FROM {step.name}_{bucket}"
        files = sorted((self._folder / step.name / f"part={bucket}").glob("*.parquet"))
        names = ", ".join(f"'{file}'" for file in files or [self._folder / step.name / "none.parquet"])
        return f"FROM read_parquet([{names}], hive_partitioning = false)"


def _part(step: CompiledStep, buckets: int) -> str:
    """Write the part of a row by redeem code; whoever has none goes anywhere, but always to the same."""
    return code_bucket(f"coalesce({', '.join(f'{column}::VARCHAR' for column in step.route)})", buckets)
