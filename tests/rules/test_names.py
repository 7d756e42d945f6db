"""Names of account holders: cases seen on returned payments, and laws that hold for all names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cair.rules.names import NameVerdict, compare_names, likeness, words_of

ACCEPTED, LOOK, REFUSED = NameVerdict.ACCEPTED, NameVerdict.LOOK, NameVerdict.REFUSED
NAMES = st.text(alphabet="ABCDEI .,'", max_size=24)


@pytest.mark.parametrize(
    ("ours", "theirs", "unconfirmed", "confirmed"),
    [
        ("Siti Aminah", "AMINAH SITI", ACCEPTED, ACCEPTED),
        ("RAHEL CLARISSA", "RAHEL CLARISSA, S.E", ACCEPTED, ACCEPTED),
        ("Budi Santoso", "DRS. H. BUDI SANTOSO S.Kom.", ACCEPTED, ACCEPTED),
        ("Nur'aini", "NURAINI", ACCEPTED, ACCEPTED),
        ("RACHEL CLARISSA", "RAHEL CLARISSA", LOOK, ACCEPTED),
        ("MUHAMMAD RIZKI", "M RIZKI", LOOK, ACCEPTED),
        ("MUHAMMAD RIZKI RAMADHAN", "MUHAMMAD RIZKI RAMAD", LOOK, ACCEPTED),
        ("BUDI SANTOSO", "BUDI SANTOSA", LOOK, LOOK),
        ("SITI A.", "SITI B.", LOOK, LOOK),
        ("ADI M. NUR", "ADI", LOOK, ACCEPTED),
        ("BUDI SANTOSO", "DEWI LESTARI", REFUSED, REFUSED),
        ("BUDI SANTOSO", "", LOOK, LOOK),
        ("", "", LOOK, LOOK),
    ],
)
def test_names_seen_on_returns(ours, theirs, unconfirmed, confirmed):
    assert compare_names(ours, theirs, nik_confirmed=False) is unconfirmed
    assert compare_names(ours, theirs, nik_confirmed=True) is confirmed


@given(NAMES, NAMES)
def test_likeness_alone_never_accepts(ours, theirs):
    if sorted(words_of(ours)) != sorted(words_of(theirs)) or not words_of(ours):
        assert compare_names(ours, theirs, nik_confirmed=False) is not ACCEPTED


@given(NAMES, NAMES)
def test_likeness_is_that_of_the_longest_common_subsequence(one, other):
    row = [0] * (len(other) + 1)
    for sign in one:
        before = row[:]
        for position, mark in enumerate(other):
            row[position + 1] = before[position] + 1 if sign == mark else max(row[position], before[position + 1])
    total = len(one) + len(other)
    assert likeness(one, other) == (200.0 * row[-1] / total if total else 100.0)
