"""The law: every figure and rule has its source, every reason and break its sentences, glossary line and place."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from cair.kernel.reasons import BreakKind, Reason
from cair.programme.reader import rulebooks
from cair.programme.sentences import LANGUAGES, word, wording
from cair.rules.breaks import BREAKS
from cair.rules.incentives import CHECKS
from docs.generate import grounds, sources
from tests.cases.telling import all_cases
from tests.tidy.source import PACKAGE, ROOT

PARAMETERS = sorted((PACKAGE / "programme" / "parameters").glob("*.yaml"))
SCHEMES = yaml.safe_load((PACKAGE / "programme" / "rulebooks.yaml").read_text(encoding="utf-8"))
CONFIDENCE = ("high", "medium")
OF_THE_OFFICE = {
    path.stem for path in PARAMETERS if isinstance(yaml.safe_load(path.read_text(encoding="utf-8"))["values"], list)
}
"""Figures that hold for all rulebooks from a day on."""


def _resolves(source: dict[str, Any]) -> None:
    assert source["instrument"] in sources()
    assert source["article"]
    assert source["confidence"] in CONFIDENCE


def _values(path: Path) -> list[dict[str, Any]]:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))["values"]
    return values if isinstance(values, list) else list(values.values())


@pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: path.stem)
def test_every_figure_has_unit_date_and_source(path: Path) -> None:
    figure = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(figure) == {"description", "unit", "values"}
    assert figure["description"]
    assert figure["unit"]
    if path.stem in OF_THE_OFFICE:
        assert [value["from"] for value in figure["values"]] == sorted({value["from"] for value in figure["values"]})
    else:
        assert set(figure["values"]) == {book.name for book in rulebooks()}
    for value in _values(path):
        assert isinstance(value["from"], date)
        _resolves(value["source"])


def test_every_figure_of_a_rulebook_stands_in_its_own_file() -> None:
    fields = set(vars(rulebooks()[0])) - {"name", "titles", "checks", "counts_activities"}
    assert {path.stem for path in PARAMETERS} == fields | OF_THE_OFFICE


def test_every_source_is_dated_and_used() -> None:
    used = {entry["source"] for entry in SCHEMES.values() if isinstance(entry, dict)}
    for path in PARAMETERS:
        used |= {value["source"]["instrument"] for value in _values(path)}
    used |= {ground["source"]["instrument"] for part in grounds().values() for ground in part.values()}
    assert used == set(sources())
    assert all(isinstance(entry["date"], date) and entry["title"] for entry in sources().values())


def test_every_reason_and_break_has_its_ground() -> None:
    assert list(grounds()["reasons"]) == [str(reason) for reason in Reason]
    assert list(grounds()["breaks"]) == [str(kind) for kind in BreakKind]
    for part in grounds().values():
        for ground in part.values():
            assert ground["rule"].endswith(".")
            _resolves(ground["source"])


def test_every_reason_and_break_has_its_rule_in_precedence() -> None:
    assert list(CHECKS) == list(Reason)
    assert list(BREAKS) == list(BreakKind)
    assert all(rule.__doc__ for rule in (*CHECKS.values(), *BREAKS.values()))


def test_rulebooks_look_for_reasons_each_once() -> None:
    for book in rulebooks():
        assert len(book.checks) == len(set(book.checks))
        assert set(book.checks) <= set(Reason)
    assert {reason for book in rulebooks() for reason in book.checks} == set(Reason)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_and_break_has_its_sentence_and_words(lang: str) -> None:
    content = wording(lang)
    for reason in Reason:
        assert content["reasons"].get(reason) or content["accounts"].get(reason)
        assert word("reason", reason, lang=lang)
        assert word("check", reason, lang=lang)
    for kind in BreakKind:
        assert set(content["breaks"][kind]) == {"what", "do"}
        assert word("break", kind, lang=lang)


def test_every_reason_and_break_is_in_the_glossary() -> None:
    glossary = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"`([A-Z_]+)`", glossary))
    assert codes >= {*Reason, *BreakKind}


def test_every_case_names_a_source_that_is_known() -> None:
    assert not [case.name for case in all_cases() if case.told["source"].split(",")[0] not in sources()]
    names = [(case.subject, case.name) for case in all_cases()]
    assert len(names) == len(set(names))
