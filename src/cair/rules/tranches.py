"""What payments make of decisions, and the benefits after the first: when they are due. Source: decisions, section 3.

From its release on a benefit stands where its payment stands; one that failed or came back is due again when the account
is another one, or was looked at again. Without payments everything is as decided.
"""

import ibis
from ibis.expr import types as ir

from cair.kernel.reasons import BENEFIT_TRANCHE_1, NOT_ANSWERED, NOT_YET, Move, Reason
from cair.kernel.remedies import MENDED_BY_OFFICE
from cair.kernel.states import State, Step
from cair.programme.reader import rulebooks, steady
from cair.rules.checks import (
    Due,
    by_reason,
    day_start,
    first_failing,
    jakarta_day,
    latest,
    no_text,
    on,
    text,
    unknown,
    working_days,
)
from cair.rules.facts import beside
from cair.rules.incentives import CHECKS
from cair.rules.tables import PMO

SURVEY_DAYS = steady("survey_days")
"""Survey n opens so many days times n after tranche 1 was paid, and is open for so many, inclusive."""
LATER_CHECKS = frozenset(
    {
        Reason.REVOKED,
        Reason.NO_RULEBOOK,
        Reason.DUPLICATE_PERSON,
        Reason.HELD,
        Reason.NO_ACCOUNT,
        Reason.ACCOUNT_NOT_OWN,
        Reason.ACCOUNT_NOT_VERIFIED,
        Reason.ACCOUNT_NOT_ACTIVE,
    }
)
TOLD = ("card_number", "benefit", "state", "reason", "detail", "whose_move", "partner", "since", "due_day",
        "amount_idr", "first_code", "order_ref")  # fmt: skip
"""The columns of a benefit as it is told."""


def _with_order(rows: ir.Table, orders: ir.Table, spent: ir.Table, *, benefit: ir.Value) -> ir.Table:
    """Lay the payment of a benefit beside it. `is_paid_for`: the payment stands, and nothing has mended its failure."""
    rows = rows.mutate(asked_benefit=benefit)
    own = orders.select(
        "order_card", "order_benefit", "order_ref", "order_state", "order_reason", "order_since", "order_amount",
        "order_partner",
    )  # fmt: skip
    rows = beside(rows, own, {"card_number": "order_card", "asked_benefit": "order_benefit"})
    rows = rows.mutate(asked_fingerprint=rows.account_fingerprint)
    again = {"card_number": "spent_card", "asked_benefit": "spent_benefit", "asked_fingerprint": "spent_fingerprint"}
    rows = beside(rows, spent.mutate(is_spent=ibis.literal(True)), again)
    ended = rows.order_state.isin([str(State.FAILED), str(State.RETURNED)]).fill_null(False)
    rows = rows.mutate(has_ended=ended, is_spent=rows.is_spent.fill_null(False))
    return rows.drop("asked_benefit", "asked_fingerprint")


def _of_order(rows: ir.Table) -> dict[str, ir.Value]:
    """Say of a benefit what its payment says."""
    office = sorted(str(reason) for reason in MENDED_BY_OFFICE)
    move = ibis.cases(
        (rows.order_state == text(State.PAID), text(Move.NONE)),
        (rows.has_ended & ~rows.order_reason.isin(office).fill_null(False), text(Move.PARTICIPANT)),
        else_=text(Move.PMO),
    )
    partner = (move == text(Move.PMO)).ifelse(text(PMO), no_text())
    return {
        "state": rows.order_state,
        "reason": rows.has_ended.ifelse(rows.order_reason, no_text()),
        "detail": no_text(),
        "whose_move": move,
        "partner": (rows.order_state == text(State.SENT)).ifelse(rows.order_partner, partner),
        "since": rows.order_since,
        "due_day": unknown(),
        "amount_idr": rows.order_amount,
    }


def with_payments(decisions: ir.Table, orders: ir.Table, spent: ir.Table) -> ir.Table:
    """Let tranche 1 stand where its payment stands: `decisions` with `order_ref`."""
    rows = _with_order(decisions, orders, spent, benefit=text(BENEFIT_TRANCHE_1))
    stands = rows.order_state.notnull() & ~(rows.has_ended & rows.reason.isnull() & ~rows.is_spent)
    step = ibis.cases(
        (rows.step.isin([str(Step.REVOKED), str(Step.NOT_BOUGHT)]), rows.step),
        (rows.order_state == text(State.PAID), text(Step.PAID)),
        else_=text(Step.RELEASED),
    )
    told = {**_of_order(rows), "step": step}
    return rows.mutate(**{name: stands.ifelse(value, rows[name]) for name, value in told.items()}).drop(
        "order_state", "order_reason", "order_since", "order_amount", "order_partner", "has_ended", "is_spent"
    )


def later(
    decisions: ir.Table, orders: ir.Table, spent: ir.Table, answered: ir.Table, benefits: ir.Table, moment: ir.Table
) -> ir.Table:
    """Give the benefits after tranche 1 of everybody whose tranche 1 is released, all but their due day."""
    first = orders.filter(orders.order_benefit == text(BENEFIT_TRANCHE_1))
    first = first.select("released_at", "paid_at", "month_1", "month_2", "month_3", first_order_card="order_card")
    people = decisions.drop("due_day")
    rows = people.inner_join(first, people.card_number == first.first_order_card).drop("first_order_card")
    rows = rows.inner_join(benefits, rows.ruled_by == benefits.law).drop("law")
    prior = orders.select("order_card", prior_benefit="order_benefit", prior_released="released_at")
    rows = beside(rows, prior, {"card_number": "order_card", "prior": "prior_benefit"})
    rows = beside(rows, answered, {"card_number": "answered_card", "survey_no": "answered_no"})
    rows = _with_order(rows, orders, spent, benefit=rows.later)
    months = ibis.cases((rows.nth == 1, rows.month_1), (rows.nth == 2, rows.month_2), else_=rows.month_3)
    is_tranche = rows.survey_no.isnull()
    opens = is_tranche.ifelse(months, jakarta_day(rows.paid_at) + SURVEY_DAYS * rows.nth)
    rows = rows.mutate(is_tranche=is_tranche, opens=opens, closes=opens + (SURVEY_DAYS - 1))
    return _judged(_with_reason(rows, moment))


def _with_reason(rows: ir.Table, moment: ir.Table) -> ir.Table:
    today = jakarta_day(moment.as_of.as_scalar())
    failing = [
        (
            rows.ruled_by == text(book.name),
            first_failing(rows, tuple(reason for reason in book.checks if reason in LATER_CHECKS)),
        )
        for book in rulebooks()
    ]
    day = jakarta_day(rows.answered_at)
    answered = ((day >= rows.opens) & (day <= rows.closes)).fill_null(False)
    come = (today >= rows.opens).fill_null(False)
    waits = ibis.cases(
        (~come, text(NOT_YET)),
        (rows.is_tranche & rows.prior_released.isnull(), text(NOT_YET)),
        (~rows.is_tranche & ~answered, text(NOT_ANSWERED)),
        else_=no_text(),
    )
    reason = ibis.coalesce(ibis.cases(*failing, else_=text(Reason.NO_RULEBOOK)), waits)
    return rows.mutate(reason=reason, is_open=(today <= rows.closes).fill_null(False))


def _judged(rows: ir.Table) -> ir.Table:
    """Say whose move it is, since when, by when; the payment, where there is one, says it all."""
    checks = {reason: rule(rows) for reason, rule in CHECKS.items() if reason in LATER_CHECKS}
    come = rows.is_tranche.ifelse(day_start(rows.opens), rows.answered_at)
    due_since = latest(come, rows.account_known, rows.restored_known, rows.hold_ended_known)
    office = working_days(1, due_since)
    waiting, unanswered = rows.reason == text(NOT_YET), rows.reason == text(NOT_ANSWERED)

    def said(values: dict[Reason, ir.Value], due: ir.Value, yet: ir.Value, survey: ir.Value) -> ir.Value:
        return ibis.cases((waiting, yet), (unanswered, survey), else_=by_reason(rows, values, due))

    participant = rows.is_open.ifelse(text(Move.PARTICIPANT), text(Move.NONE))
    move = said({r: c.move for r, c in checks.items()}, text(Move.PMO), text(Move.NONE), participant)
    partner = ibis.cases(
        (move == text(Move.PMO), text(PMO)), (move == text(Move.OWNER), rows.hold_owner), else_=no_text()
    )
    state = ibis.cases(
        (rows.reason.isnull(), text(State.DUE)), (rows.reason == text(Reason.REVOKED), text(State.CLOSED)),
        else_=text(State.WAITING),
    )  # fmt: skip
    on_opening, on_closing = on(rows.opens), on(rows.closes)
    told = {
        "state": state,
        "reason": rows.reason,
        "detail": said({r: c.detail for r, c in checks.items()}, no_text(), no_text(), no_text()),
        "whose_move": move,
        "partner": partner,
        "since": said({r: c.since for r, c in checks.items()}, due_since, rows.released_at, day_start(rows.opens)),
        "amount_idr": rows.reason.isnull().ifelse(rows.later_amount, 0),
    }
    term = said({r: c.due.term for r, c in checks.items()}, office.term, on_opening.term, on_closing.term)
    day = said({r: c.due.day for r, c in checks.items()}, office.day, on_opening.day, on_closing.day)
    stands = rows.order_state.notnull() & ~(rows.has_ended & rows.reason.isnull() & ~rows.is_spent)
    paid = _of_order(rows)
    due = Due(stands.ifelse(no_text(), term), stands.ifelse(unknown(), day))
    return rows.mutate(
        benefit=rows.later,
        due_term=due.term,
        due_from=due.day,
        **{name: stands.ifelse(paid[name], value) for name, value in told.items()},
    )


def dated(rows: ir.Table, terms: ir.Table) -> ir.Table:
    """Add the due day of later benefits."""
    found = beside(rows, terms, {"due_term": "term", "due_from": "day"})
    return found.mutate(due_day=found.due_term.isnull().ifelse(found.due_from, found.due_day))


def told(standing: ir.Table, later: ir.Table) -> ir.Table:
    """Give every benefit of everybody as it is told."""
    return standing.select(*TOLD).union(later.select(*TOLD))
