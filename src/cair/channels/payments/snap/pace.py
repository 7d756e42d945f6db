"""How often a partner may be asked: a budget that refills, and waits that grow. Pure, the time is passed in."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SLOWEST = 0.05
"""Calls a second that a budget keeps however often it is halved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A token bucket: `rate` calls a second, at most `capacity` saved up, `level` left at `at`."""

    rate: float
    capacity: float
    level: float
    at: datetime

    @classmethod
    def full(cls, *, rate: float, capacity: float, now: datetime) -> "Budget":
        """A budget nobody has drawn on."""
        return cls(rate=rate, capacity=capacity, level=capacity, at=now)

    def draw(self, now: datetime) -> tuple["Budget", timedelta]:
        """Draw one call: the budget after it, and how long to wait first (zero: call now; else nothing was drawn)."""
        now = max(now, self.at)
        level = min(self.capacity, self.level + (now - self.at).total_seconds() * self.rate)
        if level < 1:
            return replace(self, level=level, at=now), timedelta(seconds=(1 - level) / self.rate)
        return replace(self, level=level - 1, at=now), timedelta(0)

    def halved(self, now: datetime) -> "Budget":
        """The budget after the partner said it was too much: half the rate, nothing saved up."""
        return replace(self, rate=max(SLOWEST, self.rate / 2), level=0.0, at=max(now, self.at))


def next_inquiry(
    reference: str,
    asked: int,
    last: datetime,
    *,
    first_wait: timedelta = timedelta(seconds=5),
    longest_wait: timedelta = timedelta(minutes=30),
) -> datetime:
    """When to ask again after `asked` inquiries: each wait is twice the last, spread by up to a quarter either way.

    The spread hangs on the reference and the number alone, so the same plan comes out again.
    """
    wait: timedelta = min(first_wait * (1 << min(asked, 30)), longest_wait)
    dice = int.from_bytes(hashlib.sha256(f"{reference}/{asked}".encode()).digest()[:4], "big") / 2**32
    return last + wait * (0.75 + dice / 2)


@dataclass(frozen=True, slots=True)
class FaultyRequests:
    """Share of calls refused as faulty: beyond 0.5% (of at least 20) the rail stops until somebody has looked."""

    calls: int = 0
    faulty: int = 0

    def counted(self, *, faulty: bool) -> "FaultyRequests":
        """With one more call."""
        return FaultyRequests(self.calls + 1, self.faulty + faulty)

    @property
    def stops_rail(self) -> bool:
        """Whether the rail must stop."""
        return self.calls >= 20 and self.faulty * 200 > self.calls
