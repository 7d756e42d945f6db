"""Those who do not buy: what is known about reaching each of them. Source: decisions, section 5."""

import ibis
from ibis.expr import types as ir

from cair.kernel.reasons import ReachClass
from cair.rules.checks import day_start, text
from cair.rules.facts import beside

_CLASSES = tuple(ReachClass)
_CONTACTS = {
    ReachClass.TRIED: ("purchase_failed", "otp_failed"),
    ReachClass.SIGNED_IN: ("login",),
    ReachClass.LOCKED_OUT: ("login_failed", "password_reset"),
}
_MESSAGES = {
    ReachClass.REACHED: ("opened", "clicked", "answered"),
    ReachClass.DELIVERED: ("delivered",),
    ReachClass.UNREACHABLE: ("failed", "bounced"),
    ReachClass.NO_RECEIPT: ("sent",),
}


def _ranks(rows: ir.Table, word: ir.Value, classes: dict[ReachClass, tuple[str, ...]]) -> ir.Table:
    """Give for each event the place of its class, the strongest first."""
    place = ibis.cases(
        *(
            (word.isin(list(words)), ibis.literal(_CLASSES.index(kind), type="int64"))
            for kind, words in classes.items()
        ),
        else_=ibis.null("int64"),
    )
    return rows.select("occurred_at", reached_card="card_number", place=place)


def not_bought(people: ir.Table) -> ir.Table:
    """Give the people who are not revoked and have no purchase in force."""
    is_revoked = (people.revocation == text("REVOKED")).fill_null(False)
    return people.filter(~is_revoked & people.first_code.isnull())


def classify(people: ir.Table, messages: ir.Table, contacts: ir.Table) -> ir.Table:
    """Give each person who has not bought the first class that holds.

    Only what occurred at or after the start of `appointed_on` counts.
    :returns: reach_card and reach.
    """
    waiting = not_bought(people).select("appointed_on", reach_card="card_number")
    events = _ranks(contacts, contacts.kind, _CONTACTS).union(_ranks(messages, messages.status, _MESSAGES))
    seen = events.inner_join(waiting, events.reached_card == waiting.reach_card)
    seen = seen.filter(seen.occurred_at >= day_start(seen.appointed_on))
    strongest = seen.group_by(reached_card="reach_card").agg(place=seen.place.min())
    classed = beside(waiting, strongest, {"reach_card": "reached_card"})
    reach = ibis.cases(
        *((classed.place == place, text(kind)) for place, kind in enumerate(_CLASSES)),
        else_=text(ReachClass.NOT_CONTACTED),
    )
    return classed.select("reach_card", reach=reach)
