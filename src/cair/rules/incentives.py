"""The decision on the first incentive: one row per participant, every check, the first reason, whose move, by when.

Source: decisions, section 3. One function per reason; the order is the rulebook's. To add a check: write its function
here and its line in CHECKS, add the reason to `kernel.reasons.Reason`, its place in `programme/rulebooks.yaml`, its
sentences, and a case.
"""

from collections.abc import Callable

import ibis
from ibis.expr import types as ir

from cair.kernel.reasons import BENEFIT_TRANCHE_1, Move, Reason
from cair.kernel.states import State, Step
from cair.programme.reader import rulebooks
from cair.rules.checks import (
    Check,
    Due,
    by_reason,
    day_start,
    fails,
    first_failing,
    latest,
    never,
    no_text,
    on,
    passing,
    text,
    unknown,
    working_days,
)
from cair.rules.facts import beside
from cair.rules.tables import PMO


def _move(move: Move) -> ir.Value:
    return text(move)


def _detail(number: ir.Value) -> ir.Value:
    """Write a card number with its 16 digits."""
    return number.cast("string").lpad(16, "0")


def _last_day(person: ir.Table) -> Due:
    return Due(person.ruled_by, person.last_buying_day)


def _buy_by(person: ir.Table) -> Due:
    return on(person.buy_by)


def evidence_known(person: ir.Table) -> ir.Value:
    """Greatest known of p, r, c, k, v; with none, the start of `appointed_on`."""
    sides = latest(person.p_known_at, person.r_known_at, person.c_known_at, person.k_known_at, person.v_known_at)
    return sides.fill_null(day_start(person.appointed_on))


def revoked(person: ir.Table) -> Check:
    """The revocation that counts must not be REVOKED."""
    passes = ~(person.revocation == text("REVOKED")).fill_null(False)
    return Check(passes, _move(Move.NONE), person.revoked_since, never(), no_text())


def no_rulebook(person: ir.Table) -> Check:
    """The appointment must name a rulebook that is known."""
    since = day_start(person.appointed_on)
    return Check(person.known_rulebook.notnull(), _move(Move.PMO), since, working_days(3, since), no_text())


def duplicate_person(person: ir.Table) -> Check:
    """No other appointment of the same NIK may come before this one."""
    passes = person.first_card.isnull() | (person.first_card == person.card_number)
    since = latest(person.appointed_known, person.first_known)
    return Check(passes, _move(Move.PMO), since, working_days(3, since), _detail(person.first_card))


def held(person: ir.Table) -> Check:
    """No hold may cover the person."""
    return Check(person.hold_ref.isnull(), _move(Move.OWNER), person.hold_since, on(person.hold_until), person.hold_ref)


def not_bought(person: ir.Table) -> Check:
    """A purchase must be in force."""
    since = day_start(person.appointed_on)
    return Check(person.first_code.notnull(), _move(Move.PARTICIPANT), since, _buy_by(person), no_text())


def broken(person: ir.Table) -> Check:
    """No break may be open on the code of the first training."""
    return Check(
        person.break_kind.isnull(), person.break_move, person.break_since, on(person.break_due), person.break_kind
    )


def not_redeemed(person: ir.Table) -> Check:
    """The code must be redeemed."""
    passes = person.r_known_at.notnull()
    return Check(passes, _move(Move.PARTICIPANT), person.p_occurred_at, _last_day(person), no_text())


def not_finished(person: ir.Table) -> Check:
    """Provider or platform must report the end."""
    passes = person.f_known_at.notnull()
    return Check(passes, _move(Move.PARTICIPANT), person.r_occurred_at, _last_day(person), no_text())


def _asked_of_provider(passes: ir.Value, since: ir.Value) -> Check:
    return Check(passes, _move(Move.PROVIDER), since, working_days(1, since), no_text())


def attendance_incomplete(person: ir.Table) -> Check:
    """Every session of the course must have an attendance."""
    passes = person.attended.fill_null(0) >= person.sessions.fill_null(1)
    return _asked_of_provider(passes, person.f_known_at)


def task_missing(person: ir.Table) -> Check:
    """Every task of the course must be handed in."""
    passes = person.tasks_done.fill_null(0) >= person.tasks.fill_null(1)
    return _asked_of_provider(passes, person.f_known_at)


def demonstration_missing(person: ir.Table) -> Check:
    """The skill must be demonstrated."""
    return _asked_of_provider(person.demonstrations > 0, person.f_known_at)


def post_test_missing(person: ir.Table) -> Check:
    """The post-test must be taken."""
    return _asked_of_provider(person.post_tests > 0, person.f_known_at)


def provider_report_missing(person: ir.Table) -> Check:
    """The provider must report the end."""
    return _asked_of_provider(person.c_known_at.notnull(), person.k_known_at)


def platform_report_missing(person: ir.Table) -> Check:
    """The platform must report the end."""
    passes, since = person.k_known_at.notnull(), person.c_known_at
    return Check(passes, _move(Move.PLATFORM), since, working_days(1, since), no_text())


def certificate_missing(person: ir.Table) -> Check:
    """One of the two reports must carry a certificate number."""
    return _asked_of_provider(person.is_certified, latest(person.c_known_at, person.k_known_at))


def not_rated(person: ir.Table) -> Check:
    """The review must carry stars."""
    since = latest(person.c_known_at, person.k_known_at)
    return Check(person.v_stars.notnull(), _move(Move.PARTICIPANT), since, never(), no_text())


def not_reviewed(person: ir.Table) -> Check:
    """The text of the review must have at least the characters that the rulebook asks for."""
    passes = person.v_text_length >= person.review_characters
    return Check(passes, _move(Move.PARTICIPANT), person.v_known_at, never(), no_text())


def _about_account(person: ir.Table, passes: ir.Value, since: ir.Value) -> Check:
    """While nothing is bought the buying days run; afterwards an account has no due day of its own."""
    due = Due(no_text(), person.first_code.isnull().ifelse(person.buy_by, unknown()))
    return Check(passes, _move(Move.PARTICIPANT), since, due, no_text())


def no_account(person: ir.Table) -> Check:
    """An account must be linked."""
    return _about_account(person, person.account_known.notnull(), evidence_known(person))


def account_not_own(person: ir.Table) -> Check:
    """The account's holder must be the participant, by NIK."""
    return _about_account(person, person.account_own, person.account_known)


def account_not_verified(person: ir.Table) -> Check:
    """The holder's identity must be fully verified."""
    return _about_account(person, person.account_verified, person.account_known)


def account_not_active(person: ir.Table) -> Check:
    """The account must be in use."""
    return _about_account(person, person.account_active, person.account_known)


CHECKS: dict[Reason, Callable[[ir.Table], Check]] = {
    Reason.REVOKED: revoked,
    Reason.NO_RULEBOOK: no_rulebook,
    Reason.DUPLICATE_PERSON: duplicate_person,
    Reason.HELD: held,
    Reason.NOT_BOUGHT: not_bought,
    Reason.BREAK: broken,
    Reason.NOT_REDEEMED: not_redeemed,
    Reason.NOT_FINISHED: not_finished,
    Reason.ATTENDANCE_INCOMPLETE: attendance_incomplete,
    Reason.TASK_MISSING: task_missing,
    Reason.DEMONSTRATION_MISSING: demonstration_missing,
    Reason.POST_TEST_MISSING: post_test_missing,
    Reason.PROVIDER_REPORT_MISSING: provider_report_missing,
    Reason.PLATFORM_REPORT_MISSING: platform_report_missing,
    Reason.CERTIFICATE_MISSING: certificate_missing,
    Reason.NOT_RATED: not_rated,
    Reason.NOT_REVIEWED: not_reviewed,
    Reason.NO_ACCOUNT: no_account,
    Reason.ACCOUNT_NOT_OWN: account_not_own,
    Reason.ACCOUNT_NOT_VERIFIED: account_not_verified,
    Reason.ACCOUNT_NOT_ACTIVE: account_not_active,
}
"""The check of every reason."""


def progress(activities: ir.Table, people: ir.Table, sold: ir.Table) -> ir.Table:
    """Count, for the first trainings of people whose rulebook asks for them, the activities in force of the code.

    Attendance counts the sessions 1 to `sessions`, tasks 1 to `tasks`, from any partner.
    """
    asking = [book.name for book in rulebooks() if book.counts_activities]
    asked = people.filter(people.ruled_by.isin(asking) & people.first_code.notnull()).select("first_code").distinct()
    wanted = beside(asked, sold.select("sessions", "tasks", sold_code="redeem_code"), {"first_code": "sold_code"})
    wanted = wanted.mutate(sessions=wanted.sessions.fill_null(1), tasks=wanted.tasks.fill_null(1))
    rows = wanted.left_join(activities, wanted.first_code == activities.redeem_code)
    within_sessions = (rows.kind == text("attendance")) & (rows.sequence >= 1) & (rows.sequence <= rows.sessions)
    within_tasks = (rows.kind == text("task")) & (rows.sequence >= 1) & (rows.sequence <= rows.tasks)
    counted = rows.kind.isin(["attendance", "task", "demonstration", "post_test"])
    return rows.group_by(progress_code="first_code").agg(
        attended=rows.sequence.nunique(where=within_sessions),
        tasks_done=rows.sequence.nunique(where=within_tasks),
        demonstrations=rows.sequence.count(where=rows.kind == text("demonstration")),
        post_tests=rows.sequence.count(where=rows.kind == text("post_test")),
        activities_known=rows.known_at.max(where=counted),
    )


def rests_on(person: ir.Table) -> ir.Value:
    """The newest report that a due decision rests on: its since."""
    return latest(
        person.appointed_known,
        person.p_known_at,
        person.r_known_at,
        person.c_known_at,
        person.k_known_at,
        person.v_known_at,
        person.account_known,
        person.course_known,
        person.activities_known,
        person.void_known,
        person.set_aside_known,
        person.hold_ended_known,
        person.restored_known,
    )


def step_of(person: ir.Table) -> ir.Value:
    """The last step of the ladder that a person has reached (decisions, section 4)."""
    own = person.owner_card == person.card_number
    fine = [
        (Step.BOUGHT, own.fill_null(False) & person[passing(Reason.NOT_REDEEMED)]),
        (Step.REDEEMED, person.f_known_at.notnull()),
        (Step.FINISHED, person.c_known_at.notnull() & person.k_known_at.notnull()),
        (Step.REPORTED, person[passing(Reason.CERTIFICATE_MISSING)]),
        (Step.CERTIFIED, person[passing(Reason.NOT_RATED)] & person[passing(Reason.NOT_REVIEWED)]),
        (Step.REVIEWED, person[passing(Reason.BREAK)]),
        (Step.SETTLED, person.reason.isnull()),
    ]
    return ibis.cases(
        (~person[passing(Reason.REVOKED)], text(Step.REVOKED)),
        (~person[passing(Reason.NOT_BOUGHT)], text(Step.NOT_BOUGHT)),
        *((~reached, text(step)) for step, reached in fine),
        else_=text(Step.PAYABLE),
    )


def _reason(person: ir.Table) -> ir.Value:
    orders = [(person.ruled_by == text(book.name), first_failing(person, book.checks)) for book in rulebooks()]
    return ibis.cases(*orders, else_=text(Reason.NO_RULEBOOK))


def _state(person: ir.Table) -> ir.Value:
    return ibis.cases(
        (person.reason.isnull(), text(State.DUE)),
        (person.reason == text(Reason.REVOKED), text(State.CLOSED)),
        else_=text(State.WAITING),
    )


def _partner(person: ir.Table) -> ir.Value:
    provider = ibis.coalesce(person.provider, person.r_partner, person.c_partner)
    by_move = ibis.cases(
        (person.whose_move == text(Move.PLATFORM), person.p_partner),
        (person.whose_move == text(Move.PROVIDER), provider),
        (person.whose_move == text(Move.PMO), text(PMO)),
        (person.whose_move == text(Move.OWNER), person.hold_owner),
        else_=no_text(),
    )
    return (person.reason == text(Reason.BREAK)).fill_null(False).ifelse(person.break_partner, by_move)


def check(people: ir.Table) -> ir.Table:
    """Add one column per check and the first reason that fails in the person's rulebook.

    `people` has one row per appointment in force with the sides of the first training's code, holds, breaks, progress.
    """
    person = people.mutate(**{passing(reason): ~fails(rule(people)) for reason, rule in CHECKS.items()})
    return person.mutate(reason=_reason(person))


def decide(person: ir.Table, terms: ir.Table) -> ir.Table:
    """Decide tranche 1 of every person whose checks have run.

    Adds detail, whose move, partner, since, due day, state, amount in whole rupiah and the step of the ladder. Money is
    due only when no check fails.
    """
    checks = {reason: rule(person) for reason, rule in CHECKS.items()}
    is_due, office = person.reason.isnull(), working_days(1, rests_on(person))
    decided = person.mutate(
        detail=by_reason(person, {reason: check.detail for reason, check in checks.items()}, no_text()),
        whose_move=by_reason(person, {reason: check.move for reason, check in checks.items()}, text(Move.PMO)),
        since=by_reason(person, {reason: check.since for reason, check in checks.items()}, rests_on(person)),
        due_term=by_reason(person, {reason: check.due.term for reason, check in checks.items()}, office.term),
        due_from=by_reason(person, {reason: check.due.day for reason, check in checks.items()}, office.day),
        state=_state(person),
        amount_idr=is_due.ifelse(person.tranche_1_idr, 0),
        benefit=text(BENEFIT_TRANCHE_1),
        step=step_of(person),
    )
    decided = decided.mutate(partner=_partner(decided))
    dated = beside(decided, terms, {"due_term": "term", "due_from": "day"})
    return dated.mutate(due_day=dated.due_term.isnull().ifelse(dated.due_from, dated.due_day))


def with_training(people: ir.Table, codes: ir.Table, settled: ir.Table) -> ir.Table:
    """Lay the sides of each person's first training beside the person. `settled` has the breaks by code."""
    joined = beside(people, codes.rename(side_code="redeem_code"), {"first_code": "side_code"})
    return beside(joined, settled.rename(settled_code="redeem_code"), {"first_code": "settled_code"})


def with_progress(people: ir.Table, done: ir.Table) -> ir.Table:
    """Add the activities of each person's first training where the rulebook asks for them (`progress`)."""
    joined = beside(people, done, {"first_code": "progress_code"})
    return joined.mutate(demonstrations=joined.demonstrations.fill_null(0), post_tests=joined.post_tests.fill_null(0))
