"""Very many payments while everything is struck: CAIR_PAYMENTS of them, a part by calls, the rest by files.

Workers that pay by calls go in parallel and in true time, through a line that breaks, and are killed; PostgreSQL is
killed at random; releasing, files and settling are struck at random moments. Part of `make torture` (PAYMENTS).
"""

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cair.store.database import UnableToReachDatabase
from tests.reliability.jobs import Order
from tests.reliability.moments import Blow, strike
from tests.reliability.trial import AT_MOST, BANK, SEED, WALLET, Nursery, Trial, trial
from tests.reliability.wire import Break, Wire

PAYMENTS = int(os.environ.get("CAIR_PAYMENTS", "0"))
ROUNDS, LANES = 10, 3
MINUTE = 60.0
TIMEOUT, LATE, QUIET, LEASE = 0.5, 1.5, 4, 12
"""Seconds: how long a call is waited for, how late it may arrive, how long "not found" proves nothing, and of a lease."""
BETWEEN = (max(20.0, PAYMENTS / ROUNDS / 2_500), max(60.0, PAYMENTS / ROUNDS / 500))
"""Seconds between blows at the database: long transactions must have a chance."""
BY_FILES = max(4, PAYMENTS // 10_000 - 1)
"""So many are paid by files for each one that is called: a bank answers some thirty calls a second here."""
STRUCK = 0.6
"""Share of the workers that are struck."""


@dataclass
class Storm:
    """Workers in parallel, and blows at the database, until it is told to end."""

    tried: Trial
    dice: random.Random
    over: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    guard: threading.Lock = field(default_factory=threading.Lock)
    failures: list[BaseException] = field(default_factory=list)

    def count(self, *names: str) -> None:
        with self.guard:
            self.counts.update(names)

    def draw(self, *bounds: float) -> float:
        with self.guard:
            return self.dice.uniform(*bounds)

    def lane(self) -> None:
        """Pay by calls, worker after worker."""
        home = self.tried.office.office
        nursery = Nursery(home.home, home.keys)
        try:
            while not self.over.is_set():
                deadly = int(self.draw(1, 800)) if self.draw(0, 1) < STRUCK else 0
                blow = Blow.WORKER if self.draw(0, 1) < 0.9 else Blow.BACKEND
                ended = nursery.work(self.tried.calls(
                    truth=1, patience=QUIET / MINUTE, lease=LEASE / MINUTE, most=400, deadly=deadly, blow=blow
                ))  # fmt: skip
                assert ended.status in (0, 1, -9), ended.passed[-2:]
                self.count("workers", *(["killed"] if ended.status == -9 else []))
                if not any(moment.startswith("before call") for moment in ended.passed):
                    self.over.wait(2)
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            nursery.close()

    def blows(self) -> None:
        """Strike the database now and then; whoever comes next starts it again."""
        while not self.over.wait(self.draw(*BETWEEN)):
            blow = self.dice.choice([Blow.SERVER, Blow.IMMEDIATE, Blow.BACKEND])
            strike(self.tried.office.office.home, blow)
            self.count(f"database: {blow}")
            self.tried.get_up(blow)


@contextmanager
def storm(tried: Trial, dice: random.Random) -> Iterator[Storm]:
    blowing = Storm(tried, dice)
    threads = [threading.Thread(target=blowing.lane) for _ in range(LANES)] + [threading.Thread(target=blowing.blows)]
    for thread in threads:
        thread.start()
    try:
        yield blowing
    finally:
        blowing.over.set()
        for thread in threads:
            thread.join()
    assert not blowing.failures, blowing.failures


def persist(tried: Trial, order: Order, dice: random.Random) -> None:
    """Give a command, struck at a random moment perhaps, again and again until it has done its work."""
    order.deadly = dice.randrange(1, 30) if dice.random() < STRUCK else 0
    order.blow = dice.choice(list(Blow))
    for _ in range(AT_MOST):
        if tried.work(order).status == 0:
            return
        order.deadly = 0
    raise AssertionError(f"{order.job} does not come to an end; seed {SEED}")


def open_calls(tried: Trial) -> int:
    """How many orders of the partner that is called it has not said to have paid."""
    sql = """SELECT count(*) FROM payment_order AS o WHERE partner = %s
        AND NOT EXISTS (SELECT FROM payment_outcome AS e WHERE (e.order_ref, e.attempt) = (o.order_ref, o.attempt))
        AND NOT EXISTS (SELECT FROM sending AS s JOIN answer ON answer.sending = s.number
                        WHERE (s.order_ref, s.attempt) = (o.order_ref, o.attempt) AND action = 'BOOKED')"""
    while True:
        try:
            with tried.office.office.database.connect() as connection:
                row = connection.execute(sql, [WALLET]).fetchone()
                return int(row[0]) if row else 0
        except (UnableToReachDatabase, psycopg.OperationalError):
            time.sleep(1)


def settle_days(tried: Trial, dice: random.Random, begun: float) -> None:
    days = range(int((time.time() - begun) // 86_400) + 2)
    paths = [str(tried.statement(partner, days_ago)) for partner in (WALLET, BANK) for days_ago in days]
    persist(tried, Order("settle", paths=paths), dice)


@pytest.mark.skipif(not PAYMENTS, reason="only when asked for: CAIR_PAYMENTS")
def test_very_many(tmp_path: Path) -> None:
    dice, begun = random.Random(SEED), time.time()
    with (
        trial(tmp_path, people=PAYMENTS, partners=[WALLET, *[BANK] * BY_FILES]) as tried,
        Wire(tried.bank.url, seed=SEED, late=LATE) as wire,
    ):
        tried.step = timedelta(0)
        tried.call_through(wire.url, timeout=TIMEOUT, quiet_period=QUIET, status_rate=200.0, status_burst=200.0)
        sys.stdout.write(f"seed {SEED}: {PAYMENTS} people ready after {time.time() - begun:.0f} s\n")
        with storm(tried, dice) as blowing:
            wire.break_(dict.fromkeys(Break, 0.005))
            for number in range(ROUNDS):
                persist(tried, tried.release(PAYMENTS // ROUNDS), dice)
                persist(tried, Order("files", partner=BANK), dice)
                tried.carry()
                settle_days(tried, dice, begun)
                sys.stdout.write(
                    f"round {number + 1} of {ROUNDS}: {time.time() - begun:.0f} s, {open_calls(tried)} calls open\n"
                )
                sys.stdout.flush()
            while left := open_calls(tried):
                sys.stdout.write(f"{time.time() - begun:.0f} s, {left} calls open\n")
                sys.stdout.flush()
                time.sleep(min(30, 2 + left / 50))
        settle_days(tried, dice, begun)
        judged = tried.judge(settled=True)
        tried.counts.update(blowing.counts)
        assert judged.once == judged.settled == tried.released > 0
        assert (judged.twice, judged.lost, judged.wrong) == (0, 0, 0)
        assert tried.counts["killed"] > 0
        assert wire.requests > sum(wire.broken.values()) > 0
        tried.counts.update({f"line: {kind}": times for kind, times in wire.broken.items()})
        sys.stdout.write(f"{tried.told()}{time.time() - begun:.0f} s, {wire.requests} requests\n")
