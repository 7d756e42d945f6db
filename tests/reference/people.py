"""One person: every check on the first incentive, one after the other, and the decision (decisions section 3)."""

import datetime

from tests.reference import days
from tests.reference.tables import PROGRAMME_OFFICE, RULEBOOKS, WHEN_UNKNOWN
from tests.reference.values import WHOLE

RESTED_ON = ("attendance", "task", "demonstration", "post_test")


class Person:
    """An appointment in force and what the evidence says of its card."""

    def __init__(self, appointment, evidence):
        self.evidence = evidence
        self.appointment = appointment
        self.card_number = appointment["card_number"]
        self.rulebook = RULEBOOKS.get(appointment["rulebook"])
        self.runs_under = self.rulebook or RULEBOOKS[WHEN_UNKNOWN]
        bought = evidence.bought_by(self.card_number)
        self.first = bought[0] if bought else None
        self.code = evidence.code(self.first["redeem_code"]) if self.first else None
        self.revocations = evidence.of_card("revocations", self.card_number)
        self.account = linked_account(self)
        self.failing = [reason for reason in self.runs_under["order"] if CHECKS[reason](self) is not None]

    def side(self, name):
        """p, r, c, k, v, course, finish, platform or provider of the first training's code, if there is one."""
        return getattr(self.code, name) if self.code else None

    def appointed(self):
        """The start of appointed_on."""
        return days.start_of(self.appointment["appointed_on"])

    def last_buying_day(self):
        """appointed_on + buying days - 1."""
        return days.last_day_inclusive(self.appointment["appointed_on"], self.runs_under["buying_days"])

    def buying_due(self):
        """The last buying day, plus, for the restored, the days from the first REVOKED to the last RESTORED."""
        revoked = [r["occurred_at"] for r in self.revocations if r["status"] == "REVOKED"]
        restored = [r["occurred_at"] for r in self.revocations if r["status"] == "RESTORED"]
        if not revoked or not restored:
            return self.last_buying_day()
        return self.last_buying_day() + (days.jakarta_day(max(restored)) - days.jakarta_day(min(revoked)))

    def last_day(self):
        """The first 15 December (12 November) that is not before the last buying day."""
        month, day = self.runs_under["last_day"]
        last_buying_day = self.last_buying_day()
        last_day = datetime.date(last_buying_day.year, month, day)
        if last_day < last_buying_day:
            last_day = datetime.date(last_buying_day.year + 1, month, day)
        return last_day

    def evidence_known(self):
        """The greatest known of p, r, c, k, v; with none, the start of appointed_on."""
        sides = [self.side(name) for name in ("p", "r", "c", "k", "v")]
        return max((side["known"] for side in sides if side), default=self.appointed())

    def account_due(self):
        """As NOT_BOUGHT while nothing is bought."""
        return None if self.first else self.buying_due()

    def holds(self):
        """The START reports whose hold covers the person, ended or not."""
        starts = [hold for hold in self.evidence.in_force["holds"] if hold["status"] == "START"]
        return [start for start in starts if covers(start, self)]

    def ends_of(self, start):
        """The END reports of a START's hold_ref."""
        holds = self.evidence.in_force["holds"]
        return [hold for hold in holds if hold["status"] == "END" and hold["hold_ref"] == start["hold_ref"]]

    def open_breaks(self):
        """The open breaks on the first training's code."""
        return self.evidence.breaks_of(self.code.redeem_code)[0] if self.code else []

    def activities(self, kind):
        """The activities of a kind for the code, from any partner."""
        return [activity for activity in self.side("activities") or [] if activity["kind"] == kind]

    def decision(self):
        """The row of the export."""
        reason = self.failing[0] if self.failing else None
        found = CHECKS[reason](self) if reason else self.due()
        return {
            "card_number": self.card_number,
            "benefit": "TRANCHE_1",
            "state": "DUE" if reason is None else "CLOSED" if reason == "REVOKED" else "WAITING",
            "reason": reason,
            "detail": found["detail"],
            "whose_move": found["whose_move"],
            "partner": found["partner"] if "partner" in found else self.partner_of(found["whose_move"]),
            "since": found["since"],
            "due_on": found["due_on"],
            "amount_idr": self.runs_under["tranche_1"] if reason is None else 0,
            "redeem_code": self.first["redeem_code"] if self.first else None,
            "order_ref": None,
        }

    def partner_of(self, move):
        """PLATFORM the platform; PROVIDER the provider, else r's partner, else c's; PMO pmo."""
        if move == "PLATFORM":
            return self.side("platform")
        if move == "PROVIDER":
            senders = [side["partner"] for side in (self.side("r"), self.side("c")) if side]
            return self.side("provider") or next(iter(senders), None)
        return PROGRAMME_OFFICE if move == "PMO" else None

    def due(self):
        """Nothing fails: due since the greatest known_at of what it rests on, +1 working day."""
        rests_on = [self.appointment, self.account]
        rests_on += [self.side(name) for name in ("p", "r", "c", "k", "v", "course")]
        if self.runs_under["rests_on_activities"]:
            for kind in RESTED_ON:
                rests_on += self.activities(kind)
        for purchase in self.evidence.of_card("purchases", self.card_number):
            if purchase["status"] == "SUCCESS":
                rests_on += self.evidence.voids_of(purchase)
        rests_on += self.evidence.breaks_of(self.code.redeem_code)[1]
        for start in self.holds():
            rests_on += self.ends_of(start)
        rests_on += [r for r in self.revocations if r["status"] == "RESTORED"]
        since = max(report["known"] for report in rests_on if report)
        return fails("PMO", since, days.working_days_after(since, 1))


def covers(start, person):
    """Whether a hold's scope covers a person; a scope but `all` without a value covers nobody."""
    value = start["scope_value"]
    if start["scope"] == "all":
        return True
    if value is None:
        return False
    match start["scope"]:
        case "person":
            return value == person.card_number
        case "wave":
            return bool(WHOLE.fullmatch(value)) and int(value) == person.appointment["wave"]
        case "region":
            return person.appointment["region_code"].startswith(value)
        case "payment_partner":
            return person.account is not None and value == person.account["partner"]
    return value == person.side(start["scope"])


def linked_account(person):
    """Of the newest report of each account that is not UNLINKED: passing ones first, then the newest."""
    newest = {}
    for report in person.evidence.of_card("accounts", person.card_number):
        account = (report["partner"], report["account_ref"])
        if account not in newest or report["checked_at"] > newest[account]["checked_at"]:
            newest[account] = report
    candidates = [report for report in newest.values() if report["status"] != "UNLINKED"]
    passing = [report for report in candidates if passes(report, person)]
    among = passing or candidates
    if not among:
        return None
    greatest = max((report["checked_at"], report["partner"]) for report in among)
    equal = [report for report in among if (report["checked_at"], report["partner"]) == greatest]
    return min(equal, key=lambda report: report["order"])


def passes(account, person):
    """The three account checks."""
    own = account["holder_nik"] == person.appointment["nik"]
    return own and account["kyc"] == "full" and account["status"] == "LINKED"


# The checks. Each says nothing (None) when it does not fail, else whose move, since when, due when, and the detail.


def fails(move, since, due_on, detail=None, **partner):
    """What a failing check says."""
    return {"whose_move": move, "since": since, "due_on": due_on, "detail": detail, **partner}


def revoked(person):
    last = max(person.revocations, key=lambda r: (r["occurred_at"], r["revocation_ref"]), default=None)
    if last is None or last["status"] != "REVOKED":
        return None
    return fails("NONE", last["occurred_at"], None)


def no_rulebook(person):
    if person.rulebook:
        return None
    return fails("PMO", person.appointed(), days.working_days_after(person.appointed(), 3))


def duplicate_person(person):
    mine = (person.appointment["appointed_on"], person.card_number)
    others = [(a["appointed_on"], a["card_number"], a) for a in person.evidence.with_nik(person.appointment["nik"])]
    smaller = [other for other in others if other[:2] < mine]
    if not smaller:
        return None
    _, card_number, smallest = min(smaller, key=lambda other: other[:2])
    since = max(person.appointment["known"], smallest["known"])
    return fails("PMO", since, days.working_days_after(since, 3), detail=card_number)


def held(person):
    running = [start for start in person.holds() if not person.ends_of(start)]
    if not running:
        return None
    hold = min(running, key=lambda start: (start["occurred_at"], start["hold_ref"]))
    return fails("OWNER", hold["occurred_at"], hold["expected_end"], detail=hold["hold_ref"], partner=hold["owner"])


def not_bought(person):
    if person.first:
        return None
    return fails("PARTICIPANT", person.appointed(), person.buying_due())


def on_a_break(person):
    if not person.open_breaks():
        return None
    first = person.open_breaks()[0]
    return fails(first["whose_move"], first["since"], first["due_on"], detail=first["kind"], partner=first["partner"])


def not_redeemed(person):
    if person.side("r"):
        return None
    return fails("PARTICIPANT", person.side("p") and person.side("p")["occurred_at"], person.last_day())


def not_finished(person):
    if person.side("finish"):
        return None
    return fails("PARTICIPANT", person.side("r") and person.side("r")["occurred_at"], person.last_day())


def of_the_provider(since):
    return fails("PROVIDER", since, days.working_days_after(since, 1) if since is not None else None)


def finish_known(person):
    return person.side("finish") and person.side("finish")["known"]


def sessions_asked(course):
    """Empty means 1; without a course 1."""
    return 1 if course is None or course["sessions"] is None else course["sessions"]


def tasks_asked(course):
    """Empty means 0 for face_to_face, else 1; without a course 1."""
    if course is None:
        return 1
    if course["tasks"] is None:
        return 0 if course["mode"] == "face_to_face" else 1
    return course["tasks"]


def all_are_there(person, kind, asked):
    """Every one of 1..asked."""
    there = {activity["sequence"] for activity in person.activities(kind)}
    return len([sequence for sequence in there if 1 <= sequence <= asked]) == asked


def attendance_incomplete(person):
    if all_are_there(person, "attendance", sessions_asked(person.side("course"))):
        return None
    return of_the_provider(finish_known(person))


def task_missing(person):
    if all_are_there(person, "task", tasks_asked(person.side("course"))):
        return None
    return of_the_provider(finish_known(person))


def demonstration_missing(person):
    return None if person.activities("demonstration") else of_the_provider(finish_known(person))


def post_test_missing(person):
    return None if person.activities("post_test") else of_the_provider(finish_known(person))


def provider_report_missing(person):
    if person.side("c"):
        return None
    return of_the_provider(person.side("k") and person.side("k")["known"])


def platform_report_missing(person):
    if person.side("k"):
        return None
    since = person.side("c") and person.side("c")["known"]
    return fails("PLATFORM", since, days.working_days_after(since, 1) if since is not None else None)


def both_known(person):
    """The later of c.known and k.known, as far as they are there."""
    return max((side["known"] for side in (person.side("c"), person.side("k")) if side), default=None)


def certificate_missing(person):
    for side in (person.side("c"), person.side("k")):
        if side and side["certificate_no"]:
            return None
    return of_the_provider(both_known(person))


def not_rated(person):
    if person.side("v") and person.side("v")["stars"] is not None:
        return None
    return fails("PARTICIPANT", both_known(person), None)


def not_reviewed(person):
    review = person.side("v")
    if review and review["text"] and len(review["text"]) >= 10:
        return None
    return fails("PARTICIPANT", review and review["known"], None)


def no_account(person):
    if person.account:
        return None
    return fails("PARTICIPANT", person.evidence_known(), person.account_due())


def of_the_account(person, passed):
    if person.account and passed(person.account):
        return None
    return fails("PARTICIPANT", person.account and person.account["known"], person.account_due())


def account_not_own(person):
    return of_the_account(person, lambda account: account["holder_nik"] == person.appointment["nik"])


def account_not_verified(person):
    return of_the_account(person, lambda account: account["kyc"] == "full")


def account_not_active(person):
    return of_the_account(person, lambda account: account["status"] == "LINKED")


CHECKS = {
    "REVOKED": revoked,
    "NO_RULEBOOK": no_rulebook,
    "DUPLICATE_PERSON": duplicate_person,
    "HELD": held,
    "NOT_BOUGHT": not_bought,
    "BREAK": on_a_break,
    "NOT_REDEEMED": not_redeemed,
    "NOT_FINISHED": not_finished,
    "ATTENDANCE_INCOMPLETE": attendance_incomplete,
    "TASK_MISSING": task_missing,
    "DEMONSTRATION_MISSING": demonstration_missing,
    "POST_TEST_MISSING": post_test_missing,
    "PROVIDER_REPORT_MISSING": provider_report_missing,
    "PLATFORM_REPORT_MISSING": platform_report_missing,
    "CERTIFICATE_MISSING": certificate_missing,
    "NOT_RATED": not_rated,
    "NOT_REVIEWED": not_reviewed,
    "NO_ACCOUNT": no_account,
    "ACCOUNT_NOT_OWN": account_not_own,
    "ACCOUNT_NOT_VERIFIED": account_not_verified,
    "ACCOUNT_NOT_ACTIVE": account_not_active,
}
