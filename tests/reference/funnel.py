"""The figures as of an instant, one person at a time (decisions sections 4 and 5, contract section 3)."""

import collections

from tests.reference import days

OF_CONTACTS = (
    ("TRIED", ("purchase_failed", "otp_failed")),
    ("SIGNED_IN", ("login",)),
    ("LOCKED_OUT", ("login_failed", "password_reset")),
)
OF_MESSAGES = (
    ("REACHED", ("opened", "clicked", "answered")),
    ("DELIVERED", ("delivered",)),
    ("UNREACHABLE", ("failed", "bounced")),
    ("NO_RECEIPT", ("sent",)),
)
FINISHERS = ("finished", "reported", "certified", "reviewed", "settled", "payable")


def standing_of(person):
    """revoked, not_bought or bought."""
    if "REVOKED" in person.failing:
        return "revoked"
    return "bought" if person.first else "not_bought"


def step_of(person):
    """The last step of the ladder that was reached, all before it too."""
    standing = standing_of(person)
    if standing != "bought" or person.first is not person.code.p:
        return standing
    code = person.code
    steps = (
        ("redeemed", code.r is not None),
        ("finished", code.finish is not None),
        ("reported", code.c is not None and code.k is not None),
        ("certified", "CERTIFICATE_MISSING" not in person.failing),
        ("reviewed", "NOT_RATED" not in person.failing and "NOT_REVIEWED" not in person.failing),
        ("settled", "BREAK" not in person.failing),
        ("payable", not person.failing),
    )
    reached = "bought"
    for step, counts in steps:
        if not counts:
            break
        reached = step
    return reached


def reach_of(person):
    """The first class that holds, of what occurred at or after the start of appointed_on."""
    contacts = since_appointed(person, "contacts", "kind")
    messages = since_appointed(person, "messages", "status")
    for classes, seen in ((OF_CONTACTS, contacts), (OF_MESSAGES, messages)):
        for name, words in classes:
            if seen & set(words):
                return name
    return "NOT_CONTACTED"


def since_appointed(person, feed, column):
    """The words of a column in a feed's reports of the card at or after the start of appointed_on."""
    reports = person.evidence.of_card(feed, person.card_number)
    return {report[column] for report in reports if report["occurred_at"] >= person.appointed()}


def funnel_of(evidence):
    """The export `funnel`: rows sorted by measure, dimension and value; rows of 0 are left out."""
    counts = collections.Counter()
    for person in evidence.people():
        count_person(counts, person)
        count_decision(counts, person, days.jakarta_day(evidence.as_of))
    as_of = days.instant_text(evidence.as_of)
    return [
        {"as_of": as_of, "measure": measure, "dimension": dimension, "value": value, "count": str(count)}
        for (measure, dimension, value), count in sorted(counts.items())
    ]


def count_person(counts, person):
    """appointed, bought, not_bought, revoked; reach; ladder."""
    standing = standing_of(person)
    for measure in ("appointed", standing):
        counts[measure, "total", "all"] += 1
        counts[measure, "wave", str(person.appointment["wave"])] += 1
        counts[measure, "province", person.appointment["region_code"][:2]] += 1
        counts[measure, "rulebook", person.appointment["rulebook"]] += 1
    if standing == "not_bought":
        counts["not_bought", "reach", reach_of(person)] += 1
    counts["ladder", "step", step_of(person)] += 1


def count_decision(counts, person, today):
    """state, waiting, unpaid_finishers."""
    decision = person.decision()
    partner = decision["partner"] or ""
    move = decision["whose_move"]
    counts["state", "state", decision["state"]] += 1
    if decision["state"] == "WAITING":
        counts["waiting", "reason", decision["reason"]] += 1
        counts["waiting", "whose_move", move] += 1
        counts["waiting", "partner", partner] += 1
    if step_of(person) not in FINISHERS:
        return
    overdue = decision["due_on"] is not None and today > decision["due_on"]
    counts["unpaid_finishers", "timing", "overdue" if overdue else "in_time"] += 1
    counts["unpaid_finishers", "reason", decision["reason"] or "DUE"] += 1
    counts["unpaid_finishers", "whose_move", move] += 1
    counts["unpaid_finishers", "partner", partner] += 1
    if overdue:
        counts["unpaid_finishers", "overdue_whose_move", move] += 1
        counts["unpaid_finishers", "overdue_partner", partner] += 1
