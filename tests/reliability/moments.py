"""Moments at which a process can be struck: before and after every commit, every request that leaves, every file.

They are counted at the doors through which all of these pass, not at places written down anywhere: a commit or a call
that is new to the code is found by itself. Where in the code each came from is noted with it.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import adbc_driver_manager.dbapi as adbc
import httpx
import psycopg

import cair

_CODE = str(Path(cair.__file__).parent)
_BELOW = ("/store/", "/channels/")
"""Where a moment passes through on its way from a journey to a door."""
DOORS: tuple[tuple[Any, str, str], ...] = (
    (psycopg.Connection, "commit", "commit"),
    (adbc.Connection, "commit", "commit"),
    (httpx.HTTPTransport, "handle_request", "call"),
    (os, "rename", "file"),
    (os, "replace", "file"),
)


class Blow(StrEnum):
    """What is struck, and how."""

    WORKER = "worker"
    """The process that does the work: SIGKILL."""
    SERVER = "server"
    """All processes of PostgreSQL: SIGKILL."""
    IMMEDIATE = "immediate"
    """PostgreSQL: SIGQUIT, its immediate shutdown, which writes nothing down."""
    BACKEND = "backend"
    """One process of PostgreSQL, SIGKILL: it throws all its clients out and recovers by itself."""


@dataclass
class Moments:
    """Counts moments, and strikes at the chosen one. `passed`: name and place of each, in their order.

    `notes_writes`: between them also which transaction each commit ends, when it has written anything.
    """

    deadly: int
    strike: Callable[[], None]
    notes_writes: bool = False
    passed: list[str] = field(default_factory=list)

    def pass_(self, name: str) -> None:
        """Note one, and strike if it is the one."""
        self.passed.append(f"{name} {_place()}")
        if len(self.passed) == self.deadly:
            self.strike()

    def watch(self) -> None:
        """Watch all doors, for the rest of this process."""
        for kind, method, name in DOORS:
            setattr(kind, method, self._watched(getattr(kind, method), name))

    def _watched(self, plain: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watched(*given: Any, **more: Any) -> Any:
            if self.notes_writes and name == "commit":
                self._note_write(given[0])
            self.pass_(f"before {name}")
            answer = plain(*given, **more)
            self.pass_(f"after {name}")
            return answer

        return watched

    def _note_write(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id_if_assigned()::text")
            if (number := cursor.fetchone()[0]) is not None:
                self.passed.append(f"wrote {number}")


def _place() -> str:
    """Name the journey's function that a moment came from, else the nearest function of the program."""
    frame, nearest = sys._getframe(2), ""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_CODE):
            place = f"{Path(code.co_filename).stem}.{code.co_qualname.removesuffix('.<locals>')}"
            nearest = nearest or place
            if not any(part in code.co_filename for part in _BELOW):
                return place
        frame = frame.f_back  # type: ignore[assignment]
    return nearest


def strike(home: Path, blow: Blow) -> None:
    """Strike once; returns when what was struck is on its way down, unless that is this process."""
    if blow is Blow.WORKER:
        os.kill(os.getpid(), signal.SIGKILL)
    server = _server_of(home)
    if not server:
        return
    if blow is Blow.IMMEDIATE:
        _hit(server, home, signal.SIGQUIT)
        return
    clients = _children(server)
    if blow is Blow.SERVER:
        _hit(server, home, signal.SIGKILL)
    for client in clients if blow is Blow.SERVER else clients[-1:]:
        _hit(client, home, signal.SIGKILL)


def _hit(number: int, home: Path, by: signal.Signals) -> None:
    """Send a signal to a process of the home's server, and to no other that has its number since."""
    try:
        process = os.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        if (Path("/proc") / str(number) / "cwd").samefile(home / "postgres"):
            signal.pidfd_send_signal(process, by)
    except OSError:
        return  # it has ended
    finally:
        os.close(process)


def wait_until_down(home: Path, blow: Blow) -> None:
    """Wait until the process that was struck is no more; a server that lost a client goes on by itself."""
    while blow in (Blow.SERVER, Blow.IMMEDIATE) and _server_of(home):
        time.sleep(0.01)


def _server_of(home: Path) -> int:
    """The number of the home's server, 0 when none is left."""
    try:
        number = int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
        return number if (Path("/proc") / str(number) / "cwd").samefile(home / "postgres") else 0
    except (OSError, ValueError):
        return 0


def _children(parent: int) -> list[int]:
    """Child processes by their numbers; clients' come last."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(told[1]) == parent:
            found.append(int(stat.parent.name))
    return sorted(found)
