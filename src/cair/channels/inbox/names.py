"""What the name of a partner's file says, and what is refused for its name alone (contract, section 2)."""

import datetime
import re
from dataclasses import dataclass
from typing import Literal

from cair.kernel.reasons import Refusal
from cair.rules.tables import FEEDS, PMO

Format = Literal["csv", "ndjson", "parquet"]

_NAME = re.compile(
    r"(?P<feed>[^.]+)\.(?P<partner>[a-z0-9-]+)\.(?P<day>[0-9]{8})(?:\.(?P<serial>[A-Za-z0-9_-]+))?"
    r"\.(?:(?P<text>csv|ndjson)(?P<gz>\.gz)?|parquet)",
    re.DOTALL,
)
_FORM = "<feed>.<partner>.<YYYYMMDD>[.<serial>].<csv|ndjson|parquet>[.gz]"


class UnableToTakeFile(Exception):
    """A file is refused whole. `why` is a sentence for an officer and never shows what is in the file."""

    def __init__(self, refusal: Refusal, why: str) -> None:
        super().__init__(f"{refusal}: {why}")
        self.refusal = refusal
        self.why = why


@dataclass(frozen=True)
class FileName:
    """A file name taken apart; `serial` is empty when there is none."""

    name: str
    feed: str
    partner: str
    day: datetime.date
    serial: str
    format: Format
    compressed: bool


def read_name(name: str) -> FileName:
    """Take a file name (without folders) apart.

    :raises UnableToTakeFile: BAD_NAME, UNKNOWN_FEED or WRONG_PARTNER, the first that applies.
    """
    parts = _NAME.fullmatch(name)
    day = _day(parts["day"]) if parts else None
    if parts is None or day is None:
        why = f"the name is not of the form {_FORM} with a real day; ask the sender to rename the file"
        raise UnableToTakeFile(Refusal.BAD_NAME, why)
    feed = FEEDS.get(parts["feed"])
    if feed is None:
        why = f"there is no feed of this name; the feeds are {', '.join(FEEDS)}"
        raise UnableToTakeFile(Refusal.UNKNOWN_FEED, why)
    if feed.sender == PMO and parts["partner"] != PMO:
        why = f"the feed {feed.name} is taken from {PMO} alone, the name says {parts['partner']}"
        raise UnableToTakeFile(Refusal.WRONG_PARTNER, why)
    form: Format = "csv" if parts["text"] == "csv" else "ndjson" if parts["text"] else "parquet"
    return FileName(name, feed.name, parts["partner"], day, parts["serial"] or "", form, bool(parts["gz"]))


def _day(digits: str) -> datetime.date | None:
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
