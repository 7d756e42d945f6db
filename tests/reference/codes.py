"""One redeem code: its sides laid side by side, and the breaks between them (decisions section 2)."""

from tests.reference import days
from tests.reference.tables import BREAK_KINDS, PROGRAMME_OFFICE, RULEBOOKS

TEN_MINUTES = 10 * days.MINUTE
CAN_BE_SEEN_LATER = {
    "NO_PURCHASE",
    "VOIDED_BUT_USED",
    "WRONG_PROVIDER",
    "WRONG_PLATFORM",
    "CERTIFICATE_REUSED",
}


def order_of_training(purchase):
    """(occurred_at, invoice_code, platform)."""
    return purchase["occurred_at"], purchase["invoice_code"], purchase["partner"]


def known_of(reports):
    """The known_at of each report."""
    return [report["known"] for report in reports]


def side_of(reports, preferred):
    """The report of the first preferred partner that sent one, else the smallest (occurred_at, partner)."""
    for partner in preferred:
        for report in reports:
            if partner is not None and report["partner"] == partner:
                return report
    return min(reports, key=lambda report: (report["occurred_at"], report["partner"]), default=None)


class Code:
    """A redeem code and what every party says about it."""

    def __init__(self, redeem_code, evidence):
        self.redeem_code = redeem_code
        self.evidence = evidence
        self.named_by = evidence.of_code("purchases", redeem_code)
        self.bought = sorted((p for p in self.named_by if evidence.is_in_force(p)), key=order_of_training)
        self.redemptions = evidence.of_code("redemptions", redeem_code)
        self.activities = evidence.of_code("activities", redeem_code)
        self.completions = evidence.of_code("completions", redeem_code)
        self.confirmations = evidence.of_code("confirmations", redeem_code)
        self.reviews = evidence.of_code("reviews", redeem_code)
        self.p = self.bought[0] if self.bought else None
        self.platform = self.p["partner"] if self.p else None
        self.course = course_of(self.p, evidence) if self.p else None
        self.provider = self.course["provider"] if self.course else None
        self.r = side_of(self.redemptions, [self.provider])
        self.c = side_of(self.completions, [self.provider])
        self.k = side_of(self.confirmations, [self.platform])
        self.v = side_of(self.reviews, [PROGRAMME_OFFICE, self.platform])
        self.finish = self.c or self.k
        self.appointment = evidence.appointments.get(self.p["card_number"]) if self.p else None

    def is_left_out(self):
        """Reports of purchases name the code, but no purchase in force carries it."""
        return bool(self.named_by) and not self.bought


def course_of(p, evidence):
    """The catalogue row of p's course on p's day for p's platform with the greatest approved_from."""
    day = days.jakarta_day(p["occurred_at"])
    rows = []
    for row in evidence.in_force["courses"]:
        if row["course_code"] != p["course_code"] or p["partner"] not in row["platforms"]:
            continue
        if row["approved_from"] <= day and (row["approved_until"] is None or day <= row["approved_until"]):
            rows.append(row)
    return max(rows, key=lambda row: row["approved_from"], default=None)


# The kinds of breaks. Each says nothing (None) when its condition does not hold, else whose move it is, which
# partner, since when, and, for the kinds marked *, the newest of the reports that its since looks at.


def said(move, partner, since, newest=None):
    """What a break says."""
    return {"whose_move": move, "partner": partner, "since": since, "newest": newest}


def unknown_card(code):
    if code.p and not code.appointment:
        return said("PLATFORM", code.platform, code.p["known"])
    return None


def unknown_course(code):
    if code.p and not code.course:
        return said("PLATFORM", code.platform, code.p["known"])
    return None


def duplicate_code(code):
    if len(code.bought) < 2:
        return None
    return said("PLATFORM", code.bought[-1]["partner"], sorted(known_of(code.bought))[1])


def no_purchase(code):
    evidence = code.redemptions + code.activities + code.completions + code.confirmations + code.reviews
    if not evidence or code.named_by:
        return None
    since = min(known_of(evidence)) + 24 * days.HOUR
    if since > code.evidence.as_of:
        return None
    return said("PLATFORM", None, since, max(known_of(evidence)))


def voided_but_used(code):
    used = code.redemptions + code.completions + code.confirmations
    if not code.is_left_out() or not used:
        return None
    first = min(code.named_by, key=order_of_training)
    voids = []
    for purchase in code.named_by:
        voids.extend(code.evidence.voids_of(purchase))
    since = max(min(known_of(voids)), min(known_of(used)))
    return said("PLATFORM", first["partner"], since, max(known_of(voids + used)))


def wrong_provider(code):
    if not code.course:
        return None
    others = [r for r in code.redemptions + code.activities + code.completions if r["partner"] != code.provider]
    if not others:
        return None
    both = [code.p["known"], code.course["known"]]
    return said("PMO", PROGRAMME_OFFICE, max([*both, min(known_of(others))]), max(both + known_of(others)))


def wrong_platform(code):
    if not code.p:
        return None
    others = [k for k in code.confirmations if k["partner"] != code.platform]
    if not others:
        return None
    since = max(code.p["known"], min(known_of(others)))
    return said("PMO", PROGRAMME_OFFICE, since, max([code.p["known"], *known_of(others)]))


def other_course(code, side, move):
    if not code.p or not side or side["course_code"] == code.p["course_code"]:
        return None
    return said(move, side["partner"], max(code.p["known"], side["known"]))


def redeemed_other_course(code):
    return other_course(code, code.r, "PROVIDER")


def completed_other_course(code):
    return other_course(code, code.c, "PROVIDER")


def confirmed_other_course(code):
    return other_course(code, code.k, "PLATFORM")


def price_above_list(code):
    if not code.course or code.p["amount_idr"] <= code.course["price_idr"]:
        return None
    return said("PLATFORM", code.platform, max(code.p["known"], code.course["known"]))


def over_balance(code):
    if not code.appointment or code.appointment["rulebook"] not in RULEBOOKS:
        return None
    summed = []
    for purchase in code.evidence.bought_by(code.p["card_number"]):
        if order_of_training(purchase) <= order_of_training(code.p):
            summed.append(purchase)
    balance = RULEBOOKS[code.appointment["rulebook"]]["balance"]
    if sum(purchase["amount_idr"] for purchase in summed) <= balance:
        return None
    return said("PLATFORM", code.platform, max([*known_of(summed), code.appointment["known"]]))


def before_appointment(code):
    if not code.appointment:
        return None
    if days.jakarta_day(code.p["occurred_at"]) >= code.appointment["appointed_on"]:
        return None
    return said("PLATFORM", code.platform, max(code.p["known"], code.appointment["known"]))


def too_early(later, earlier):
    """`later` occurred more than 10 minutes before `earlier`."""
    return bool(later and earlier) and later["occurred_at"] < earlier["occurred_at"] - TEN_MINUTES


def redeemed_before_bought(code):
    if not too_early(code.r, code.p):
        return None
    return said("PROVIDER", code.r["partner"], max(code.r["known"], code.p["known"]))


def finished_before_redeemed(code):
    if not too_early(code.finish, code.r):
        return None
    move = "PROVIDER" if code.finish is code.c else "PLATFORM"
    return said(move, code.finish["partner"], max(code.finish["known"], code.r["known"]))


def reviewed_before_finished(code):
    if not too_early(code.v, code.finish):
        return None
    move = "PMO" if code.v["partner"] == PROGRAMME_OFFICE else "PLATFORM"
    return said(move, code.v["partner"], max(code.v["known"], code.finish["known"]))


def certificate_reused(code):
    if not code.c or not code.c["certificate_no"] or code.is_left_out():
        return None
    same = []
    for completion in code.evidence.with_certificate(code.c["partner"], code.c["certificate_no"]):
        if not code.evidence.code(completion["redeem_code"]).is_left_out():
            same.append(completion)
    if len(same) < 2:
        return None
    since = max(code.c["known"], sorted(known_of(same))[1])
    return said("PROVIDER", code.c["partner"], since, max(known_of(same)))


def completions_differ(code):
    c, k = code.c, code.k
    if not c or not k:
        return None
    differ = c["certificate_no"] and k["certificate_no"] and c["certificate_no"] != k["certificate_no"]
    apart = abs((days.jakarta_day(c["occurred_at"]) - days.jakarta_day(k["occurred_at"])).days)
    if not differ and apart <= 1:
        return None
    return said("PLATFORM", k["partner"], max(c["known"], k["known"]))


def too_fast(code):
    if not code.finish or not code.r or not code.course or finished_before_redeemed(code):
        return None
    took = code.finish["occurred_at"] - code.r["occurred_at"]
    # hours are whole ten-thousandths of an hour; 0.6 of one is 216,000 microseconds.
    if took >= code.course["hours"] * (days.HOUR // 10_000 * 6 // 10):
        return None
    since = max(code.finish["known"], code.r["known"], code.course["known"])
    return said("PMO", PROGRAMME_OFFICE, since)


CONDITIONS = {kind: globals()[kind.lower()] for kind in BREAK_KINDS}


def settled_breaks(code):
    """Of a code: its open breaks in precedence, and the resolutions that set a break of it aside."""
    open_breaks, set_aside_by = [], []
    for kind in BREAK_KINDS:
        holds = CONDITIONS[kind](code)
        if holds is None:
            continue
        resolution = code.evidence.resolution_of(code.redeem_code, kind)
        since = since_after(kind, holds, resolution)
        if since is None:
            set_aside_by.append(resolution)
            continue
        open_breaks.append(
            {
                "redeem_code": code.redeem_code,
                "kind": kind,
                "whose_move": holds["whose_move"],
                "partner": holds["partner"],
                "since": since,
                "due_on": days.working_days_after(since, 3),
                "card_number": code.p["card_number"] if code.p else None,
            }
        )
    return open_breaks, set_aside_by


def since_after(kind, holds, resolution):
    """Since when the break is open once its resolution is looked at; None when it is set aside."""
    if kind == "DUPLICATE_CODE" or resolution is None or resolution["verdict"] != "SET_ASIDE":
        return holds["since"]
    if resolution["known"] < holds["since"]:
        return holds["since"]
    if kind in CAN_BE_SEEN_LATER and resolution["known"] < holds["newest"]:
        return holds["newest"]
    return None
