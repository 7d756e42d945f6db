"""The line to the bank breaks in every way a line can, the bank errs, workers are killed: everybody is paid once.

CAIR_TORTURE=N goes N rounds (`make torture`); the seed is printed, CAIR_SEED plays it again.
"""

import random
import sys
from pathlib import Path

import pytest

from tests.reliability.trial import PEOPLE, QUIET, SEED, TORTURE, WALLET, trial
from tests.reliability.wire import Break, Wire

ROUNDS = TORTURE or 1
FAULTS = ("error_before", "error_after", "garbled", "in_progress", "too_many", "token_refused")
"""What the bank itself gets wrong beside it."""
TIMEOUT, LATE = 0.5, 1.0
"""Seconds: how long a worker waits for an answer, and how late a request may arrive."""
TRUTH = 1.5 * LATE / QUIET.total_seconds()
"""So much of all waiting is true that the quiet period is longer than what is late."""
DEADLY = ((10, 40), (40, 250))
"""Moments at which the two workers of a round are killed: the first always passes so many."""
FORGETFUL = "bank-pelupa"


@pytest.mark.parametrize("partner", [FORGETFUL, WALLET] if TORTURE else [FORGETFUL])
def test_a_line_that_breaks(tmp_path: Path, partner: str) -> None:
    dice = random.Random(SEED)
    with (
        trial(tmp_path, people=PEOPLE * ROUNDS, partners=[partner]) as tried,
        Wire(tried.bank.url, seed=SEED, late=LATE) as wire,
    ):
        tried.call_through(wire.url, timeout=TIMEOUT)
        for _ in range(ROUNDS):
            tried.finish(tried.release(PEOPLE))
            wire.break_(dict.fromkeys(Break, 0.03))
            for fault in dice.sample(FAULTS, 2):
                tried.bank.fault(fault, partner=partner, share=0.1, times=PEOPLE // 4, seconds=0.5)
            for bounds in DEADLY:
                tried.work(tried.calls(partner, truth=TRUTH, deadly=dice.randrange(*bounds)))
            tried.finish(tried.calls(partner, truth=TRUTH))
            tried.bank.office("DELETE", "faults")
        judged = tried.judge()
        assert judged.once == tried.released == PEOPLE * ROUNDS
        assert (judged.twice, judged.lost, judged.wrong) == (0, 0, 0)
        assert tried.counts["killed"] >= ROUNDS
        assert wire.requests > sum(wire.broken.values()) > 0
        tried.counts.update(wire.broken)
        sys.stdout.write(tried.told())
