"""What to make up, by which dice, and when partners send."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from cair.simulation.figures import read_figures

DAY = 86_400
JAKARTA = 7 * 3_600
"""Jakarta (WIB) is ahead of UTC by so many seconds, all year."""
NEVER = 1 << 60
"""An instant that does not come."""
CLOSING = 20 * 3_600
"""Seconds after midnight WIB until which reports go into the files of that day; received two hours later."""
_EPOCH = date(1970, 1, 1)
_LATER_INTAKES = 28


class UnableToSimulate(Exception):
    """The scenario cannot be made."""


@dataclass(frozen=True)
class Scenario:
    """How many people, by which seed, what partners had sent by the end of which day, how faulty.

    `faults` is the share of lines sent twice, contradicting or unreadable.
    """

    people: int = 680_880
    seed: int = 2020
    until: date = date(2020, 7, 27)
    faults: float = 0.004

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        :raises UnableToSimulate: too few or too many people, too early a day, or no share.
        """
        first = intake_days()[0]
        if not 100 <= self.people <= 50_000_000:
            raise UnableToSimulate(f"people is {self.people}: give a number from 100 to 50,000,000")
        if self.until < first:
            raise UnableToSimulate(f"until is {self.until}: nobody had sent anything yet; give a day from {first} on")
        if not 0 <= self.faults <= 0.2:
            raise UnableToSimulate(f"faults is {self.faults}: give a share of lines from 0 to 0.2")


def intake_days() -> list[date]:
    """The days on which files are taken in, as far as the page knows them."""
    return list(read_figures().page["intake_days"]["value"])


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def start_of_day(day_numbers: np.ndarray | int) -> np.ndarray:
    """The instant, in seconds UTC, at which Jakarta days begin."""
    return np.asarray(day_numbers, dtype=np.int64) * DAY - JAKARTA


def jakarta_day(instants: np.ndarray) -> np.ndarray:
    """The Jakarta day numbers of instants."""
    return (instants + JAKARTA) // DAY


def dice(scenario: Scenario, *purpose: int) -> np.random.Generator:
    """The dice for one purpose: the same numbers whatever else is thrown before."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([scenario.seed, *purpose])))


def _later_days(last: date, until: date) -> list[date]:
    count = max((until - last).days - 1, 0) // _LATER_INTAKES
    return [last + timedelta(days=_LATER_INTAKES * (nth + 1)) for nth in range(count)]


class Arrivals:
    """The days on which partners' files arrive until the end of the scenario, and which report goes into which."""

    def __init__(self, until: date) -> None:
        days = [day for day in intake_days() if day <= until]
        if days == intake_days():
            days += _later_days(days[-1], until)
        self.days = days if days[-1] == until else [*days, until]
        self.closings = start_of_day(np.array([day_number(day) for day in self.days])) + CLOSING

    def intake_of(self, sent: np.ndarray, every: np.ndarray) -> np.ndarray:
        """In which intake a report sent at an instant by a partner with such a rhythm is; beyond the last: in none."""
        first = np.searchsorted(self.closings, sent)
        return first + (len(self.days) - 1 - first) % every

    def received_at(self, intake: int) -> str:
        """When an intake runs: 22:00 WIB."""
        return f"{self.days[intake].isoformat()}T15:00:00Z"

    def published(self) -> list[str]:
        """The ends of the days for which counts were published, and of the last day."""
        known = [day for day in read_figures().page["published_days"]["value"] if day < self.days[-1]]
        return [f"{day.isoformat()}T16:59:59Z" for day in [*known, self.days[-1]]]
