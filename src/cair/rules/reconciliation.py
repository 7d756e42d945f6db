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

from cair.rules import (
    breaks,
    holds,
    incentives,
    matching,
    measures,
    people,
    reach,
    revocation,
    training_money,
    trainings,
    tranches,
)
from cair.rules.facts import calm, in_force, shared, winners
from cair.rules.payments import SCHEMAS as PAYMENTS
from cair.rules.reports import PRINTS, TOLD, schemas


class Stage(Enum):
    """Over which rows a step runs."""

    FIRST = "over everybody, first"
    CARDS = "by card number"
    SHARED = "over everybody, between"
    CODES = "by redeem code"


@dataclass(frozen=True)
class Step:
    """One named table: how it is made of tables before it.

    `route` names the columns of which the first that is known says to which part of a later stage a row goes; without it
    every part sees all rows. `spares` are columns of a kept step that no later step computes with: they are only carried along.
    """

    name: str
    stage: Stage
    build: Callable[[SimpleNamespace], ir.Table]
    kept: bool = False
    route: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()


_SIDES = ("redemptions", "completions", "confirmations", "reviews")
_FIRST, _CARDS, _SHARED, _CODES = Stage.FIRST, Stage.CARDS, Stage.SHARED, Stage.CODES


def _standing(feed: str, stage: Stage, *, kept: bool = False) -> Step:
    return Step(f"{feed}_now", stage, lambda t: in_force(getattr(t, feed), t.moment), kept)


def _moving(feed: str) -> tuple[Step, Step]:
    """Make the steps of a feed whose revisions may name another card: contested keys are settled over everybody."""
    return (
        Step(
            f"{feed}_winners", _FIRST, lambda t: winners(getattr(t, feed), t.moment), kept=True, route=("card_number",)
        ),
        Step(f"{feed}_now", _CARDS, lambda t: calm(getattr(t, feed), t.moment).union(getattr(t, f"{feed}_winners"))),
    )


def _asked(feed: str) -> Step:
    """Make the step of a feed's reports on the codes that are looked at."""
    return Step(
        f"{feed}_asked", _CODES, lambda t: matching.of_asked(getattr(t, f"{feed}_now"), t.codes_asked), kept=True
    )


def _met(t: SimpleNamespace) -> ir.Table:
    """Lay the expected parties' sides beside each code sold, and say whether a break shows already."""
    codes = matching.meet(matching.as_sold(t.codes_sold), {feed: getattr(t, f"{feed}_now") for feed in _SIDES})
    return matching.code_in_short(breaks.with_doubt(matching.with_finish(codes)), "is_doubted", "stray_code")


def _named(t: SimpleNamespace) -> ir.Table:
    """Give all that is said of the purchase of each code that is looked at."""
    purchases = matching.of_asked(t.bought, t.codes_asked)
    sold = matching.as_sold(matching.sold_codes(purchases, t.codes_sold_again, t.offers))
    return matching.every_code(sold, t.stray_instants, t.gone)


def _looked_at(t: SimpleNamespace) -> ir.Table:
    """Finish the codes that are looked at: everything that anybody says, side by side."""
    codes = matching.with_finish(matching.with_review(t.codes_confirmed, t.reviews_asked))
    return matching.with_reused_certificates(codes, t.reused)


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
    Step("accounts_several", _CARDS, lambda t: shared(t.accounts_now, "card_number"), kept=True),
    Step(
        "accounts_linked",
        _CARDS,
        lambda t: people.linked_accounts(t.accounts_now, t.accounts_several, t.appointments_now),
    ),
    Step("revoked", _CARDS, lambda t: people.revocations_by_card(t.revocations_now)),
    Step(
        "persons",
        _CARDS,
        lambda t: people.stand(t.appointments_now, t.same_people, t.accounts_linked, t.revoked),
    ),
    _PURCHASES_NOW,
    Step("holders", _CARDS, lambda t: people.holders(t.appointments_now, t.rulebooks)),
    Step("sales", _CARDS, lambda t: trainings.sales(t.purchases_now, t.taken_back)),
    Step("sales_taken_back", _CARDS, lambda t: trainings.taken_back_sales(t.sales), kept=True),
    Step("sales_standing", _CARDS, lambda t: trainings.standing(t.purchases_now, t.taken_back)),
    Step("buying_again", _CARDS, lambda t: shared(t.sales_standing, "card_number"), kept=True),
    Step(
        "bought",
        _CARDS,
        lambda t: trainings.bought(t.sales_standing, t.buying_again, t.holders),
        kept=True,
        route=("redeem_code",),
        spares=PRINTS,
    ),
    Step(
        "people",
        _CARDS,
        lambda t: trainings.with_first_training(t.persons, t.bought, t.sales_taken_back),
        kept=True,
        route=("first_code", "card_number"),
        spares=PRINTS,
    ),
    Step("people_ruled", _CARDS, lambda t: people.with_deadlines(t.people, t.rulebooks)),
    _MESSAGES_NOW,
    _CONTACTS_NOW,
    Step("reach", _CARDS, lambda t: reach.classify(t.people, t.messages_now, t.contacts_now), kept=True),
    Step(
        "revocable",
        _CARDS,
        lambda t: revocation.cases(t.people_ruled, t.reach, t.messages_now, t.holds_now, t.regions, t.moment),
        kept=True,
    ),
    # over everybody
    Step("reach_figures", _SHARED, lambda t: measures.reach_figures(t.reach)),
    Step(
        "gone",
        _SHARED,
        lambda t: trainings.lapsed(t.sales_taken_back).union(trainings.lapsed_voids(t.taken_back)),
        kept=True,
        route=("redeem_code",),
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
    Step("codes_sold_again", _CODES, lambda t: shared(t.bought, "redeem_code"), kept=True),
    Step("codes_sold", _CODES, lambda t: matching.sold_codes(t.bought, t.codes_sold_again, t.offers)),
    Step("codes_met", _CODES, _met, kept=True, spares=(*PRINTS, *TOLD)),
    Step("codes_expected", _CODES, lambda t: t.codes_met.filter(t.codes_met.redeem_code.notnull())),
    Step("strays", _CODES, lambda t: matching.strays(t.codes_met, t.activities_now, t.codes_expected), kept=True),
    Step("stray_instants", _CODES, lambda t: matching.stray_instants(t.strays), kept=True),
    Step("codes_doubted", _CODES, lambda t: t.codes_expected.filter(t.codes_expected.is_doubted)),
    Step(
        "codes_asked",
        _CODES,
        lambda t: matching.to_look_at(t.strays, t.gone, t.reused, t.codes_doubted),
        kept=True,
    ),
    _asked("redemptions"),
    _asked("completions"),
    _asked("confirmations"),
    _asked("reviews"),
    Step("codes_named", _CODES, _named, kept=True),
    Step(
        "codes_redeemed",
        _CODES,
        lambda t: matching.with_side(t.codes_named, "r", t.redemptions_asked, "provider"),
        kept=True,
    ),
    Step(
        "codes_completed",
        _CODES,
        lambda t: matching.with_side(t.codes_redeemed, "c", t.completions_asked, "provider"),
        kept=True,
    ),
    Step(
        "codes_confirmed",
        _CODES,
        lambda t: matching.with_side(t.codes_completed, "k", t.confirmations_asked, "p_partner"),
        kept=True,
    ),
    Step("codes_looked_at", _CODES, _looked_at, kept=True),
    Step("suspects", _CODES, lambda t: breaks.suspects(t.codes_looked_at), kept=True),
    Step(
        "codes",
        _CODES,
        lambda t: matching.every_code_in_short(t.codes_expected, t.codes_asked, t.codes_looked_at),
    ),
    Step("findings", _CODES, lambda t: breaks.find(t.suspects, t.moment)),
    Step("breaks", _CODES, lambda t: breaks.resolve(t.findings, t.resolutions_now, t.terms), kept=True),
    Step("breaks_by_code", _CODES, lambda t: breaks.by_code(t.breaks)),
    Step("trainees", _CODES, lambda t: incentives.with_training(t.people_ruled, t.codes, t.breaks_by_code)),
    Step("trainees_held", _CODES, lambda t: holds.with_holds(t.trainees, t.holds_now, t.regions)),
    Step("progress", _CODES, lambda t: incentives.progress(t.activities_now, t.people_ruled, t.codes), kept=True),
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
    Step("training_grants", _CODES, lambda t: training_money.grants(t.people_ruled, t.terms, t.moment)),
    Step("training_sales", _CODES, lambda t: training_money.sales(t.bought, t.codes, t.breaks_by_code)),
)
"""Every step, in order."""


def expressions() -> Iterator[tuple[Step, ir.Table]]:
    """Give each step with its expression over tables known by name only: compiled once, run on any engine."""
    known = {**schemas(), **PAYMENTS}
    tables = SimpleNamespace(**{name: ibis.table(schema, name=name) for name, schema in known.items()})
    for step in STEPS:
        expression = step.build(tables)
        setattr(tables, step.name, ibis.table(expression.schema(), name=step.name))
        yield step, expression
