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


def lapsed(sold: ir.Table) -> ir.Table:
    """Give the SUCCESS reports that carry no purchase in force: those taken back."""
    return sold.filter(sold.void_known.notnull()).select(*_LAPSED, "void_known")


def lapsed_voids(taken_back: ir.Table) -> ir.Table:
    """Give the VOIDs in the same form: they name a code too."""
    return taken_back.select(*_LAPSED, void_known="known_at")


def bought(sold: ir.Table, holders: ir.Table) -> ir.Table:
    """Give the purchases in force with what the card had spent up to and including each, and its appointment.

    The order of first training is (`occurred_at`, `invoice_code`, platform). `spent_known` is the greatest known_at of
    the purchases summed. Cards without an appointment keep NULLs there.
    """
    single, several = split(sold.filter(sold.void_known.isnull()), "card_number")
    window = ibis.cumulative_window(
        group_by=several.card_number, order_by=[several.occurred_at, several.invoice_code, several.partner]
    )
    first = single.mutate(
        place=ibis.literal(0, type="int64"), spent_idr=single.amount_idr, spent_known=single.known_at
    )
    in_order = several.mutate(
        place=ibis.row_number().over(window),
        spent_idr=several.amount_idr.sum().over(window).cast("int64"),
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
        "fingerprint",
        "place",
        "spent_idr",
        "spent_known",
        "appointed_on",
        "appointed_known",
        "training_balance_idr",
        "holder",
        platform="partner",
    )


def with_first_training(people: ir.Table, purchases: ir.Table, sold: ir.Table) -> ir.Table:
    """Add each person's first training, and the newest VOID of a purchase of the card."""
    first = purchases.filter(purchases.place == 0).select(
        first_holder="card_number",
        first_code="redeem_code",
        first_platform="platform",
        first_invoice="invoice_code",
    )
    people = beside(people, first, {"card_number": "first_holder"})
    gone = sold.filter(sold.void_known.notnull())
    gone = gone.group_by(voided_card="card_number").agg(void_known=gone.void_known.max())
    return beside(people, gone, {"card_number": "voided_card"})


def one_per_code(purchases: ir.Table) -> ir.Table:
    """Give p of each redeem code, and, where several purchases carry the code, what DUPLICATE_CODE needs.

    p is the smallest (`occurred_at`, `invoice_code`, platform). `last_platform` is the partner of the greatest,
    `second_known` the second smallest known_at; both NULL for a code sold once.
    """
    once, rows = split(purchases, "redeem_code")
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


def offers(courses: ir.Table) -> ir.Table:
    """Give one row per approved course, catalogue row and platform that may sell it.

    `rows` counts the catalogue rows of the course for that platform.
    """
    listed = courses.mutate(offered_on=courses.platforms.split(";").unnest())
    beside_it = ibis.window(group_by=[listed.course_code, listed.offered_on])
    return listed.select(
        "offered_on",
        "provider",
        "price_idr",
        "hours",
        "approved_from",
        "approved_until",
        offered_course="course_code",
        course_known="known_at",
        course_fingerprint="fingerprint",
        rows=listed.count().over(beside_it),
        sessions=listed.sessions.fill_null(1),
        tasks=listed.tasks.fill_null((listed.mode == text("face_to_face")).ifelse(0, 1)),
    )


_ROW = ("provider", "price_idr", "hours", "sessions", "tasks", "course_known")


def _approved(codes: ir.Table, offered: ir.Table) -> ir.Table:
    """Lay beside each code every catalogue row that its purchase fits; none leaves the columns NULL."""
    joined = codes.left_join(
        offered,
        [
            codes.course_code == offered.offered_course,
            codes.platform == offered.offered_on,
            offered.approved_from <= codes.bought_on,
            offered.approved_until.isnull() | (codes.bought_on <= offered.approved_until),
        ],
    )
    return joined.select(*codes.columns, *_ROW, "approved_from", "course_fingerprint")


def with_course(codes: ir.Table, offered: ir.Table) -> ir.Table:
    """Add the catalogue row under which p was sold: its code, platform and day, the greatest `approved_from`.

    Most courses have one row for a platform; only those with more are compared, once per (course, platform, day).
    """
    alone = offered.filter(offered.rows == 1)
    others = offered.filter(offered.rows > 1)
    codes = _approved(codes, alone)
    asked = codes.filter(codes.course_known.isnull()).select("course_code", "platform", "bought_on").distinct()
    fits = _approved(asked, others)
    fits = fits.filter(fits.course_known.notnull())
    chosen = best(fits, per=["course_code", "platform", "bought_on"], order=[fits.approved_from.desc()])
    chosen = chosen.rename({f"other_{name}": name for name in chosen.columns})
    joined = beside(
        codes,
        chosen,
        {"course_code": "other_course_code", "platform": "other_platform", "bought_on": "other_bought_on"},
    )
    found = {name: ibis.coalesce(joined[name], joined[f"other_{name}"]) for name in (*_ROW, "course_fingerprint")}
    return joined.mutate(**found).select(
        *(name for name in joined.columns if not name.startswith("other_") and name != "approved_from")
    )
