"""Payments held back and let go, breaks set aside or confirmed: facts of the office, by the same door as all others."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime

from cair.journeys.take_evidence import take_files
from cair.kernel.reasons import Outcome
from cair.rules.tables import FEEDS
from cair.store.office import Office
from cair.store.outbox import write_office_file, written_instant
from cair.store.queries.holds import list_holds


class UnableToStateFact(Exception):
    """What the office wanted to state is not taken: it is malformed, known already, or contradicts what is there."""


def state_fact(office: Office, feed: str, row: dict[str, object], *, now: datetime) -> None:
    """Take one fact of the office in, as a line of its feed.

    :raises UnableToStateFact: the line was rejected, or its reference is used already.
    """
    path = write_office_file(office.home, feed, [row], now=now)
    try:
        taken = take_files(office, [path], received_at=now, now=now, progress=lambda *_: None)
    finally:
        path.unlink(missing_ok=True)
    counts = taken.files[0].counts if taken.files else {}
    if not counts.get(str(Outcome.ACCEPTED)):
        found = next((outcome for outcome, count in counts.items() if count), "refused")
        reference = FEEDS[feed].key[0].name
        raise UnableToStateFact(
            f"This {feed} line was {found}, so nothing changed. Check its values; a {reference} is used only once."
        )


def add_hold(
    office: Office,
    *,
    scope: str,
    value: str | None,
    owner: str | None,
    reason: str | None,
    expected_end: date | None,
    reference: str | None,
    now: datetime,
) -> str:
    """Hold payments back; give the reference of the hold.

    :raises UnableToStateFact: a scope but `all` needs a value, or the reference is used already.
    """
    if scope != "all" and not value:
        raise UnableToStateFact(f"A hold on {scope} needs --value: without one it would cover nobody.")
    hold_ref = reference or f"H-{now:%Y%m%d}-{secrets.token_hex(3)}"
    row: dict[str, object] = {
        "hold_ref": hold_ref,
        "status": "START",
        "scope": scope,
        "scope_value": value,
        "reason": reason,
        "owner": owner,
        "occurred_at": written_instant(now),
        "expected_end": expected_end.isoformat() if expected_end else None,
    }
    state_fact(office, "holds", row, now=now)
    return hold_ref


def holds_known(office: Office, as_of: datetime, *, ended: bool) -> list[dict[str, object]]:
    """Give the holds that stand as of an instant, with owner and expected end; `ended`: those that have ended too."""
    return [hold for hold in list_holds(office.database, as_of) if ended or not hold["ended_at"]]


def end_hold(office: Office, reference: str, *, reason: str | None, now: datetime) -> None:
    """Let a hold go, for good.

    :raises UnableToStateFact: no such hold stands.
    """
    standing = [hold for hold in holds_known(office, now, ended=False) if hold["hold_ref"] == reference]
    if not standing:
        raise UnableToStateFact(f"No hold {reference} stands. `cair hold list` shows those that do.")
    row: dict[str, object] = {
        "hold_ref": reference,
        "status": "END",
        "scope": standing[0]["scope"],
        "reason": reason,
        "occurred_at": written_instant(now),
    }
    state_fact(office, "holds", row, now=now)


def resolve_break(
    office: Office, code: str, kind: str, *, verdict: str, by: str, reason: str | None, now: datetime
) -> str:
    """Set a break aside, or confirm it; give the reference of the resolution.

    :raises UnableToStateFact: the kind or verdict is not known.
    """
    reference = f"R-{now:%Y%m%d}-{secrets.token_hex(4)}"
    row: dict[str, object] = {
        "resolution_ref": reference,
        "redeem_code": code,
        "break_kind": kind,
        "verdict": verdict,
        "reason": reason,
        "by": by,
        "occurred_at": written_instant(now),
    }
    state_fact(office, "resolutions", row, now=now)
    return reference


def state_revocations(office: Office, rows: Sequence[dict[str, object]], *, now: datetime) -> int:
    """Take revocations or restorations in; say how many are new.

    :raises UnableToStateFact: none of them was taken.
    """
    path = write_office_file(office.home, "revocations", list(rows), now=now)
    try:
        taken = take_files(office, [path], received_at=now, now=now, progress=lambda *_: None)
    finally:
        path.unlink(missing_ok=True)
    accepted = taken.files[0].counts[str(Outcome.ACCEPTED)] if taken.files else 0
    if not accepted:
        raise UnableToStateFact("None of the revocations was taken. Check the card numbers.")
    return accepted
