"""The story of a training: bought, redeemed, finished, reported by two sides, reviewed; and what went wrong with it."""

from dataclasses import dataclass, fields, replace

import numpy as np

from cair.simulation.catalogue import Catalogue
from cair.simulation.figures import read_figures
from cair.simulation.population import BALANCE_IDR, Block, People
from cair.simulation.scenario import DAY, JAKARTA, NEVER, jakarta_day

HOUR = 3_600
OVER_BALANCE_SHARE = 0.003
"""Share of second purchases that a platform lets through although the balance does not suffice."""


@dataclass(frozen=True)
class Trainings:
    """One entry a training, of a person of the block (`person`); instants in seconds UTC, NEVER if it did not happen.

    What really happened. `flaw` is the number of what was reported wrongly (0: nothing), put right at `mended`.
    """

    person: np.ndarray
    serial: np.ndarray
    course: np.ndarray
    platform: np.ndarray
    provider: np.ndarray
    amount: np.ndarray
    bought: np.ndarray
    redeemed: np.ndarray
    finished: np.ndarray
    confirmed: np.ndarray
    reviewed: np.ndarray
    flaw: np.ndarray
    mended: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def only(self, chosen: np.ndarray) -> "Trainings":
        """Some of the trainings."""
        return Trainings(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def has(self, *names: str) -> np.ndarray:
        """Which trainings have one of these flaws."""
        return np.isin(self.flaw, [read_figures().flaw(name) for name in names])


@dataclass(frozen=True)
class _Purchase:
    person: np.ndarray
    course: np.ndarray
    bought: np.ndarray
    nth: int


def joined(first: Trainings, second: Trainings) -> Trainings:
    """Both, one after the other."""
    return Trainings(
        **{
            field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)])
            for field in fields(Trainings)
        }
    )


def exponential(generator: np.random.Generator, mean: float, size: int) -> np.ndarray:
    """Waits of so many seconds in the mean."""
    return generator.exponential(mean, size).astype(np.int64)


def awake(instants: np.ndarray) -> np.ndarray:
    """The instants, moved out of the hours before six in Jakarta."""
    early = (instants + JAKARTA) % DAY < 6 * HOUR
    return np.where(early, instants + 7 * HOUR, instants)


def first_trainings(block: Block, people: People, catalogue: Catalogue) -> Trainings:
    """The first training of everybody who buys."""
    figures, generator = read_figures(), block.dice(10)
    buyer = np.flatnonzero(generator.random(block.size) < figures("training", "bought"))
    quick = generator.random(len(buyer)) < figures("training", "buys_quickly")
    mean = np.where(quick, figures("training", "quick_days"), figures("training", "slow_days"))
    days = (generator.exponential(1, len(buyer)) * mean).astype(np.int64)
    clock = (generator.triangular(7, 13, 23, len(buyer)) * HOUR).astype(np.int64)
    bought = people.appointed[buyer] + days * DAY + clock
    course = catalogue.choose(generator, jakarta_day(bought))
    trainings = _story(block, catalogue, generator, _Purchase(buyer, course, bought, 0))
    return _too_early(generator, trainings, people.appointed[buyer])


def second_trainings(block: Block, catalogue: Catalogue, first: Trainings) -> Trainings:
    """The second trainings of those who finished and reviewed the first and have money left."""
    figures, generator = read_figures(), block.dice(11)
    eager = (
        (first.reviewed < NEVER)
        & (first.flaw == 0)
        & (generator.random(len(first)) < figures("training", "second_training"))
    )
    before = first.only(eager)
    bought = awake(before.reviewed + HOUR + exponential(generator, 4 * DAY, len(before)))
    course = catalogue.choose(generator, jakarta_day(bought))
    enough = before.amount + catalogue.price_on(course, jakarta_day(bought)) <= BALANCE_IDR
    kept = (enough | (generator.random(len(before)) < OVER_BALANCE_SHARE)) & (course != before.course)
    return _story(block, catalogue, generator, _Purchase(before.person[kept], course[kept], bought[kept], 1))


def _story(block: Block, catalogue: Catalogue, generator: np.random.Generator, purchase: _Purchase) -> Trainings:
    figures, size = read_figures(), len(purchase.person)
    day = jakarta_day(purchase.bought)
    sold = np.ones(size, dtype=bool)
    platform = catalogue.seller(generator, purchase.course, listed=sold)
    provider = catalogue.provider[purchase.course]
    flaw = _flaws(generator, platform, provider)
    unlisted = flaw == figures.flaw("UNKNOWN_COURSE")
    platform = np.where(unlisted, catalogue.seller(generator, purchase.course, listed=~unlisted), platform)
    price = catalogue.price_on(purchase.course, day)
    discount = np.where(
        generator.random(size) < figures("catalogue", "discounted"), generator.integers(1, 7, size) * 5, 0
    )
    redeemed = purchase.bought + 5 * 60 + exponential(generator, figures("training", "redeem_days") * DAY, size)
    redeemed = np.where(generator.random(size) < figures("training", "redeemed"), awake(redeemed), NEVER)
    finished = _finished(generator, redeemed, catalogue.hours[purchase.course], flaw == figures.flaw("TOO_FAST"))
    confirmed = np.where(finished < NEVER, finished + generator.integers(60, 4 * HOUR, size), NEVER)
    trainings = Trainings(
        person=purchase.person,
        serial=(block.first + purchase.person) * 4 + purchase.nth,
        course=purchase.course,
        platform=platform,
        provider=provider,
        amount=price * (100 - discount) // 100,
        bought=purchase.bought,
        redeemed=redeemed,
        finished=finished,
        confirmed=confirmed,
        reviewed=_reviewed(generator, confirmed),
        flaw=flaw,
        mended=np.full(size, NEVER),
    )
    return replace(trainings, mended=_mended(generator, trainings))


def _finished(generator: np.random.Generator, redeemed: np.ndarray, hours: np.ndarray, hasty: np.ndarray) -> np.ndarray:
    figures, size = read_figures(), len(redeemed)
    quick = generator.random(size) < figures("training", "studies_quickly")
    mean = np.where(quick, figures("training", "quick_study_days"), figures("training", "slow_study_days"))
    study = hours * HOUR * generator.uniform(0.7, 1.6, size) + generator.exponential(1, size) * mean * DAY
    study = np.where(hasty, hours * HOUR * generator.uniform(0.05, 0.5, size), study)
    ends = (generator.random(size) < figures("training", "finished")) & (redeemed < NEVER)
    return np.where(ends, np.where(hasty, redeemed + study, awake((redeemed + study).astype(np.int64))), NEVER).astype(
        np.int64
    )


def _reviewed(generator: np.random.Generator, confirmed: np.ndarray) -> np.ndarray:
    figures, size = read_figures(), len(confirmed)
    at_once = generator.random(size) < figures("training", "reviews_at_once")
    days = np.where(at_once, figures("training", "review_days"), figures("training", "forgotten_review_days"))
    reviewed = confirmed + 20 * 60 + (generator.exponential(1, size) * days * DAY).astype(np.int64)
    return np.where(confirmed < NEVER, awake(reviewed), NEVER)


def _odds() -> np.ndarray:
    """The odds of each flaw, summed up, for each platform and provider (by their numbers)."""
    figures = read_figures()
    size = len(figures.partners)
    odds = np.empty((size, size, len(figures.flaws)))
    for number, flaw in enumerate(figures.flaws):
        worse = np.array([partner.worse.get(flaw.name, 1) for partner in figures.partners])
        worse = worse / _mean_worse(worse, flaw.by)
        odds[:, :, number] = flaw.share * (worse[:, None] if flaw.by == "platform" else worse[None, :])
    return odds.cumsum(axis=2)


def _mean_worse(worse: np.ndarray, by: str) -> float:
    figures = read_figures()
    group = figures.groups[f"{by}s"]
    return float((worse[group.start : group.stop] * figures.shares(f"{by}s")).sum())


def _flaws(generator: np.random.Generator, platform: np.ndarray, provider: np.ndarray) -> np.ndarray:
    odds, throw = _odds(), generator.random(len(platform))
    flawed = np.flatnonzero(throw < odds[:, :, -1].max())
    which = (throw[flawed, None] >= odds[platform[flawed], provider[flawed]]).sum(axis=1)
    flaw = np.zeros(len(platform), dtype=np.int64)
    flaw[flawed] = np.where(which < odds.shape[2], which + 1, 0)
    return flaw


def _mended(generator: np.random.Generator, trainings: Trainings) -> np.ndarray:
    """When what was reported wrongly is put right: after the last thing that happened, or never."""
    figures, size = read_figures(), len(trainings)
    share = np.array([0, *(flaw.mended for flaw in figures.flaws)])[trainings.flaw]
    days = np.array([1, *(flaw.days for flaw in figures.flaws)])[trainings.flaw]
    last = trainings.bought.copy()
    for instants in (trainings.redeemed, trainings.confirmed, trainings.reviewed):
        last = np.where(instants < NEVER, np.maximum(last, instants), last)
    wait = DAY + (generator.exponential(1, size) * days * DAY).astype(np.int64)
    return np.where((trainings.flaw > 0) & (generator.random(size) < share), last + wait, NEVER)


def _too_early(generator: np.random.Generator, trainings: Trainings, appointed: np.ndarray) -> Trainings:
    """Move the purchases that a platform let through before the appointment to where they were made."""
    early = appointed - generator.integers(2, 72, len(trainings)) * HOUR
    return replace(trainings, bought=np.where(trainings.has("BEFORE_APPOINTMENT"), early, trainings.bought))


def code_owners(trainings: Trainings) -> np.ndarray:
    """Whose redeem code each training carries: its own, or by mistake that of the one before it in the block."""
    own = np.arange(len(trainings))
    return np.where(trainings.has("SHARED_CODE") & (own > 0), own - 1, own)
