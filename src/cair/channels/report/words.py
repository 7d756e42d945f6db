"""What the report says, in one language: headings of its own, and the programme's one word for everything else."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from cair.kernel.days import instant_of
from cair.programme.sentences import moment_in_words, number_text, one_line, percent_text, remedy, word

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")
"""The first is shown until the reader chooses."""


@cache
def _texts() -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = yaml.safe_load((files("cair.channels.report") / "texts.yaml").read_text("utf-8"))
    return texts


@dataclass(frozen=True)
class Words:
    """Texts, numbers and days in `lang`."""

    lang: Language

    def text(self, key: str, **values: str) -> str:
        """The report's own text, its slots filled."""
        return _texts()[key][self.lang].format(**values)

    def word(self, kind: str, code: str) -> str:
        """The programme's word for a code; a code that nobody knows is its own word."""
        try:
            return word(kind, code, lang=self.lang)
        except KeyError:
            return one_line(code)

    def screen(self, key: str, **values: str) -> str:
        """A heading that all screens share."""
        return word("screen", key, lang=self.lang).format(**values)

    def next_step(self, reach: str) -> str:
        """What to do next about a class of those who have not bought; of an unknown class nothing."""
        try:
            return remedy("reach", reach, lang=self.lang)
        except KeyError:
            return ""

    def number(self, count: int) -> str:
        """680.880 in Indonesian, 680,880 in English."""
        return number_text(count, lang=self.lang)

    def percent(self, part: int, whole: int) -> str:
        """88,1% in Indonesian, 88.1% in English; of nothing it is empty."""
        return percent_text(part, whole, lang=self.lang)

    def moment(self, instant: datetime) -> str:
        """Day and time of day in Jakarta."""
        return moment_in_words(instant_of(instant), lang=self.lang) + " WIB"

    def partner(self, name: str) -> str:
        """A partner's name; the office by its word, nobody as nobody."""
        if not name:
            return self.screen("no_partner")
        return self.word("whose_move", "PMO") if name == "pmo" else one_line(name)
