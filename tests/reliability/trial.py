"""A programme that pays while its workers, its database and its line to the bank are struck; the bank's books judge."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cair.channels.bank_sandbox.partners import set_up
from cair.journeys.verify import money_holds
from cair.store.embedded import UnableToStartServer, running_server
from tests.channels.snap.conftest import Sandbox
from tests.reliability.jobs import Order, again
from tests.reliability.moments import Blow, wait_until_down
from tests.stories.money import Programme, account, programme, quiet

WALLET, BANK = "dompet-pandan", "bank-rotan"
TORTURE = int(os.environ.get("CAIR_TORTURE", "0"))
"""How many rounds of a long run; 0: the short one."""
SEED = int(os.environ.get("CAIR_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ROOT = Path(__file__).parents[2]
AMOUNT = 600_000
PEOPLE = 24
"""In short runs: enough for all of them, and made once."""
STEP = timedelta(minutes=90)
"""How much later each worker starts than the one before: claims of a dead one have expired."""
QUIET = timedelta(minutes=15)
"""As long as a partner may need until a call has arrived or never will."""
REGISTERED_AT_ONCE = 100_000
AT_MOST = 40
"""Workers until there is nothing left to do."""


@dataclass(frozen=True)
class Ended:
    """How a worker ended: 0, 1 with a word, -9 killed; and the moments that it passed."""

    status: int
    passed: list[str]


@dataclass(frozen=True)
class Judged:
    """What the bank's books say of everybody ordered, and what ours say: payments, by what became of them."""

    once: int
    twice: int
    lost: int
    wrong: int
    """Of another amount, or to somebody who was not ordered."""
    settled: int
    """That our books call paid."""


class Nursery:
    """Workers, one at a time, each a process of its own."""

    def __init__(self, home: Path, keys: Path) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.nursery", str(home), str(keys)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )  # fmt: skip

    def work(self, order: Order) -> Ended:
        """Let a worker do this."""
        assert self._running.stdin
        assert self._running.stdout
        self._running.stdin.write(json.dumps(asdict(order)) + "\n")
        self._running.stdin.flush()
        return Ended(**json.loads(self._running.stdout.readline()))

    def close(self) -> None:
        """Send it home."""
        self._running.communicate()


@dataclass
class Trial:
    """The office, the bank, and what befell them so far."""

    office: Programme
    bank: Sandbox
    nursery: Nursery
    profiles: Path
    step: timedelta = STEP
    minutes: float = 0
    released: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    carried: dict[str, bytes] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The office's clock: the true time and what was added to it."""
        return datetime.now(UTC) + timedelta(minutes=self.minutes)

    def work(self, order: Order) -> Ended:
        """Let a worker do this, a while after the one before; what was struck comes up again."""
        self.minutes += self.step / timedelta(minutes=1)
        time.sleep(min(self.step, QUIET).total_seconds() * order.truth)
        order.minutes = self.minutes
        ended = self.nursery.work(order)
        self.counts["workers"] += 1
        if ended.status == -9:
            self.counts["killed"] += 1
        assert ended.status in (0, 1, -9), (order, ended.passed[-2:], f"seed {SEED}")
        if order.deadly and order.blow != Blow.WORKER and len(ended.passed) >= order.deadly:
            self.counts[order.blow] += 1
            self.get_up(Blow(order.blow))
        return ended

    def get_up(self, blow: Blow) -> None:
        """Have the database up after a blow, as the next command would find or start it."""
        home = self.office.office.home
        wait_until_down(home, blow)
        for _ in range(AT_MOST):
            with suppress(UnableToStartServer), running_server(home, announce=quiet):
                return
            time.sleep(0.2)  # it was struck again while it started
        raise AssertionError(f"the database does not start; seed {SEED}")

    def finish(self, order: Order) -> list[str]:
        """Give the same command again until it has nothing left to do; give the moments of the first."""
        first: list[str] = []
        for _ in range(AT_MOST):
            ended = self.work(again(order, 0))
            assert ended.status == 0, (order, ended.passed[-1], f"seed {SEED}")
            first = first or ended.passed
            if order.job != "calls" or not any(name.startswith("before call") for name in ended.passed):
                return first
        raise AssertionError(f"workers do not come to an end; seed {SEED}")

    def release(self, people: int, **more: object) -> Order:
        """The command that releases so many more people."""
        self.released += people
        return Order("release", amount=self.released * AMOUNT, **more)  # type: ignore[arg-type]

    def calls(self, partner: str = WALLET, **more: object) -> Order:
        """The command that pays by calls."""
        profile = self.profiles / partner / "profile.toml"
        return Order("calls", **{"profile": str(profile), **more})  # type: ignore[arg-type]

    def call_through(self, url: str, **more: float) -> None:
        """From now on call the bank at another address, with these settings of the profile."""
        self.profiles = self.office.folder / "through"
        shutil.copytree(self.bank.folder / "partners", self.profiles)
        settings = "".join(f"{name} = {value}\n" for name, value in more.items())
        for profile in self.profiles.glob("*/profile.toml"):
            profile.write_text(settings + profile.read_text().replace(self.bank.url, url))

    def carry(self) -> None:
        """Bring new payment files to the bank, each once; one that was brought before must not have changed."""
        for path in sorted((self.office.office.home / "payments").glob("*.xml")):
            content = path.read_bytes()
            if path.name in self.carried:
                assert self.carried[path.name] == content, f"{path.name} is another one; seed {SEED}"
                continue
            self.carried[path.name] = content
            rows = "".join(f"{reference},{amount},{number}\n" for reference, amount, number in _transfers(content))
            partner = path.name.partition(".")[0]
            self.bank.office("POST", f"batches/{partner}", text="reference,amount_idr,account\n" + rows)

    def statement(self, partner: str, days_ago: int = 0) -> Path:
        """The bank's statement of today, so far, or of a day before."""
        day = (datetime.now(UTC) + timedelta(hours=7)).date() - timedelta(days=days_ago)
        told = self.bank.office("GET", f"statements/{partner}/{day}.xml").content
        path = self.office.folder / f"{partner}.{self.counts['statements']}.camt.053.xml"
        self.counts["statements"] += 1
        path.write_bytes(told)
        return path

    def orders(self) -> dict[str, int]:
        """All orders that were ever made, with their amounts."""
        with self.office.office.database.connect() as connection:
            rows = connection.execute("SELECT DISTINCT order_ref, amount_idr FROM payment_order").fetchall()
        return dict(rows)

    def judge(self, *, settled: bool = False) -> Judged:
        """Everybody ordered is in the bank's books once, nobody else is; our own books hold and say the same."""
        orders = self.orders()
        verdict = json.loads(self.bank.office("POST", "verdict", {"expected": orders}).text)
        assert verdict["is_clean"], {**verdict, "seed": SEED}
        held = money_holds(self.office.office)
        assert held.holds, (held.told, SEED)
        assert len(orders) == self.released, (len(orders), self.released, SEED)
        with self.office.office.database.connect() as connection:
            row = connection.execute("SELECT count(*) FROM payment_outcome WHERE status = 'PAID'").fetchone()
        assert row
        assert row[0] == self.released or not settled, (row[0], self.released, SEED)
        wrong = len(verdict["wrong_amount"]) + len(verdict["unexpected"])
        return Judged(verdict["paid_once"], len(verdict["paid_twice"]), len(verdict["lost"]), wrong, row[0])

    def told(self) -> str:
        """One line about all of it."""
        struck = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        return f"seed {SEED}: {len(self.orders())} payments; {struck}; 0 twice, 0 lost\n"


@contextmanager
def trial(folder: Path, *, people: int, partners: list[str]) -> Iterator[Trial]:
    """An office whose people are due, and a bank in a process of its own."""
    set_up(folder / "bank")
    bank = Sandbox(folder / "bank").start()
    try:
        for first in range(0, people, REGISTERED_AT_ONCE):
            rows = "".join(
                f"{partner},{account(person)},ORANG BAIK {chr(65 + person % 26)},active\n"
                for person in range(first, min(first + REGISTERED_AT_ONCE, people))
                for partner in dict.fromkeys(partners)
            )
            bank.office("POST", "accounts", text="partner,account,name,state\n" + rows)
        with programme(folder / "home", folder / "files", people=people, partners=partners, money=1) as office:
            nursery = Nursery(office.office.home, office.office.keys)
            try:
                yield Trial(office, bank, nursery, bank.folder / "partners")
            finally:
                nursery.close()
    finally:
        bank.stop()


def _transfers(content: bytes) -> Iterator[tuple[str, int, str]]:
    from io import BytesIO

    from cair.channels.payments.iso20022.payments_in import read_payments

    for order in read_payments(BytesIO(content)):
        assert order.account
        yield str(order.end_to_end_id), int(order.amount or 0), order.account.reveal()
