"""Facts for the report, counted from groups of made-up people, so that all of them belong to one population."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from random import Random

from cair.channels.report import ReportFacts
from cair.kernel.reasons import BreakKind, ReachClass
from cair.kernel.states import Step
from cair.programme.provinces import provinces
from cair.rules.tables import FEEDS

LADDER = [step.value for step in Step]
AS_OF = datetime(2020, 7, 26, 17, tzinfo=UTC)
OUTCOMES = ("accepted", "superseding", "outdated", "conflict", "duplicate", "rejected")


@dataclass(frozen=True)
class Group:
    """`count` people who are alike in everything that the report asks."""

    count: int
    step: str
    province: str = "32"
    wave: str = "1"
    rulebook: str = "semi-bansos-2020"
    reach: str = "NOT_CONTACTED"
    reason: str = ""
    whose_move: str = ""
    partner: str = ""
    timing: str = "in_time"
    days: int = 0


def facts_of(groups: Iterable[Group], *, crossed: bool = True, seed: int | None = 7, **more: object) -> ReportFacts:
    """Counts the groups as the programme would; `more` replaces fields of the facts."""
    groups = list(groups)
    funnel: Counter[tuple[str, str, str]] = Counter()
    waits: Counter[tuple[int, str, str]] = Counter()
    unpaid: Counter[tuple[str, str, str, str]] = Counter()
    for group in groups:
        for key in _measures(group):
            funnel[key] += group.count
        if _unpaid(group):
            waits[group.days, "DUE" if group.reason == "DUE" else "WAITING", group.whose_move] += group.count
            unpaid[group.reason, group.whose_move, group.partner, group.timing] += group.count
    fields: dict[str, object] = {
        "as_of": AS_OF,
        "people": sum(group.count for group in groups),
        "seed": seed,
        "funnel": [
            {"as_of": "2020-07-26T17:00:00Z", "measure": m, "dimension": d, "value": v, "count": n}
            for (m, d, v), n in sorted(funnel.items())
            if n
        ],
        "breaks": [],
        "waits": [dict(zip(("days", "state", "whose_move"), key, strict=True), count=n) for key, n in waits.items()],
        "provinces": {province.code: province.name for province in provinces().values()},
        "intake": [],
        "refused": [],
        "unpaid": [
            dict(zip(("reason", "whose_move", "partner", "timing"), key, strict=True), count=n)
            for key, n in unpaid.items()
        ]
        if crossed
        else None,
    }
    return ReportFacts(**(fields | more))  # type: ignore[arg-type]


def _unpaid(group: Group) -> bool:
    return LADDER.index("finished") <= LADDER.index(group.step) < LADDER.index("paid")


def _measures(group: Group) -> Iterable[tuple[str, str, str]]:
    side = group.step if group.step in ("revoked", "not_bought") else "bought"
    for measure in ("appointed", side):
        yield measure, "total", "all"
        for dimension in ("wave", "province", "rulebook"):
            yield measure, dimension, getattr(group, dimension)
    if side == "not_bought":
        yield "not_bought", "reach", group.reach
    yield "ladder", "step", group.step
    if _unpaid(group):
        for dimension in ("timing", "reason", "whose_move", "partner"):
            yield "unpaid_finishers", dimension, getattr(group, dimension)
        if group.timing == "overdue":
            for dimension in ("whose_move", "partner"):
                yield "unpaid_finishers", f"overdue_{dimension}", getattr(group, dimension)


BLOCKED = (
    ("PLATFORM_REPORT_MISSING", "PLATFORM", "finished", 3000),
    ("PROVIDER_REPORT_MISSING", "PROVIDER", "finished", 2100),
    ("CERTIFICATE_MISSING", "PROVIDER", "reported", 800),
    ("NOT_RATED", "PARTICIPANT", "certified", 2600),
    ("NOT_REVIEWED", "PARTICIPANT", "certified", 700),
    ("BREAK", "PLATFORM", "reviewed", 900),
    ("BREAK", "PROVIDER", "reviewed", 450),
    ("BREAK", "PMO", "reviewed", 120),
    ("NO_ACCOUNT", "PARTICIPANT", "settled", 1500),
    ("ACCOUNT_NOT_OWN", "PARTICIPANT", "settled", 1300),
    ("ACCOUNT_NOT_VERIFIED", "PARTICIPANT", "settled", 1800),
    ("ACCOUNT_NOT_ACTIVE", "PARTICIPANT", "settled", 90),
    ("HELD", "OWNER", "settled", 310),
    ("DUPLICATE_PERSON", "PMO", "settled", 3),
)
PLATFORMS = ("pasar-kelas", "tokoilmu", "ruang-belanja-pelatihan-nusantara", "karir-hub", "sekolah-pintar", "bukakelas")
PROVIDERS = tuple(f"lembaga-{name}" for name in (
    "cakrawala", "bahari", "melati", "pelatihan-keterampilan-digital-dan-kewirausahaan-mandiri-sejahtera", "garuda",
    "kencana", "mentari", "nusa", "pelita", "sinar", "tunas", "wijaya", "angkasa", "bintang", "delima",
))  # fmt: skip


def july_2020() -> ReportFacts:
    """The national picture: 680,880 appointed, 80,880 not bought, about 495,000 finished, 15,673 of them blocked."""
    rng = Random(2020)
    spread = {code: 1 + 40 * rng.random() ** 4 for code in provinces()}
    spread["96"] = spread["95"] = 0.0004
    unsold = {code: part * (0.6 + 0.9 * rng.random()) for code, part in spread.items()}
    groups = [*_split(rng, unsold, 80_880, _not_bought), *_split(rng, spread, 600_000 - 495_000, _on_the_way)]
    for line in BLOCKED:
        groups += _split(rng, spread, line[3], partial(_blocked, line=line))
    due = 495_000 - sum(line[3] for line in BLOCKED)
    groups += _split(rng, spread, due, _due)
    return facts_of(
        groups,
        breaks=_some_breaks(rng),
        intake=_some_intake(rng),
        refused=[{"name": "purchases.tokoilmu.20200701.csv.gz", "reason": "TRUNCATED"},
                 {"name": "laporan_juli_FINAL(2).xlsx", "reason": "BAD_NAME"}],
    )  # fmt: skip


def _split(rng: Random, spread: dict[str, float], count: int, draw: Callable[..., dict[str, object]]) -> list[Group]:
    """Shares `count` people out over provinces and waves, in drawn groups."""
    groups, left, weight = [], count, sum(spread.values())
    for code, part in spread.items():
        wanted = min(left, round(count * part / weight))
        while wanted:
            size = min(wanted, 1 + int(wanted * rng.random() * 0.5))
            groups.append(Group(count=size, province=code, wave=str(rng.randint(1, 3)), **draw(rng)))
            wanted -= size
            left -= size
    if left:
        groups.append(Group(count=left, province="31", wave="2", **draw(rng)))
    return groups


def _not_bought(rng: Random) -> dict[str, object]:
    weights = [6, 5, 9, 14, 22, 17, 12, 15]
    return {"step": "not_bought", "reach": rng.choices(list(ReachClass), weights)[0].value}


def _on_the_way(rng: Random) -> dict[str, object]:
    return {"step": rng.choices(["bought", "redeemed"], [2, 3])[0]}


def _blocked(rng: Random, line: tuple[str, str, str, int]) -> dict[str, object]:
    reason, move, step, _ = line
    named = {"PLATFORM": PLATFORMS, "PROVIDER": PROVIDERS, "PMO": ("pmo",), "OWNER": ("tim-audit",)}
    days = min(int(rng.expovariate(1 / 19)), 97)
    names = named.get(move, ("",))
    late = move != "PARTICIPANT" and days > 3
    partner = rng.choices(names, [1 / (1 + place) for place in range(len(names))])[0]
    timing = "overdue" if late else "in_time"
    return {"step": step, "reason": reason, "whose_move": move, "partner": partner, "timing": timing, "days": days}


def _due(rng: Random) -> dict[str, object]:
    days = min(int(rng.expovariate(1 / 30)), 97)
    timing = "overdue" if days > 2 else "in_time"
    return {"step": "payable", "reason": "DUE", "whose_move": "PMO", "partner": "pmo", "timing": timing, "days": days}


def _some_breaks(rng: Random) -> list[dict[str, object]]:
    rows = []
    for place, kind in enumerate(BreakKind):
        for partner in (*PLATFORMS, *PROVIDERS)[:: 1 + place % 3]:
            count = int(rng.expovariate(1 / 30))
            move = "PLATFORM" if partner in PLATFORMS else "PROVIDER"
            if count:
                row = {"partner": partner, "whose_move": move, "kind": kind.value, "count": count}
                rows.append(row | {"overdue": rng.randint(0, count)})
    return rows


def _some_intake(rng: Random) -> list[dict[str, object]]:
    rows = []
    for feed in list(FEEDS)[:9]:
        counts = [rng.randint(300_000, 700_000), rng.randint(100, 20_000), 41, 7, 5_000, 310]
        row = {"feed": feed, "files": rng.randint(1, 400), "lines": sum(counts)}
        rows.append(row | dict(zip(OUTCOMES, counts, strict=True)))
    return rows
