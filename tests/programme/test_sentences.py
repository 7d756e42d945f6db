"""One sentence for everybody: true in each case, complete in both languages, never more than may be shown."""

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cair.kernel.days import day_number, instant_of
from cair.kernel.reasons import BreakKind, Move, Reason, Refusal, RejectCode
from cair.kernel.remedies import BankReason
from cair.kernel.states import State
from cair.programme.reader import rulebooks
from cair.programme.sentences import (
    ACCOUNT_CHECKS,
    LANGUAGES,
    break_sentence,
    day_in_words,
    explain_sentence,
    moment_in_words,
    number_text,
    one_line,
    percent_text,
    remedy,
    word,
    wording,
    words,
)
from cair.rules.tables import FEEDS

TODAY = date(2020, 6, 20)
NOON = instant_of(datetime(2020, 6, 20, 5, tzinfo=UTC))
BOOKS = ("semi-bansos-2020", "normal-2023")
MOVES = {
    Reason.REVOKED: Move.NONE,
    Reason.HELD: Move.OWNER,
    **dict.fromkeys((Reason.NO_RULEBOOK, Reason.DUPLICATE_PERSON), Move.PMO),
    **dict.fromkeys(
        (
            Reason.ATTENDANCE_INCOMPLETE,
            Reason.TASK_MISSING,
            Reason.DEMONSTRATION_MISSING,
            Reason.POST_TEST_MISSING,
            Reason.PROVIDER_REPORT_MISSING,
            Reason.CERTIFICATE_MISSING,
        ),
        Move.PROVIDER,
    ),
    Reason.PLATFORM_REPORT_MISSING: Move.PLATFORM,
}
NEVER_DUE = (Reason.REVOKED, Reason.NOT_RATED, Reason.NOT_REVIEWED)


def row(**changes):
    """A row of the export `decisions`, waiting for a provider's report unless changed."""
    return {
        "card_number": "1000000000000005",
        "benefit": "TRANCHE_1",
        "state": "WAITING",
        "reason": "PROVIDER_REPORT_MISSING",
        "detail": "",
        "whose_move": "PROVIDER",
        "partner": "lembaga-a",
        "since": "2020-06-10T18:00:00Z",
        "due_on": None,
        "amount_idr": 0,
        "redeem_code": "R-1",
        "order_ref": "",
    } | changes


def rows():
    """Every state, reason, break and bank reason, with every kind of due day and with the partner known and unknown."""
    due_days = (None, *(TODAY + timedelta(days=days) for days in (-9, -1, 0, 1, 9)))
    for reason, due, partner in itertools.product(Reason, due_days, ("mitra-a", "")):
        if reason in NEVER_DUE and due:
            continue
        move = MOVES.get(reason, Move.PARTICIPANT)
        details = BreakKind if reason == Reason.BREAK else ("1000000000000001",)
        for detail in details:
            moves = (Move.PLATFORM, Move.PROVIDER, Move.PMO) if reason == Reason.BREAK else (move,)
            for whose_move in moves:
                state = State.CLOSED if reason == Reason.REVOKED else State.WAITING
                changes = {"state": state, "reason": reason, "detail": detail, "whose_move": whose_move}
                bought = "" if due and reason in (Reason.NOT_BOUGHT, *ACCOUNT_CHECKS) else "R-1"
                yield row(due_on=due, partner=partner, redeem_code=bought, **changes)
    for state, due in itertools.product((State.DUE, State.RELEASED, State.SENT), due_days):
        yield row(state=state, reason="", whose_move="PMO", partner="pmo", due_on=due, amount_idr=600_000)
    yield row(state=State.PAID, reason="", whose_move="NONE", partner="", amount_idr=600_000)
    for state, reason in itertools.product((State.FAILED, State.RETURNED), (*BankReason, "ZZ99", "")):
        yield row(state=state, reason=reason, whose_move="", partner="", amount_idr=600_000)
    yield row(reason="", benefit="TRANCHE_2", whose_move="", due_on=TODAY)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_case_is_one_readable_sentence(lang):
    late = {"id": ("terlambat", "sudah lewat"), "en": ("overdue", "passed")}[lang]
    meanwhile = [wording(lang)["wait"][key] for key in ("waiting", "late")]
    for decision, book in itertools.product(rows(), (*BOOKS, None, "foo")):
        sentence = explain_sentence(decision, lang=lang, as_of_us=NOON, rulebook=book)
        assert re.fullmatch(r"[A-Z][^\n{}?!]*[^ ,;.]\.", sentence), sentence
        assert ". " not in sentence, sentence
        assert "  " not in sentence, sentence
        assert " ," not in sentence, sentence
        assert len(sentence) <= 340, (len(sentence), sentence)
        due = decision["due_on"]
        if due:
            assert day_in_words(day_number(due), lang=lang) in sentence, sentence
        if not due or due >= TODAY:
            assert not any(sign in sentence for sign in late), sentence
        elif decision["reason"]:
            assert any(sign in sentence for sign in late), sentence
        if decision["whose_move"] in (Move.PLATFORM, Move.PROVIDER, Move.OWNER) and decision["partner"]:
            assert decision["partner"] in sentence, sentence
        if decision["whose_move"]:
            others_act = decision["whose_move"] not in (Move.PARTICIPANT, Move.NONE)
            assert others_act == any(phrase in sentence for phrase in meanwhile), sentence


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nobodys_card_number_is_shown(lang):
    for decision in rows():
        if decision["reason"] == Reason.HELD:
            continue  # there the detail is the reference of the hold, which is meant to be shown
        sentence = explain_sentence(decision, lang=lang, as_of_us=NOON, rulebook=BOOKS[0])
        assert not re.search(r"\d{7}", sentence), sentence
    twice = row(reason="DUPLICATE_PERSON", detail="1000000000000001", whose_move="PMO", partner="pmo")
    assert "0001" in explain_sentence(twice, lang=lang, as_of_us=NOON)


@dataclass(frozen=True)
class Case:
    """A decision, the rulebook, and what must be said."""

    decision: dict
    book: str
    id: str
    en: str


CASES = [
    Case(
        row(due_on="2020-06-22"),
        BOOKS[0],
        "Platform digital sudah melaporkan bahwa Anda selesai, tetapi laporan dari lembaga pelatihan belum masuk; "
        "lembaga pelatihan lembaga-a harus mengirim laporan selesai paling lambat 22 Juni 2020, dan Anda cukup "
        "menunggu.",
        "A digital platform reported that you finished, but the training provider's own report has not come in; the "
        "training provider lembaga-a must send the completion report by 22 June 2020, and you only need to wait.",
    ),
    Case(
        row(due_on=date(2020, 6, 19)),
        BOOKS[0],
        "Platform digital sudah melaporkan bahwa Anda selesai, tetapi laporan dari lembaga pelatihan belum masuk; "
        "lembaga pelatihan lembaga-a harus mengirim laporan selesai (batas waktu 19 Juni 2020, terlambat 1 hari), dan "
        "Anda dapat menanyakannya ke pusat bantuan.",
        "A digital platform reported that you finished, but the training provider's own report has not come in; the "
        "training provider lembaga-a must send the completion report (deadline 19 June 2020, overdue for 1 day), and "
        "you can ask the helpdesk about it.",
    ),
    Case(
        row(state="DUE", reason="", whose_move="PMO", partner="pmo", due_on="2020-06-20", amount_idr=600_000),
        BOOKS[0],
        "Semua syarat sudah terpenuhi; pengelola program (PMO) harus menyetujui pencairan insentif Rp600.000 paling "
        "lambat hari ini, 20 Juni 2020, dan Anda cukup menunggu.",
        "All conditions are met; the programme office (PMO) must release your incentive of Rp600,000 by today, "
        "20 June 2020, and you only need to wait.",
    ),
    Case(
        row(
            reason="NOT_BOUGHT",
            whose_move="PARTICIPANT",
            partner="",
            since="2020-05-31T17:00:00Z",
            due_on="2020-06-30",
            redeem_code="",
        ),
        BOOKS[0],
        "Belum ada pembelian pelatihan yang berlaku untuk kartu Anda; silakan beli pelatihan pertama di platform "
        "digital paling lambat 30 Juni 2020 pukul 23.59 WIB (10 hari lagi), karena setelah itu kepesertaan Anda dapat "
        "dicabut.",
        "There is no valid training purchase on your card yet; please buy your first training on a digital platform by "
        "30 June 2020, 23:59 WIB (10 days left), because after that your participation may be revoked.",
    ),
    Case(
        row(
            reason="NOT_BOUGHT",
            whose_move="PARTICIPANT",
            partner="",
            since="2020-05-31T17:00:00Z",
            due_on="2020-06-18",
            redeem_code="",
        ),
        BOOKS[1],
        "Belum ada pembelian pelatihan yang berlaku untuk kartu Anda; silakan beli pelatihan pertama di platform "
        "digital secepatnya, karena batas waktunya (18 Juni 2020) sudah lewat 2 hari (sudah termasuk 3 hari pengganti "
        "masa pencabutan) dan kepesertaan Anda dapat dicabut.",
        "There is no valid training purchase on your card yet; please buy your first training on a digital platform as "
        "soon as you can, because the deadline (18 June 2020) passed 2 days ago (this includes 3 days given back after "
        "your revocation) and your participation may be revoked.",
    ),
    Case(
        row(reason="HELD", detail="H1", whose_move="OWNER", partner="", due_on=""),
        BOOKS[0],
        "Dana insentif Anda tertahan sejak 11 Juni 2020 (nomor penahanan H1); penanggung jawab penahanan (namanya "
        "belum tercatat) harus memutuskan kapan dana itu dibuka kembali (perkiraan selesai belum ditetapkan), dan Anda "
        "cukup menunggu.",
        "Your incentive has been on hold since 11 June 2020 (hold H1); the owner of the hold (no name on record) must "
        "decide when the hold is lifted (no end has been announced), and you only need to wait.",
    ),
    Case(
        row(reason="NO_ACCOUNT", whose_move="PARTICIPANT", partner=""),
        BOOKS[0],
        "Semua bukti pelatihan Anda sudah lengkap, tetapi belum ada rekening atau dompet elektronik yang tertaut ke "
        "kartu Anda; silakan tautkan rekening atau dompet elektronik milik Anda sendiri yang sudah terverifikasi, agar "
        "insentif dapat dicairkan.",
        "All evidence of your training is complete, but no bank account or e-wallet is linked to your card; please "
        "link a verified bank account or e-wallet of your own, so that your incentive can be paid.",
    ),
    Case(
        row(reason="NO_ACCOUNT", whose_move="PARTICIPANT", partner="", due_on="2020-06-21", redeem_code=""),
        BOOKS[1],
        "Belum ada rekening atau dompet elektronik yang tertaut ke kartu Anda; silakan tautkan rekening atau dompet "
        "elektronik milik Anda sendiri yang sudah terverifikasi, lalu beli "
        "pelatihan pertama paling lambat besok, 21 Juni 2020, pukul 23.59 WIB, karena setelah itu kepesertaan Anda "
        "dapat dicabut.",
        "No bank account or e-wallet is linked to your card; please link a verified bank account or e-wallet of your "
        "own, then buy your first training by tomorrow, 21 June 2020, 23:59 WIB, because after that "
        "your participation may be revoked.",
    ),
    Case(
        row(
            reason="BREAK", detail="PRICE_ABOVE_LIST", whose_move="PLATFORM", partner="platform-a", due_on="2020-06-23"
        ),
        BOOKS[0],
        "Laporan pelatihan Anda belum cocok: harga yang dibayar lebih tinggi daripada harga di katalog; platform "
        "digital platform-a harus mengoreksi harga itu atau membatalkan pembeliannya paling lambat 23 Juni 2020, dan "
        "Anda cukup menunggu.",
        "The reports on your training do not agree: the price paid is higher than the price in the catalogue; the "
        "digital platform platform-a must correct the price or cancel the purchase by 23 June 2020, and you only need "
        "to wait.",
    ),
    Case(
        row(state="FAILED", reason="FUNDS_SHORT", whose_move="", partner="", amount_idr=600_000),
        BOOKS[0],
        "Pembayaran insentif Rp600.000 gagal pada 11 Juni 2020 karena dana penyaluran belum tersedia, bukan karena "
        "kesalahan Anda; pengelola program (PMO) harus menyediakan dananya dan membayar ulang, dan Anda cukup "
        "menunggu.",
        "The payment of your incentive of Rp600,000 failed on 11 June 2020 because the payer's funds were not "
        "available, which is no fault of yours; the programme office (PMO) must provide the funds and pay again, and "
        "you only need to wait.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.decision["reason"] or case.decision["state"]))
def test_what_is_said(case):
    for lang in LANGUAGES:
        said = explain_sentence(case.decision, lang=lang, as_of_us=NOON, rulebook=case.book)
        assert said == getattr(case, lang)


def test_only_where_the_account_is_all_that_is_missing_is_the_evidence_called_complete():
    complete = wording("en")["accounts"]["frame"]["last"].split(",")[0].capitalize()
    for reason in ACCOUNT_CHECKS:
        decision = row(reason=reason, whose_move="PARTICIPANT", partner="")
        for book in BOOKS:
            said = explain_sentence(decision, lang="en", as_of_us=NOON, rulebook=book).startswith(complete)
            assert said == (book == "semi-bansos-2020")
        later = decision | {"benefit": "TRANCHE_2", "due_on": TODAY, "redeem_code": ""}
        later = explain_sentence(later, lang="en", as_of_us=NOON, rulebook=BOOKS[0])
        assert "first training" not in later
        assert not later.startswith(complete)
        assert "second monthly incentive" in later


def test_the_clock_of_jakarta_decides_what_is_overdue():
    decision = row(due_on=TODAY)
    last_second = instant_of(datetime(2020, 6, 20, 16, 59, 59, tzinfo=UTC))
    assert "by today" in explain_sentence(decision, lang="en", as_of_us=last_second)
    assert "overdue for 1 day)" in explain_sentence(decision, lang="en", as_of_us=last_second + 1_000_000)


def test_a_row_says_the_same_as_texts_and_as_typed_values():
    typed = row(since=datetime(2020, 6, 10, 18, tzinfo=UTC), due_on=date(2020, 6, 22))
    counted = row(since=instant_of(datetime(2020, 6, 10, 18, tzinfo=UTC)), due_on=day_number(date(2020, 6, 22)))
    bare = row(since=datetime(2020, 6, 10, 18), due_on=datetime(2020, 6, 22))  # noqa: DTZ001 - as Arrow hands it over
    said = {
        explain_sentence(form, lang="id", as_of_us=NOON) for form in (row(due_on="2020-06-22"), typed, counted, bare)
    }
    assert len(said) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", BreakKind)
def test_a_break_names_code_and_partner_and_day(kind, lang):
    found = {"redeem_code": "R-9", "kind": kind, "whose_move": "PLATFORM", "partner": "plat", "due_on": "2020-06-12"}
    plain = break_sentence(found, lang=lang)
    assert "R-9" in plain
    assert "plat" in plain
    assert plain.count(day_in_words(day_number(date(2020, 6, 12)), lang=lang)) == 1
    assert ". " not in plain
    assert plain != break_sentence(found, lang=lang, as_of_us=NOON)
    assert "  " not in break_sentence(found | {"partner": None}, lang=lang)


def test_the_languages_have_the_same_sentences_and_the_same_fillings():
    def shape(node):
        if isinstance(node, dict):
            return {key: shape(value) for key, value in node.items()}
        return sorted(set(re.findall(r"{(\w+)", str(node)))) if isinstance(node, str) else len(node)

    assert shape(wording("id")) == shape(wording("en"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_words_are_complete_short_and_tell_things_apart(lang):
    for kind in wording(lang)["words"]:
        texts = [text for code, text in words(kind, lang=lang).items() if (kind, code) != ("reason", "DUE")]
        assert len(set(texts)) == len(texts), kind
        assert max(map(len, texts)) <= 36, kind
    assert set(words("feed", lang=lang)) == set(FEEDS)
    written = {column.name: column.words for column in FEEDS["accounts"].columns}
    assert set(words("kyc", lang=lang)) == set(written["kyc"])
    assert set(words("account_status", lang=lang)) == set(written["status"])
    assert set(words("scope", lang=lang)) == set(FEEDS["holds"].column("scope").words)
    assert set(words("activity", lang=lang)) == set(FEEDS["activities"].column("kind").words)
    assert all(word("rulebook", book.name, lang=lang) == book.titles[lang] for book in rulebooks())
    assert word("rulebook", "foo", lang=lang) == "foo"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_column_of_every_feed_has_a_remedy_for_whatever_is_wrong_with_it(lang):
    for feed, code in itertools.product(FEEDS.values(), RejectCode):
        for column in feed.columns:
            message = remedy("reject", code, lang=lang, column=column)
            assert "{" not in message
            assert code == RejectCode.MALFORMED_LINE or column.name in message
    assert all("{" not in remedy("reject", code, lang=lang) for code in RejectCode)
    assert all(remedy("refusal", code, lang=lang) for code in Refusal)


def test_a_remedy_says_how_the_column_must_be_written():
    status, stars = FEEDS["accounts"].column("status"), FEEDS["reviews"].column("stars")
    assert "LINKED, UNLINKED, CLOSED, FROZEN" in remedy("reject", "BAD_VALUE", lang="en", column=status)
    assert remedy("reject", "BAD_VALUE", lang="id", column=stars) == "stars harus dari 1 sampai 5"
    assert "10000 " in remedy("reject", "BAD_VALUE", lang="en", column=FEEDS["reviews"].column("text"))
    assert "12.5" in remedy("reject", "BAD_NUMBER", lang="en", column=FEEDS["courses"].column("hours"))
    card = remedy("reject", "BAD_CARD_NUMBER", lang="en", column=FEEDS["purchases"].column("card_number"))
    assert card.startswith("card_number must be 16 digits; a spreadsheet may have turned it into")


def test_days_times_and_numbers_are_written_as_people_write_them():
    leap = day_number(date(2024, 3, 13))
    assert [day_in_words(leap, lang=lang) for lang in LANGUAGES] == ["13 Maret 2024", "13 March 2024"]
    late = instant_of(datetime(2024, 3, 12, 17, 5, tzinfo=UTC))
    assert [moment_in_words(late, lang=lang) for lang in LANGUAGES] == ["13 Mar 2024 00.05", "13 Mar 2024 00:05"]
    assert [number_text(680_880, lang=lang) for lang in LANGUAGES] == ["680.880", "680,880"]
    assert [percent_text(600_000, 680_880, lang=lang) for lang in LANGUAGES] == ["88,1%", "88.1%"]
    assert percent_text(1, 0, lang="id") == ""


@given(st.text())
def test_a_partners_text_can_neither_break_the_line_nor_steer_the_terminal(text):
    shown = one_line(text)
    assert shown.isprintable() or not shown
    assert one_line(shown) == shown
    held = explain_sentence(row(reason="HELD", detail=text, whose_move="OWNER", partner=text), lang="en", as_of_us=NOON)
    assert "\n" not in held
    assert "\x1b" not in held
