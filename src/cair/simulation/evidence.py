"""What partners report about trainings: purchases, redemptions, activities, completions, confirmations, reviews."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.simulation.catalogue import Catalogue
from cair.simulation.figures import read_figures
from cair.simulation.files import Rows
from cair.simulation.population import Block, People, blanked, instants, scatter
from cair.simulation.scenario import DAY, NEVER, jakarta_day
from cair.simulation.trainings import HOUR, Trainings, code_owners, exponential

_CODE, _INVOICE, _CERTIFICATE = 31_415_926_537, 27_182_818_283, 16_180_339_889
_STOCK = 999 * 10**9
"""Numbers from here on stand in templates of certificates and were never issued."""
_PRAISE = (
    "Materinya jelas",
    "Pengajarnya sabar",
    "Sangat membantu saya",
    "Contohnya dekat dengan pekerjaan saya",
    "Videonya mudah diikuti",
    "Tugasnya menantang",
    "Saya jadi lebih percaya diri",
    "Penjelasannya runtut",
)
_ENDINGS = (
    ".",
    ", terima kasih.",
    " dan langsung bisa dipakai.",
    ", semoga ada lanjutannya.",
    ", tapi waktunya kurang lama.",
    '. Kata teman: "ikut saja!"',
    ".\nAkan saya praktikkan di rumah.",
    ", koneksi kadang putus.",
)
_SHORT = ("ok", "bagus", "mantap", "👍", "oke", "good", "-", "sip kak")
REVIEW_TEXTS = (*(praise + ending for praise in _PRAISE for ending in _ENDINGS), *_SHORT)
_OVERTAKING = 0.03
"""Share of revisions that arrive before what they revise."""
_LONG_TEXTS = len(_PRAISE) * len(_ENDINGS)


@dataclass(frozen=True)
class Told:
    """The reports of one feed, unwritten: which training, which revision, when sent, still wrong or not."""

    index: np.ndarray
    revision: np.ndarray
    sent: np.ndarray
    wrong: np.ndarray

    def pick(self) -> pa.Array:
        """The index for Arrow."""
        return pa.array(self.index)


@dataclass(frozen=True)
class Case:
    """A block's trainings with what all their reports need."""

    block: Block
    people: People
    catalogue: Catalogue
    trainings: Trainings
    code: pa.Array
    certificate: pa.Array
    stock: pa.Array
    other_course: np.ndarray


def make_case(block: Block, people: People, catalogue: Catalogue, trainings: Trainings) -> Case:
    """Give the trainings of a block their codes and certificates."""
    serial, owner = trainings.serial, code_owners(trainings)
    stock = (
        _STOCK
        + trainings.provider * 1_000
        + jakarta_day(np.where(trainings.finished < NEVER, trainings.finished, 0)) // 30 % 12
    )
    return Case(
        block=block,
        people=people,
        catalogue=catalogue,
        trainings=trainings,
        code=redeem_codes(trainings.platform[owner], serial[owner]),
        certificate=_marked(trainings.provider, "/", scatter(serial, _CERTIFICATE)),
        stock=_marked(trainings.provider, "/", stock),
        other_course=(trainings.course + 1) % len(catalogue.provider),
    )


def _marked(partner: np.ndarray, sign: str, numbers: np.ndarray) -> pa.Array:
    texts = pa.array(numbers + 10**12).cast(pa.string())
    return pc.binary_join_element_wise(pa.array(_marks()).take(pa.array(partner)), texts, sign)


@cache
def _marks() -> list[str]:
    partners = enumerate(read_figures().partners)
    return ["".join(word[0] for word in entry.name.split("-")).upper() + str(number) for number, entry in partners]


def redeem_codes(platform: np.ndarray, serial: np.ndarray) -> pa.Array:
    """Redeem codes as platforms write them."""
    return _marked(platform, "-", scatter(serial, _CODE))


def delays(generator: np.random.Generator, partner: np.ndarray) -> np.ndarray:
    """How long partners take until they send a report, in seconds: mostly hours, with a heavy tail."""
    figures, size = read_figures(), len(partner)
    late = np.array([entry.worse.get("late", 1) for entry in figures.partners]) * figures("training", "late_report")
    usual = exponential(generator, figures("training", "report_days") * DAY, size)
    tail = generator.lognormal(
        np.log(figures("training", "late_report_median_days")), figures("training", "late_report_spread"), size
    )
    return np.where(generator.random(size) < late[partner], (tail * DAY).astype(np.int64), usual)


def _told(case: Case, generator: np.random.Generator, sent: np.ndarray, flawed: np.ndarray) -> Told:
    """First reports, corrections of the flawed, some revisions that change little; none where `sent` is NEVER."""
    mended, size = case.trainings.mended, len(case.trainings)
    exists = sent < NEVER
    corrected = exists & flawed & (mended < NEVER)
    revised = exists & ~flawed & (generator.random(size) < read_figures()("people", "revised"))
    again = np.flatnonzero(corrected | revised)
    later = np.where(
        corrected[again],
        np.maximum(mended[again], sent[again] + HOUR),
        sent[again] + HOUR + exponential(generator, 6 * DAY, len(again)),
    )
    overtaking = revised[again] & (generator.random(len(again)) < _OVERTAKING)
    later = np.where(overtaking, sent[again] - 1, later)
    index = np.concatenate([np.flatnonzero(exists), again])
    revision = np.where(np.arange(len(index)) < len(index) - len(again), 1, 2)
    sents = np.concatenate([sent[exists], later])
    return Told(index, revision, sents, flawed[index] & (revision == 1))


def _where(wrong: np.ndarray, said: pa.Array, true: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(wrong), said, true) if wrong.any() else true


def _sent(trainings: Trainings, occurred: np.ndarray, wait: np.ndarray, missing: str) -> np.ndarray:
    """When a first report is sent: after the wait, or when a missing one is made good, or never."""
    own = (occurred < NEVER) & ~trainings.has("SHARED_CODE")
    return np.where(own, np.where(trainings.has(missing), trainings.mended, occurred + wait), NEVER)


def purchases(case: Case) -> Rows:
    """Successful purchases as the platforms tell them."""
    block, trainings = case.block, case.trainings
    generator = block.dice(20)
    wait = delays(generator, trainings.platform)
    sent = np.where(trainings.has("NO_PURCHASE"), trainings.mended, trainings.bought + wait)
    flawed = trainings.has("UNKNOWN_CARD", "PRICE_ABOVE_LIST")
    told = _told(case, generator, sent, flawed)
    at = told.index
    unknown = told.wrong & trainings.has("UNKNOWN_CARD")[at]
    dear = told.wrong & trainings.has("PRICE_ABOVE_LIST")[at]
    card = case.people.card.take(pa.array(trainings.person[at]))
    mistyped = pc.binary_join_element_wise("8", pc.utf8_slice_codeunits(card, 1), "")
    price = case.catalogue.price_on(trainings.course, jakarta_day(trainings.bought))[at]
    return _purchase_rows(
        trainings.platform[at],
        told.sent,
        trainings.serial[at],
        {
            "card_number": _where(unknown, mistyped, card),
            "course_code": case.catalogue.code.take(pa.array(trainings.course[at])),
            "amount_idr": pa.array(np.where(dear, price + 50_000, trainings.amount[at])),
            "redeem_code": case.code.take(told.pick()),
            "status": pa.array(["SUCCESS"]).take(pa.array(np.zeros(len(at), dtype=np.int8))),
            "occurred_at": instants(trainings.bought[at] + 30 * (told.revision - 1)),
            "revision": pa.array(told.revision),
        },
    )


def _purchase_rows(sender: np.ndarray, sent: np.ndarray, serial: np.ndarray, columns: dict[str, pa.Array]) -> Rows:
    invoice = _marked(sender, "/2020/", scatter(serial, _INVOICE))
    return Rows("purchases", sender, sent, {"invoice_code": invoice, **columns})


def voided_purchases(case: Case) -> list[Rows]:
    """Purchases taken back, before another or for good; a few of their codes are used all the same."""
    figures, block, trainings, people = read_figures(), case.block, case.trainings, case.people
    generator = block.dice(21)
    before = np.full(block.size, NEVER)
    first = trainings.serial % 4 == 0
    before[trainings.person[first]] = trainings.bought[first]
    buys = before < NEVER
    chosen = block.some(generator, buys, figures("training", "purchase_voided"))
    chosen |= block.some(generator, ~buys, figures("training", "voided_only"))
    who = np.flatnonzero(chosen)
    hours = generator.integers(1, 20, len(who)) * HOUR
    bought = np.where(buys[who], before[who] - hours, people.appointed[who] + 9 * HOUR + hours + 3 * DAY)
    bought = np.maximum(bought, people.appointed[who] + HOUR)
    course = case.catalogue.choose(generator, jakarta_day(bought))
    platform = case.catalogue.seller(generator, course, listed=np.ones(len(who), dtype=bool))
    sent = bought + delays(generator, platform)
    void_sent = np.maximum(sent, bought + 30 * 60) + exponential(generator, 0.2 * DAY, len(who))
    serial = (block.first + who) * 4 + 2
    twice = np.concatenate([np.arange(len(who))] * 2)
    void = np.arange(len(twice)) >= len(who)
    code = redeem_codes(platform, serial)
    rows = _purchase_rows(
        platform[twice],
        np.where(void, void_sent[twice], sent[twice]),
        serial[twice],
        {
            "card_number": people.card.take(pa.array(who[twice])),
            "course_code": case.catalogue.code.take(pa.array(course[twice])),
            "amount_idr": pa.array(case.catalogue.price_on(course, jakarta_day(bought))[twice]),
            "redeem_code": code.take(pa.array(twice)),
            "status": pa.array(["SUCCESS", "VOID"]).take(pa.array(void.astype(np.int8))),
            "occurred_at": instants(bought[twice] + void * 20 * 60),
            "revision": pa.array(np.ones(len(twice), dtype=np.int64)),
        },
    )
    used = np.flatnonzero(generator.random(len(who)) < figures("training", "voided_but_used"))
    redemption = Rows(
        "redemptions",
        case.catalogue.provider[course[used]],
        sent[used] + 2 * DAY,
        {
            "redeem_code": code.take(pa.array(used)),
            "course_code": case.catalogue.code.take(pa.array(course[used])),
            "occurred_at": instants(bought[used] + 5 * HOUR),
            "revision": pa.array(np.ones(len(used), dtype=np.int64)),
        },
    )
    return [rows, redemption]


def _teller(trainings: Trainings) -> np.ndarray:
    """Who speaks as the provider: where it is the wrong one, the next in the list."""
    group = read_figures().groups["providers"]
    following = group.start + (trainings.provider + 1 - group.start) % len(group)
    return np.where(trainings.has("WRONG_PROVIDER"), following, trainings.provider)


def redemptions(case: Case) -> Rows:
    """Codes redeemed, as the providers tell it."""
    trainings, generator = case.trainings, case.block.dice(22)
    wait = delays(generator, trainings.provider) // 2
    sent = _sent(trainings, trainings.redeemed, wait, "SHARED_CODE")
    told = _told(case, generator, sent, trainings.has("REDEEMED_OTHER_COURSE", "REDEEMED_BEFORE_BOUGHT"))
    at = told.index
    other = told.wrong & trainings.has("REDEEMED_OTHER_COURSE")[at]
    early = told.wrong & trainings.has("REDEEMED_BEFORE_BOUGHT")[at]
    before = trainings.bought[at] - generator.integers(1, 8, len(at)) * HOUR
    course = np.where(other, case.other_course[at], trainings.course[at])
    return Rows(
        "redemptions",
        _teller(trainings)[at],
        told.sent,
        {
            "redeem_code": case.code.take(told.pick()),
            "course_code": case.catalogue.code.take(pa.array(course)),
            "occurred_at": instants(np.where(early, before, trainings.redeemed[at] + 45 * (told.revision - 1))),
            "revision": pa.array(told.revision),
        },
    )


def activities(case: Case) -> Rows:
    """Tests before and after, and some quizzes."""
    trainings, generator = case.trainings, case.block.dice(23)
    own = ~trainings.has("SHARED_CODE")
    throw = generator.random(len(trainings))
    pre = np.flatnonzero(own & (trainings.redeemed < NEVER) & (throw < 0.45))
    quiz = np.flatnonzero(own & (trainings.finished < NEVER) & (throw < 0.1))
    post = np.flatnonzero(own & (trainings.finished < NEVER) & (throw > 0.28))
    at = np.concatenate([pre, quiz, post])
    kind = np.repeat(np.arange(3, dtype=np.int8), [len(pre), len(quiz), len(post)])
    middle = (trainings.redeemed[quiz] + trainings.finished[quiz]) // 2
    occurred = np.concatenate([trainings.redeemed[pre] + 600, middle, trainings.finished[post] - 120])
    return Rows(
        "activities",
        _teller(trainings)[at],
        occurred + delays(generator, trainings.provider[at]),
        {
            "redeem_code": case.code.take(pa.array(at)),
            "kind": pa.array(["pre_test", "quiz", "post_test"]).take(pa.array(kind)),
            "sequence": pa.array(np.ones(len(at), dtype=np.int64)),
            "occurred_at": instants(occurred),
            "score": _scores(generator, len(at)),
        },
    )


def _scores(generator: np.random.Generator, size: int) -> pa.Array:
    return pa.array(np.minimum(generator.integers(55, 116, size), 100)).cast(pa.string())


def completions(case: Case) -> Rows:
    """The ends of trainings, as the providers tell it."""
    trainings, generator = case.trainings, case.block.dice(24)
    sent = _sent(trainings, trainings.finished, delays(generator, trainings.provider), "NO_COMPLETION")
    flawed = trainings.has("COMPLETED_OTHER_COURSE", "FINISHED_BEFORE_REDEEMED", "CERTIFICATE_REUSED", "NO_CERTIFICATE")
    told = _told(case, generator, sent, flawed)
    at = told.index
    early = told.wrong & trainings.has("FINISHED_BEFORE_REDEEMED")[at]
    before = trainings.redeemed[at] - generator.integers(1, 20, len(at)) * HOUR
    other = told.wrong & trainings.has("COMPLETED_OTHER_COURSE")[at]
    course = np.where(other, case.other_course[at], trainings.course[at])
    return Rows(
        "completions",
        _teller(trainings)[at],
        told.sent,
        {
            "redeem_code": case.code.take(told.pick()),
            "course_code": case.catalogue.code.take(pa.array(course)),
            "occurred_at": instants(np.where(early, before, trainings.finished[at])),
            "certificate_no": _certificates(case, told),
            "score": _scores(generator, len(at)),
            "revision": pa.array(told.revision),
        },
    )


def _certificates(case: Case, told: Told) -> pa.Array:
    reused = told.wrong & case.trainings.has("CERTIFICATE_REUSED")[told.index]
    none = told.wrong & case.trainings.has("NO_CERTIFICATE")[told.index]
    own = _where(reused, case.stock.take(told.pick()), case.certificate.take(told.pick()))
    return blanked(own, none)


def confirmations(case: Case) -> list[Rows]:
    """The ends of trainings, as the platforms tell it; now and then another platform speaks too."""
    trainings, generator = case.trainings, case.block.dice(25)
    sent = _sent(trainings, trainings.confirmed, delays(generator, trainings.platform), "NO_CONFIRMATION")
    flawed = trainings.has("CONFIRMED_OTHER_COURSE", "COMPLETIONS_DIFFER", "CERTIFICATE_REUSED", "NO_CERTIFICATE")
    told = _told(case, generator, sent, flawed)
    at = told.index
    differ = told.wrong & trainings.has("COMPLETIONS_DIFFER")[at]
    by_day = differ & (trainings.serial[at] // 4 % 2 == 0)
    other = told.wrong & trainings.has("CONFIRMED_OTHER_COURSE")[at]
    course = np.where(other, case.other_course[at], trainings.course[at])
    certificate = _certificates(case, told)
    certificate = _where(differ & ~by_day, pc.binary_join_element_wise(certificate, "A", "-"), certificate)
    rows = Rows(
        "confirmations",
        trainings.platform[at],
        told.sent + by_day * 3 * DAY,
        {
            "redeem_code": case.code.take(told.pick()),
            "course_code": case.catalogue.code.take(pa.array(course)),
            "occurred_at": instants(trainings.confirmed[at] + by_day * 3 * DAY + 60 * (told.revision - 1)),
            "certificate_no": certificate,
            "revision": pa.array(told.revision),
        },
    )
    group = read_figures().groups["platforms"]
    stray = pa.array((told.revision == 1) & trainings.has("WRONG_PLATFORM")[at])
    keep = np.flatnonzero(stray)
    elsewhere = group.start + (trainings.platform[at][keep] + 1 - group.start) % len(group)
    columns = {name: column.take(pa.array(keep)) for name, column in rows.columns.items()}
    return [rows, Rows("confirmations", elsewhere, told.sent[keep] + DAY, columns)]


def reviews(case: Case) -> list[Rows]:
    """Ratings and reviews, as the platforms pass them on; a few were given to the office instead."""
    trainings, generator = case.trainings, case.block.dice(26)
    sent = _sent(trainings, trainings.reviewed, delays(generator, trainings.platform), "NOT_RATED")
    told = _told(case, generator, sent, trainings.has("REVIEWED_BEFORE_FINISHED", "WITHOUT_STARS", "SHORT_REVIEW"))
    at, size = told.index, len(told.index)
    early = told.wrong & trainings.has("REVIEWED_BEFORE_FINISHED")[at]
    before = trainings.finished[at] - generator.integers(1, 48, size) * HOUR
    late = (told.revision == 2) & trainings.has("WITHOUT_STARS", "SHORT_REVIEW")[at]
    occurred = np.where(late, told.sent - HOUR, trainings.reviewed[at])
    short = told.wrong & trainings.has("SHORT_REVIEW")[at]
    text = np.where(
        short, _LONG_TEXTS + generator.integers(0, len(_SHORT), size), generator.integers(0, _LONG_TEXTS, size)
    )
    stars = pa.array(generator.choice([1, 2, 3, 4, 5], size, p=[0.01, 0.02, 0.07, 0.25, 0.65]))
    columns = {
        "redeem_code": case.code.take(told.pick()),
        "stars": blanked(stars, told.wrong & trainings.has("WITHOUT_STARS")[at]),
        "text": pa.array(REVIEW_TEXTS).take(pa.array(text)),
        "occurred_at": instants(np.where(early, before, occurred)),
        "revision": pa.array(told.revision),
    }
    office = np.flatnonzero((told.revision == 1) & ~told.wrong & (generator.random(size) < 0.003))
    pmo = np.full(len(office), read_figures().groups["office_partner"].start)
    given = {name: column.take(pa.array(office)) for name, column in columns.items()}
    return [
        Rows("reviews", trainings.platform[at], told.sent, columns),
        Rows("reviews", pmo, told.sent[office] + DAY, given),
    ]
