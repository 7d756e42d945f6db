"""Breaks: disagreements about a redeem code, whose move each is, and since when. Source: decisions, section 2.

One function per kind, in precedence. To add one: write its function here and its line in BREAKS, add the kind to
`kernel.reasons.BreakKind`, its sentences, and a case.
"""

from collections.abc import Callable
from dataclasses import dataclass

import ibis
from ibis.expr import types as ir

from cair.kernel.days import HOUR, MINUTE
from cair.kernel.reasons import BreakKind, Move
from cair.programme.reader import steady
from cair.rules.checks import jakarta_day, latest, text
from cair.rules.facts import beside, best
from cair.rules.tables import PMO

TOLERANCE = steady("clock_tolerance_minutes") * MINUTE
"""Clocks of two parties may differ by this much before an order of events counts as wrong."""
PATIENCE = steady("purchase_patience_hours") * HOUR
"""How long evidence waits for its purchase before somebody is asked."""
LEAST_SHARE = steady("least_share_percent")
"""A training finished in less than this share (percent) of its hours is too fast."""
_TEN_THOUSANDTH_HOUR = HOUR // 10_000


@dataclass(frozen=True)
class Finding:
    """What a break rule says of each code.

    `seen_newest` is, for breaks whose since looks at several reports, the newest of them: an officer's resolution that
    came before it has not seen everything.
    """

    holds: ir.Value
    move: ir.Value
    partner: ir.Value
    since: ir.Value
    seen_newest: ir.Value | None = None


def _move(move: Move) -> ir.Value:
    return text(move)


def unknown_card(code: ir.Table) -> Finding:
    """p's card has no appointment."""
    holds = code.p_known_at.notnull() & code.appointed_known.isnull()
    return Finding(holds, _move(Move.PLATFORM), code.p_partner, code.p_known_at)


def unknown_course(code: ir.Table) -> Finding:
    """p's course is not in the catalogue on that day, or not for that platform."""
    holds = code.p_known_at.notnull() & code.course_known.isnull()
    return Finding(holds, _move(Move.PLATFORM), code.p_partner, code.p_known_at)


def duplicate_code(code: ir.Table) -> Finding:
    """Two or more purchases in force carry the code; one completion pays one person, so nothing sets this aside."""
    return Finding(code.second_known.notnull(), _move(Move.PLATFORM), code.last_platform, code.second_known)


def no_purchase(code: ir.Table) -> Finding:
    """Evidence names a code that no report of purchases names, for more than a day. The as-of bound is in `find`."""
    holds = code.p_known_at.isnull() & code.void_first.isnull() & code.named_first.notnull()
    return Finding(
        holds, _move(Move.PLATFORM), ibis.null("string"), code.named_first + PATIENCE, seen_newest=code.named_newest
    )


def voided_but_used(code: ir.Table) -> Finding:
    """Every purchase of the code was taken back, yet it was redeemed, completed or confirmed."""
    holds = code.p_known_at.isnull() & code.void_first.notnull() & code.used_first.notnull()
    since = latest(code.void_first, code.used_first)
    return Finding(
        holds,
        _move(Move.PLATFORM),
        code.lapsed_partner,
        since,
        seen_newest=latest(code.void_newest, code.used_newest),
    )


def wrong_provider(code: ir.Table) -> Finding:
    """Somebody else than the provider reports a redemption, an activity or a completion."""
    holds = code.provider.notnull() & code.other_provider_first.notnull()
    return Finding(
        holds,
        _move(Move.PMO),
        text(PMO),
        latest(code.p_known_at, code.course_known, code.other_provider_first),
        seen_newest=latest(code.p_known_at, code.course_known, code.other_provider_newest),
    )


def wrong_platform(code: ir.Table) -> Finding:
    """Somebody else than the platform that sold confirms."""
    holds = code.p_known_at.notnull() & code.other_platform_first.notnull()
    return Finding(
        holds,
        _move(Move.PMO),
        text(PMO),
        latest(code.p_known_at, code.other_platform_first),
        seen_newest=latest(code.p_known_at, code.other_platform_newest),
    )


def redeemed_other_course(code: ir.Table) -> Finding:
    """The redemption names another course than was bought."""
    holds = code.r_course_code != code.p_course_code
    return Finding(holds, _move(Move.PROVIDER), code.r_partner, latest(code.p_known_at, code.r_known_at))


def completed_other_course(code: ir.Table) -> Finding:
    """The provider's report names another course than was bought."""
    holds = code.c_course_code != code.p_course_code
    return Finding(holds, _move(Move.PROVIDER), code.c_partner, latest(code.p_known_at, code.c_known_at))


def confirmed_other_course(code: ir.Table) -> Finding:
    """The platform's report names another course than was bought."""
    holds = code.k_course_code != code.p_course_code
    return Finding(holds, _move(Move.PLATFORM), code.k_partner, latest(code.p_known_at, code.k_known_at))


def price_above_list(code: ir.Table) -> Finding:
    """The purchase cost more than the list price."""
    holds = code.amount_idr > code.price_idr
    return Finding(holds, _move(Move.PLATFORM), code.p_partner, latest(code.p_known_at, code.course_known))


def over_balance(code: ir.Table) -> Finding:
    """The card's purchases up to this one come to more than its training balance."""
    return Finding(
        code.over_balance, _move(Move.PLATFORM), code.p_partner, latest(code.spent_known, code.appointed_known)
    )


def before_appointment(code: ir.Table) -> Finding:
    """Bought on a day before the appointment."""
    holds = code.bought_on < code.appointed_on
    return Finding(holds, _move(Move.PLATFORM), code.p_partner, latest(code.p_known_at, code.appointed_known))


def redeemed_before_bought(code: ir.Table) -> Finding:
    """Redeemed before it was bought, by more than clocks may differ."""
    holds = code.r_occurred_at < code.p_occurred_at - TOLERANCE
    return Finding(holds, _move(Move.PROVIDER), code.r_partner, latest(code.p_known_at, code.r_known_at))


def _finished_before_redeemed(code: ir.Table) -> ir.Value:
    return code.f_occurred_at < code.r_occurred_at - TOLERANCE


def finished_before_redeemed(code: ir.Table) -> Finding:
    """Finished before it was redeemed, by more than clocks may differ."""
    move = code.c_known_at.notnull().ifelse(_move(Move.PROVIDER), _move(Move.PLATFORM))
    return Finding(_finished_before_redeemed(code), move, code.f_partner, latest(code.f_known_at, code.r_known_at))


def reviewed_before_finished(code: ir.Table) -> Finding:
    """Reviewed before it was finished, by more than clocks may differ."""
    holds = code.v_occurred_at < code.f_occurred_at - TOLERANCE
    move = (code.v_partner == text(PMO)).ifelse(_move(Move.PMO), _move(Move.PLATFORM))
    return Finding(holds, move, code.v_partner, latest(code.v_known_at, code.f_known_at))


def certificate_reused(code: ir.Table) -> Finding:
    """The provider gave the same certificate number to another code as well."""
    return Finding(
        code.reused_second.notnull(),
        _move(Move.PROVIDER),
        code.c_partner,
        latest(code.c_known_at, code.reused_second),
        seen_newest=code.reused_newest,
    )


def completions_differ(code: ir.Table) -> Finding:
    """Provider and platform name different certificates, or days more than one apart."""
    numbers = code.c_certificate_no != code.k_certificate_no
    days = (jakarta_day(code.c_occurred_at) - jakarta_day(code.k_occurred_at)).abs() > 1
    holds = numbers.fill_null(False) | days.fill_null(False)
    return Finding(holds, _move(Move.PLATFORM), code.k_partner, latest(code.c_known_at, code.k_known_at))


def too_fast(code: ir.Table) -> Finding:
    """Finished in less than the least share of the course's hours after the redemption."""
    least = code.hours * (_TEN_THOUSANDTH_HOUR * LEAST_SHARE // 100)
    holds = (code.f_occurred_at - code.r_occurred_at < least) & ~_finished_before_redeemed(code)
    since = latest(code.f_known_at, code.r_known_at, code.course_known)
    return Finding(holds, _move(Move.PMO), text(PMO), since)


BREAKS: dict[BreakKind, Callable[[ir.Table], Finding]] = {
    BreakKind.UNKNOWN_CARD: unknown_card,
    BreakKind.UNKNOWN_COURSE: unknown_course,
    BreakKind.DUPLICATE_CODE: duplicate_code,
    BreakKind.NO_PURCHASE: no_purchase,
    BreakKind.VOIDED_BUT_USED: voided_but_used,
    BreakKind.WRONG_PROVIDER: wrong_provider,
    BreakKind.WRONG_PLATFORM: wrong_platform,
    BreakKind.REDEEMED_OTHER_COURSE: redeemed_other_course,
    BreakKind.COMPLETED_OTHER_COURSE: completed_other_course,
    BreakKind.CONFIRMED_OTHER_COURSE: confirmed_other_course,
    BreakKind.PRICE_ABOVE_LIST: price_above_list,
    BreakKind.OVER_BALANCE: over_balance,
    BreakKind.BEFORE_APPOINTMENT: before_appointment,
    BreakKind.REDEEMED_BEFORE_BOUGHT: redeemed_before_bought,
    BreakKind.FINISHED_BEFORE_REDEEMED: finished_before_redeemed,
    BreakKind.REVIEWED_BEFORE_FINISHED: reviewed_before_finished,
    BreakKind.CERTIFICATE_REUSED: certificate_reused,
    BreakKind.COMPLETIONS_DIFFER: completions_differ,
    BreakKind.TOO_FAST: too_fast,
}
"""Every kind in precedence."""

NEVER_SET_ASIDE = (BreakKind.DUPLICATE_CODE,)


_FROM_OTHERS = {
    "void_first": "int64",
    "void_newest": "int64",
    "lapsed_partner": "string",
    "named_first": "int64",
    "named_newest": "int64",
    "used_first": "int64",
    "used_newest": "int64",
    "other_provider_first": "int64",
    "other_provider_newest": "int64",
    "other_platform_first": "int64",
    "other_platform_newest": "int64",
    "reused_second": "int64",
    "reused_newest": "int64",
}
"""What breaks look at beside p and the sides."""


def _any_holds(codes: ir.Table) -> ir.Value:
    return ibis.or_(*(rule(codes).holds.fill_null(False) for rule in BREAKS.values()))


def with_doubt(codes: ir.Table) -> ir.Table:
    """Add `is_doubted`: whether any break holds of a code as the expected parties tell it, nobody else having spoken."""
    codes = codes.mutate(**{name: ibis.null(kind) for name, kind in _FROM_OTHERS.items()})
    return codes.mutate(is_doubted=_any_holds(codes)).drop(*_FROM_OTHERS)


def suspects(codes: ir.Table) -> ir.Table:
    """Keep the codes of which any break holds: few."""
    return codes.filter(_any_holds(codes))


def find(suspected: ir.Table, moment: ir.Table) -> ir.Table:
    """Give one row per code and kind that holds, open or not.

    :returns: redeem_code, card_number, kind, precedence, whose_move, partner, since, seen_newest (NULL where the
        since looks at fixed reports).
    """
    found = ibis.union(*(_rows_of(suspected, kind, precedence) for precedence, kind in enumerate(BREAKS)))
    return found.filter((found.kind != text(BreakKind.NO_PURCHASE)) | (found.since <= moment.as_of.as_scalar()))


def _rows_of(suspected: ir.Table, kind: BreakKind, precedence: int) -> ir.Table:
    finding = BREAKS[kind](suspected)
    newest = ibis.null("int64") if finding.seen_newest is None else finding.seen_newest
    rows = suspected.mutate(
        kind=text(kind),
        precedence=ibis.literal(precedence, type="int64"),
        whose_move=finding.move,
        partner=finding.partner,
        since=finding.since,
        seen_newest=newest,
        holds=finding.holds.fill_null(False),
    )
    return rows.filter(rows.holds).select(
        "redeem_code", "card_number", "kind", "precedence", "whose_move", "partner", "since", "seen_newest"
    )


def verdicts(resolutions: ir.Table) -> ir.Table:
    """Give for each code and kind the resolution that counts: the greatest (`occurred_at`, `resolution_ref`)."""
    last = best(
        resolutions,
        per=["redeem_code", "break_kind"],
        order=[resolutions.occurred_at.desc(), resolutions.resolution_ref.desc()],
    )
    return last.select("verdict", verdict_code="redeem_code", verdict_kind="break_kind", verdict_known="known_at")


def resolve(found: ir.Table, resolutions: ir.Table, terms: ir.Table) -> ir.Table:
    """Apply resolutions: nobody sets aside what he has not seen. Adds `is_open`, `set_aside_known` and `due_day`.

    A SET_ASIDE closes when it was known not before the break's since, nor before the newest report its since looks at.
    Where only the second fails the break is open again, since that newest report.
    """
    said = verdicts(resolutions)
    joined = beside(found, said, {"redeem_code": "verdict_code", "kind": "verdict_kind"})
    may = joined.verdict == text("SET_ASIDE")
    for kind in NEVER_SET_ASIDE:
        may = may & (joined.kind != text(kind))
    after_since = may & (joined.verdict_known >= joined.since)
    has_seen = joined.seen_newest.isnull() | (joined.verdict_known >= joined.seen_newest)
    closed, again = (after_since & has_seen).fill_null(False), (after_since & ~has_seen).fill_null(False)
    settled = joined.mutate(
        is_open=~closed,
        set_aside_known=closed.ifelse(joined.verdict_known, ibis.null("int64")),
        since=again.ifelse(joined.seen_newest, joined.since),
    ).drop("verdict", "verdict_known")
    settled = settled.mutate(since_day=jakarta_day(settled.since))
    third = terms.filter(terms.term == text("working_3")).select(term_day="day", due_day="due_day")
    return beside(settled, third, {"since_day": "term_day"}).drop("since_day")


def by_code(settled: ir.Table) -> ir.Table:
    """Give for each code the first open break, and the newest resolution that set a break of it aside."""
    first = best(settled.filter(settled.is_open), per="redeem_code", order=[settled.precedence]).select(
        open_code="redeem_code",
        break_kind="kind",
        break_move="whose_move",
        break_partner="partner",
        break_since="since",
        break_due="due_day",
    )
    aside = settled.group_by("redeem_code").agg(set_aside_known=settled.set_aside_known.max())
    return beside(aside, first, {"redeem_code": "open_code"})
