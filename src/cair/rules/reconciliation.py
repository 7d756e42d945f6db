"""The whole decision, from reports to rows, as a list of named steps: each a table made from tables before it.

Stages let an engine run the steps in parts: CARDS by card number, SHARED over everybody (they are small or make what is
small), CODES by redeem code; a person stands where the first training's code stands. In one piece or in parts, the
answer is the same. A step that is `kept` is used more than once, so an engine stores it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace

import ibis
from ibis.expr import types as ir

from cair.rules import breaks, holds, incentives, matching, measures, people, reach, revocation, trainings, tranches
from cair.rules.facts import calm, in_force, schemas, winners


class Stage(Enum):
    """Over which rows a step runs."""

    FIRST = "over everybody, first"
    CARDS = "by card number"
    SHARED = "over everybody, between"
    CODES = "by redeem code"


@dataclass(frozen=True)
class Step:
    """One named table: how it is made of tables before it.

    `route` names the column by which rows of a stored step go to the parts of a later stage; without it every part sees
    all of them.
    """

    name: str
    stage: Stage
    build: Callable[[SimpleNamespace], ir.Table]
    kept: bool = False
    route: str = ""


_EVIDENCE = ("redemptions", "activities", "completions", "confirmations", "reviews")
_FIRST, _CARDS, _SHARED, _CODES = Stage.FIRST, Stage.CARDS, Stage.SHARED, Stage.CODES


def _standing(feed: str, stage: Stage, *, kept: bool = False) -> Step:
    return Step(f"{feed}_now", stage, lambda t: in_force(getattr(t, feed), t.moment), kept)


def _moving(feed: str) -> tuple[Step, Step]:
    """Make the steps of a feed whose revisions may name another card: contested keys are settled over everybody."""
    return (
        Step(f"{feed}_winners", _FIRST, lambda t: winners(getattr(t, feed), t.moment), kept=True, route="card_number"),
        Step(f"{feed}_now", _CARDS, lambda t: calm(getattr(t, feed), t.moment).union(getattr(t, f"{feed}_winners"))),
    )


def _strays(feed: str, party: str) -> Step:
    def build(t: SimpleNamespace) -> ir.Table:
        return matching.strays(getattr(t, f"{feed}_now"), t.codes_sold, party)

    return Step(f"{feed}_stray", Stage.CODES, build, kept=True)


_PURCHASES_WON, _PURCHASES_NOW = _moving("purchases")
_MESSAGES_WON, _MESSAGES_NOW = _moving("messages")
_CONTACTS_WON, _CONTACTS_NOW = _moving("contacts")

STEPS: tuple[Step, ...] = (
    _standing("courses", _FIRST),
    Step("offers", _FIRST, lambda t: trainings.offers(t.courses_now), kept=True),
    _standing("holds", _FIRST, kept=True),
    _standing("revocations", _FIRST, kept=True),
    _standing("resolutions", _FIRST, kept=True),
    _PURCHASES_WON,
    _MESSAGES_WON,
    _CONTACTS_WON,
    Step(
        "taken_back",
        _FIRST,
        lambda t: trainings.voids(calm(t.purchases, t.moment)).union(trainings.voids(t.purchases_winners)),
        kept=True,
    ),
    _standing("appointments", _FIRST),
    Step("same_people", _FIRST, lambda t: people.same_people(t.appointments_now), kept=True),
    Step("regions", _FIRST, lambda t: t.appointments_now.select("region_code").distinct(), kept=True),
    _standing("completions", _FIRST),
    Step("shared_certificates", _FIRST, lambda t: matching.shared_certificates(t.completions_now), kept=True),
    # by card number
    _standing("accounts", _CARDS),
    Step("accounts_linked", _CARDS, lambda t: people.linked_accounts(t.accounts_now, t.appointments_now)),
    Step("revoked", _CARDS, lambda t: people.revocations_by_card(t.revocations_now)),
    Step(
        "persons",
        _CARDS,
        lambda t: people.stand(t.appointments_now, t.same_people, t.accounts_linked, t.revoked, t.rulebooks),
    ),
    _PURCHASES_NOW,
    Step("holders", _CARDS, lambda t: people.holders(t.appointments_now, t.rulebooks)),
    Step("sales", _CARDS, lambda t: trainings.sales(t.purchases_now, t.taken_back)),
    Step("bought", _CARDS, lambda t: trainings.bought(t.sales, t.holders), kept=True, route="redeem_code"),
    Step(
        "people",
        _CARDS,
        lambda t: trainings.with_first_training(t.persons, t.bought, t.sales),
        kept=True,
        route="first_code",
    ),
    Step("sales_gone", _CARDS, lambda t: trainings.lapsed(t.sales), kept=True),
    _MESSAGES_NOW,
    _CONTACTS_NOW,
    Step("reach", _CARDS, lambda t: reach.classify(t.people, t.messages_now, t.contacts_now), kept=True),
    Step(
        "revocable",
        _CARDS,
        lambda t: revocation.cases(t.people, t.reach, t.messages_now, t.holds_now, t.regions, t.moment),
        kept=True,
    ),
    # over everybody
    Step("reach_figures", _SHARED, lambda t: measures.reach_figures(t.reach)),
    Step(
        "gone",
        _SHARED,
        lambda t: t.sales_gone.union(trainings.lapsed_voids(t.taken_back)),
        kept=True,
        route="redeem_code",
    ),
    Step(
        "reused",
        _SHARED,
        lambda t: matching.reused_certificates(t.shared_certificates, t.gone, t.bought),
        kept=True,
    ),
    # by redeem code
    _standing("redemptions", _CODES),
    _standing("activities", _CODES),
    _standing("confirmations", _CODES),
    _standing("reviews", _CODES),
    Step("codes_sold", _CODES, lambda t: matching.sold_codes(t.bought, t.offers), kept=True),
    _strays("redemptions", "provider"),
    _strays("activities", "provider"),
    _strays("completions", "provider"),
    _strays("confirmations", "platform"),
    _strays("reviews", "platform"),
    Step(
        "stray_instants",
        _CODES,
        lambda t: matching.stray_instants({feed: getattr(t, f"{feed}_stray") for feed in _EVIDENCE}),
        kept=True,
    ),
    Step("codes_named", _CODES, lambda t: matching.every_code(t.codes_sold, t.stray_instants, t.gone)),
    Step(
        "codes_redeemed",
        _CODES,
        lambda t: matching.with_side(t.codes_named, "r", t.redemptions_now, t.redemptions_stray, "provider"),
    ),
    Step(
        "codes_completed",
        _CODES,
        lambda t: matching.with_side(t.codes_redeemed, "c", t.completions_now, t.completions_stray, "provider"),
    ),
    Step(
        "codes_confirmed",
        _CODES,
        lambda t: matching.with_side(t.codes_completed, "k", t.confirmations_now, t.confirmations_stray, "p_partner"),
    ),
    Step(
        "codes_reviewed",
        _CODES,
        lambda t: matching.with_review(t.codes_confirmed, t.reviews_now, t.reviews_stray),
    ),
    Step(
        "codes",
        _CODES,
        lambda t: matching.with_reused_certificates(matching.with_finish(t.codes_reviewed), t.reused),
    ),
    Step("suspects", _CODES, lambda t: breaks.suspects(t.codes), kept=True),
    Step("findings", _CODES, lambda t: breaks.find(t.suspects, t.moment)),
    Step("breaks", _CODES, lambda t: breaks.resolve(t.findings, t.resolutions_now, t.terms), kept=True),
    Step("breaks_by_code", _CODES, lambda t: breaks.by_code(t.breaks)),
    Step("trainees", _CODES, lambda t: incentives.with_training(t.people, t.codes, t.breaks_by_code)),
    Step("trainees_held", _CODES, lambda t: holds.with_holds(t.trainees, t.holds_now, t.regions)),
    Step("progress", _CODES, lambda t: incentives.progress(t.activities_now, t.people, t.codes_sold)),
    Step("candidates", _CODES, lambda t: incentives.with_progress(t.trainees_held, t.progress)),
    Step("checked", _CODES, lambda t: incentives.check(t.candidates)),
    Step("decisions", _CODES, lambda t: incentives.decide(t.checked, t.terms)),
    Step("standing", _CODES, lambda t: tranches.with_payments(t.decisions, t.orders, t.spent)),
    Step(
        "later_judged",
        _CODES,
        lambda t: tranches.later(t.decisions, t.orders, t.spent, t.answered, t.later_benefits, t.moment),
    ),
    Step("later", _CODES, lambda t: tranches.dated(t.later_judged, t.terms)),
    Step("told", _CODES, lambda t: tranches.told(t.standing, t.later)),
    Step("profiles", _CODES, lambda t: measures.profiles(t.standing, t.moment), kept=True),
    Step("figures", _CODES, lambda t: measures.figures(t.profiles)),
    Step("unpaid", _CODES, lambda t: measures.unpaid(t.profiles)),
    Step("waits", _CODES, lambda t: measures.waits(t.standing, t.moment)),
    Step("broken_by", _CODES, lambda t: measures.broken_by(t.breaks, t.moment)),
)
"""Every step, in order."""


def expressions() -> Iterator[tuple[Step, ir.Table]]:
    """Give each step with its expression over tables known by name only: compiled once, run on any engine."""
    tables = SimpleNamespace(**{name: ibis.table(schema, name=name) for name, schema in {**schemas(), **tranches.SCHEMAS}.items()})
    for step in STEPS:
        expression = step.build(tables)
        setattr(tables, step.name, ibis.table(expression.schema(), name=step.name))
        yield step, expression
