"""How the adversary writes one value: in any spelling the contract allows, or in one that it does not."""

import datetime
import re

from tests.reference import days
from tests.reference.values import TRIMMED

OFFSETS = ("Z", "Z", "+00:00", "-00:00", "+07:00", "+07:00", "+08:00", "-11:00", "+05:45", "-05:30", "+14:00", "-14:00")
LETTER = re.compile("[A-Za-z]")


def white(rng):
    """White space that is trimmed."""
    return "".join(rng.choice(TRIMMED) for _ in range(rng.choice((1, 1, 2, 4))))


def spelled(rng, column, value):
    """A text for a value (None stays None); white space around it does not matter."""
    if value is None:
        return None
    match column["type"]:
        case "instant":
            text = spelled_instant(rng, value)
        case "whole" | "stars":
            text = "0" * rng.choice((0,) * 8 + (1, 2, 30)) + str(value)
        case "decimal":
            text = spelled_decimal(rng, value)
        case "day":
            text = value.isoformat()
        case "platforms":
            text = ";".join(
                rng.choice(("", "", white(rng))) + item + rng.choice(("", "", white(rng))) for item in value
            )
        case _:
            text = value
    if rng.random() < 0.06:
        text = rng.choice((white(rng) + text, text + white(rng), white(rng) + text + white(rng)))
    return text


def spelled_instant(rng, micros):
    """The instant under any offset, with T or space, with or without needless zeros."""
    offset = rng.choice(OFFSETS)
    shift = 0
    if offset != "Z":
        shift = (int(offset[1:3]) * days.HOUR + int(offset[4:]) * days.MINUTE) * (1 if offset[0] == "+" else -1)
    local = days.instant_text(micros + shift)[:19]
    # Years are 2000 to 2100 as written.
    if not "2000" <= local[:4] <= "2100":
        offset = "+14:00" if local[:4] < "2000" else "Z"
        local = days.instant_text(micros + (14 * days.HOUR if offset != "Z" else 0))[:19]
    fraction = f"{micros % days.SECOND:06}"
    shortest = fraction.rstrip("0")
    fraction = fraction[: rng.randrange(len(shortest), 7)] if rng.random() < 0.3 else shortest
    local = local.replace("T", rng.choice("TTT "))
    return f"{local}.{fraction}{offset}" if fraction else f"{local}{offset}"


def spelled_decimal(rng, value):
    """Ten-thousandths as a decimal, with or without needless zeros."""
    whole, fraction = divmod(value, 10_000)
    shortest = f"{fraction:04}".rstrip("0")
    written = f"{fraction:04}"[: rng.randrange(len(shortest), 5)]
    text = str(whole).rjust(rng.choice((1, 1, 2, 9)), "0")
    return f"{text}.{written}" if written else text


def misspelled(rng, column, value, received_at):
    """A text that the column's type refuses (or, for text, is too long)."""
    if not column["optional"] and rng.random() < 0.15:
        return rng.choice((None, "", white(rng)))
    match column["type"]:
        case "card" | "nik":
            return wrong_digits(rng, value)
        case "instant":
            return wrong_instant(rng, received_at)
        case "day":
            return wrong_day(rng)
        case "whole":
            return rng.choice(
                ("-1", "+1", "1.0", "1e3", "1 000", "１", "x", "0x1", "1_0", "1000000000001", "9" * 40, "-0")
            )
        case "stars":
            return rng.choice(("0", "6", "005.", "x", "-1", "5.0", "*****", "1000000000000", "1000000000001"))
        case "decimal":
            return rng.choice(
                (".5", "5.", "1.23456", "1234567890", "-1", "1,5", "NaN", "1e2", "٣", "0x1", "0000000001")
            )
        case "word":
            word = rng.choice(column["words"])
            return rng.choice((word.swapcase(), word + ".", word[:-1] + " " + word[-1], "UNKNOWN", word + "\u200b"))
    longest = 10_000 if column["name"] == "text" else 500
    return rng.choice(("x", "é", "\N{GRINNING FACE}")) * (longest + rng.choice((1, 1, 40)))


def wrong_digits(rng, value):
    """Not quite 16 digits."""
    value = value or "1234567890123456"
    arabic = value.translate({ord(str(digit)): chr(0x0660 + digit) for digit in range(10)})
    return rng.choice(
        (
            value[:-1],
            value + "0",
            arabic,
            value[:8] + " " + value[8:],
            value[:15] + "x",
            "-" + value[1:],
            "0x" + value[2:],
            value + ".0",
        )
    )


def wrong_instant(rng, received_at):
    """Not an instant, or one in the future."""
    if rng.random() < 0.3:
        ahead = received_at + 10 * days.MINUTE + rng.choice((1, 1, days.SECOND, 400 * days.DAY))
        return spelled_instant(rng, ahead)
    return rng.choice(
        (
            "2020-06-24T00:00:00",
            "2020-02-30T00:00:00Z",
            "2019-02-29T10:00:00Z",
            "2020-06-24T00:00:60Z",
            "2020-06-24T24:00:00Z",
            "2020-06-24T00:60:00Z",
            "2020-06-24T00:00:00+14:01",
            "2020-06-24T00:00:00-15:00",
            "2020-06-24T00:00:00+07:60",
            "2020-06-24T00:00:00+0700",
            "2020-06-24T00:00:00+07",
            "2020-06-24t00:00:00Z",
            "2020-06-24T00:00:00z",
            "2020-06-24T00:00:00.Z",
            "2020-06-24T00:00:00.1234567Z",
            "2020-06-24T00:00:00,5Z",
            "2020-06-24T00:00Z",
            "2020-06-24T00:00:00 Z",
            "2020-06-24  00:00:00Z",
            "2020-6-24T00:00:00Z",
            "2020-00-10T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "2101-01-01T00:00:00Z",
            "2100-12-31T00:00:00Z",
            "-2020-06-24T00:00:00Z",
            "1592956800",
            "2020-06-24",
            "２020-06-24T00:00:00Z",
        )
    )


def wrong_day(rng):
    """Not a day of 1900 to 2100."""
    return rng.choice(
        (
            "2020-13-01",
            "2020-02-30",
            "2100-02-29",
            "1899-12-31",
            "2101-01-01",
            "2020-6-1",
            "20200601",
            "01-06-2020",
            "2020-06-01T00:00:00Z",
            "x",
            "0000-00-00",
            "２020-06-01",
        )
    )


def as_day(text):
    """The day of a text, or None."""
    try:
        return datetime.date.fromisoformat(text.strip(TRIMMED)) if len(text.strip(TRIMMED)) == 10 else None
    except ValueError:
        return None
