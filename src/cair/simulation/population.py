"""The people: who was appointed, where they live, what they are called; and the office's list of them."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.simulation.figures import read_figures
from cair.simulation.files import INSTANT, Rows
from cair.simulation.scenario import DAY, NEVER, Scenario, day_number, dice, start_of_day

RULEBOOK = "semi-bansos-2020"
BALANCE_IDR = 1_000_000
_CARD_BASE = 9_990_000_000_000_000
_TRILLION = 10**12
_OLDEST = 64


@dataclass(frozen=True)
class Block:
    """Some of the people, numbered from `first`: made, written and forgotten before the next."""

    scenario: Scenario
    number: int
    first: int
    size: int

    def dice(self, purpose: int) -> np.random.Generator:
        """The dice of this block for one purpose."""
        return dice(self.scenario, self.number, purpose)

    def some(self, generator: np.random.Generator, candidates: np.ndarray, share: float) -> np.ndarray:
        """Choose among the candidates (a mask) with a probability; in the first block at least one, if there is any."""
        chosen = candidates & (generator.random(len(candidates)) < share)
        if self.number == 0 and not chosen.any() and candidates.any():
            chosen[np.flatnonzero(candidates)[0]] = True
        return chosen


@dataclass(frozen=True)
class People:
    """One entry a person. `appointed_day` is a day number, `appointed` the instant at which that day begins."""

    card: pa.Array
    nik: np.ndarray
    region: pa.Array
    wave: np.ndarray
    appointed_day: np.ndarray
    appointed: np.ndarray
    full_name: pa.Array
    birth_day: np.ndarray
    female: np.ndarray


@dataclass(frozen=True)
class _Places:
    codes: np.ndarray
    weights: np.ndarray
    districts: np.ndarray
    start: np.ndarray
    count: np.ndarray


def scatter(numbers: np.ndarray, factor: int) -> np.ndarray:
    """Other numbers below a trillion, each once: references that do not tell the order of their making.

    The factor has no divisor in common with ten; numbers times factor stays below 2 ** 63.
    """
    return numbers.astype(np.int64) * factor % _TRILLION


def card_numbers(numbers: np.ndarray) -> pa.Array:
    """The card numbers of people, 16 digits."""
    return pa.array(_CARD_BASE + scatter(numbers, 38_196_601_127)).cast(pa.string())


def digits(numbers: np.ndarray, width: int) -> pa.Array:
    """Numbers written with leading zeros."""
    return pc.utf8_slice_codeunits(pa.array(numbers + 10**width).cast(pa.string()), 1)


def _rows_of(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath("reference", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _places() -> _Places:
    rows = _rows_of("regencies_2020.csv")
    districts = [[int(row["region_code"] + two) for two in row["districts"].split()] for row in rows]
    weights = np.array([int(row["appointed_2020"]) for row in rows], dtype=float)
    count = np.array([len(some) for some in districts])
    codes = np.array([int(row["region_code"]) for row in rows])
    return _Places(codes, weights.cumsum() / weights.sum(), np.concatenate(districts), count.cumsum() - count, count)


@cache
def _words() -> tuple[pa.Array, np.ndarray, np.ndarray]:
    rows = _rows_of("name_words.csv")
    male, female = (np.array([int(row[sex]) for row in rows], dtype=float) for sex in ("male", "female"))
    return pa.array([row["word"] for row in rows]), male.cumsum() / male.sum(), female.cumsum() / female.sum()


def region_codes() -> np.ndarray:
    """The codes of all regencies, four digits."""
    return _places().codes


def wave_ends(people: int) -> np.ndarray:
    """How many of so many people are in the first, the first two, all waves: in the published proportion."""
    sizes = np.cumsum([wave["people"] for wave in read_figures().page["waves"]])
    return np.rint(sizes * people / sizes[-1]).astype(np.int64)


def make_people(block: Block) -> People:
    """Make the people of a block up."""
    generator = block.dice(0)
    numbers = block.first + np.arange(block.size)
    waves = read_figures().page["waves"]
    wave = np.searchsorted(wave_ends(block.scenario.people), numbers, side="right")
    appointed_day = np.array([day_number(entry["appointed_on"]) for entry in waves])[wave]
    female = generator.random(block.size) >= read_figures()("people", "men")
    birth_day = _birth_days(generator, appointed_day)
    place = np.searchsorted(_places().weights, generator.random(block.size), side="right")
    nik = _niks(generator, place, birth_day, female)
    name = full_names(generator, female)
    twin = _twins(block, generator)
    other = np.where(twin, np.arange(block.size) - 7, np.arange(block.size))
    return People(
        card=card_numbers(numbers),
        nik=nik[other],
        region=pa.array(_places().codes[place]).cast(pa.string()),
        wave=np.array([entry["wave"] for entry in waves])[wave],
        appointed_day=appointed_day,
        appointed=start_of_day(appointed_day),
        full_name=name.take(pa.array(other)),
        birth_day=birth_day[other],
        female=female[other],
    )


def _twins(block: Block, generator: np.random.Generator) -> np.ndarray:
    return block.some(generator, np.arange(block.size) >= 7, read_figures()("people", "second_card"))


def _birth_days(generator: np.random.Generator, appointed_day: np.ndarray) -> np.ndarray:
    people = read_figures()
    young = generator.random(len(appointed_day)) < people("people", "age_under_36")
    age = np.where(
        young,
        18.01 + 17.9 * generator.beta(1.2, 1.6, len(young)),
        36 + generator.exponential(people("people", "age_over_35_mean_years"), len(young)),
    )
    return appointed_day - (np.minimum(age, _OLDEST) * 365.25).astype(np.int64)


def _niks(generator: np.random.Generator, place: np.ndarray, birth_day: np.ndarray, female: np.ndarray) -> np.ndarray:
    places = _places()
    district = places.districts[places.start[place] + (generator.random(len(place)) * places.count[place]).astype(int)]
    days = birth_day.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = (days - months).astype(np.int64) + 1 + 40 * female
    year, month = np.divmod(months.astype(np.int64), 12)
    serial = 1 + generator.integers(0, 9_998, len(place))
    return (((district * 100 + day) * 100 + month + 1) * 100 + (year + 1970) % 100) * 10_000 + serial


def full_names(generator: np.random.Generator, female: np.ndarray) -> pa.Array:
    """Names of one to four words, drawn by sex."""
    words, male, female_odds = _words()
    count = 1 + np.searchsorted(
        np.cumsum(read_figures()("people", "words_in_name"))[:-1], generator.random(len(female))
    )
    parts = []
    for position in range(4):
        throw = generator.random(len(female))
        pick = np.where(female, np.searchsorted(female_odds, throw), np.searchsorted(male, throw))
        pick = np.minimum(pick, len(words) - 1)
        parts.append(words.take(pa.array(pick, mask=count <= position)))
    return pc.binary_join_element_wise(*parts, " ", null_handling="skip")


@cache
def _prefixes() -> np.ndarray:
    return np.array([int(row["prefix"]) for row in _rows_of("mobile_prefixes.csv")])


def appointments(block: Block, people: People) -> Rows:
    """The office's list of the appointed; some come again with another phone or address."""
    generator, figures = block.dice(1), read_figures()
    again = np.flatnonzero(generator.random(block.size) < figures("people", "revised"))
    who = np.concatenate([np.arange(block.size), again])
    revised = np.arange(len(who)) >= block.size
    pick = pa.array(who)
    prefix = _prefixes()[generator.integers(0, len(_prefixes()), len(who))]
    phone = digits(prefix * 10**7 + generator.integers(0, 10**7, len(who)), 11)
    email = pc.binary_join_element_wise(
        "peserta", digits(generator.integers(0, 10**9, len(who)), 9), "@surel.example", ""
    )
    rulebook = np.where(
        block.dice(2).random(block.size) < figures("people", "unknown_rulebook"), "semi-bansos", RULEBOOK
    )
    later = people.appointed[who] + (generator.exponential(15 * DAY, len(who)) + DAY).astype(np.int64)
    return Rows(
        "appointments",
        np.full(len(who), figures.groups["office_partner"].start),
        np.where(revised, later, people.appointed[who]),
        {
            "card_number": people.card.take(pick),
            "nik": pa.array(people.nik[who]).cast(pa.string()),
            "full_name": people.full_name.take(pick),
            "birth_date": pa.array(people.birth_day[who].astype(np.int32)).cast(pa.date32()),
            "sex": pa.array(["L", "P"]).take(pa.array(people.female[who].astype(np.int8))),
            "phone": blanked(phone, generator.random(len(who)) < figures("people", "no_phone")),
            "email": blanked(email, generator.random(len(who)) < figures("people", "no_email")),
            "region_code": people.region.take(pick),
            "wave": pa.array(people.wave[who]),
            "appointed_on": pa.array(people.appointed_day[who].astype(np.int32)).cast(pa.date32()),
            "rulebook": pa.array(rulebook[who]),
            "revision": pa.array(np.where(revised, 2, 1)),
        },
    )


def blanked(texts: pa.Array, empty: np.ndarray) -> pa.Array:
    """The texts, with nothing where told so."""
    return pc.if_else(pa.array(empty), None, texts)


def instants(values: np.ndarray) -> pa.Array:
    """Seconds as a column of instants."""
    return pa.array(np.minimum(values, NEVER)).cast(INSTANT)
