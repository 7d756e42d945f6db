"""The report: self-contained, well-formed, the facts' own numbers in both languages, same facts same bytes."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cair.channels.report import UnableToWriteReport, write_report
from cair.kernel.reasons import ReachClass
from cair.programme.sentences import word
from tests.report.made_up import BLOCKED, Group, facts_of, july_2020

VOID = {"meta", "input", "br", "col"}
ROOT = Path(__file__).parents[2]


@dataclass
class Table:
    """A table as read: caption, heads, rows by their first cell, and the same of the foot."""

    lang: str
    caption: str = ""
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    feet: list[list[str]] = field(default_factory=list)


class Page(HTMLParser):
    """Reads a page strictly: every element closed in turn, ids counted, tables and pictures collected."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.langs: list[str] = []
        self.ids: Counter[str] = Counter()
        self.references: set[str] = set()
        self.tables: list[Table] = []
        self.pictures: list[dict[str, str]] = []
        self.drawn: list[str] = []
        self.sections: list[tuple[int, int]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        assert len(given) == len(attrs), f"an attribute twice in {tag}"
        if "id" in given:
            self.ids[given["id"]] += 1
        for key in ("aria-labelledby", "aria-describedby", "for"):
            self.references.update(given.get(key, "").split())
        if given.get("href", "").startswith("#"):
            self.references.add(given["href"][1:])
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "article":
            self.langs.append(given["lang"])
        elif tag == "table":
            self.tables.append(Table(self.langs[-1]))
        elif tag == "tr" and "thead" not in self.open:
            (self.tables[-1].feet if "tfoot" in self.open else self.tables[-1].rows).append([])
        elif tag in ("td", "th") and "thead" not in self.open:
            self._row().append("")
        elif tag == "svg":
            self.pictures.append(given)
        elif tag == "section":
            self.sections.append((len(self.pictures), len(self.tables)))

    def _row(self) -> list[str]:
        return (self.tables[-1].feet if "tfoot" in self.open else self.tables[-1].rows)[-1]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> in the wrong place"
        if tag == "section":
            pictures, tables = self.sections.pop()
            assert len(self.pictures) == pictures or len(self.tables) > tables, "a picture without a table"

    def handle_data(self, data: str) -> None:
        if "caption" in self.open:
            self.tables[-1].caption += data
        elif "thead" in self.open:
            self.tables[-1].heads.append(data)
        elif "table" in self.open and ({"td", "th"} & set(self.open)):
            row = self._row()
            row[-1] += ("|" if row[-1] else "") + data
        elif "svg" in self.open and self.open[-1] == "text":
            self.drawn.append(data)

    def table(self, lang: str, caption: str) -> Table:
        (found,) = [table for table in self.tables if table.lang == lang and table.caption == caption]
        return found


@pytest.fixture(scope="module")
def facts():
    return july_2020()


@pytest.fixture(scope="module")
def written(facts, tmp_path_factory):
    return write_report(facts, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def page(written):
    return Page(written.read_text("utf-8"))


def test_nothing_comes_from_the_network_and_nothing_runs(written):
    text = written.read_text("utf-8")
    assert not re.search(r"https?:|//[a-z]+\.|<script|<link|<img|<iframe|@import|url\(|xmlns|javascript:", text)
    assert written.stat().st_size < 1_000_000


def test_the_page_is_well_formed_and_every_reference_leads_somewhere(page):
    assert page.open == []
    assert [ident for ident, count in page.ids.items() if count > 1] == []
    assert page.references <= set(page.ids)
    assert page.langs == ["id", "en"]


def test_every_picture_says_what_it_shows(page):
    assert len(page.pictures) == 2 * 12
    for picture in page.pictures:
        assert picture["role"] == "img"
        assert picture["aria-labelledby"]
        assert picture["aria-describedby"]
        assert "viewbox" in picture
        assert "width" not in picture, "a picture of fixed width does not fit a phone"


def test_both_languages_say_the_same_numbers(page):
    digits = {
        lang: [
            [[re.sub(r"\D", "", cell) for cell in row[1:]] for row in (*table.rows, *table.feet)]
            for table in page.tables
            if table.lang == lang
        ]
        for lang in ("id", "en")
    }
    assert digits["id"] == digits["en"]


def test_the_numbers_are_those_of_the_facts(page, facts):
    counts = {(row["measure"], row["dimension"], row["value"]): row["count"] for row in facts.funnel}
    classes = {row[0].split("|")[0]: row[1] for row in page.table("en", "Classes and the next step").rows}
    for reach in ReachClass:
        assert classes[word("reach", reach, lang="en")] == f"{counts['not_bought', 'reach', reach]:,}"
    provinces = {row[0]: [row[1], row[2], row[4]] for row in page.table("en", "Province").rows}
    for code, name in facts.provinces.items():
        said = [counts.get((measure, "province", code), 0) for measure in ("appointed", "not_bought", "bought")]
        assert not said[0] or provinces[name] == [f"{count:,}" for count in said]
    steps = {row[0]: row[1] for row in page.table("en", "People by step").rows}
    assert steps[word("step", "payable", lang="en")] == f"{counts['ladder', 'step', 'payable']:,}"
    reasons = page.table("en", "Reasons, and whose move it is")
    assert {(row[0].split("|")[0], row[3]) for row in reasons.rows} == {
        (word("reason", reason, lang="en"), f"{count:,}") for reason, _, _, count in BLOCKED
    }
    assert [row[3] for row in reasons.feet] == ["15,673", "479,327", "495,000"]


def test_the_tables_add_up_as_printed(page):
    """Every table that ends in a total: each column of counts comes to what its foot says."""
    checked = 0
    for table in page.tables:
        if not table.feet or table.caption in ("People by step", "Orang per anak tangga"):
            continue
        for column, said in enumerate(table.feet[0][1:], start=1):
            if said and "%" not in said:
                cells = [int(re.sub(r"\D", "", row[column])) for row in table.rows]
                assert sum(cells) == int(re.sub(r"\D", "", said)), table.caption
                checked += 1
    assert checked > 50


def test_the_identities_are_written_out(written):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", written.read_text("utf-8")))
    assert "680,880 appointed= 600,000 bought+ 80,880 not bought+ 0 revoked✓ adds up" in text
    assert "495,000 finished a training= 0 paid+ 479,327 payable but not paid+ 15,673 finished, not payable" in text
    assert "680.880 ditetapkan= 600.000 membeli+ 80.880 belum membeli+ 0 dicabut✓ cocok" in text


def test_figures_that_do_not_add_up_are_called_out_and_never_published(tmp_path):
    facts = facts_of([Group(40, "not_bought"), Group(60, "payable", reason="DUE", whose_move="PMO", partner="pmo")])
    for row in facts.funnel:
        if (row["measure"], row["dimension"]) == ("bought", "total"):
            row["count"] = 61
    text = write_report(facts, tmp_path / "internal.html").read_text("utf-8")
    assert "WARNING" in text
    assert "✗ " in text
    with pytest.raises(UnableToWriteReport, match="do not add up"):
        write_report(facts, tmp_path / "public.html", public=True)
    assert not (tmp_path / "public.html").exists()


def test_same_facts_same_bytes_whatever_the_machine_is_set_to(written, tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsvg.fonttype: path\nlines.linewidth: 9\n")
    program = (
        "import sys; from pathlib import Path; from cair.channels.report import write_report;"
        "from tests.report.made_up import july_2020; write_report(july_2020(), Path(sys.argv[1]))"
    )
    setting = {"PYTHONHASHSEED": "7", "TZ": "America/Lima", "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    setting |= {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "SOURCE_DATE_EPOCH": "1"}
    again = tmp_path / "again.html"
    subprocess.run([sys.executable, "-c", program, str(again)], env=os.environ | setting, check=True)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(written.read_bytes()).digest()


def test_nobody_at_all_is_a_page_too(tmp_path):
    page = Page(write_report(facts_of([], seed=None), tmp_path / "empty.html").read_text("utf-8"))
    assert page.open == []
    assert page.table("en", "Classes and the next step").rows == []


def test_names_that_others_chose_stay_text(tmp_path):
    owner = '<b onload=x>$x_1$ & "Komite"\u0000\u200f\ud800 \u6771' + "x" * 200
    held = Group(9, "settled", reason="HELD", whose_move="OWNER", partner=owner, province="\x0b<9", rulebook="<i>$")
    facts = facts_of([held], refused=[{"name": "a\udcff<c>.csv", "reason": "BAD_NAME"}])
    for public in (False, True):
        text = write_report(facts, tmp_path / "names.html", public=public).read_text("utf-8")
        assert Page(text).open == []
        assert "<b onload" not in text
        assert "<i>$" not in text
        assert "$x_1$ &amp; " in text


def test_without_the_crossed_rows_what_is_not_known_is_a_dash(tmp_path):
    groups = [
        Group(480, "payable", reason="DUE", whose_move="PMO", partner="pmo", timing="overdue"),
        Group(20, "settled", reason="DUPLICATE_PERSON", whose_move="PMO", partner="pmo"),
        Group(7, "reported", reason="CERTIFICATE_MISSING", whose_move="PROVIDER", partner="melati", timing="overdue"),
    ]
    facts = facts_of(groups, crossed=False)
    page = Page(write_report(facts, tmp_path / "margins.html").read_text("utf-8"))
    moves = {row[0]: row[1:] for row in page.table("en", "Not payable yet, by whose move it is").rows}
    assert moves == {"programme office (PMO)": ["—", "—", "20"], "training provider": ["0", "7", "7"]}
    with pytest.raises(UnableToWriteReport, match="crossed rows"):
        write_report(facts, tmp_path / "public.html", public=True)


def test_money_comes_with_its_section_and_is_not_for_the_public(tmp_path):
    money = [
        {"day": "2020-07-01", "partner": "bank-a", "released_idr": 1_200_000, "in_flight_idr": 0, "paid_idr": 600_000,
         "returned_idr": 600_000}
    ]  # fmt: skip
    books = {"normal-2023": {"paid": 600_000, "reserved": 345_678}, "semi-bansos-2020": {"reserved": 1}}
    facts = facts_of([Group(2, "paid")], money=money, books=books)
    text = write_report(facts, tmp_path / "money.html").read_text("utf-8")
    assert "1,200,000" in text
    rows = {row[0]: row[1:] for row in Page(text).table("en", "The books: incentives and training money (rupiah)").rows}
    assert rows["training: reserved for purchases"] == ["345,678", "1", "345,679"]
    assert rows["incentives: paid"] == ["600,000", "0", "600,000"]
    assert "1,200,000" not in write_report(facts, tmp_path / "public.html", public=True).read_text("utf-8")


def test_a_folder_that_cannot_be_written_to_is_a_clear_refusal(tmp_path):
    with pytest.raises(UnableToWriteReport, match="Name a file"):
        write_report(facts_of([]), tmp_path / "missing" / "report.html")
