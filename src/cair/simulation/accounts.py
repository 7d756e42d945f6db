"""Accounts and wallets: linked soon after buying, some of them wrong at first and most of those mended by July."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cair.simulation.figures import read_figures
from cair.simulation.files import Rows
from cair.simulation.population import Block, People, blanked, digits, instants, scatter
from cair.simulation.scenario import DAY, NEVER, day_number, start_of_day
from cair.simulation.trainings import Trainings, exponential

_FINE, _OTHERS, _BASIC, _FROZEN, _CLOSED, _UNLINKED = range(6)
_KYC = pa.array(["full", "full", "basic", "full", "full", "full"])
_STATUS = pa.array(["LINKED", "LINKED", "LINKED", "FROZEN", "CLOSED", "UNLINKED"])
_ACCOUNT = 14_142_135_623


@dataclass(frozen=True)
class _Checks:
    """One entry a look at an account: whose, at which partner, which of his accounts, in which state, when."""

    who: np.ndarray
    partner: np.ndarray
    nth: np.ndarray
    state: np.ndarray
    at: np.ndarray


def accounts(block: Block, people: People, first: Trainings) -> Rows:
    """All looks at accounts of a block, as the payment partners send them."""
    generator = block.dice(30)
    checks = _checks(block, people, first, generator)
    who = pa.array(checks.who)
    others = checks.state == _OTHERS
    holder = np.where(others, np.roll(people.nik, 1)[checks.who], people.nik[checks.who])
    name = people.full_name.take(pa.array(np.where(others, (checks.who - 1) % block.size, checks.who)))
    unknown = checks.state == _BASIC
    reference = digits(scatter((block.first + checks.who) * 4 + checks.nth, _ACCOUNT), 12)
    return Rows(
        "accounts",
        checks.partner,
        checks.at + exponential(generator, 0.3 * DAY, len(checks.who)),
        {
            "card_number": people.card.take(who),
            "account_ref": reference,
            "holder_nik": pa.array(holder).cast(pa.string()),
            "holder_name": blanked(name, unknown & (checks.nth == 0) & (checks.who % 3 == 0)),
            "kyc": _KYC.take(pa.array(checks.state)),
            "status": _STATUS.take(pa.array(checks.state)),
            "checked_at": instants(checks.at),
        },
    )


def _checks(block: Block, people: People, first: Trainings, generator: np.random.Generator) -> _Checks:
    figures = read_figures()
    since = people.appointed.copy()
    buys = np.zeros(block.size, dtype=bool)
    buys[first.person] = True
    since[first.person] = np.maximum(first.bought, people.appointed[first.person])
    share = np.where(buys, figures("accounts", "linked"), figures("accounts", "linked_of_others"))
    who = np.flatnonzero(generator.random(block.size) < share)
    group = figures.groups["payment_partners"]
    partner = group.start + generator.choice(len(group), len(who), p=figures.shares("payment_partners"))
    wrong = generator.random(len(who)) < figures("accounts", "wrong_at_first")
    kinds = 1 + generator.choice(4, len(who), p=figures("accounts", "wrong_kinds"))
    state = np.where(wrong, kinds, _FINE)
    at = since[who] + 3_600 + exponential(generator, figures("accounts", "link_days") * DAY, len(who))
    looked = _Checks(who, partner, np.zeros(len(who), dtype=np.int64), state, at)
    return _with_mended(looked, generator)


def _with_mended(looked: _Checks, generator: np.random.Generator) -> _Checks:
    """Add what mends the wrong accounts: the same one verified or unfrozen, or it is unlinked and another is linked."""
    figures, size = read_figures(), len(looked.who)
    start = start_of_day(day_number(figures("accounts", "mended_from")))
    when = np.maximum(looked.at, start) + DAY + exponential(generator, figures("accounts", "mended_days") * DAY, size)
    mended = (looked.state != _FINE) & (generator.random(size) < figures("accounts", "mended"))
    same = np.flatnonzero(mended & np.isin(looked.state, [_BASIC, _FROZEN]))
    moved = np.flatnonzero(mended & np.isin(looked.state, [_OTHERS, _CLOSED]))
    group = figures.groups["payment_partners"]
    elsewhere = group.start + (looked.partner[moved] + 1 - group.start) % len(group)
    zeros = np.zeros_like
    return _Checks(
        who=np.concatenate([looked.who, looked.who[same], looked.who[moved], looked.who[moved]]),
        partner=np.concatenate([looked.partner, looked.partner[same], looked.partner[moved], elsewhere]),
        nth=np.concatenate([looked.nth, zeros(same), zeros(moved), zeros(moved) + 1]),
        state=np.concatenate([looked.state, zeros(same), zeros(moved) + _UNLINKED, zeros(moved)]),
        at=np.minimum(np.concatenate([looked.at, when[same], when[moved] - 3_600, when[moved]]), NEVER),
    )
