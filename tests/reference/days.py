"""Instants as whole microseconds since 1970 in UTC, days as Jakarta days (decisions section 1)."""

import datetime

import holidays

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
JAKARTA = 7 * HOUR
FIRST_DAY = datetime.date(1970, 1, 1)
INDONESIA = holidays.country_holidays("ID", categories=("public", "government"))


def micros_of(instant):
    """An aware datetime as microseconds, without a float on the way."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone")
    since = instant - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def instant_text(micros):
    """RFC 3339 in UTC with Z; six digits of fraction only when it is not zero (contract section 3)."""
    day = FIRST_DAY + datetime.timedelta(days=micros // DAY)
    rest = micros % DAY
    text = f"{day.isoformat()}T{rest // HOUR:02}:{rest % HOUR // MINUTE:02}:{rest % MINUTE // SECOND:02}"
    fraction = rest % SECOND
    return f"{text}.{fraction:06}Z" if fraction else f"{text}Z"


def jakarta_day(micros):
    """The Jakarta day of an instant."""
    return FIRST_DAY + datetime.timedelta(days=(micros + JAKARTA) // DAY)


def start_of(day):
    """The first instant of a Jakarta day."""
    return (day - FIRST_DAY).days * DAY - JAKARTA


def last_day_inclusive(start, days):
    """Deadlines count inclusively: start + n - 1."""
    return start + datetime.timedelta(days=days - 1)


def working_days_after(micros, count):
    """The n-th working day after the Jakarta day of an instant."""
    day = jakarta_day(micros)
    while count > 0:
        day += datetime.timedelta(days=1)
        if day.weekday() < 5 and day not in INDONESIA:
            count -= 1
    return day
