"""A worker that pays by calls and is killed at a moment of choice: python -m tests.stories.money_worker HOME BANK N MINUTES.

Moments are counted as they pass: before and after every commit, before and after every call that leaves. At the N-th the
process kills itself (SIGKILL); 0 never. Its clock runs MINUTES ahead; waiting moves that clock. Prints the moments.
"""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.journeys.pay_by_call import Worker
from cair.store.configuration import Configuration
from cair.store.office import open_office

PARTNER = "dompet-pandan"


class Moments:
    """Counts moments, and ends the process at the chosen one."""

    def __init__(self, deadly: int) -> None:
        self.deadly, self.names = deadly, []

    def pass_(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, kind: Any, method: str, name: str) -> None:
        plain = getattr(kind, method)

        def watched(*given: Any, **more: Any) -> Any:
            self.pass_(f"before {name}")
            answer = plain(*given, **more)
            self.pass_(f"after {name}")
            return answer

        setattr(kind, method, watched)


def main() -> None:
    home, bank, deadly, minutes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    moments, ahead = Moments(deadly), [timedelta(minutes=minutes)]
    with open_office(Configuration(home, home / "keys"), announce=lambda _: None) as office:
        moments.watch(psycopg.Connection, "commit", "commit")
        moments.watch(SnapRail, "_post", "call")
        profile, keys = read_profile(bank / "partners" / PARTNER / "profile.toml")

        def wait(pause: timedelta) -> None:
            ahead[0] += pause

        with SnapRail(profile, keys) as rail:
            clock = lambda: datetime.now(UTC) + ahead[0]  # noqa: E731
            Worker(office, rail, profile, clock, wait, patience=timedelta(minutes=30), lease=timedelta(hours=1)).run(
                lambda *_: None
            )
    sys.stdout.write("\n".join(moments.names))


if __name__ == "__main__":
    main()
