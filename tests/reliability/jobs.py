"""What workers do: the journeys that move money, each as its command would run it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.journeys.pay import pay_now
from cair.journeys.pay_by_call import Worker
from cair.journeys.release_incentives import (
    approve_release,
    end_release,
    give_money,
    list_releases,
    plan_release,
    run_release,
    sample_of,
)
from cair.journeys.settle import settle_paths
from cair.ledger.chart import Purpose
from cair.rules.release import Role
from cair.store.office import Office
from cair.store.queries.releases import read_release
from cair.store.records.releases import UnableToRun, Wishes
from cair.store.records.staff import Actor

LINE = "semi-bansos-2020"
ANI = Actor("Ani", frozenset({Role.OFFICER}))
BUDI = Actor("Budi", frozenset({Role.CHECKER}))
CITRA = Actor("Citra", frozenset({Role.DIRECTOR}))


def quiet(*_: object) -> None:
    """Tell nobody."""


@dataclass
class Clock:
    """The true time and some more. Waiting moves it, and takes so much of the pause in truth."""

    ahead: timedelta
    truth: float = 0

    def now(self) -> datetime:
        """The instant."""
        return datetime.now(UTC) + self.ahead

    def wait(self, pause: timedelta) -> None:
        """Wait."""
        self.ahead += pause * (1 - self.truth)
        time.sleep(pause.total_seconds() * self.truth)


@dataclass
class Order:
    """What a worker is to do. `deadly`: the moment of the blow, 0 never; `minutes`: how far its clock runs ahead;

    `truth`: how much of its waiting is true; `patience`, `lease`: of a worker that calls, in minutes.
    """

    job: str
    deadly: int = 0
    blow: str = "worker"
    minutes: float = 0
    truth: float = 0
    patience: float = 30
    lease: float = 60
    most: int | None = None
    notes_writes: bool = False
    withdraws: bool = False
    amount: int = 0
    profile: str = ""
    partner: str = ""
    paths: list[str] = field(default_factory=list)


def calls(office: Office, order: Order, clock: Clock) -> None:
    """Pay one partner by calls."""
    profile, keys = read_profile(Path(order.profile))
    with SnapRail(profile, keys) as rail:
        patience, lease = timedelta(minutes=order.patience), timedelta(minutes=order.lease)
        Worker(office, rail, profile, clock.now, clock.wait, patience=patience, lease=lease, most=order.most).run(quiet)


def files(office: Office, order: Order, clock: Clock) -> None:
    """Write files for banks."""
    rails = office.home / "rails"
    pay_now(office, rail="iso20022", partner=order.partner or None, rails=rails, clock=clock.now, wait=clock.wait,
            announce=quiet)  # fmt: skip


def release(office: Office, order: Order, clock: Clock) -> None:
    """Give money by a document named for its amount, once; plan, approve and run, going on with what is there."""
    document = f"D-{order.amount}"
    with office.database.connect() as connection:
        known = connection.execute("SELECT FROM appropriation WHERE document = %s", [document]).fetchone()
    if known is None and order.amount:
        before = _given(office)
        give_money(office, document=document, line=LINE, purpose=Purpose.INCENTIVES, amount_idr=order.amount - before,
                   by=CITRA, now=clock.now())  # fmt: skip
    begun = [each for each in list_releases(office) if each["ended"] is None]
    if not begun:
        if known is not None and _promised(office) >= order.amount:
            return
        plan_release(office, Wishes(clock.now(), 7, 2), by=ANI, now=clock.now(), announce=quiet)
        begun = [each for each in list_releases(office) if each["ended"] is None]
    number = int(str(begun[-1]["release"]))
    if order.withdraws:
        end_release(office, number, how="WITHDRAWN", why="changed our mind", by=ANI, now=clock.now())
        return
    sample_of(office, number)
    with office.database.connect() as connection:
        planned = read_release(connection, number)
    for by in (BUDI, CITRA)[len(planned.approved_by) : planned.stages]:
        approve_release(office, number, planned.list_hash, by=by, now=clock.now())
    try:
        run_release(office, number, by=ANI, now=clock.now())
    except UnableToRun as error:
        end_release(office, number, how="WITHDRAWN", why=str(error), by=ANI, now=clock.now())


def _given(office: Office) -> int:
    with office.database.connect() as connection:
        row = connection.execute("SELECT coalesce(sum(amount_idr), 0) FROM appropriation").fetchone()
    return int(row[0]) if row else 0


def _promised(office: Office) -> int:
    sql = "SELECT coalesce(sum(amount_idr), 0) FROM payment_order WHERE attempt = 1"
    with office.database.connect() as connection:
        row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def settle(office: Office, order: Order, clock: Clock) -> None:
    """Take in files of banks, and the results that wait."""
    paths = [Path(path) for path in order.paths]
    settle_paths(office, paths, partner=order.partner, rails=office.home / "rails", now=clock.now(), announce=quiet)


JOBS: Mapping[str, Callable[[Office, Order, Clock], None]] = {
    "calls": calls,
    "files": files,
    "release": release,
    "settle": settle,
}


def again(order: Order, minutes: float) -> Order:
    """The same command, later, without a blow."""
    return replace(order, deadly=0, minutes=minutes)
