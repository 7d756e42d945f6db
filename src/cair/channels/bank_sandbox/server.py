"""The sandbox over HTTP: one server process, its threads, one folder."""

import ctypes
import fcntl
import hmac
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from cair.channels.bank_sandbox import office
from cair.channels.bank_sandbox.bank import Bank, Dropped, Garbled
from cair.channels.bank_sandbox.door import Request
from cair.channels.bank_sandbox.office import Page
from cair.channels.bank_sandbox.partners import CONFIGURATION, UnableToSetUp, read_configuration, set_up
from cair.channels.bank_sandbox.partners import write_client_profiles as write_profiles

THREADS = 8
LARGEST_REQUEST = 1 << 20
LARGEST_FILE = 1 << 28
"""Bytes of a request of a client, and of a file for the back office."""

_CUT_SHORT = 1_000
_DIE_WITH_PARENT = 1

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def serve(folder: Path, *, host: str = "127.0.0.1", port: int = 8090, profiles: Path | None = None) -> None:
    """Serve the sandbox until SIGTERM or SIGINT. Ledger, keys and configuration are in `folder`.

    `profiles`: a configuration to begin with, copied at the first start. Port 0 takes a free one; the address is
    written into `folder/address`, and beside each partner's keys what a client needs to call it (`profile.toml`).
    :raises UnableToSetUp: the folder or the configuration cannot be used, or another sandbox serves from it.
    """
    configuration = set_up(folder, profiles=profiles)
    lock = _lock(folder)
    try:
        port = port or _free_port(host)
        address = f"http://{host}:{port}"
        write_profiles(folder, configuration, base_url=address)
        (folder / "address").write_text(address + "\n", encoding="utf-8")
        server = Granian(
            "cair.channels.bank_sandbox",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=THREADS,
            websockets=False,
            log_level=LogLevels.critical,
        )
        server.serve(target_loader=partial(_load, folder), wrap_loader=False)
    finally:
        (folder / "address").unlink(missing_ok=True)
        os.close(lock)


def _load(folder: Path) -> "Application":
    """Open the bank in the server's process, which ends when its parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    bank = Bank(folder, read_configuration(folder / CONFIGURATION))
    return Application(bank, (folder / "admin-token").read_text(encoding="utf-8").strip())


class Application:
    """The sandbox as a WSGI application."""

    def __init__(self, bank: Bank, admin_token: str) -> None:
        self._bank = bank
        self._admin_token = admin_token

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        admin = path.startswith("/admin/")
        body = _body(environ, LARGEST_FILE if admin else LARGEST_REQUEST)
        if body is None:
            return _send(start_response, Page(413, "application/json", [b'{"responseCode":"4000000"}']))
        if admin:
            return _send(start_response, self._office(environ, method, path.removeprefix("/admin/"), body))
        if method != "POST":
            refusal = b'{"responseCode":"4050000","responseMessage":"Requested Function Is Not Supported"}'
            return _send(start_response, Page(405, "application/json", [refusal]))
        query = environ.get("QUERY_STRING", "")
        request = Request(method, f"{path}?{query}" if query else path, _headers(environ), body)
        try:
            reply = self._bank.answer(request)
        except Garbled:
            return _send(start_response, Page(200, "application/json", [b'{"responseCode":"2001']))
        except Dropped:
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(_CUT_SHORT))])
            return _nothing()
        return _send(start_response, Page(reply.status, "application/json", [reply.body]))

    def _office(self, environ: dict[str, Any], method: str, path: str, body: bytes) -> Page:
        given = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if path != "health" and not hmac.compare_digest(given.encode(), self._admin_token.encode()):
            said = b'{"error": "Authorization: Bearer with the content of the file admin-token, please"}'
            return Page(401, "application/json", [said])
        return office.answer(self._bank, method, path, body)


def _nothing() -> Iterator[bytes]:
    """End the connection before the answer has come: the server breaks it off when the body fails."""
    raise ConnectionAbortedError
    yield b""


def _send(start_response: StartResponse, page: Page) -> Iterable[bytes]:
    try:
        words = HTTPStatus(page.status).phrase
    except ValueError:
        words = "Answer"
    start_response(f"{page.status} {words}", [("Content-Type", page.kind)])
    return page.body


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    named = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
    return {**named, "content-type": environ.get("CONTENT_TYPE", "")}


def _body(environ: dict[str, Any], most: int) -> bytes | None:
    body: bytes = environ["wsgi.input"].read(most + 1)
    return body if len(body) <= most else None


def _lock(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        why = "another sandbox serves from this folder; stop it, or give another folder"
        raise UnableToSetUp(f"{folder}: {why}") from None
    return handle


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
