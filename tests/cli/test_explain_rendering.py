"""The story on a terminal: the sentence first, then what is in and what is missing, and nobody's number."""

import io
import re

import pytest
from rich.console import Console

from cair.cli.explain import render_story
from cair.programme.reader import rulebooks
from cair.programme.sentences import LANGUAGES, word

CARD = "3174012345670014"
OPENED = "2020-06-02T02:00:00Z"


def plain(story, lang="id", width=80):
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    render_story(story, lang=lang, console=console)
    return console.export_text()


def story(**changes):
    side = {"partner": "platform-a", "occurred_at": OPENED, "known_at": "2020-06-02T18:00:00Z"}
    broken = {"redeem_code": "R-1", "kind": "TOO_FAST", "whose_move": "PMO", "partner": "pmo", "sentence": "Periksa."}
    return {
        "card_number": CARD,
        "as_of": "2020-06-30T05:00:00Z",
        "sentence": "Laporan pelatihan Anda belum cocok.",
        "decision": {
            "state": "WAITING",
            "reason": "BREAK",
            "detail": "TOO_FAST",
            "whose_move": "PMO",
            "partner": "pmo",
            "since": "2020-06-05T18:00:00Z",
            "due_on": "2020-06-10",
            "amount_idr": 0,
        },
        "rulebook": "semi-bansos-2020",
        "appointed_on": "2020-06-01",
        "wave": 3,
        "region_code": "3273",
        "training": {
            "redeem_code": "R-1",
            "course_code": "K-1",
            "course_title": "[bold]Menjahit[/bold] \x1b[31mmerah",
            "sides": [
                side | {"side": "purchase"},
                side | {"side": "completion", "certificate_no": "C-77", "partner": "lembaga-a"},
            ],
            "activities": [{"kind": "attendance", "sequence": n, "partner": "lembaga-a"} for n in (2, 1)],
        },
        "breaks": [broken],
        "accounts": [
            {
                "partner": "bank",
                "kyc": "full",
                "status": "LINKED",
                "checked_at": OPENED,
                "is_own": True,
                "linked": True,
                "check": {"verdict": "REFUSED", "sentence": "bank was asked [bold]about it[/bold]."},
            },
            {"partner": "dompet", "kyc": "none", "status": "FROZEN", "checked_at": OPENED, "is_own": None},
        ],
        "holds": [{"hold_ref": "H1", "scope": "wave", "owner": "direktur", "expected_end": None}],
        "checks": [
            {"reason": str(reason), "passes": reason not in ("BREAK", "NOT_RATED")} for reason in rulebooks()[0].checks
        ],
        "reach": None,
        "purchases": [],
        "payments": [
            {
                "benefit": "TRANCHE_1",
                "attempt": 1,
                "partner": "bank",
                "state": "FAILED",
                "reason": "ACCOUNT_CLOSED",
                "released_at": OPENED,
                "sent_at": None,
                "paid_at": None,
                "ended_at": "2020-06-03T18:00:00Z",
            }
        ],
    } | changes


def test_the_sentence_comes_first_and_every_missing_side_is_named():
    lines = plain(story()).splitlines()
    assert "Laporan pelatihan Anda belum cocok." in lines[1]
    missing = [line for line in lines if "belum masuk" in line]
    assert [
        word("side", side, lang="id") in line
        for side, line in zip(("redemption", "confirmation", "review"), missing, strict=True)
    ] == [True, True, True]
    assert any("✓ laporan lembaga" in line and "2 Jun 2020 09.00" in line for line in lines)
    assert any("no. C-77" in line for line in lines)
    assert any("kehadiran 1, 2" in line for line in lines)
    assert any("terlambat 20 hari" in line for line in lines)
    assert "Direncanakan" in "".join(lines)
    assert any("insentif 1" in line and "2 Jun 2020" in line and "4 Jun 2020" in line for line in lines)
    assert any("✗ bank was asked [bold]about it[/bold]." in line for line in lines)


def test_only_the_first_failing_check_blocks():
    text = plain(story())
    assert text.count("penghambat") == 1
    assert re.search(r"✗ semua laporan cocok +← penghambat", text)
    assert "✗ bintang diberikan" in text
    assert "✓ kepesertaan tidak dicabut" in text


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", [80, 60])
def test_it_fits_and_shows_neither_the_card_nor_a_partners_markup(lang, width):
    text = plain(story(), lang, width)
    assert max(map(len, text.splitlines())) <= width
    assert CARD not in text
    assert "•••• 0014" in text
    assert "\x1b[31m" not in text
    assert "[bold]Menjahit[/bold]" in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_somebody_who_has_nothing_yet(lang):
    decision = {
        "state": "WAITING",
        "reason": "NOT_BOUGHT",
        "detail": "",
        "whose_move": "PARTICIPANT",
        "partner": None,
        "since": "2020-05-31T17:00:00Z",
        "due_on": "2020-06-30",
        "amount_idr": 0,
    }
    reach = {"class": "LOCKED_OUT", "next_step": "", "last_day": "2020-06-30"}
    bare = story(decision=decision, training=None, breaks=[], accounts=[], holds=[], checks=[], reach=reach)
    text = plain(bare, lang)
    assert word("screen", "no_training", lang=lang) in text
    assert word("screen", "no_accounts", lang=lang) in text
    assert word("reach", "LOCKED_OUT", lang=lang) in text
    assert {"id": "mengatur ulang kata sandi", "en": "resetting the password"}[lang] in text


def test_the_other_card_of_a_person_appointed_twice_is_not_shown():
    twice = {"state": "WAITING", "reason": "DUPLICATE_PERSON", "detail": "3174019999999999", "whose_move": "PMO"}
    assert "3174019999999999" not in plain(story(decision=twice))


def test_a_voided_purchase_is_listed():
    bought = {"invoice_code": "I-1", "partner": "platform-a", "course_code": "K-1", "amount_idr": 250_000}
    text = plain(story(purchases=[bought | {"status": "VOID", "redeem_code": "R-1", "occurred_at": OPENED}]))
    assert re.search(r"I-1 .*Rp250\.000 +dibatalkan", text)
