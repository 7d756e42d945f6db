"""What the programme office itself records: holds, revocations, resolutions, surveys; and an authority's list."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from cair.simulation.evidence import Case
from cair.simulation.figures import read_figures
from cair.simulation.files import Rows
from cair.simulation.population import Block, People, card_numbers, instants
from cair.simulation.scenario import DAY, NEVER, Scenario, dice, start_of_day
from cair.simulation.trainings import HOUR, Trainings, exponential

_HOLDS = 1_000_002
"""Purpose of these dice: no block has this number."""
_JUNE, _JULY = 18_414, 18_444
"""The first of these months of 2020 as day numbers."""
_LISTS = ("peserta-didik", "aparatur", "bantuan-lain")
RESOLVED = (
    "WRONG_PROVIDER", "WRONG_PLATFORM", "PRICE_ABOVE_LIST", "REDEEMED_BEFORE_BOUGHT", "FINISHED_BEFORE_REDEEMED",
    "REVIEWED_BEFORE_FINISHED", "CERTIFICATE_REUSED", "COMPLETIONS_DIFFER", "TOO_FAST", "BEFORE_APPOINTMENT",
)  # fmt: skip
"""Flaws that an officer may set aside, by the name of the break they make."""


class _Hold(NamedTuple):
    """One report of a hold, with the columns of the feed; the instant in seconds, the expected end a day number."""

    hold_ref: str
    status: str
    scope: str
    scope_value: str
    reason: str
    owner: str
    occurred_at: int
    expected_end: int | None


def _office(size: int) -> np.ndarray:
    return np.full(size, read_figures().groups["office_partner"].start)


def holds(scenario: Scenario) -> Rows:
    """Payments held back: some persons, a small provider, a region for two weeks."""
    figures, generator = read_figures(), dice(scenario, _HOLDS)
    size = max(2, round(scenario.people * figures("office", "person_holds")))
    cards = card_numbers(generator.choice(scenario.people, size, replace=False)).to_pylist()
    started = start_of_day(_JUNE + generator.integers(0, 40, size)) + 10 * HOUR
    smallest = figures.partners[figures.groups["providers"].stop - 1].name
    lines: list[_Hold] = [
        _Hold("T-WILAYAH-1", "START", "region", "3276", "pemadanan ulang data", "tim-data", _JUNE * DAY, _JUNE + 14),
        _Hold("T-WILAYAH-1", "END", "region", "3276", "pemadanan selesai", "tim-data", (_JUNE + 14) * DAY, None),
        _Hold(
            "T-LEMBAGA-1", "START", "provider", smallest, "pemeriksaan", "inspektorat", (_JULY + 5) * DAY, _JULY + 45
        ),
    ]
    for number, (card, at) in enumerate(zip(cards, started, strict=True)):
        reference = f"T-ORANG-{number + 1}"
        start, month_later = int(at), int(at // DAY) + 30
        lines.append(_Hold(reference, "START", "person", card, "laporan masyarakat", "tim-aduan", start, month_later))
        if number % 5 < 2:
            lines.append(_Hold(reference, "END", "person", card, "selesai", "tim-aduan", start + 12 * DAY, None))
    columns = {field: pa.array([getattr(line, field) for line in lines]) for field in _Hold._fields}
    columns["occurred_at"] = instants(np.array([line.occurred_at for line in lines]))
    columns["expected_end"] = columns["expected_end"].cast(pa.int32()).cast(pa.date32())
    return Rows("holds", _office(len(lines)), np.array([line.occurred_at + HOUR for line in lines]), columns)


def revocations(block: Block, people: People, first: Trainings) -> Rows:
    """Participation revoked, mostly of those who never bought, and restored for some."""
    figures, generator = read_figures(), block.dice(50)
    idle = np.ones(block.size, dtype=bool)
    idle[first.person] = generator.random(len(first)) < 0.02
    who = np.flatnonzero(
        block.some(generator, idle, figures("office", "revoked") / (1 - figures("training", "bought")))
    )
    at = people.appointed[who] + 45 * DAY + generator.integers(0, 25 * DAY, len(who))
    restored = np.flatnonzero(generator.random(len(who)) < figures("office", "restored"))
    everyone = np.concatenate([np.arange(len(who)), restored])
    back = np.arange(len(everyone)) >= len(who)
    occurred = at[everyone] + back * 9 * DAY
    reference = [
        f"SK-{'P' if again else 'C'}-{block.first + who[at_]:08d}" for at_, again in zip(everyone, back, strict=True)
    ]
    return Rows(
        "revocations",
        _office(len(everyone)),
        occurred + HOUR,
        {
            "revocation_ref": pa.array(reference, pa.string()),
            "card_number": people.card.take(pa.array(who[everyone])),
            "status": pa.array(["REVOKED", "RESTORED"]).take(pa.array(back.astype(np.int8))),
            "reason": pa.array(["tidak membeli pelatihan", "banding diterima"]).take(pa.array(back.astype(np.int8))),
            "occurred_at": instants(occurred),
        },
    )


def resolutions(case: Case) -> Rows:
    """Verdicts of officers on some of the breaks; most are set aside."""
    figures, trainings, generator = read_figures(), case.trainings, case.block.dice(51)
    open_ = trainings.has(*RESOLVED) & (trainings.mended == NEVER) & (trainings.reviewed < NEVER)
    at = np.flatnonzero(case.block.some(generator, open_, figures("office", "resolved")))
    occurred = trainings.reviewed[at] + 16 * DAY + exponential(generator, 8 * DAY, len(at))
    kinds = np.array(["", *(flaw.name for flaw in figures.flaws)])[trainings.flaw[at]]
    verdict = generator.random(len(at)) < figures("office", "confirmed")
    return Rows(
        "resolutions",
        _office(len(at)),
        occurred + HOUR,
        {
            "resolution_ref": pa.array([f"R-{serial:09d}" for serial in trainings.serial[at]], pa.string()),
            "redeem_code": case.code.take(pa.array(at)),
            "break_kind": pa.array(kinds.tolist(), pa.string()),
            "verdict": pa.array(["SET_ASIDE", "CONFIRMED"]).take(pa.array(verdict.astype(np.int8))),
            "reason": pa.array(["bukti diperiksa", "tidak sesuai"]).take(pa.array(verdict.astype(np.int8))),
            "by": pa.array([f"petugas-{number:02d}" for number in generator.integers(1, 13, len(at))], pa.string()),
            "occurred_at": instants(occurred),
        },
    )


def surveys(block: Block, people: People, first: Trainings) -> Rows:
    """First surveys answered a month and more after finishing."""
    generator = block.dice(52)
    at = np.flatnonzero(block.some(generator, first.reviewed < NEVER, read_figures()("office", "survey_answered")))
    occurred = first.reviewed[at] + 40 * DAY + generator.integers(0, 25 * DAY, len(at))
    return Rows(
        "surveys",
        _office(len(at)),
        occurred + HOUR,
        {
            "card_number": people.card.take(pa.array(first.person[at])),
            "survey_no": pa.array(np.ones(len(at), dtype=np.int64)),
            "occurred_at": instants(occurred),
        },
    )


def registry(block: Block, people: People) -> Rows:
    """Participants whom an authority finds on one of its lists."""
    generator, figures = block.dice(53), read_figures()
    who = np.flatnonzero(block.some(generator, np.ones(block.size, dtype=bool), figures("office", "on_a_list")))
    valid = start_of_day(_JUNE - 17)
    return Rows(
        "registry",
        np.full(len(who), figures.groups["authorities"].start),
        np.full(len(who), valid + 6 * DAY),
        {
            "nik": pa.array(people.nik[who]).cast(pa.string()),
            "list_name": pa.array(_LISTS).take(pa.array(generator.choice(3, len(who), p=[0.6, 0.25, 0.15]))),
            "valid_on": pa.array(np.full(len(who), _JUNE - 17, dtype=np.int32)).cast(pa.date32()),
        },
    )
