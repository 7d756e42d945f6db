"""The glossary holds every word of the code, as the screens say it."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from cair.kernel import reasons, remedies, states
from cair.programme.sentences import word, words

GLOSSARY = (Path(__file__).parents[2] / "GLOSSARY.md").read_text(encoding="utf-8")
ROWS = set(re.findall(r"^\| ([^|]+) \| ([^|]+) \| `(\w+)` \|$", GLOSSARY, re.MULTILINE))
ENUMS = [
    found
    for module in (reasons, remedies, states)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, StrEnum) and found is not StrEnum
]


@pytest.mark.parametrize("words_of_code", ENUMS, ids=lambda found: found.__name__)
def test_every_word_of_the_kernel_is_in_the_glossary(words_of_code):
    written = {code for _, _, code in ROWS}
    assert {str(member) for member in words_of_code} <= written


@pytest.mark.parametrize(
    "kind",
    [
        "state",
        "reason",
        "whose_move",
        "break",
        "step",
        "reach",
        "outcome",
        "reject",
        "refusal",
        "bank",
        "feed",
        "benefit",
    ],
)
def test_the_glossary_says_what_the_screens_say(kind):
    for code in words(kind, lang="en"):
        assert (word(kind, code, lang="id"), word(kind, code, lang="en"), code) in ROWS
