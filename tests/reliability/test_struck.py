"""Workers and PostgreSQL killed before and after commits, calls and files: the same command again ends the work, once.

A short sample runs by itself. CAIR_TORTURE=N sweeps every moment of every job with every kind of blow, and then goes N
rounds of random ones (`make torture`). The seed is printed; CAIR_SEED plays it again.
"""

import random
import sys
from pathlib import Path

from tests.reliability.jobs import Order
from tests.reliability.moments import Blow
from tests.reliability.trial import BANK, SEED, TORTURE, WALLET, trial

PEOPLE = 4
SAMPLE = 5
"""Blows in the short run of each job: each kind once at least."""


def blows(dice: random.Random, passed: list[str]) -> list[dict[str, object]]:
    """Every moment with every kind of blow, or a few of them."""
    moments = range(1, len(passed) + 1)
    if TORTURE:
        chosen = [(deadly, blow) for deadly in moments for blow in Blow]
    else:
        kinds = [*Blow, *dice.choices(list(Blow), k=SAMPLE - len(Blow))]
        chosen = [(dice.choice(moments), blow) for blow in kinds]
    return [{"deadly": deadly, "blow": blow} for deadly, blow in chosen]


def people() -> int:
    """How many people the rounds take."""
    return PEOPLE * (1_000 if TORTURE else 2 + 2 * SAMPLE)


def test_paying_by_calls_and_settling_what_came_of_it(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with trial(tmp_path, people=people(), partners=[WALLET]) as tried:
        released = tried.finish(tried.release(PEOPLE))
        called = tried.finish(tried.calls())
        for blow in blows(dice, called):
            tried.finish(tried.release(PEOPLE))
            tried.work(tried.calls(**blow))
            tried.finish(tried.calls())
        tried.judge()
        for blow in blows(dice, released):
            order = tried.release(PEOPLE, **blow)
            tried.work(order)
            tried.finish(order)
        tried.finish(tried.calls())
        tried.finish(Order("settle", paths=[str(tried.statement(WALLET))]))
        tried.judge(settled=True)
        sys.stdout.write(tried.told())


def test_paying_by_files_and_settling_what_came_of_it(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with trial(tmp_path, people=people(), partners=[BANK]) as tried:
        tried.finish(tried.release(PEOPLE))
        filed = tried.finish(Order("files"))
        tried.carry()
        settled = tried.finish(Order("settle", paths=[str(tried.statement(BANK))]))
        for blow in blows(dice, filed):
            tried.finish(tried.release(PEOPLE))
            tried.work(Order("files", **blow))
            tried.carry()
            tried.finish(Order("files"))
            tried.carry()
        tried.judge()
        for blow in blows(dice, settled):
            tried.finish(tried.release(PEOPLE))
            tried.finish(Order("files"))
            tried.carry()
            statement = str(tried.statement(BANK))
            tried.work(Order("settle", paths=[statement], **blow))
            tried.finish(Order("settle", paths=[statement]))
        tried.judge(settled=True)
        sys.stdout.write(tried.told())
