"""Workers killed (SIGKILL) before and after commits and calls, against the sandbox over loopback: the bank's books judge.

A short sample runs by itself; CAIR_TORTURE=N sweeps every moment and then N more rounds of random kills and faults
(`make torture`). The seed is printed; CAIR_SEED plays it again.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cair.channels.bank_sandbox.partners import set_up
from cair.journeys.verify import money_holds
from tests.channels.snap.conftest import Sandbox
from tests.stories.money import Programme, account, programme, release_some

PARTNER = "dompet-pandan"
PEOPLE = 6
TORTURE = int(os.environ.get("CAIR_TORTURE", "0"))
SEED = int(os.environ.get("CAIR_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ROOT = Path(__file__).parents[2]
FAULTS = ("drop_before", "drop_after", "error_before", "error_after", "garbled", "in_progress", "too_many")


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Sandbox]:
    folder = tmp_path / "bank"
    set_up(folder)
    sandbox = Sandbox(folder).start()
    names = "".join(
        f"{PARTNER},{account(person)},ORANG BAIK {chr(65 + person % 26)},active\n" for person in range(10_000)
    )
    sandbox.office("POST", "accounts", text="partner,account,name,state\n" + names)
    yield sandbox
    sandbox.stop()


class Killed:
    """Rounds of payments by workers that are killed."""

    def __init__(self, office: Programme, bank: Sandbox) -> None:
        self.office, self.bank = office, bank
        self.minutes = self.kills = self.runs = 0

    def work(self, deadly: int) -> list[str] | None:
        """Run a worker; give the moments that passed, or None when it was killed."""
        self.minutes += 90
        self.runs += 1
        command = [
            sys.executable,
            "-m",
            "tests.stories.money_worker",
            str(self.office.office.home),
            str(self.bank.folder),
        ]
        done = subprocess.run(
            [*command, str(deadly), str(self.minutes)], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        )  # fmt: skip
        if done.returncode == -9:
            self.kills += 1
            return None
        assert done.returncode == 0, done.stderr[-2_000:]
        return done.stdout.splitlines()

    def finish(self) -> list[str]:
        """Let workers go on until none has anything left to do."""
        first = self.work(0)
        assert first is not None
        for _ in range(6):
            passed = self.work(0)
            if passed is not None and "before call" not in passed:
                return first
        raise AssertionError("workers do not come to an end")

    def judge(self) -> None:
        orders = self._orders()
        verdict = json.loads(self.bank.office("POST", "verdict", {"expected": orders}).text)
        assert verdict["is_clean"], {**verdict, "seed": SEED}
        assert money_holds(self.office.office).holds, money_holds(self.office.office).told

    def _orders(self) -> dict[str, int]:
        with self.office.office.database.connect() as connection:
            rows = connection.execute("SELECT DISTINCT order_ref, amount_idr FROM payment_order").fetchall()
        return dict(rows)


def test_nobody_is_paid_twice_or_lost_wherever_a_worker_is_killed(tmp_path: Path, bank: Sandbox) -> None:
    dice = random.Random(SEED)
    rounds = TORTURE + 200 if TORTURE else 8
    with programme(
        tmp_path / "home", tmp_path / "files", people=PEOPLE * rounds, partners=[PARTNER], money=1
    ) as office:
        office.now = datetime.now(UTC) - timedelta(days=1)
        killed = Killed(office, bank)
        release_some(office, PEOPLE)
        moments = killed.finish()
        killed.judge()
        assert {"before commit", "after commit", "before call", "after call"} == set(moments)
        sweep = range(1, len(moments) + 1) if TORTURE else sorted(dice.sample(range(1, len(moments) + 1), 4))
        for deadly in sweep:
            release_some(office, PEOPLE)
            killed.work(deadly)
            killed.finish()
        for _ in range(TORTURE or 1):
            release_some(office, PEOPLE)
            for fault in dice.sample(FAULTS, 2):
                bank.fault(fault, partner=PARTNER, share=0.3, times=5, seconds=60)
            killed.work(dice.randrange(1, len(moments)))
            killed.work(dice.randrange(1, len(moments)))
            killed.finish()
            bank.office("DELETE", "faults")
        killed.judge()
        sys.stdout.write(
            f"seed {SEED}: {len(killed._orders())} payments, {killed.runs} workers, {killed.kills} killed, 0 twice, 0 lost\n"
        )
