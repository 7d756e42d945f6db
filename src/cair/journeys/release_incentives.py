"""From a decision that says DUE to an order: planned as a frozen list, approved by others, run in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cair.kernel.days import instant_of, instant_text
from cair.ledger.chart import Purpose
from cair.programme.reader import rulebooks
from cair.rules.approvals import day_of, stages_from_idr
from cair.rules.release import Role
from cair.store.due import due_benefits
from cair.store.office import Office
from cair.store.queries.releases import Release, decided_otherwise, no_longer_due, read_sample, releases
from cair.store.records import releases as records
from cair.store.records.ledger import appropriate
from cair.store.records.releases import UnableToPlan, Wishes
from cair.store.records.staff import Actor

Announce = Callable[[str, int, int], None]
MOST_IDR = 10**15
"""Whole rupiah by one document: a third of the whole state budget. Sums of thousands of such fit the books."""
MAY_APPROPRIATE = frozenset({Role.DIRECTOR})


class UnableToAppropriate(Exception):
    """Money cannot be given to this budget line by this person; the message says why."""


@dataclass(frozen=True)
class Otherwise:
    """Somebody on a list whose newest stored decision is another one. `reason`: what stands against it; None: facts."""

    order_ref: str
    attempt: int
    reason: str | None


def give_money(
    office: Office, *, document: str, line: str, purpose: Purpose, amount_idr: int, by: Actor, now: datetime
) -> None:
    """Give a budget line money for a purpose by a budget document; a negative amount cuts it.

    :raises UnableToAppropriate: no such line, no amount or one beyond all budgets, or the actor may not.
    :raises cair.store.records.ledger.UnableToBook: the document has done so already, or the cut takes what is promised.
    """
    known = [book.name for book in rulebooks()]
    if line not in known:
        raise UnableToAppropriate(f"{line!r} is no budget line. Lines: {', '.join(known)}.")
    if not amount_idr or not document.strip():
        raise UnableToAppropriate("An appropriation names its document and an amount other than 0.")
    if abs(amount_idr) > MOST_IDR:
        raise UnableToAppropriate(
            f"Rp{amount_idr:,} is more than any budget line has: Rp{MOST_IDR:,} at most by one document. Look at the "
            "number of zeros."
        )
    if not MAY_APPROPRIATE & by.roles:
        raise UnableToAppropriate(f"{by.name} may not appropriate. Roles that may: {', '.join(MAY_APPROPRIATE)}.")
    with office.database.connect() as connection:
        appropriate(
            connection, document=document, line=line, purpose=purpose, amount_idr=amount_idr, by=by.name, now=now
        )


def plan_release(office: Office, wishes: Wishes, *, by: Actor, now: datetime, announce: Announce) -> Release:
    """Freeze who is to be paid of all that are due as of an instant; as many approve as the figures of today ask for.

    :raises cair.store.records.releases.UnableToPlan: nobody can be paid, or the actor may not plan.
    """
    wishes = replace(wishes, stages_from_idr=stages_from_idr(day_of(now)))
    with due_benefits(office, instant_of(wishes.as_of), announce=announce) as due:
        try:
            with office.database.connect() as connection:
                return records.add_plan(connection, due=due.parts, wishes=wishes, by=by, vault=office.vault, now=now)
        except UnableToPlan as error:
            more = f" {due.shared:,} wait because their account pays somebody else." if due.shared else ""
            raise UnableToPlan(f"{error}{more}") from None


def approve_release(office: Office, number: int, list_hash: bytes, *, by: Actor, now: datetime) -> Release:
    """Approve the next stage of exactly this list.

    :raises cair.store.records.releases.UnableToApprove: it is another list, or the actor may not.
    """
    with office.database.connect() as connection:
        return records.approve(connection, release=number, list_hash=list_hash, by=by, now=now)


def run_release(office: Office, number: int, *, by: Actor, now: datetime) -> tuple[Release, list[Otherwise]]:
    """Turn an approved list into orders; give also those who would be decided otherwise now.

    :raises cair.store.records.releases.UnableToRun: it is not approved, has ended, or its list no longer holds.
    """
    with office.database.connect() as connection:
        ran = records.run(connection, release=number, by=by, now=now)
    return ran, decided_otherwise_now(office, number)


def end_release(office: Office, number: int, *, how: str, why: str, by: Actor, now: datetime) -> None:
    """Refuse or withdraw a release that was not run."""
    with office.database.connect() as connection:
        records.end(connection, release=number, how=how, why=why, by=by, now=now)


def decided_otherwise_now(office: Office, number: int) -> list[Otherwise]:
    """Give those on the list of a release whose newest stored decision is another one."""
    with office.database.connect() as connection:
        return [Otherwise(*row) for row in no_longer_due(connection, number)]


def orders_decided_otherwise(office: Office) -> list[dict[str, object]]:
    """Give orders in force that nothing would be due for by the newest stored decisions, released or sent."""
    names = ("order_ref", "attempt", "reason", "state")
    return [dict(zip(names, row, strict=True)) for row in decided_otherwise(office.database)]


def sample_of(office: Office, number: int) -> list[dict[str, object]]:
    """Give the items drawn for inspection: references and amounts, no personal values."""
    with office.database.connect() as connection:
        items = read_sample(connection, number)
    shown = items.select(["position", "order_ref", "benefit", "line", "amount_idr", "partner"])
    rows: list[dict[str, Any]] = shown.to_pylist()
    return [dict(row) for row in rows]


def list_releases(office: Office) -> list[dict[str, object]]:
    """Give all releases, the newest first, as documents."""
    return [release_document(release) for release in releases(office.database)]


def release_document(release: Release) -> dict[str, object]:
    """Give a release for people and programs."""
    return {
        "release": release.number,
        "as_of": instant_text(instant_of(release.as_of)),
        "planned_by": release.planned_by,
        "items": release.items,
        "amount_idr": release.amount_idr,
        "list_hash": release.list_hash.hex(),
        "approvals": list(release.approved_by),
        "approvals_needed": release.stages,
        "ended": release.ended or None,
    }
