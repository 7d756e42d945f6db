"""What one participant's payments are, as of an instant: every attempt with its days, and where each benefit stands."""

from typing import Any
from uuid import UUID

import psycopg

from cair.kernel.days import instant_of, instant_text, moment_of
from cair.kernel.remedies import BankReason, mended_by
from cair.kernel.states import State
from cair.rules.names import NameVerdict
from cair.store.database import without_values

Rows = list[dict[str, Any]]
_ATTEMPTS = """
    SELECT ordered.benefit, ordered.order_ref, ordered.attempt, ordered.partner, ordered.amount_idr,
           coalesce(closed.status, paid.status, CASE WHEN sent.sent_at IS NULL THEN 'RELEASED' ELSE 'SENT' END) AS state,
           closed.reason, release_end.ended_at AS released_at, sent.sent_at, paid.occurred_at AS paid_at,
           closed.occurred_at AS ended_at, closed.booked_at AS known_at
    FROM payment_order AS ordered
    JOIN release_end ON release_end.release = ordered.release AND release_end.ended_at <= %(as_of)s
    LEFT JOIN LATERAL (
        SELECT min(begun_at) AS sent_at FROM sending
        WHERE (sending.order_ref, sending.attempt, sending.kind) = (ordered.order_ref, ordered.attempt, 'SEND')
          AND begun_at <= %(as_of)s
    ) AS sent ON true
    LEFT JOIN LATERAL (
        SELECT outcome.* FROM payment_outcome AS outcome JOIN transfer ON transfer.number = outcome.transfer
        WHERE (outcome.order_ref, outcome.attempt, outcome.status) = (ordered.order_ref, ordered.attempt, 'PAID')
          AND transfer.booked_at <= %(as_of)s
    ) AS paid ON true
    LEFT JOIN LATERAL (
        SELECT outcome.*, transfer.booked_at FROM payment_outcome AS outcome
        JOIN transfer ON transfer.number = outcome.transfer
        WHERE (outcome.order_ref, outcome.attempt) = (ordered.order_ref, ordered.attempt)
          AND outcome.status IN ('FAILED', 'RETURNED') AND transfer.booked_at <= %(as_of)s
    ) AS closed ON true
    WHERE ordered.card_number = %(card)s ORDER BY ordered.benefit, ordered.attempt
"""
_INSTANTS = ("released_at", "sent_at", "paid_at", "ended_at", "known_at")


def payments_of(connection: psycopg.Connection[Any], card_number: int, as_of: int) -> Rows:
    """Give every attempt of every benefit of a card as of an instant (microseconds UTC); instants are RFC 3339."""
    with without_values():
        cursor = connection.execute(_ATTEMPTS, {"as_of": moment_of(as_of), "card": card_number})
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row |= {name: row[name] and instant_text(instant_of(row[name])) for name in _INSTANTS}
    return rows


def stand_where_paid(decision: dict[str, Any], payments: Rows, accounts: Rows) -> None:
    """Let a decision stand where its newest payment stands; one that failed is due again once the account is mended."""
    own = [row for row in payments if row["benefit"] == decision["benefit"]]
    if not own:
        return
    newest = own[-1]
    decision["order_ref"] = newest["order_ref"]
    ended = newest["state"] in (State.FAILED, State.RETURNED)
    linked = max((str(row["checked_at"]) for row in accounts if row["linked"]), default="")
    if ended and decision["state"] == State.DUE and linked > str(newest["known_at"]):
        return
    reason = newest["reason"] if ended else None
    move = str(mended_by(BankReason(reason))) if reason else "NONE" if newest["state"] == State.PAID else "PMO"
    since = newest["ended_at"] or newest["paid_at"] or newest["sent_at"] or newest["released_at"]
    partner = newest["partner"] if newest["state"] == State.SENT else "pmo" if move == "PMO" else None
    decision |= {
        "state": newest["state"],
        "reason": reason,
        "detail": None,
        "whose_move": move,
        "partner": partner,
        "since": since,
        "due_on": None,
        "amount_idr": newest["amount_idr"],
    }


_CHECKED = """
    SELECT DISTINCT ON (partner, account_ref_index)
           partner, account_ref_index, verdict, reason, asked_at
    FROM account_check WHERE card_number = %s AND is_certain AND asked_at <= %s
    ORDER BY partner, account_ref_index, number DESC
"""


def tell_checks(connection: psycopg.Connection[Any], accounts: Rows, *, card_number: int, as_of: int) -> None:
    """Put beside each account what its partner said when it was asked about it, until an instant (microseconds UTC).

    `check` is None where it was not asked, said nothing of use, or has reported the account anew since it refused it.

    :param accounts: of the card, the oldest look first, with `account_ref`, which is taken out: nobody is shown it.
    """
    with without_values():
        found = connection.execute(_CHECKED, [card_number, moment_of(as_of)], prepare=True).fetchall()
    said = {(partner, index): told for partner, index, *told in found}
    for account in accounts:
        account["check"] = None
    newest = {(row["partner"], UUID(str(row.pop("account_ref")))): row for row in accounts}
    for name, (verdict, reason, asked_at) in said.items():
        asked = instant_text(instant_of(asked_at))
        row = newest.get(name)
        if row and (verdict == NameVerdict.ACCEPTED or asked >= str(row["checked_at"])):
            row["check"] = {"verdict": verdict, "reason": reason, "asked_at": asked}
