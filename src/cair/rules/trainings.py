"""Purchases in force, in the order of first training, and what was spent up to each.

Source: decisions, section 2.
"""

import ibis
from ibis.expr import types as ir

from cair.rules.checks import text
from cair.rules.facts import beside, best, split


def voids(purchases: ir.Table) -> ir.Table:
    """Give the VOID reports in force: a purchase taken back, by platform and invoice."""
    return purchases.filter(purchases.status == text("VOID"))


def sales(purchases: ir.Table, taken_back: ir.Table) -> ir.Table:
    """Give the SUCCESS reports in force, each with `void_known` when its platform and invoice have a VOID."""
    sold = purchases.filter(purchases.status == text("SUCCESS"))
    back = taken_back.select(void_partner="partner", void_invoice="invoice_code", void_known="known_at")
    return beside(sold, back, {"partner": "void_partner", "invoice_code": "void_invoice"})


_LAPSED = ("redeem_code", "occurred_at", "invoice_code", "partner")


def taken_back_sales(sold: ir.Table) -> ir.Table:
    """Give the SUCCESS reports that carry no purchase in force: those taken back. Few."""
    return sold.filter(sold.void_known.notnull()).select(*_LAPSED, "card_number", "void_known")


def lapsed(voided: ir.Table) -> ir.Table:
    """Give the sales taken back as reports that name a code. `voided` from `taken_back_sales`."""
    return voided.select(*_LAPSED, "void_known")


def standing(purchases: ir.Table, taken_back: ir.Table) -> ir.Table:
    """Give the SUCCESS reports that carry a purchase in force: those not taken back."""
    sold = purchases.filter(purchases.status == text("SUCCESS"))
    return sold.anti_join(taken_back, ["partner", "invoice_code"])


def lapsed_voids(taken_back: ir.Table) -> ir.Table:
    """Give the VOIDs in the same form: they name a code too."""
    return taken_back.select(*_LAPSED, void_known="known_at")


def bought(standing: ir.Table, buying_again: ir.Table, holders: ir.Table) -> ir.Table:
    """Give the purchases in force with their place among the card's, and what the card's appointment says of them.

    The order of first training is (`occurred_at`, `invoice_code`, platform). `over_balance`: the card's purchases up to
    and including this one come to more than its training balance; `spent_known` is the greatest known_at of those. Cards
    without an appointment keep NULLs. `buying_again`: cards with several purchases.
    """
    single, several = split(standing, "card_number", buying_again)
    window = ibis.cumulative_window(
        group_by=several.card_number, order_by=[several.occurred_at, several.invoice_code, several.partner]
    )
    first = single.mutate(place=ibis.literal(0, type="int64"), spent_idr=single.amount_idr, spent_known=single.known_at)
    in_order = several.mutate(
        place=ibis.row_number().over(window),
        spent_idr=several.amount_idr.sum().over(window),
        spent_known=several.known_at.max().over(window),
    )
    joined = first.union(in_order).left_join(holders, ibis._.card_number == holders.holder)
    return joined.select(
        "redeem_code",
        "card_number",
        "course_code",
        "amount_idr",
        "occurred_at",
        "invoice_code",
        "known_at",
        "place",
        "spent_known",
        "appointed_on",
        "appointed_known",
        over_balance=joined.spent_idr > joined.training_balance_idr,
        platform="partner",
        p_fingerprint="fingerprint",
    )


def with_first_training(people: ir.Table, purchases: ir.Table, voided: ir.Table) -> ir.Table:
    """Add each person's first training, and the newest VOID of a purchase of the card."""
    first = purchases.filter(purchases.place == 0).select(
        first_holder="card_number",
        first_code="redeem_code",
    )
    people = beside(people, first, {"card_number": "first_holder"})
    gone = voided.group_by(voided_card="card_number").agg(void_known=voided.void_known.max())
    return beside(people, gone, {"card_number": "voided_card"})


def one_per_code(purchases: ir.Table, several: ir.Table) -> ir.Table:
    """Give p of each redeem code, and, where several purchases carry the code, what DUPLICATE_CODE needs.

    p is the smallest (`occurred_at`, `invoice_code`, platform). `last_platform` is the partner of the greatest,
    `second_known` the second smallest known_at; both NULL for a code sold once. `several`: codes sold several times.
    """
    once, rows = split(purchases, "redeem_code", several)
    once = once.mutate(last_platform=ibis.null("string"), second_known=ibis.null("int64"))
    order = [rows.occurred_at, rows.invoice_code, rows.platform]
    greatest = [rows.occurred_at.desc(), rows.invoice_code.desc(), rows.platform.desc()]
    ranked = rows.mutate(
        forth=ibis.row_number().over(group_by="redeem_code", order_by=order),
        back=ibis.row_number().over(group_by="redeem_code", order_by=greatest),
        seen=ibis.row_number().over(group_by="redeem_code", order_by=[rows.known_at, rows.invoice_code, rows.platform]),
    )
    about = ranked.group_by(about_code="redeem_code").agg(
        last_platform=ranked.platform.max(where=ranked.back == 0),
        second_known=ranked.known_at.max(where=ranked.seen == 1),
    )
    smallest = ranked.filter(ranked.forth == 0).drop("forth", "back", "seen")
    return once.union(beside(smallest, about, {"redeem_code": "about_code"}))


_NO_END = 1_000_000_000
"""A day after every day."""


def offers(courses: ir.Table) -> ir.Table:
    """Give for each course and platform that may sell it the catalogue row of every span of days: at most one a day.

    Where approvals overlap the greatest `approved_from` counts. A span goes from `offered_from` up to, not including,
    `offered_until`.
    """
    listed = courses.mutate(
        offered_on=courses.platforms.split(";").unnest(), ends_on=(courses.approved_until + 1).fill_null(_NO_END)
    )
    starts = listed.select("course_code", "offered_on", turn="approved_from")
    turns = starts.union(listed.select("course_code", "offered_on", turn="ends_on"), distinct=True)
    following = turns.turn.lead().over(group_by=[turns.course_code, turns.offered_on], order_by=turns.turn)
    spans = turns.select("turn", until=following, turn_course="course_code", turn_on="offered_on")
    rows = listed.inner_join(
        spans,
        [
            listed.course_code == spans.turn_course,
            listed.offered_on == spans.turn_on,
            listed.approved_from <= spans.turn,
            spans.turn < listed.ends_on,
        ],
    )
    chosen = best(rows, per=["course_code", "offered_on", "turn"], order=[rows.approved_from.desc()])
    return chosen.select(
        "offered_on",
        "provider",
        "price_idr",
        "hours",
        offered_course="course_code",
        offered_from="turn",
        offered_until="until",
        course_known="known_at",
        course_fingerprint="fingerprint",
        sessions=chosen.sessions.fill_null(1),
        tasks=chosen.tasks.fill_null((chosen.mode == text("face_to_face")).ifelse(0, 1)),
    )


def with_course(codes: ir.Table, offered: ir.Table) -> ir.Table:
    """Add the catalogue row under which p was sold: of its code, platform and day; none leaves the columns NULL."""
    joined = codes.left_join(
        offered,
        [
            codes.course_code == offered.offered_course,
            codes.platform == offered.offered_on,
            offered.offered_from <= codes.bought_on,
            codes.bought_on < offered.offered_until,
        ],
    )
    return joined.drop("offered_course", "offered_on", "offered_from", "offered_until")
