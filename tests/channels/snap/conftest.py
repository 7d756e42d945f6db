"""A sandbox in a process of its own, as an operator would start it, and clients that call it over loopback."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import pytest

from cair.channels.payments.rail import AccountAnswer, Answer, PaymentOrder, Sent
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import SnapKeys, SnapProfile, read_profile
from cair.kernel.identity import Secret

AMOUNT = 600_000
_SERVE = """
import sys
from pathlib import Path
from cair.channels.bank_sandbox.server import serve
serve(Path(sys.argv[1]), port=0)
"""
_CALLS = count(1)


@dataclass
class Sandbox:
    """A running sandbox, its back office, and clients of its partners."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    rails: dict[str, SnapRail] = field(default_factory=dict)

    def start(self) -> "Sandbox":
        address = self.folder / "address"
        address.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(self.folder)], start_new_session=True, env={**os.environ}
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                self.url = address.read_text().strip()
                httpx.get(f"{self.url}/admin/health", timeout=5).raise_for_status()
            except (OSError, httpx.HTTPError):
                assert self.process.poll() is None, "the sandbox did not start"
                time.sleep(0.05)
            else:
                return self
        raise AssertionError("the sandbox does not answer")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.close()

    def close(self) -> None:
        while self.rails:
            self.rails.popitem()[1].close()

    def office(self, method: str, path: str, said: object = None, *, text: str | None = None) -> httpx.Response:
        token = (self.folder / "admin-token").read_text()
        content = text if text is not None else json.dumps(said) if said is not None else None
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.request(method, f"{self.url}/admin/{path}", content=content, headers=headers, timeout=300)
        assert answer.status_code == 200, answer.text
        return answer

    def fault(self, fault: str, **more: object) -> None:
        self.office("POST", "faults", {"fault": fault, "times": 1, **more})

    def states(self, partner: str, **states: str) -> None:
        lines = "".join(f"{partner},{account.removeprefix('a')},{state}\n" for account, state in states.items())
        self.office("POST", "accounts", text="partner,account,state\n" + lines)

    def profile(self, partner: str) -> tuple[SnapProfile, SnapKeys]:
        return read_profile(self.folder / "partners" / partner / "profile.toml")

    def rail(self, partner: str) -> SnapRail:
        if partner not in self.rails:
            self.rails[partner] = SnapRail(*self.profile(partner))
        return self.rails[partner]

    def send(self, order: PaymentOrder, *, sent_before: bool = False) -> Answer:
        rail = self.rail(order.partner)
        return rail.send(order, external_id=external_id(), now=datetime.now(UTC), sent_before=sent_before)

    def check(self, order: PaymentOrder) -> AccountAnswer:
        return self.rail(order.partner).check(order, external_id=external_id(), now=datetime.now(UTC))

    def ask(self, order: PaymentOrder, sent: Sent | None = None, now: datetime | None = None) -> Answer:
        now = now or datetime.now(UTC)
        sent = sent or Sent(first_at=now, last_at=now, external_id="1")
        return self.rail(order.partner).ask(order, external_id=external_id(), sent=sent, now=now)

    def entries(self, order: PaymentOrder) -> list[dict[str, object]]:
        lines = self.office("GET", f"entries/{order.partner}").text.splitlines()
        return [entry for entry in map(json.loads, lines) if entry["reference"] == order.reference]

    def kinds(self, order: PaymentOrder) -> list[object]:
        return [entry["kind"] for entry in self.entries(order)]


def external_id() -> str:
    return f"{time.time_ns()}{next(_CALLS):06d}"


def order_of(partner: str = "bank-rotan", account: str = "0123456789", **more: object) -> PaymentOrder:
    settings = {
        "order_ref": f"T-{time.time_ns():x}-{next(_CALLS)}",
        "attempt": 1,
        "amount_idr": AMOUNT,
        "account_ref": Secret("account", account),
        "holder_name": Secret("name", "BUDI SANTOSO"),
        "partner": partner,
    }
    return PaymentOrder(**{**settings, **more})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(folder).start()
    yield sandbox
    sandbox.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.office("DELETE", "faults")
    running.office("POST", "clock", {"now": None})
    return running
