"""Read the figures and rulebooks, check that each value has its unit, date and source, and serve them as rows."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from itertools import islice

import yaml

from cair.kernel.days import date_of, day_number
from cair.kernel.reasons import Reason

FIRST_YEAR, LAST_YEAR = 1900, 2101
"""Years for which terms are counted: all days and instants a report may carry, and a year for what follows."""


@dataclass(frozen=True)
class Rulebook:
    """One scheme: its figures (whole rupiah, days) and the order in which reasons are looked for."""

    name: str
    titles: dict[str, str]
    checks: tuple[Reason, ...]
    counts_activities: bool
    training_balance_idr: int
    buying_days: int
    review_characters: int
    last_day: tuple[int, int]
    tranche_1_idr: int
    tranche_2_4_idr: int
    survey_idr: int
    surveys: int


def _read(name: str) -> dict[str, object]:
    content = yaml.safe_load((files("cair.programme") / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict), f"{name} must be a mapping"
    return content


def figure(name: str, rulebook: str) -> object:
    """Give the value of a figure under a rulebook.

    :raises KeyError: no such figure, or none for that rulebook.
    """
    content = _read(f"parameters/{name}.yaml")
    values = content["values"]
    assert isinstance(values, dict), f"{name}: values must be a mapping"
    value: object = values[rulebook]["value"]
    return value


def dated(name: str, on: date) -> object:
    """Give the value of an office's figure that is in force on a day; before its first day the first one.

    :raises KeyError: no such figure.
    """
    values = _read(f"parameters/{name}.yaml")["values"]
    assert isinstance(values, list), f"{name}: values must be a list, each with its day"
    days = [entry["from"] for entry in values]
    assert days == sorted(set(days)), f"{name}: values stand in the order of their days"
    value: object = values[max(0, bisect_right(days, on) - 1)]["value"]
    return value


@cache
def steady(name: str) -> int:
    """Give an office's whole figure that has had one value so far.

    Whoever writes a second value has the rule look up the day first (`dated`, or a figure of the rulebook): decisions of
    the past stay as they were.

    :raises KeyError: no such figure.
    """
    values = _read(f"parameters/{name}.yaml")["values"]
    assert isinstance(values, list), f"{name}: values must be a list, each with its day"
    assert len(values) == 1, f"{name} has several values: have the rule look up its day first"
    value = values[0]["value"]
    assert isinstance(value, int), f"{name} must be a whole number"
    return value


def _whole(name: str, rulebook: str) -> int:
    value = figure(name, rulebook)
    assert isinstance(value, int), f"{name} of {rulebook} must be a whole number"
    return value


def _month_and_day(text: object) -> tuple[int, int]:
    month, day = str(text).split("-")
    return int(month), int(day)


@cache
def rulebooks() -> tuple[Rulebook, ...]:
    """Give all known rulebooks."""
    found = []
    for name, entry in _read("rulebooks.yaml").items():
        if not isinstance(entry, dict):
            continue
        found.append(
            Rulebook(
                name=name,
                titles=entry["title"],
                checks=tuple(Reason(reason) for reason in entry["checks"]),
                counts_activities=bool(entry["counts_activities"]),
                training_balance_idr=_whole("training_balance_idr", name),
                buying_days=_whole("buying_days", name),
                review_characters=_whole("review_characters", name),
                last_day=_month_and_day(figure("last_day", name)),
                tranche_1_idr=_whole("tranche_1_idr", name),
                tranche_2_4_idr=_whole("tranche_2_4_idr", name),
                survey_idr=_whole("survey_idr", name),
                surveys=_whole("surveys", name),
            )
        )
    return tuple(found)


@cache
def default_rulebook() -> Rulebook:
    """Give the rulebook under which checks run for somebody whose rulebook nobody knows (decisions, section 3)."""
    name = _read("rulebooks.yaml")["default"]
    return next(book for book in rulebooks() if book.name == name)


def rulebooks_version() -> str:
    """Name the version of the law that a decision was made under: the pinned calendar and the newest rulebook."""
    newest = max(str(entry["effective_from"]) for entry in _read("rulebooks.yaml").values() if isinstance(entry, dict))
    return f"{newest}/holidays-{version('holidays')}"


@cache
def days_off() -> frozenset[int]:
    """Give the day numbers of Indonesian public holidays and joint leave (decisions, section 1)."""
    import holidays  # takes a while, and most commands need no calendar

    found = holidays.country_holidays("ID", categories=("public", "government"), years=range(FIRST_YEAR, LAST_YEAR + 1))
    return frozenset(day_number(day) for day in found)


def working_days_from(day: int) -> Iterator[int]:
    """Go through the working days after a day: Monday to Friday without holidays and joint leave."""
    while True:
        day += 1
        if (day + 3) % 7 < 5 and day not in days_off():  # 1970-01-01 was a Thursday
            yield day


def working_day_after(day: int, count: int) -> int:
    """Give the `count`-th working day after a day."""
    return next(islice(working_days_from(day), count - 1, None))


def first_closing_day(day: int, month_and_day: tuple[int, int]) -> int:
    """Give the first closing day of a year that is not before a day."""
    month, closing = month_and_day
    year = date_of(day).year
    this_year = day_number(date(year, month, closing))
    return this_year if day <= this_year else day_number(date(year + 1, month, closing))


def _terms_of_working_days(first: int, last: int) -> Iterator[tuple[str, int, int]]:
    following = [working_day_after(last, count) for count in (1, 2, 3)]
    for day in range(last, first - 1, -1):
        yield "working_1", day, following[0]
        yield "working_3", day, following[2]
        if (day + 3) % 7 < 5 and day not in days_off():
            following = [day, *following[:2]]


@cache
def terms() -> tuple[list[str], list[int], list[int]]:
    """Give, as three columns, the day that follows from a day under each term.

    `working_1` and `working_3` are the first and third working day after it; under the name of a rulebook stands the
    day by which a training must be finished whose last buying day it is.
    """
    first, last = day_number(date(FIRST_YEAR, 1, 1)), day_number(date(LAST_YEAR, 12, 31))
    rows = list(_terms_of_working_days(first, last))
    for book in rulebooks():
        rows += [(book.name, day, first_closing_day(day, book.last_day)) for day in range(first, last + 1)]
    names, days, due_days = zip(*rows, strict=True)
    return list(names), list(days), list(due_days)
