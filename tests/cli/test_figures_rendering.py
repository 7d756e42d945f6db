"""Figures on a terminal: the numbers add up in front of the reader, or it is said that they do not."""

import io
import re

import pytest
from rich.console import Console

from cair.cli.figures import render_breaks, render_funnel
from cair.kernel.states import Step
from cair.programme.sentences import LANGUAGES, word

AS_OF = "2020-07-27T05:00:00Z"
LADDER = {
    "not_bought": 80_880,
    "bought": 60_000,
    "redeemed": 45_000,
    "finished": 2_000,
    "reported": 800,
    "certified": 3_000,
    "reviewed": 1_200,
    "settled": 4_400,
    "payable": 3_600,
    "paid": 480_000,
}
UNPAID = {"": 7_400, "pmo": 3_600} | {f"mitra-{number:02d}": 200 for number in range(20)}


def funnel(**changes):
    found = {
        ("appointed", "total"): {"all": 680_880},
        ("bought", "total"): {"all": 600_000},
        ("not_bought", "total"): {"all": 80_880},
        ("not_bought", "reach"): {"TRIED": 880, "NOT_CONTACTED": 80_000},
        ("ladder", "step"): LADDER,
        ("unpaid_finishers", "timing"): {"in_time": 5_000, "overdue": 10_000},
        ("unpaid_finishers", "reason"): {"DUE": 3_600, "NOT_RATED": 7_400, "PLATFORM_REPORT_MISSING": 4_000},
        ("unpaid_finishers", "whose_move"): {"PMO": 3_600, "PARTICIPANT": 7_400, "PLATFORM": 4_000},
        ("unpaid_finishers", "partner"): UNPAID,
        ("unpaid_finishers", "overdue_whose_move"): {"PMO": 3_000, "PLATFORM": 3_900},
        ("unpaid_finishers", "overdue_partner"): {"pmo": 3_000, "mitra-00": 150, "mitra-19": 190},
    }
    found |= {tuple(key.split("__")): counts for key, counts in changes.items()}
    return [
        {"as_of": AS_OF, "measure": measure, "dimension": dimension, "value": value, "count": count}
        for (measure, dimension), counts in found.items()
        for value, count in counts.items()
    ]


def shown(render, rows, lang="id", width=80):
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    render(rows, lang=lang, console=console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    return text


def test_the_identities_are_written_out():
    text = " ".join(shown(render_funnel, funnel()).split())
    assert "680.880 ditetapkan = 600.000 membeli + 80.880 belum membeli + 0 dicabut (cocok)" in text
    assert "495.000 selesai = 480.000 dibayar + 15.000 belum dibayar (cocok)" in text
    assert "TIDAK COCOK" not in text
    assert "adds up" in shown(render_funnel, funnel(), "en")


@pytest.mark.parametrize(
    "wrong",
    [
        {"bought__total": {"all": 599_999}},
        {"unpaid_finishers__timing": {"in_time": 1}},
        {"ladder__step": LADDER | {"bought": 1}},
        {"not_bought__reach": {"TRIED": 1}},
        {"unpaid_finishers__partner": {"pmo": 14_999}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_numbers_that_do_not_add_up_are_said_aloud(wrong):
    assert "TIDAK COCOK" in " ".join(shown(render_funnel, funnel(**wrong)).split())


def test_a_step_counts_those_on_it_and_beyond():
    text = shown(render_funnel, funnel())
    finished = next(line for line in text.splitlines() if word("step", Step.FINISHED, lang="id") in line)
    assert re.search(r"█ *\S? *495\.000 +72,7% +2\.000$", finished.rstrip())
    paid = next(line for line in text.splitlines() if line.strip().startswith("dibayar"))
    assert re.search(r"480\.000 +70,5% +480\.000$", paid.rstrip())


def test_ten_partners_are_named_and_the_rest_summed():
    text = shown(render_funnel, funnel())
    assert "mitra-07" in text
    assert "mitra-08" not in text
    rest = next(line for line in text.splitlines() if "12 mitra lain" in line)
    assert re.search(r"2\.400 +16,0% +190$", rest.rstrip())
    assert re.search(r"\(tanpa mitra\) .*7\.400", text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_yet_is_shown_too(lang):
    nobody = word("screen", "nobody", lang=lang)
    assert shown(render_funnel, [], lang).count(nobody) == 2
    assert word("screen", "no_breaks", lang=lang) in shown(render_breaks, [], lang)


def broken(number, kind="NO_PURCHASE", partner=""):
    return {
        "redeem_code": f"R-{number:03d}",
        "kind": kind,
        "whose_move": "PLATFORM",
        "partner": partner,
        "since": f"2020-06-{1 + number % 28:02d}T01:00:00Z",
        "due_on": "2020-06-30",
        "card_number": "3174012345670014",
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_breaks_are_counted_and_the_oldest_named_without_their_cards(lang):
    rows = [broken(number, "TOO_FAST", "p\x1b[2Jx") for number in range(40, 20, -1)]
    rows += [broken(number) for number in range(3)]
    rows.append(broken(100, "OVER_BALANCE") | {"since": "2020-06-01T00:59:59.999999Z"})
    text = shown(render_breaks, rows, lang)
    assert re.search(rf"{word('break', 'TOO_FAST', lang=lang)} .* 20 *$", text, re.MULTILINE)
    oldest = [line.split()[0] for line in text.splitlines() if line.strip().startswith("R-")]
    assert oldest == ["R-100", "R-000", "R-028", "R-001", "R-029"]
    assert "3174012345670014" not in text
    assert "\x1b" not in text


def test_many_groups_are_cut_and_the_rest_summed():
    rows = [broken(number, "TOO_FAST", f"p{number:02d}") for number in range(30)]
    text = shown(render_breaks, rows)
    assert re.search(r"10 kelompok lain +10", text)
    assert re.search(r"Jumlah +30", text)
