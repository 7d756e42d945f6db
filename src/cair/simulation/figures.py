"""The figures that shape the made-up population, read from one dated page."""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml


@dataclass(frozen=True)
class Partner:
    """An invented organisation: how much of the business it has, how and how often it sends.

    `worse` says how many times likelier a flaw is with it; `late` there means the heavy tail of its reports.
    """

    name: str
    share: float
    every: int
    format: str
    style: str
    worse: dict[str, float] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flaw:
    """Something that can be wrong with a training, how often, and how it is put right."""

    name: str
    share: float
    mended: float
    days: float
    by: str


@dataclass(frozen=True)
class Figures:
    """The page, with the values taken out of it."""

    page: dict[str, Any]
    partners: tuple[Partner, ...]
    groups: dict[str, range]
    flaws: tuple[Flaw, ...]

    def __call__(self, section: str, name: str) -> Any:
        """The value of one figure."""
        return self.page[section][name]["value"]

    def shares(self, group: str) -> np.ndarray:
        """How the business is divided among the partners of one group; sums to 1."""
        shares = np.array([self.partners[index].share for index in self.groups[group]])
        return shares / shares.sum()

    def flaw(self, name: str) -> int:
        """The number of a flaw; 0 is none."""
        return 1 + next(index for index, flaw in enumerate(self.flaws) if flaw.name == name)


GROUPS = ("platforms", "providers", "payment_partners", "messaging_partners", "authorities", "office_partner")


@cache
def read_figures() -> Figures:
    """The figures as they stand in the page."""
    page = yaml.safe_load(files(__package__).joinpath("figures.yaml").read_text(encoding="utf-8"))
    partners: list[Partner] = []
    groups: dict[str, range] = {}
    for group in GROUPS:
        start = len(partners)
        partners.extend(Partner(**entry) for entry in page[group])
        groups[group] = range(start, len(partners))
    flaws = tuple(Flaw(name=name, **entry) for name, entry in page["flaws"].items())
    return Figures(page, tuple(partners), groups, flaws)
