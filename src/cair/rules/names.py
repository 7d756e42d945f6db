"""Whether the name of an account's holder is that of the person: compared, never accepted on likeness alone.

Banks keep names in capitals, cut short, with degrees behind and titles before, in another order. Two different people
may differ by one letter (BUDI SANTOSO, BUDI SANTOSA), so likeness is grounds for a look by people, and for acceptance
only where the bank confirmed the NIK as well.
"""

import re
import unicodedata
from enum import StrEnum

from cair.programme.reader import steady

ACCEPTED_FROM = float(steady("name_accepted_from"))
"""Likeness (percent) that is accepted when the NIK is confirmed."""
LOOKED_AT_FROM = float(steady("name_looked_at_from"))
"""Likeness (percent) below which a name is refused."""

_TITLES = frozenset(
    {"H", "HJ", "HAJI", "HAJJAH", "DR", "DRA", "DRS", "IR", "PROF", "KH", "BPK", "IBU", "TN", "NY", "NN"}
)
_NOT_A_LETTER = re.compile(r"[^A-Z ]+")
_APOSTROPHES = re.compile("['`’ʼ]")
_DEGREE_LIST = """
SE SH ST SS SI SP SPD SPDI SKOM SSI SSOS SAG SKEP SFARM SIP SIK SHUM SPSI STP SKM SKED SSTAT SSN SPT SGZ STR STRKEB
MM MH MT MSI MPD MPDI MKOM MSC MA MAG MKES MHUM MBA MAP AMD AMDKEB AMDKEP AMAPD PHD BA BSC NERS CPA AK
"""
_DEGREES = frozenset(_DEGREE_LIST.split())


class NameVerdict(StrEnum):
    """What may be done with an account, judged by the holder's name."""

    ACCEPTED = "ACCEPTED"
    LOOK = "LOOK"
    """People look at it."""
    REFUSED = "REFUSED"


def compare_names(ours: str, theirs: str, *, nik_confirmed: bool) -> NameVerdict:
    """Judge the holder's name at the bank (`theirs`) against the person's.

    The same words in any order are accepted. An abbreviation or a likeness of at least 95 is accepted only when the
    partner confirmed the NIK, and else looked at, as is a likeness from 80. Without a name nothing is accepted.
    """
    mine, other = words_of(ours), words_of(theirs)
    if not mine or not other:
        return NameVerdict.LOOK
    if sorted(mine) == sorted(other):
        return NameVerdict.ACCEPTED
    alike = likeness(" ".join(sorted(mine)), " ".join(sorted(other)))
    short = is_abbreviation(mine, other) or is_abbreviation(other, mine)
    if nik_confirmed and (short or alike >= ACCEPTED_FROM):
        return NameVerdict.ACCEPTED
    return NameVerdict.LOOK if short or alike >= LOOKED_AT_FROM else NameVerdict.REFUSED


def words_of(name: str) -> list[str]:
    """The words of a name: capitals, no marks, without titles before it and degrees behind it.

    Behind a comma a degree may be written with or without dots; without a comma only with dots inside (`S.E`), since
    a lone letter may be a name cut short.
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name.upper()) if not unicodedata.combining(sign))
    first, *behind = plain.split(",")
    pieces = first.split()
    while len(pieces) > 1 and "." in pieces[-1].rstrip(".") and _letters(pieces[-1]) in _DEGREES:
        pieces.pop()
    pieces += [part for part in behind if _letters(part) not in _DEGREES]
    words = _NOT_A_LETTER.sub(" ", _APOSTROPHES.sub("", " ".join(pieces))).split()
    while len(words) > 1 and words[0] in _TITLES:
        words = words[1:]
    return words


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text)


def is_abbreviation(short: list[str], long: list[str]) -> bool:
    """Whether `short` says the words of `long` in order, some only by their first letters, or cuts off the end.

    At least one word of three letters or more must be there in full.
    """
    if not short or len(short) > len(long):
        return False
    whole = 0
    for mine, other in zip(short, long, strict=False):
        last = mine is short[-1]
        if mine == other:
            whole += len(mine) > 2
        elif not (other.startswith(mine) and (len(mine) == 1 or last)) and not (len(other) == 1 and mine[0] == other):
            return False
    return whole > 0


def likeness(one: str, other: str) -> float:
    """Likeness of two texts in percent: twice their longest common subsequence over both lengths."""
    if not one and not other:
        return 100.0
    return 200.0 * _common(one, other) / (len(one) + len(other))


def _common(one: str, other: str) -> int:
    """Length of the longest common subsequence, by whole numbers as rows of bits (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for position, sign in enumerate(one):
        places[sign] = places.get(sign, 0) | 1 << position
    every = (1 << len(one)) - 1
    row = every
    for sign in other:
        hit = row & places.get(sign, 0)
        row = (row + hit | row - hit) & every
    return len(one) - row.bit_count()
