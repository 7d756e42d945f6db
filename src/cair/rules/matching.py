"""All that parties say about a redeem code, side by side. Source: decisions, section 2.

Sides carry a prefix: p_ purchase, r_ redemption, c_ completion (provider), k_ confirmation (platform), v_ review.
"""

from collections.abc import Mapping

import ibis
from ibis.expr import types as ir

from cair.rules.checks import jakarta_day, text
from cair.rules.facts import beside, best
from cair.rules.reports import TOLD
from cair.rules.tables import PMO
from cair.rules.trainings import one_per_code, with_course


def sold_codes(purchases: ir.Table, several: ir.Table, offered: ir.Table) -> ir.Table:
    """Give one row per redeem code with a purchase in force: p, its course and what repeated sales say."""
    codes = one_per_code(purchases, several)
    codes = codes.mutate(bought_on=jakarta_day(codes.occurred_at))
    return with_course(codes, offered)


def strays(met: ir.Table, activities: ir.Table, codes: ir.Table) -> ir.Table:
    """Give the reports that do not come from the party expected for their code, or whose code nobody sold.

    Providers redeem, hold and complete trainings; the platform that sold confirms; it or PMO reviews. `met` from
    `meet`, `codes` those of it that are sold.

    :returns: stray_code, known_at, and whether the report uses the code, speaks as provider, or as platform.
    """
    alone = met.filter(met.redeem_code.isnull())
    redeems, completes, confirms = (alone[f"{side}_known_at"].notnull() for side in "rck")
    alone = alone.select(
        "stray_code",
        known_at=ibis.coalesce(*(alone[f"{side}_known_at"] for side in "rckv")),
        uses=redeems | completes | confirms,
        provides=redeems | completes,
        confirms=confirms,
    )
    held = activities.anti_join(
        codes, [activities.redeem_code == codes.redeem_code, activities.partner == codes.provider]
    )
    held = held.select(
        stray_code="redeem_code",
        known_at="known_at",
        uses=ibis.literal(False),
        provides=ibis.literal(True),
        confirms=ibis.literal(False),
    )
    return alone.union(held)


def stray_instants(stray: ir.Table) -> ir.Table:
    """Give per code the first and newest known_at of its stray reports: of all of them, of those that use the code, of
    those that speak as provider, and of those that speak as platform.
    """
    return stray.group_by("stray_code").agg(
        named_first=stray.known_at.min(),
        named_newest=stray.known_at.max(),
        used_first=stray.known_at.min(where=stray.uses),
        used_newest=stray.known_at.max(where=stray.uses),
        other_provider_first=stray.known_at.min(where=stray.provides),
        other_provider_newest=stray.known_at.max(where=stray.provides),
        other_platform_first=stray.known_at.min(where=stray.confirms),
        other_platform_newest=stray.known_at.max(where=stray.confirms),
    )


_SIDES = {
    "r": ("course_code",),
    "c": ("course_code", "certificate_no"),
    "k": ("course_code", "certificate_no"),
    "v": ("stars", "text_length"),
}
_ALWAYS = ("partner", "occurred_at", "known_at", "fingerprint")


def _named(reports: ir.Table, side: str, rank: int) -> ir.Table:
    """Rename the columns of one side so that several candidates for it can stand beside a code."""
    columns = {f"{side}{rank}_{name}": name for name in (*_ALWAYS, *_SIDES[side])}
    return reports.select(**{f"{side}{rank}_code": "redeem_code"}, **columns)


def _take(codes: ir.Table, side: str, ranks: int, *more: str) -> ir.Table:
    """Take of several candidates for a side the first that is there."""
    present = [codes[f"{side}{rank}_known_at"].notnull() for rank in range(ranks - 1)]
    chosen = {}
    for name in (*more, *_ALWAYS, *_SIDES[side]):
        candidates = [codes[f"{side}{rank}_{name}"] for rank in range(ranks)]
        cases = zip(present, candidates[:-1], strict=True)
        chosen[f"{side}_{name}"] = ibis.cases(*cases, else_=candidates[-1]) if present else candidates[0]
    spent = [f"{side}{rank}_{name}" for rank in range(ranks) for name in ("code", *_ALWAYS, *_SIDES[side])]
    return codes.mutate(**chosen).drop(*spent)


def _others(reports: ir.Table, codes: ir.Table, party: str) -> ir.Table:
    """Give of each code the smallest (`occurred_at`, partner) of the reports that its expected party did not make."""
    own = codes.select(own_code="redeem_code", own_party=party)
    rows = reports.anti_join(own, [reports.redeem_code == own.own_code, reports.partner == own.own_party])
    return best(rows, per="redeem_code", order=[rows.occurred_at, rows.partner])


def with_side(codes: ir.Table, side: str, reports: ir.Table, party: str) -> ir.Table:
    """Add a side: the expected party's report, else the smallest (`occurred_at`, partner)."""
    own, other = _named(reports, side, 0), _named(_others(reports, codes, party), side, 1)
    codes = codes.left_join(own, [codes.redeem_code == own[f"{side}0_code"], codes[party] == own[f"{side}0_partner"]])
    codes = codes.left_join(other, codes.redeem_code == other[f"{side}1_code"])
    return _take(codes, side, 2)


def with_review(codes: ir.Table, reviews: ir.Table) -> ir.Table:
    """Add the review: the one from `pmo`, else the platform's, else the smallest (`occurred_at`, partner)."""
    office = _named(reviews.filter(reviews.partner == text(PMO)), "v", 0)
    own = _named(reviews, "v", 1)
    other = _named(_others(reviews, codes, "p_partner"), "v", 2)
    codes = codes.left_join(office, codes.redeem_code == office.v0_code)
    codes = codes.left_join(own, [codes.redeem_code == own.v1_code, codes.p_partner == own.v1_partner])
    codes = codes.left_join(other, codes.redeem_code == other.v2_code)
    return _take(codes, "v", 3)


def meet(codes: ir.Table, reports: Mapping[str, ir.Table]) -> ir.Table:
    """Lay beside each code sold what its expected parties say, as if nobody else spoke of it: so it is with most codes.

    Reports that meet no code stand in rows of their own, without `redeem_code`; `stray_code` is the code they name.
    """
    codes = _meet_side(codes, "r", reports["redemptions"], "provider")
    codes = _meet_side(codes, "c", reports["completions"], "provider")
    codes = _meet_side(codes, "k", reports["confirmations"], "p_partner")
    codes = _meet_review(codes, reports["reviews"])
    named = ibis.coalesce(*(codes[f"{side}_code"] for side in "rckv"))
    return codes.mutate(stray_code=codes.redeem_code.isnull().ifelse(named, ibis.null("string")))


def _meet_side(codes: ir.Table, side: str, reports: ir.Table, party: str) -> ir.Table:
    own = _named(reports, side, 0)
    codes = codes.outer_join(own, [codes.redeem_code == own[f"{side}0_code"], codes[party] == own[f"{side}0_partner"]])
    return _take(codes, side, 1, "code")


def _meet_review(codes: ir.Table, reviews: ir.Table) -> ir.Table:
    """Let `pmo`, else the platform review."""
    office = _named(reviews.filter(reviews.partner == text(PMO)), "v", 0)
    own = _named(reviews.filter(reviews.partner != text(PMO)), "v", 1)
    codes = codes.outer_join(office, codes.redeem_code == office.v0_code)
    codes = codes.outer_join(own, [codes.redeem_code == own.v1_code, codes.p_partner == own.v1_partner])
    return _take(codes, "v", 2, "code")


_PURCHASE = {
    "p_partner": "platform",
    "p_course_code": "course_code",
    "p_occurred_at": "occurred_at",
    "p_known_at": "known_at",
    "p_invoice_code": "invoice_code",
}


def as_sold(codes: ir.Table) -> ir.Table:
    """Name the columns of p as those of a side."""
    return codes.rename(_PURCHASE)


def every_code(codes: ir.Table, instants: ir.Table, gone: ir.Table) -> ir.Table:
    """Give one row per redeem code that anybody names: those sold, and those that only evidence names.

    `codes` from `as_sold`; `gone` are the reports of purchases that carry no purchase in force (`trainings.lapsed`).
    """
    orphans = instants.select(redeem_code="stray_code").anti_join(codes, "redeem_code")
    empty = {name: ibis.null(kind) for name, kind in codes.schema().items() if name != "redeem_code"}
    every = codes.union(orphans.mutate(**empty).select(*codes.columns))
    every = beside(every, instants, {"redeem_code": "stray_code"})
    return beside(every, lapsed_codes(gone), {"redeem_code": "lapsed_code"})


def with_finish(codes: ir.Table) -> ir.Table:
    """Add the finish: c if there is one, else k."""
    by_provider = codes.c_known_at.notnull()
    return codes.mutate(
        f_occurred_at=by_provider.ifelse(codes.c_occurred_at, codes.k_occurred_at),
        f_known_at=by_provider.ifelse(codes.c_known_at, codes.k_known_at),
        f_partner=by_provider.ifelse(codes.c_partner, codes.k_partner),
    )


def lapsed_codes(gone: ir.Table) -> ir.Table:
    """Give for each code of purchases taken back: the partner of the smallest report, first and newest VOID known."""
    smallest = best(gone, per="redeem_code", order=[gone.occurred_at, gone.invoice_code, gone.partner])
    knowns = gone.group_by("redeem_code").agg(void_first=gone.void_known.min(), void_newest=gone.void_known.max())
    smallest = smallest.select(lapsed_code="redeem_code", lapsed_partner="partner")
    return beside(smallest, knowns, {"lapsed_code": "redeem_code"})


def shared_certificates(completions: ir.Table) -> ir.Table:
    """Give the completions whose partner gives their certificate number to more than one redeem code."""
    numbered = completions.filter(completions.certificate_no.notnull())
    several = numbered.group_by("partner", "certificate_no").having(lambda t: t.count() > 1).agg()
    shared = numbered.semi_join(several, ["partner", "certificate_no"])
    return shared.select("partner", "certificate_no", "redeem_code", "known_at")


def reused_certificates(shared: ir.Table, gone: ir.Table, purchases: ir.Table) -> ir.Table:
    """Give for each code with a reused certificate: since when it is reused, and the newest completion with it.

    Codes are left out that reports of purchases name but no purchase in force carries.
    """
    dead = gone.select("redeem_code").distinct().anti_join(purchases, "redeem_code")
    alive = shared.anti_join(dead, "redeem_code")
    ranked = alive.mutate(
        seen=ibis.row_number().over(
            group_by=["partner", "certificate_no"], order_by=[alive.known_at, alive.redeem_code]
        )
    )
    several = ranked.group_by("partner", "certificate_no").agg(
        reused_second=ranked.known_at.max(where=ranked.seen == 1), reused_newest=ranked.known_at.max()
    )
    several = several.filter(several.reused_second.notnull()).rename(
        several_partner="partner", several_number="certificate_no"
    )
    joined = beside(alive, several, {"partner": "several_partner", "certificate_no": "several_number"})
    joined = joined.filter(joined.reused_second.notnull())
    return joined.select(
        "reused_second",
        "reused_newest",
        reused_code="redeem_code",
        reused_partner="partner",
        reused_number="certificate_no",
    )


def with_reused_certificates(codes: ir.Table, reused: ir.Table) -> ir.Table:
    """Add to each code whether its completion's certificate is reused."""
    return beside(
        codes,
        reused,
        {"redeem_code": "reused_code", "c_partner": "reused_partner", "c_certificate_no": "reused_number"},
    )


_CODE = (
    "redeem_code", "owner_card", "p_partner", "p_occurred_at", "p_known_at", "p_fingerprint", "provider", "sessions", "tasks",
    "course_known", "course_fingerprint", "r_partner", "r_occurred_at", "r_known_at", "r_fingerprint", "c_partner",
    "c_known_at", "c_fingerprint", "k_known_at", "k_fingerprint", "v_stars", "v_text_length", "v_known_at", "v_fingerprint",
    "f_known_at", "is_certified",
    *TOLD,
)  # fmt: skip


def code_in_short(codes: ir.Table, *more: str) -> ir.Table:
    """Keep of each code what decisions need, and `more`. `owner_card`: the card whose first training p is."""
    codes = codes.mutate(
        owner_card=(codes.place == 0).ifelse(codes.card_number, ibis.null("int64")),
        is_certified=codes.c_certificate_no.notnull() | codes.k_certificate_no.notnull(),
    )
    return codes.select(*_CODE, *more)


def to_look_at(stray: ir.Table, gone: ir.Table, reused: ir.Table, doubtful: ir.Table) -> ir.Table:
    """Give the codes of which more is to be said than what the expected parties say: few.

    Named by strays, taken back, with a reused certificate, or with a break already (`doubtful`).
    """
    return ibis.union(
        stray.select(asked_code="stray_code"),
        gone.select(asked_code="redeem_code"),
        reused.select(asked_code="reused_code"),
        doubtful.select(asked_code="redeem_code"),
    ).distinct()


def of_asked(rows: ir.Table, asked: ir.Table) -> ir.Table:
    """Keep the rows of codes that are looked at."""
    return rows.semi_join(asked, rows.redeem_code == asked.asked_code)


def every_code_in_short(expected: ir.Table, asked: ir.Table, looked_at: ir.Table) -> ir.Table:
    """Put together the codes as the expected parties tell them, and those that were looked at."""
    calm = expected.anti_join(asked, expected.redeem_code == asked.asked_code)
    return calm.select(*_CODE).union(code_in_short(looked_at).select(*_CODE))
