"""The public report says no count below five, and nothing from which one could be worked out."""

import re
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cair.channels.report import write_report
from cair.channels.report.figures import Figures, figures_of
from cair.kernel.reasons import BreakKind, ReachClass
from tests.report.made_up import Group, facts_of, july_2020
from tests.report.test_report import Page

counts = st.one_of(st.integers(1, 6), st.integers(1, 60))
lives = st.one_of(
    st.builds(Group, counts, st.just("not_bought"), reach=st.sampled_from([reach.value for reach in ReachClass])),
    st.builds(Group, counts, st.sampled_from(["revoked", "bought", "redeemed", "paid"])),
    st.builds(
        Group, counts, st.just("payable"), reason=st.just("DUE"), whose_move=st.just("PMO"), partner=st.just("pmo"),
        timing=st.sampled_from(["in_time", "overdue"]), days=st.integers(0, 90),
    ),
    st.sampled_from(
        [("BREAK", "PLATFORM", "toko"), ("BREAK", "PMO", "pmo"), ("CERTIFICATE_MISSING", "PROVIDER", "melati"),
         ("CERTIFICATE_MISSING", "PROVIDER", "duo"), ("BREAK", "PLATFORM", "duo"), ("NOT_RATED", "PARTICIPANT", ""),
         ("NO_ACCOUNT", "PARTICIPANT", ""), ("DUPLICATE_PERSON", "PMO", "pmo")]
    ).flatmap(
        lambda why: st.builds(
            Group, counts, st.sampled_from(["finished", "reported", "settled"]), reason=st.just(why[0]),
            whose_move=st.just(why[1]), partner=st.just(why[2]), timing=st.sampled_from(["in_time", "overdue"]),
            days=st.integers(0, 90),
        )
    ),
)  # fmt: skip
groups = st.lists(
    st.tuples(lives, st.sampled_from(["11", "31", "32", "91"]), st.sampled_from(["1", "2"])).map(
        lambda drawn: Group(**(drawn[0].__dict__ | {"province": drawn[1], "wave": drawn[2]}))
    ),
    max_size=14,
)
breaks = st.lists(
    st.tuples(st.sampled_from(["toko", "melati", "duo"]), st.sampled_from([kind.value for kind in BreakKind][:4]),
              st.sampled_from(["PLATFORM", "PROVIDER"]), st.integers(1, 9), st.integers(0, 9)),
    max_size=5, unique_by=lambda row: row[:3],
).map(lambda rows: [
    {"partner": partner, "kind": kind, "whose_move": move, "count": count, "overdue": min(overdue, count)}
    for partner, kind, move, count, overdue in rows
])  # fmt: skip


def solved(figures: Figures) -> list[tuple[str, ...]]:
    """The withheld cells that follow from the sums and what is shown, by elimination."""
    hidden = sorted(figures.withheld)
    place = {cell: column for column, cell in enumerate(hidden)}
    matrix = np.zeros((len(figures.sums), len(hidden)))
    for line, one in enumerate(figures.sums):
        for cell, sign in [(one.total, -1.0), *((part, 1.0) for part in one.parts)]:
            if cell in place:
                matrix[line, place[cell]] += sign
    _, sizes, directions = np.linalg.svd(matrix)
    free = directions[int((sizes > 1e-9).sum()) :]
    return [cell for cell in hidden if not len(free) or np.abs(free[:, place[cell]]).max() < 1e-9]


@settings(max_examples=60, deadline=None)
@given(groups, breaks)
def test_no_withheld_cell_follows_from_the_others(people, rows):
    figures = figures_of(facts_of(people, breaks=rows), public=True)
    assert not [cell for cell, count in figures.counts.items() if 0 < count < 5 and cell not in figures.withheld]
    if figures.withheld:
        assert solved(figures) == []


@settings(max_examples=60, deadline=None)
@given(groups, breaks)
def test_a_count_does_not_follow_from_another_table(people, rows):
    """Whose move a reason is, and whether a partner is a platform, is common knowledge: the sums know it too."""
    figures = figures_of(facts_of(people, breaks=rows), public=True)
    for move in figures.under("blocked", "whose_move"):
        whole = ("blocked", "whose_move", move)
        parts = [("blocked", "why", why) for why in figures.under("blocked", "why") if why.endswith(f" {move}")]
        hidden = [cell for cell in (whole, *parts) if cell in figures.withheld]
        assert len(hidden) != 1, "one withheld among a move and its reasons"


def test_a_small_reason_does_not_follow_from_whose_move_it_is():
    """50 and 3 are the office's, 9 the participants': hiding 3 and 9 would leave 53 - 50."""
    lines = [("BREAK", "PMO", "pmo", 50), ("DUPLICATE_PERSON", "PMO", "pmo", 3), ("NOT_REVIEWED", "PARTICIPANT", "", 9)]
    people = [Group(n, "settled", reason=why, whose_move=move, partner=who) for why, move, who, n in lines]
    figures = figures_of(facts_of(people), public=True)
    office = {("blocked", "why", "BREAK PMO"), ("blocked", "whose_move", "PMO")}
    assert ("blocked", "why", "DUPLICATE_PERSON PMO") in figures.withheld
    assert office & figures.withheld


def test_many_small_partners_take_no_time_and_keep_the_great_counts():
    rng = Random(3)
    people = [
        Group(1 + int(rng.expovariate(0.3)), "settled", reason=why, whose_move="PROVIDER", timing=timing,
              partner=f"lembaga-{int(rng.paretovariate(0.4)) % 220}", province=rng.choice(["11", "32", "91"]))
        for why in ("BREAK", "CERTIFICATE_MISSING") for timing in ("in_time", "overdue") for _ in range(1000)
    ]  # fmt: skip
    figures = figures_of(facts_of(people), public=True)
    small = sum(0 < count < 5 for count in figures.counts.values())
    assert small <= len(figures.withheld) < 3 * small
    assert not {("blocked",), ("unpaid",), ("blocked", "whose_move", "PROVIDER")} & figures.withheld


def test_the_page_shows_marks_and_no_small_count(tmp_path):
    facts = july_2020()
    figures = figures_of(facts, public=True)
    page = Page(write_report(facts, tmp_path / "public.html", public=True).read_text("utf-8"))
    assert 0 < len(figures.withheld) < 60
    for table in page.tables:
        if table.caption in ("Days waited, by whose move it is", "Lama menunggu menurut giliran siapa"):
            continue
        for row in (*table.rows, *table.feet):
            assert not [cell for cell in row[1:] if re.fullmatch(r"[1-4]", cell)], (table.caption, row)
    assert not [text for text in page.drawn if re.fullmatch(r"[1-4]( / .*)?", text)]
    reasons = {row[0].split("|")[0]: row[1:] for row in page.table("en", "Reasons, and whose move it is").rows}
    assert reasons["NIK appointed twice"][2] == "*"
    assert page.table("en", "Reasons, and whose move it is").feet[0][3] == "15,673"
    assert "laporan_juli_FINAL" not in (tmp_path / "public.html").read_text("utf-8")
