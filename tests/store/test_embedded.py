"""The bundled server under what befalls programs: sharing, being killed, foreign remains, unusual paths and users."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from cair.store.embedded import Place, UnableToStartServer, binaries, running_server
from cair.store.unprivileged import as_user

PROGRAM = """
import sys
from pathlib import Path
from cair.store.embedded import running_server
with running_server(Path(sys.argv[1]), announce=lambda told: None):
    print("in", flush=True)
    sys.stdin.readline()
"""
AS_NOBODY = (
    "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_override --ambient-caps=-all,+dac_override"
)
only_root = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux" or not shutil.which("setpriv"), reason="another user is needed"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with blanks and quotes in its name, and a table of one column."""
    folder = tmp_path_factory.mktemp("a home") / "of 'mine' \"here\""
    run(folder, "CREATE TABLE kept (number int PRIMARY KEY)")
    return folder


def run(home: Path, sql: str) -> list[tuple[object, ...]]:
    """Use the server for one statement."""
    with (
        running_server(home, announce=lambda told: None) as parameters,
        psycopg.connect(**parameters) as connection,
    ):
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def count(home: Path) -> int:
    return int(str(run(home, "SELECT count(*) FROM kept")[0][0]))


class Program:
    """Another program that uses the server until it is told to leave."""

    def __init__(self, home: Path, *before: str, path: str = "") -> None:
        environment = os.environ | ({"PATH": f"{path}:{os.environ['PATH']}"} if path else {})
        self.running = subprocess.Popen(
            [*before, sys.executable, "-c", PROGRAM, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def is_in(self) -> bool:
        return self.running.stdout is not None and self.running.stdout.readline() == "in\n"

    def end(self, by: signal.Signals | None = None) -> int:
        if by is not None:
            self.running.send_signal(by)
        self.running.communicate("\n" if by is None else None)
        return self.running.returncode


@contextmanager
def program_in(home: Path, *before: str, path: str = "") -> Iterator[Program]:
    program = Program(home, *before, path=path)
    try:
        assert program.is_in()
        yield program
    finally:
        program.end(signal.SIGKILL)


def number_of_server(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def is_stopped(home: Path) -> bool:
    """Stopped in order: the server takes its file away as its last act."""
    return not (home / "postgres" / "postmaster.pid").exists()


def wait_until_gone(number: int) -> None:
    while True:
        try:
            os.kill(number, 0)
            state = Path(f"/proc/{number}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except ProcessLookupError:
            return
        time.sleep(0.005)


def test_data_outlive_the_server_and_nothing_of_it_stands_open(home: Path) -> None:
    before = count(home)
    run(home, "INSERT INTO kept SELECT coalesce(max(number), 0) + 1 FROM kept")
    assert count(home) == before + 1
    assert is_stopped(home)
    place = Place(home)
    assert stat.S_IMODE(place.passfile.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.run.stat().st_mode) == 0o700
    password = place.passfile.read_text().strip().rpartition(":")[2]
    assert len(password) == 64
    with program_in(home):
        shown = Path(f"/proc/{number_of_server(home)}/cmdline")
        assert not shown.exists() or password not in shown.read_text()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(**(place.parameters | {"passfile": "/nonexistent", "password": "guess"}))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(**(place.parameters | {"host": "127.0.0.1"}))
        settings = "fsync", "synchronous_commit", "full_page_writes", "data_checksums"
        asked = " || ' ' || ".join(f"current_setting('{each}')" for each in settings)
        assert run(home, f"SELECT {asked}") == [("on on on on",)]
    assert password not in place.log.read_text()


def test_programs_share_the_server_and_the_last_one_stops_it(home: Path) -> None:
    with program_in(home) as first:
        server = number_of_server(home)
        with program_in(home) as second:
            assert first.end() == 0
            assert number_of_server(home) == server
            count(home)
            assert number_of_server(home) == server
            assert second.end() == 0
    assert is_stopped(home)


def test_programs_that_start_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    programs = [Program(tmp_path / "new") for _ in range(3)]
    assert [program.is_in() for program in programs] == [True] * 3
    assert [program.end() for program in programs] == [0] * 3
    assert is_stopped(tmp_path / "new")


def test_a_maker_that_is_killed_leaves_nothing_half(tmp_path: Path) -> None:
    maker = Program(tmp_path)
    while not (tmp_path / "postgres.making" / "PG_VERSION").exists() and maker.running.poll() is None:
        time.sleep(0.002)
    maker.end(signal.SIGKILL)
    assert run(tmp_path, "SELECT 1") == [(1,)]
    assert not (tmp_path / "postgres.making").exists()


def test_terminated_program_stops_the_server(home: Path) -> None:
    with program_in(home) as program:
        assert program.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert is_stopped(home)


def test_killed_program_leaves_the_server_to_the_next(home: Path) -> None:
    with program_in(home) as program:
        server = number_of_server(home)
        program.end(signal.SIGKILL)
    with program_in(home) as following:
        assert number_of_server(home) == server
        assert following.end() == 0
    assert is_stopped(home)


@pytest.mark.parametrize("program_too", [False, True])
def test_killed_server_is_recovered_by_the_next(home: Path, *, program_too: bool) -> None:
    before = count(home)
    with program_in(home) as program:
        run(home, "INSERT INTO kept SELECT coalesce(max(number), 0) + 1 FROM kept")
        server = number_of_server(home)
        os.kill(server, signal.SIGKILL)
        if program_too:
            program.end(signal.SIGKILL)
        assert count(home) == before + 1
        if not program_too:
            assert program.end() == 0
    assert is_stopped(home)


@pytest.mark.parametrize("content", ["", "own", "gone"])
def test_remains_with_a_reused_number_stop_nobody(home: Path, content: str) -> None:
    with program_in(home) as program:
        server = number_of_server(home)
        left = {name: (home / name).read_text() for name in ("postgres/postmaster.pid", "run/.s.PGSQL.5432.lock")}
        os.kill(server, signal.SIGKILL)
        program.end(signal.SIGKILL)
    wait_until_gone(server)
    number = {"": "", "own": str(os.getpid()), "gone": str(server)}[content]
    for name, text in left.items():
        (home / name).write_text(number + text[len(str(server)) :] if number else "")
    assert count(home) >= 0
    assert is_stopped(home)


def test_a_server_started_by_somebody_else_is_not_disturbed(home: Path, tmp_path: Path) -> None:
    count(home)
    folder = home / "postgres"
    command = [*as_user(folder.stat().st_uid), str(binaries() / "postgres"), "-D", str(folder), "-h", ""]
    foreign = subprocess.Popen([*command, "-k", str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        pid_file = folder / "postmaster.pid"
        while not pid_file.exists() or "ready" not in pid_file.read_text():
            assert foreign.poll() is None
            time.sleep(0.005)
        with pytest.raises(UnableToStartServer, match="did not start"), running_server(home, announce=print):
            pass
        assert foreign.poll() is None
    finally:
        foreign.send_signal(signal.SIGINT)
        foreign.wait()


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    home = tmp_path / ("a long, long name " * 8)
    sockets = Place(home.resolve()).sockets
    with running_server(home, announce=lambda told: None) as parameters:
        assert parameters["host"] == str(sockets)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        with psycopg.connect(**parameters) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not sockets.exists()


def test_no_value_gets_into_the_log(home: Path) -> None:
    refused = [
        "SELECT '3174-value'::int",
        "INSERT INTO kept VALUES (-31741234), (-31741234)",
        "SELECT pg_terminate_backend(pg_backend_pid()), '3174-value'",
        "DO $$ BEGIN RAISE WARNING '3174-value'; RAISE EXCEPTION '3174-value'; END $$",
    ]
    for sql in refused:
        with pytest.raises(psycopg.Error):
            run(home, sql)
    log = (home / "postgres.log").read_text()
    assert not [value for value in ("3174-value", "31741234") if value in log]  # short ones may be process numbers


def test_folder_of_another_release_is_named(home: Path) -> None:
    version = home / "postgres" / "PG_VERSION"
    version.write_text("16\n")
    try:
        with pytest.raises(UnableToStartServer, match="made by PostgreSQL 16"):
            count(home)
    finally:
        version.write_text("18\n")


@only_root
def test_ordinary_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with program_in(home, *AS_NOBODY.split()) as program:
        assert (home / "postgres").stat().st_uid == 65534
        assert program.end() == 0
    assert is_stopped(home)


@only_root
def test_root_without_namespaces_below_a_closed_folder(tmp_path: Path) -> None:
    """Most containers forbid namespaces. A home made with them must go on without, too."""
    refusing = tmp_path / "bin" / "unshare"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with program_in(closed / "home", path=str(refusing.parent)) as program:
        server = number_of_server(closed / "home")
        assert Path(f"/proc/{server}").stat().st_uid != 0
        assert program.end() == 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert run(closed / "home", "SELECT 1") == [(1,)]


@only_root
def test_root_whose_namespaces_were_taken_away(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    before = count(home)
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("run"))
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    with program_in(copy, path=str(tmp_path)) as program:
        assert count(copy) == before
        assert program.end() == 0
    assert is_stopped(copy)
