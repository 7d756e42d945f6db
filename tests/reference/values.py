"""One value: from its text to what it means, or the code that says what is wrong (contract section 2)."""

import datetime
import re

from tests.reference import days

TRIMMED = " \t\r\n\u00a0"
LARGEST = 10**12

INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(?:(Z)|([+-])([0-9]{2}):([0-9]{2}))"
)
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
SIXTEEN_DIGITS = re.compile(r"[0-9]{16}")
WHOLE = re.compile(r"[0-9]+")
DECIMAL = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,4}))?")


class WrongValue(Exception):
    """A value that is not written as its type asks; carries the reject code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def trimmed(text):
    """The text without space, tab, CR, LF and U+00A0 at its ends; empty is NULL."""
    if text is None:
        return None
    return text.strip(TRIMMED) or None


def read_value(column, text, received_at):
    """The value of a trimmed, non-empty text under its column's type."""
    match column["type"]:
        case "card":
            return read_digits(text, "BAD_CARD_NUMBER")
        case "nik":
            return read_digits(text, "BAD_NIK")
        case "instant":
            return read_instant(text, received_at)
        case "day":
            return read_day(text)
        case "whole":
            return read_whole(text)
        case "stars":
            return read_stars(text)
        case "decimal":
            return read_decimal(text)
        case "word":
            return read_word(text, column["words"])
        case "platforms":
            return tuple(item.strip(TRIMMED) for item in read_text(text, 500).split(";"))
    return read_text(text, 10_000 if column["name"] == "text" else 500)


def read_digits(text, code):
    """16 ASCII digits."""
    if not SIXTEEN_DIGITS.fullmatch(text):
        raise WrongValue(code)
    return text


def read_instant(text, received_at):
    """Microseconds of an instant with an offset; not more than 10 minutes after it was received."""
    written = INSTANT.fullmatch(text)
    if not written:
        raise WrongValue("BAD_TIMESTAMP")
    year, month, day, hour, minute, second = (int(part) for part in written.groups()[:6])
    fraction, _, sign, offset_hours, offset_minutes = written.groups()[6:]
    if not 2000 <= year <= 2100 or hour > 23 or minute > 59 or second > 59:
        raise WrongValue("BAD_TIMESTAMP")
    try:
        ordinal = (datetime.date(year, month, day) - days.FIRST_DAY).days
    except ValueError:
        raise WrongValue("BAD_TIMESTAMP") from None
    instant = ordinal * days.DAY + hour * days.HOUR + minute * days.MINUTE + second * days.SECOND
    instant += int((fraction or "0").ljust(6, "0"))
    if sign:
        offset = int(offset_hours) * days.HOUR + int(offset_minutes) * days.MINUTE
        if int(offset_minutes) > 59 or offset > 14 * days.HOUR:
            raise WrongValue("BAD_TIMESTAMP")
        instant += -offset if sign == "+" else offset
    if instant > received_at + 10 * days.MINUTE:
        raise WrongValue("FUTURE_TIMESTAMP")
    return instant


def read_day(text):
    """A real day of the years 1900 to 2100."""
    written = DATE.fullmatch(text)
    if not written:
        raise WrongValue("BAD_DATE")
    year, month, day = (int(part) for part in written.groups())
    if not 1900 <= year <= 2100:
        raise WrongValue("BAD_DATE")
    try:
        return datetime.date(year, month, day)
    except ValueError:
        raise WrongValue("BAD_DATE") from None


def read_whole(text):
    """ASCII digits only, leading zeros allowed, at most 10^12."""
    if not WHOLE.fullmatch(text):
        raise WrongValue("BAD_NUMBER")
    digits = text.lstrip("0") or "0"
    if len(digits) > 13 or int(digits) > LARGEST:
        raise WrongValue("BAD_NUMBER")
    return int(digits)


def read_stars(text):
    """A whole number from 1 to 5."""
    stars = read_whole(text)
    if not 1 <= stars <= 5:
        raise WrongValue("BAD_VALUE")
    return stars


def read_decimal(text):
    """1-9 digits, perhaps a point and 1-4 digits; kept as whole ten-thousandths."""
    written = DECIMAL.fullmatch(text)
    if not written:
        raise WrongValue("BAD_NUMBER")
    whole, fraction = written.groups()
    return int(whole) * 10_000 + int((fraction or "0").ljust(4, "0"))


def read_word(text, words):
    """One of the list, same case."""
    if text not in words:
        raise WrongValue("BAD_VALUE")
    return text


def read_text(text, longest):
    """At most so many characters (code points)."""
    if len(text) > longest:
        raise WrongValue("BAD_VALUE")
    return text
