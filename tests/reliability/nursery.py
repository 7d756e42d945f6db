"""Forks workers: python -m tests.reliability.nursery HOME KEYS. Orders come as lines of JSON, ends go back as such.

A worker is a process of its own that opens the office anew, as a command does; only the imports are shared.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path

from cair.store.configuration import Configuration
from cair.store.database import without_values
from cair.store.office import open_office
from tests.reliability.jobs import JOBS, Clock, Order, quiet, timedelta
from tests.reliability.moments import Blow, Moments, strike

EXPECTED, MISTAKE = 1, 3
"""How a worker ends that could not do its work: with a word, or by a mistake in the program."""


def work(home: Path, keys: Path, order: Order, moments: Moments) -> int:
    """Do what is ordered, as the command would; give its status."""
    try:
        with without_values(), open_office(Configuration(home, keys), announce=quiet) as office:
            moments.watch()
            JOBS[order.job](office, order, Clock(timedelta(minutes=order.minutes), order.truth))
    except Exception as error:  # noqa: BLE001 - as at the program's last door
        moments.passed.append(f"{type(error).__name__}: {error}")
        if type(error).__name__.startswith("UnableTo"):
            return EXPECTED
        import traceback

        moments.passed.append(traceback.format_exc()[-3_000:])
        return MISTAKE
    return 0


def main() -> None:
    """Serve orders until there are no more."""
    home, keys = Path(sys.argv[1]), Path(sys.argv[2])
    for line in sys.stdin:
        order = Order(**json.loads(line))
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            blow = Blow(order.blow)
            moments = Moments(order.deadly, partial(strike, home, blow), notes_writes=order.notes_writes)
            status = work(home, keys, order, moments)
            with os.fdopen(writing, "w") as told:
                json.dump(moments.passed, told)
            os._exit(status)
        os.close(writing)
        with os.fdopen(reading) as told:
            heard = told.read()
        _, status = os.waitpid(child, 0)
        passed = json.loads(heard) if heard else []
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status), "passed": passed}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
