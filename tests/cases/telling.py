"""Cases as they are written become lines of feeds, each case in a world of its own: no name of one is in another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cair.kernel.days import JAKARTA, instant_of
from cair.rules.tables import FEEDS, PMO

FOLDER = Path(__file__).parent
SUBJECTS = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "lives")
_KNOWN = {
    *("name", "source", "life", "without", "but", "and"),
    *("as_of", "decision", "decisions", "breaks", "reach"),
}
_PARTNERS = ("from", "provider")
_REFERENCES = (
    *("course_code", "invoice_code", "redeem_code", "certificate_no", "account_ref", "hold_ref"),
    *("revocation_ref", "resolution_ref", "message_ref", "contact_ref"),
)
_PARTNER_SCOPES = ("provider", "platform", "payment_partner")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?")
ALWAYS = datetime(2020, 1, 1, tzinfo=UTC)
"""When a line is received that says no time of its own."""


@dataclass(frozen=True)
class Line:
    """One line of a feed, as text, with its partner and the instant of its receipt (microseconds UTC)."""

    feed: str
    partner: str
    received_at: int
    values: dict[str, str | None]


@dataclass(frozen=True)
class Case:
    """One case: its number is part of every name in it, so that many can be decided together."""

    number: int
    subject: str
    told: dict[str, Any]

    @property
    def name(self) -> str:
        return self.told["name"]

    @property
    def as_of(self) -> int:
        return instant_of(moment(self.told["as_of"]))

    @property
    def is_alone(self) -> bool:
        """Whether it speaks of everybody, so that no other case may be decided with it."""
        return any(row.get("scope") == "all" for row in self.told.get("and", {}).get("holds", []))

    @property
    def expected(self) -> dict[str, dict[str, Any]]:
        """The decisions that must come out, by person."""
        one = {"Ani": self.told["decision"]} if "decision" in self.told else {}
        return one | self.told.get("decisions", {})

    def lines(self) -> list[Line]:
        """All lines of the case in the order of their receipt."""
        lines = [self._line(feed, row) for feed, row in self._rows()]
        return sorted(lines, key=lambda line: line.received_at)

    def _rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        usual, life = lives()["usual"], lives()["lives"][self.told["life"]]
        without, but = self.told.get("without", []), self.told.get("but", {})
        assert set(without) | set(but) <= set(life), f"{self.name}: the life has no such feed"
        for feed, rows in life.items():
            for row in () if feed in without else rows:
                yield feed, {**usual[feed], **row, **but.get(feed, {})}
        for feed, rows in self.told.get("and", {}).items():
            for row in rows:
                yield feed, {**usual[feed], **row}

    def _line(self, feed: str, row: dict[str, Any]) -> Line:
        unknown = set(row) - {column.name for column in FEEDS[feed].columns} - {"from", "received", "revision"}
        assert not unknown, f"{self.name}: {feed} has no {', '.join(sorted(unknown))}"
        values = {column: self._value(row, column) for column in row if column not in ("from", "received")}
        said = row.get("received", row.get(FEEDS[feed].known_from, ALWAYS))
        return Line(feed, self.partner(row["from"]), instant_of(moment(said)), values)

    def _value(self, row: dict[str, Any], column: str) -> str | None:
        value = row[column]
        if value is None:
            return None
        if column == "scope_value":
            return self._covered(row["scope"], str(value))
        if column in ("card_number", "nik", "holder_nik"):
            return self.person(value)
        if column in _PARTNERS:
            return self.partner(value)
        if column == "platforms":
            return ";".join(map(self.partner, value.split(";")))
        if column == "wave":
            return self._wave(value)
        if column in (*_REFERENCES, "region_code"):
            return self._prefix + str(value)
        return moment(value).isoformat() if _MOMENT.fullmatch(str(value)) else str(value)

    def _covered(self, scope: str, value: str) -> str:
        if scope == "person":
            return self.person(value)
        if scope == "wave":
            return self._wave(value)
        return self.partner(value) if scope in _PARTNER_SCOPES else self._prefix + value

    @property
    def _prefix(self) -> str:
        return f"{self.number}-"

    def _wave(self, wave: Any) -> str:
        return f"{self.number}{int(wave):03}"

    def partner(self, name: str) -> str:
        """A partner of this case alone; the programme office is everywhere."""
        return name if name == PMO else self._prefix + name

    def person(self, name: str) -> str:
        """The card number, and the NIK, of a person of this case."""
        assert name.isalpha(), f"{self.name}: {name!r} is no name of a person"
        number = 0
        for letter in name.encode():
            number = (number * 256 + letter) % 10**9
        return f"8{self.number:06}{number:09}"

    def own(self, value: Any) -> Any:
        """What came out, in the words of the case."""
        return value.removeprefix(self._prefix) if isinstance(value, str) else value


def moment(written: Any) -> datetime:
    """An instant as cases write it: by the clock of Jakarta, a day from its start."""
    if isinstance(written, datetime) and written.tzinfo:
        return written
    if isinstance(written, date):
        written = written.isoformat()
    return datetime.fromisoformat(written).replace(tzinfo=JAKARTA)


@cache
def lives() -> dict[str, Any]:
    """The evidence that cases begin with."""
    return yaml.safe_load((FOLDER / "lives.yaml").read_text(encoding="utf-8"))


@cache
def all_cases() -> list[Case]:
    """Every case of every subject."""
    found = []
    for subject in SUBJECTS:
        for told in yaml.safe_load((FOLDER / f"{subject}.yaml").read_text(encoding="utf-8")):
            assert set(told) <= _KNOWN, f"{subject}: {told.get('name')}: {set(told) - _KNOWN}"
            found.append(Case(len(found) + 1, subject, told))
    return found
