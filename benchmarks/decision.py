"""P1, P2, P3: everybody decided from stored evidence by the cold command, beside the bare join of the same columns.

The yardstick reads what the decision reads of the same files, text keys made numbers of 64 bits beforehand, joins it in
one piece without any rule, and writes the joined rows to Parquet: a process of its own, with all the memory it likes.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import duckdb

from benchmarks.evidence import AS_OF, write_evidence
from cair.kernel.days import moment_of
from cair.store.segments import Segments

GOALS = {680_880: ("P1", 5.0, 0.75, 1.5), 5_600_000: ("P2", 30.0, 1.5, 1.0), 20_000_000: ("P3", 120.0, 2.0, None)}
"""By size: the name of the goal, seconds, GiB, and how many times the yardstick's processor time."""
_CODE = "hash(redeem_code) AS code"
_USED = {
    "appointments": "card_number, nik, region_code, wave, appointed_on, rulebook, known_at",
    "accounts": "card_number, holder_nik, kyc, status, checked_at, partner, known_at",
    "purchases": f"card_number, {_CODE}, redeem_code, course_code, amount_idr, invoice_code, occurred_at, partner, status, "
    "known_at",
    "redemptions": f"{_CODE}, course_code, occurred_at, partner, known_at",
    "completions": f"{_CODE}, course_code, occurred_at, certificate_no, partner, known_at",
    "confirmations": f"{_CODE}, course_code, occurred_at, certificate_no, partner, known_at",
    "reviews": f"{_CODE}, stars, text_length, occurred_at, partner, known_at",
}
_UNIT = 1024**3 if sys.platform == "darwin" else 1024**2
"""How many of the unit in which the system counts memory are a GiB."""
_JOIN = """
    SELECT a.*, b.* EXCLUDE (card_number), p.* EXCLUDE (card_number), r.* EXCLUDE (code), c.* EXCLUDE (code),
           k.* EXCLUDE (code), v.* EXCLUDE (code)
    FROM appointments a LEFT JOIN accounts b USING (card_number) LEFT JOIN purchases p USING (card_number)
    LEFT JOIN redemptions r ON r.code = p.code LEFT JOIN completions c ON c.code = p.code
    LEFT JOIN confirmations k ON k.code = p.code LEFT JOIN reviews v ON v.code = p.code
"""


def run(people: int, folder: Path, *, times: int = 3) -> dict[str, object]:
    """Decide so many made-up people, and run the yardstick; the best of several times each, by processor time."""
    home = folder / "office"
    reports = write_evidence(home, people)
    _cair(home, "init")
    command = (*_program(), "export", "decisions", str(folder / "decisions.parquet"), "--as-of", _instant())
    ours = min((_measured(command, home) for _ in range(times)), key=lambda run: run["cpu_s"])
    decided = duckdb.sql(f"SELECT count(*) FROM '{folder}/decisions.parquet'").fetchall()[0][0]
    said = {"people": people, "reports": reports, "decided": decided, **ours}
    if people <= max(size for size, (name, *_) in GOALS.items() if name == "P2"):
        _make_yardstick(home, folder / "yardstick")
        bare = (sys.executable, "-m", "benchmarks.decision", str(folder / "yardstick"))
        yardstick = min((_measured(bare, home) for _ in range(times)), key=lambda run: run["cpu_s"])
        said |= {f"yardstick_{name}": value for name, value in yardstick.items()}
        said["times_yardstick_cpu"] = round(ours["cpu_s"] / yardstick["cpu_s"], 2)
    goal = GOALS.get(people)
    if goal:
        said |= {"goal": goal[0], "goal_wall_s": goal[1], "goal_rss_gib": goal[2], "goal_times_yardstick": goal[3]}
    return said


def _instant() -> str:
    return moment_of(AS_OF).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _program() -> tuple[str, ...]:
    return (sys.executable, "-c", "from cair.cli.main import main; main()")


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "CAIR_HOME": str(home)}


def _cair(home: Path, *arguments: str) -> None:
    subprocess.run([*_program(), *arguments], env=_environment(home), check=True, stdout=subprocess.DEVNULL)


_MEASURE = """
import json, os, subprocess, sys, time
begun = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
assert process.returncode == 0, "the command failed"
print(json.dumps([time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def _measured(command: tuple[str, ...], home: Path) -> dict[str, float]:
    """Run a command to its end: wall and processor seconds and the peak memory of the process (GiB).

    A small process starts it: the system counts the memory of whoever starts a command as the command's own.
    """
    told = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], env=_environment(home), check=True, capture_output=True, text=True
    )
    wall, processor, memory = json.loads(told.stdout)
    return {"wall_s": round(wall, 2), "cpu_s": round(processor, 2), "rss_gib": round(memory / _UNIT, 3)}


def _make_yardstick(home: Path, folder: Path) -> None:
    """Write the used columns once, with their keys as numbers: this is not measured."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    segments = Segments(home)
    with duckdb.connect() as engine:
        engine.execute("SET threads = 2; SET memory_limit = '4GB'; SET preserve_insertion_order = false")
        engine.execute(f"SET temp_directory = '{folder}/spill'")
        for feed, columns in _USED.items():
            rows = f"SELECT {columns} FROM ({segments.reading(feed)})"
            engine.execute(f"COPY ({rows}) TO '{folder}/{feed}.parquet' (FORMAT parquet, COMPRESSION zstd)")


def join_bare(folder: Path) -> None:
    """Run the yardstick."""
    with duckdb.connect() as engine:
        engine.execute("SET threads = 2; SET preserve_insertion_order = false")
        for feed in _USED:
            engine.execute(f"CREATE VIEW {feed} AS FROM '{folder}/{feed}.parquet'")
        engine.execute(f"COPY ({_JOIN}) TO '{folder}/joined.parquet' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    join_bare(Path(sys.argv[1]))
