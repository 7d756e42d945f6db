"""DuckDB computes: a session with its limits, and the rules compiled to SQL once, kept beside the code.

Building and compiling the expressions takes seconds; reading what was compiled takes milliseconds. `make sql` writes the
files anew, and a test holds that they are what the rules say.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from cair.store.private_files import own_folder

MEMORY = os.environ.get("CAIR_MEMORY", "1GB")
"""How much memory a session may take before it spills to encrypted files in the home."""
_FOLDER = files("cair.store") / "sql"


class UnableToCompute(Exception):
    """The engine has no room or no memory left, or cannot use a file of ours; the message says what to do."""


@dataclass(frozen=True)
class CompiledStep:
    """One named table of the decision, the tables it is made of, columns not all need, and the SQL that makes it."""

    name: str
    stage: str
    kept: bool
    route: tuple[str, ...]
    needs: tuple[str, ...]
    spares: tuple[str, ...]
    sql: str


@cache
def decision_steps() -> tuple[CompiledStep, ...]:
    """Give the steps of the decision, compiled, in order."""
    steps = []
    for block in (_FOLDER / "reconciliation.sql").read_text(encoding="utf-8").split("\n-- step ")[1:]:
        header, sql = block.split("\n", 1)
        name, stage, kept, route, needs, spares = (part.strip() for part in header.split("|"))
        is_kept, sql = kept == "kept", sql.strip().rstrip(";")
        steps.append(
            CompiledStep(name, stage, is_kept, tuple(route.split()), tuple(needs.split()), tuple(spares.split()), sql)
        )
    return tuple(steps)


@cache
def steps_for(*targets: str) -> tuple[CompiledStep, ...]:
    """Give the steps that some tables need, in order, those tables included."""
    wanted = set(targets)
    for step in reversed(decision_steps()):
        if step.name in wanted:
            wanted.update(step.needs)
    return tuple(step for step in decision_steps() if step.name in wanted)


@cache
def last_uses(*targets: str) -> dict[str, tuple[str, ...]]:
    """Give for each kept step after whose making it is no longer needed: those that nothing later looks at."""
    steps = steps_for(*targets)
    views = {step.name: step for step in steps if not step.kept}

    def tables(names: tuple[str, ...]) -> set[str]:
        return {deep for name in names for deep in (tables(views[name].needs) if name in views else {name})}

    last: dict[str, str] = {}
    for step in steps:
        if step.kept:
            last |= dict.fromkeys(tables(step.needs), step.name)
    wanted = tables(targets)
    return {
        step.name: tuple(name for name, user in last.items() if user == step.name and name not in wanted)
        for step in steps
    }


@cache
def compiled(name: str) -> str:
    """Give one compiled expression, such as `intake/purchases`."""
    text = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).rstrip(";")


@contextmanager
def session(home: Path, *, threads: int = 2, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB session in memory over facts, which hold no personal value in the clear.

    What does not fit is spilled to encrypted files in the home, which vanish with the session.

    :raises UnableToCompute: the disk is full or a file in the home cannot be used, or the memory does not suffice.
    """
    spills = own_folder(home / "spill", private=True)
    with tempfile.TemporaryDirectory(dir=spills, prefix="session-") as folder, _connection(threads, memory) as engine:
        engine.execute("SET temp_directory = ?", [folder])
        # The wheel's own cipher draws its nonces from a plain generator, hence the name. What is spilled has no
        # personal value in the clear; the encryption is a second wall.
        engine.execute("SET force_mbedtls_unsafe = 'true'")
        engine.execute("SET temp_file_encryption = true")
        try:
            yield engine
        except duckdb.OutOfMemoryException as error:
            raise UnableToCompute(
                f"{memory} of memory and the room to spill in {home} do not suffice. Make room there or set CAIR_MEMORY "
                "higher, and give the same command again."
            ) from error
        except duckdb.IOException as error:
            full = "No space left" in str(error)
            raise UnableToCompute(
                f"{home} {'is on a full disk' if full else 'has a file that cannot be read or written'}. "
                f"{'Make room' if full else 'Mend it'} and give the same command again; nothing was half done."
            ) from error


@contextmanager
def session_without_spills(*, threads: int = 2, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB session that never writes a file: for lines as they come in, personal values in the clear."""
    with _connection(threads, memory) as engine:
        engine.execute("SET temp_directory = ''")
        yield engine


@contextmanager
def _connection(threads: int, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(":memory:")
    try:
        # For all cursors: without GLOBAL each of them would have the zone of the environment again.
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute("SET memory_limit = ?", [memory])
        connection.execute("SET threads = ?", [threads])
        connection.execute("SET preserve_insertion_order = false")
        # A checkpoint would only press together, on one processor, tables that live for seconds.
        connection.execute("SET checkpoint_threshold = '1TB'")
        connection.execute("SET allocator_flush_threshold = '8MB'")
        connection.execute("SET arrow_lossless_conversion = true")
        connection.execute("SET autoinstall_known_extensions = false")
        yield connection
    finally:
        connection.close()
