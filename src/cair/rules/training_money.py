"""What everybody's training balance comes to: granted, spent, earned by platforms, fallen back to the state.

A purchase in force is reserved as far as the balance reaches. The platform has earned it when provider and platform have
both reported the end and no break is open on the code: nothing is paid for a training that nobody finished. What is
left when the participation is revoked, or after the last day of the year's training (and the last buying day, days
restored counted), falls back to the state treasury account; a purchase that nobody says was finished by then lapses.
"""

from ibis.expr import types as ir

from cair.rules.checks import jakarta_day, latest, text
from cair.rules.facts import beside


def grants(people: ir.Table, terms: ir.Table, moment: ir.Table) -> ir.Table:
    """Give the balance of everybody whose rulebook is known, and whether it may still be spent.

    :param people: from `people.with_deadlines`.
    :returns: card_number, line, granted_idr, is_revoked, is_over (the time to train has passed).
    """
    ruled = people.filter(people.known_rulebook.notnull())
    days = terms.select("due_day", day_of="term", last_buying="day")
    ruled = beside(ruled, days, {"known_rulebook": "day_of", "last_buying_day": "last_buying"})
    today = jakarta_day(moment.as_of.as_scalar())
    return ruled.select(
        "card_number",
        line="known_rulebook",
        granted_idr="training_balance_idr",
        is_revoked=(ruled.revocation == text("REVOKED")).fill_null(False),
        is_over=(today > latest(ruled.due_day, ruled.buy_by)).fill_null(False),
    )


def sales(bought: ir.Table, codes: ir.Table, breaks_by_code: ir.Table) -> ir.Table:
    """Give the purchases in force with what became of them.

    :returns: card_number, platform, amount_idr, is_within (the balance; unknown is a no), is_finished (one party says
        so), is_earned (both do, and no break is open).
    """
    ends = codes.select("c_known_at", "k_known_at", end_code="redeem_code")
    told = beside(bought, ends, {"redeem_code": "end_code"})
    broken = breaks_by_code.select("break_kind", broken_code="redeem_code")
    told = beside(told, broken, {"redeem_code": "broken_code"})
    completed, confirmed = told.c_known_at.notnull(), told.k_known_at.notnull()
    return told.select(
        "card_number",
        "platform",
        "amount_idr",
        is_within=~told.over_balance.fill_null(True),
        is_finished=completed | confirmed,
        is_earned=completed & confirmed & told.break_kind.isnull(),
    )


def _counting(granted: ir.Table, sold: ir.Table) -> ir.Table:
    """Keep the purchases that the balance pays for, with the line of their card."""
    holders = granted.select("line", "is_over", holder="card_number")
    known = beside(sold, holders, {"card_number": "holder"})
    lasts = known.is_finished | ~known.is_over
    return known.filter(known.line.notnull() & known.is_within & lasts)


def purchases_held(granted: ir.Table, sold: ir.Table) -> ir.Table:
    """Give for each card and platform what was bought, and what of that the platform has earned, whole rupiah.

    :param granted: from `grants`; :param sold: from `sales`.
    """
    counting = _counting(granted, sold)
    return counting.group_by("card_number", "line", "platform").agg(
        bought_idr=counting.amount_idr.sum().cast("int64"),
        settled_idr=counting.amount_idr.sum(where=counting.is_earned).fill_null(0).cast("int64"),
    )


def people_held(granted: ir.Table, sold: ir.Table) -> ir.Table:
    """Give for each card what was granted and what of that has fallen back, whole rupiah."""
    counting = _counting(granted, sold)
    spent = counting.group_by(spender="card_number").agg(spent_idr=counting.amount_idr.sum().cast("int64"))
    known = beside(granted, spent, {"card_number": "spender"})
    rest = known.granted_idr - known.spent_idr.fill_null(0)
    return known.select(
        "card_number", "line", "granted_idr", given_back_idr=(known.is_revoked | known.is_over).ifelse(rest, 0)
    )
