"""The provinces: the first two characters of a region code, with name and ISO 3166-2 code."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Province:
    """One province of `reference/provinces.csv`."""

    code: str
    name: str
    iso: str

    @property
    def letters(self) -> str:
        """The two letters of the ISO code after `ID-`."""
        return self.iso.removeprefix("ID-")


@cache
def provinces() -> dict[str, Province]:
    """Code to province, in the order of the codes."""
    text = (files("cair.programme") / "reference" / "provinces.csv").read_text("utf-8")
    return {row["code"]: Province(**row) for row in csv.DictReader(text.splitlines())}
