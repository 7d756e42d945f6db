"""A line to a bank that breaks: a small TCP proxy before the sandbox, with a fault for some of the requests.

It understands just enough of HTTP/1.1 to know where a request and a response end.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

_TRICKLED = 60
"""Bytes at the end of an answer."""


class Break(StrEnum):
    """What the line does to a request."""

    DROP_BEFORE = "drop_before"
    """Closed; the bank has heard nothing."""
    DROP_AFTER = "drop_after"
    """The bank has done it; closed without an answer."""
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    CUT = "cut"
    """The answer ends in the middle."""
    CUT_RESET = "cut_reset"
    STALL = "stall"
    """The bank has done it; its answer never comes."""
    TRICKLE = "trickle"
    """The end of the answer comes byte by byte, for longer than anybody waits."""
    LATE = "late"
    """Nothing comes back; the request arrives when the client has long given up."""
    TWICE = "twice"
    """The bank hears the request twice, and the second answer comes back."""


class Wire:
    """A proxy in a thread of its own. `broken`: how many requests met which fault."""

    def __init__(self, upstream: str, *, seed: int = 1, late: float = 1.0) -> None:
        parts = urlsplit(upstream)
        self._upstream = (str(parts.hostname), int(parts.port or 80))
        self._dice = random.Random(seed)
        self._late = late
        self._shares: dict[Break, float] = {}
        self._guard = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.broken: Counter[str] = Counter()
        self.requests = 0
        self.url = ""

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = server.result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, after what is late has arrived."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def break_(self, shares: Mapping[Break, float]) -> None:
        """From now on this share of the requests meets each fault."""
        with self._guard:
            self._shares = dict(shares)

    async def _hang_up(self) -> None:
        self._server.close()
        late = [task for task in self._tasks if task.get_name() == "late"]
        await asyncio.gather(*late, return_exceptions=True)
        others = list(self._tasks)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _draw(self) -> Break | None:
        with self._guard:
            self.requests += 1
            lot = self._dice.random()
            for kind, share in self._shares.items():
                lot -= share
                if lot < 0:
                    self.broken[kind] += 1
                    return kind
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            while (request := await _message(reader)) and await self._pass(request, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pass(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Pass one request on; whether the connection goes on."""
        kind = self._draw()
        if kind is Break.LATE:
            late = self._loop.create_task(self._arrive_late(request), name="late")
            self._tasks.add(late)
            late.add_done_callback(self._tasks.discard)
            await reader.read()  # until the client gives up
            return False
        if kind in (Break.DROP_BEFORE, Break.RESET_BEFORE):
            return _end(writer, reset=kind is Break.RESET_BEFORE)
        response = await self._ask(request)
        if kind is Break.TWICE:
            response = await self._ask(request)
        if kind is Break.STALL:
            await reader.read()
            return False
        if kind in (Break.DROP_AFTER, Break.RESET_AFTER):
            return _end(writer, reset=kind is Break.RESET_AFTER)
        if kind in (Break.CUT, Break.CUT_RESET):
            writer.write(response[: self._dice.randrange(1, len(response))])
            await writer.drain()
            return _end(writer, reset=kind is Break.CUT_RESET)
        if kind is Break.TRICKLE:
            writer.write(response[:-_TRICKLED])
            for at in range(_TRICKLED, 0, -1):
                writer.write(response[len(response) - at : len(response) - at + 1])
                await writer.drain()
                await asyncio.sleep(0.05)
        else:
            writer.write(response)
        await writer.drain()
        return True

    async def _arrive_late(self, request: bytes) -> None:
        await asyncio.sleep(self._late)
        await self._ask(request)

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            writer.write(request)
            await writer.drain()
            return await _message(reader)
        finally:
            writer.close()


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> bool:
    """End the connection, in order or with a reset."""
    if reset:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    return False


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a request or a response, empty when the connection has ended. Bodies have a length or come in chunks."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.readline()
        return head + body
    try:
        return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
    except asyncio.IncompleteReadError as error:
        return head + error.partial
