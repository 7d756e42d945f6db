"""Notices of the bank to its clients: signed, sent in the background, tried three times, then given up."""

import contextlib
import json
import queue
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cair.channels.bank_sandbox.partners import Partner
from cair.channels.bank_sandbox.signatures import hashed, sign
from cair.kernel.days import JAKARTA

_TRIES = 3
_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class _Letter:
    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Messenger:
    """One thread that posts notices. As with real partners, a notice may get lost: the state is asked for as well."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[_Letter | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()

    def send(self, partner: Partner, key: RSAPrivateKey, said: Mapping[str, object], *, now: datetime) -> None:
        """Send a notice soon."""
        body = json.dumps(said, separators=(",", ":")).encode()
        stamp = now.astimezone(JAKARTA).isoformat(timespec="seconds")
        path = urlsplit(partner.notify_url).path or "/"
        headers = {
            "Content-Type": "application/json",
            "X-TIMESTAMP": stamp,
            "X-SIGNATURE": sign(key, f"POST:{path}:{hashed(body)}:{stamp}"),
            "X-PARTNER-ID": partner.name,
            "X-EXTERNAL-ID": f"{uuid.uuid4().int % 10**20:020d}",
            "CHANNEL-ID": "95221",
        }
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
        self._letters.put(_Letter(partner.notify_url, body, headers))

    def stop(self) -> None:
        """Send nothing more."""
        self._letters.put(None)

    def _work(self) -> None:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as http:
            while (letter := self._letters.get()) is not None:
                for _ in range(_TRIES):
                    with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
                        if http.post(letter.url, content=letter.body, headers=dict(letter.headers)).is_success:
                            break
