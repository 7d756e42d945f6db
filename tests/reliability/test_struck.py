"""Workers and PostgreSQL killed before and after commits, calls and files: the same command again ends the work, once.

A short sample runs by itself. CAIR_TORTURE=N sweeps every moment of every job with every kind of blow, and then goes N
rounds of random ones (`make torture`). The seed is printed; CAIR_SEED plays it again.
"""

import random
import sys
from pathlib import Path

from tests.reliability.jobs import Order
from tests.reliability.moments import Blow
from tests.reliability.trial import BANK, PEOPLE, SEED, TORTURE, WALLET, Trial, trial

SOME = 4
"""People in a round: half of them are paid by calls, half by files."""
ROUNDS = len(Blow)
GO_ON = ("same command again", "cannot be reached", "does not start")
"""What a worker says that has lost its database."""


def struck(tried: Trial, order: Order, deadly: int, blow: Blow) -> None:
    """Let a worker be struck at a moment, then give its command again until it has nothing left to do."""
    order.deadly, order.blow = deadly, blow
    ended = tried.work(order)
    assert ended.status != 1 or any(word in ended.passed[-1] for word in GO_ON), ended.passed[-1]
    tried.finish(order)


def settling(tried: Trial) -> Order:
    """The command that takes in what both partners say until now."""
    return Order("settle", paths=[str(tried.statement(partner)) for partner in (WALLET, BANK)])


def a_round(tried: Trial, blows: dict[str, tuple[int, Blow]]) -> None:
    """Release, pay by calls and by files, and settle; each struck where it is said."""
    for job, order in (
        ("release", lambda: tried.release(SOME)),
        ("calls", tried.calls),
        ("files", lambda: Order("files", partner=BANK)),
        ("settle", lambda: settling(tried)),
    ):
        if job in blows:
            struck(tried, order(), *blows[job])
        else:
            tried.finish(order())
        tried.carry()


def test_the_same_command_again_ends_the_work(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with trial(tmp_path, people=SOME * (700 + TORTURE) if TORTURE else PEOPLE, partners=[WALLET, BANK]) as tried:
        moments = {}
        for job, order in (("release", tried.release(SOME)), ("calls", tried.calls()),
                           ("files", Order("files", partner=BANK))):  # fmt: skip
            moments[job] = len(tried.finish(order))
        tried.carry()
        moments["settle"] = len(tried.finish(settling(tried)))
        if TORTURE:
            for job, count in moments.items():
                for deadly in range(1, count + 1):
                    for blow in Blow:
                        a_round(tried, {job: (deadly, blow)})
            tried.judge(settled=True)
        for _ in range(TORTURE or ROUNDS):
            kinds = dice.sample(list(Blow), len(moments))
            a_round(tried, {
                job: (dice.randrange(1, count + 1), kind)
                for (job, count), kind in zip(moments.items(), kinds, strict=True)
            })  # fmt: skip
        judged = tried.judge(settled=True)
        assert judged.once == judged.settled == tried.released >= SOME * (1 + ROUNDS)
        assert (judged.twice, judged.lost, judged.wrong) == (0, 0, 0)
        assert tried.counts["killed"] > 0
        assert sum(tried.counts[blow] for blow in Blow if blow != Blow.WORKER) > 0
        sys.stdout.write(tried.told())
