"""Days as the official questions and answers of the programme count them, by their own examples."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cair.kernel.days import (
    JAKARTA,
    date_of,
    day_number,
    day_start,
    instant_of,
    instant_text,
    jakarta_day,
    last_cancel_day,
    last_day_inclusive,
    moment_of,
)
from cair.programme.reader import first_closing_day, rulebooks, working_day_after

SPANS = [
    (date(2024, 2, 28), 15, date(2024, 3, 13)),  # to buy, over the leap day
    (date(2024, 3, 1), 15, date(2024, 3, 15)),  # to buy the next one, after the rating
    (date(2024, 3, 1), 15, date(2024, 3, 15)),  # to redeem, after the purchase
    (date(2024, 4, 1), 30, date(2024, 4, 30)),  # to take the final test, after the last webinar
    (date(2024, 4, 1), 60, date(2024, 5, 30)),  # to finish a self-paced training, after the redemption
    (date(2024, 3, 1), 30, date(2024, 3, 30)),  # until the survey opens, after the incentive
]
CANCELLATIONS = [(22, [19]), (23, [19, 20]), (31, [19, 20, 21, 22]), (20, [])]
"""Bought on 19 July 2023: the day in July on which the training starts, and the days on which it may be cancelled."""


@pytest.mark.parametrize(("start", "days", "last"), SPANS)
def test_deadlines_count_the_first_day(start: date, days: int, last: date) -> None:
    assert date_of(last_day_inclusive(day_number(start), days)) == last


@pytest.mark.parametrize(("starts", "allowed"), CANCELLATIONS)
def test_the_cancellation_window_counts_by_difference(starts: int, allowed: list[int]) -> None:
    bought = day_number(date(2023, 7, 19))
    last = last_cancel_day(bought, day_number(date(2023, 7, starts)))
    assert [date_of(day).day for day in range(bought, last + 1)] == allowed


def test_a_day_begins_in_jakarta() -> None:
    midnight = datetime(2020, 7, 27, tzinfo=JAKARTA)
    day = day_number(date(2020, 7, 27))
    assert day_start(day) == instant_of(midnight) == instant_of(datetime(2020, 7, 26, 17, tzinfo=UTC))
    assert jakarta_day(instant_of(midnight)) == day
    assert jakarta_day(instant_of(midnight) - 1) == day - 1


def test_instants_are_written_with_a_fraction_only_where_there_is_one() -> None:
    assert instant_text(instant_of(datetime(2020, 7, 27, 23, 59, 59, tzinfo=JAKARTA))) == "2020-07-27T16:59:59Z"
    assert instant_text(instant_of(datetime(2020, 7, 27, 0, 0, 0, 1, tzinfo=UTC))) == "2020-07-27T00:00:00.000001Z"


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2100, 12, 30)),  # noqa: DTZ001 - the offset comes beside it
    st.integers(-14 * 60, 14 * 60).map(lambda m: m * 60),
)
def test_instants_keep_every_microsecond(local: datetime, offset: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(seconds=offset)))
    assert moment_of(instant_of(moment)) == moment
    day = jakarta_day(instant_of(moment))
    assert date_of(day) == moment.astimezone(JAKARTA).date()
    assert day_start(day) <= instant_of(moment) < day_start(day + 1)


@pytest.mark.parametrize(
    ("day", "count", "then"),
    [
        (date(2020, 4, 17), 1, date(2020, 4, 20)),  # over a weekend
        (date(2020, 5, 20), 1, date(2020, 5, 22)),  # over Ascension Day
        (date(2024, 4, 5), 1, date(2024, 4, 16)),  # over Eid al-Fitr with its joint leave
        (date(2024, 4, 5), 3, date(2024, 4, 18)),
        (date(2024, 3, 9), 1, date(2024, 3, 13)),  # from a Saturday over the Day of Silence
    ],
)
def test_working_days_leave_out_weekends_holidays_and_joint_leave(day: date, count: int, then: date) -> None:
    assert date_of(working_day_after(day_number(day), count)) == then


def test_the_closing_day_is_the_first_that_is_not_before_the_last_buying_day() -> None:
    closing = {book.name: book.last_day for book in rulebooks()}
    ends = day_number(date(2020, 12, 15))
    assert first_closing_day(ends, closing["semi-bansos-2020"]) == ends
    assert date_of(first_closing_day(ends + 1, closing["semi-bansos-2020"])) == date(2021, 12, 15)
    assert date_of(first_closing_day(ends, closing["normal-2023"])) == date(2021, 11, 12)
