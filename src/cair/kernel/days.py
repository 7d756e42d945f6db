"""Instants and days.

An instant is an int of microseconds UTC since 1970-01-01. A day is a Jakarta day (WIB, UTC+7, no daylight saving);
where arithmetic is done it is the number of days since 1970-01-01. Source: decisions, section 1.
"""

from datetime import UTC, date, datetime, timedelta, timezone

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
JAKARTA_OFFSET = 7 * HOUR
"""Microseconds that Jakarta is ahead of UTC."""

JAKARTA = timezone(timedelta(hours=7), "WIB")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)


def instant_of(moment: datetime) -> int:
    """Give the microseconds since 1970-01-01T00:00:00Z of an aware datetime, exactly."""
    assert moment.tzinfo is not None, "an instant needs an offset"
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(instant: int) -> datetime:
    """Give the UTC datetime of an instant in microseconds."""
    return _EPOCH + timedelta(microseconds=instant)


def instant_text(instant: int) -> str:
    """Write an instant as RFC 3339 in UTC with `Z`; a fraction of six digits only when it is not zero (contract, 3)."""
    moment = moment_of(instant)
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def jakarta_day(instant: int) -> int:
    """Give the number of the Jakarta day of an instant."""
    return (instant + JAKARTA_OFFSET) // DAY


def day_start(day: int) -> int:
    """Give the instant at which a Jakarta day begins."""
    return day * DAY - JAKARTA_OFFSET


def day_number(day: date) -> int:
    """Give the number of days since 1970-01-01."""
    return (day - _EPOCH_DAY).days


def date_of(day: int) -> date:
    """Give the date of a day number."""
    return _EPOCH_DAY + timedelta(days=day)


def last_day_inclusive(start: int, days: int) -> int:
    """Give the last day of a deadline of `days` days that begins on `start`, which is day 1.

    Source: official FAQ of the programme, six worked examples (decisions, section 1): until 23:59:59 WIB of that day.
    """
    return start + days - 1


def last_cancel_day(bought: int, starts: int) -> int:
    """Give the last day on which a purchase of the normal scheme may be cancelled, by plain difference.

    Source: official FAQ of the programme, four examples: three days after the purchase and three before the start.
    It may lie before `bought`: then the purchase cannot be cancelled.
    """
    return min(bought + 3, starts - 3)
