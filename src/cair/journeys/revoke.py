"""Participation revoked for not buying: a dry run first, a second person's approval, decrees by the door, and appeals.

What a run writes is fixed by its plan: references, reasons and the instant of the decrees. So a run that was killed at
any instant is given again, and what is here already is a duplicate.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cair.journeys.hold import state_fact
from cair.journeys.take_evidence import take_files
from cair.kernel.days import instant_of, instant_text
from cair.kernel.reasons import Outcome, Reason
from cair.rules.approvals import day_of, may_approve
from cair.rules.revocation import decree, reference
from cair.store.locks import alone
from cair.store.office import Office
from cair.store.outbox import write_office_file, written_instant
from cair.store.queries.revocable import revocable
from cair.store.queries.revocations import RevocationPlan, parts, read_items, read_plans
from cair.store.records import revocations as records
from cair.store.records.revocations import UnableToRevoke
from cair.store.records.staff import Actor
from cair.store.records.training_money import Moved, booking, let_fall_back, take_back
from cair.store.stories import storyteller

Announce = Callable[[str, int, int], None]
PART = 50_000
"""Decrees in one file."""
ReturnMoney = Callable[[list[int], datetime], None]
"""Told the card numbers that were revoked, and when that is, after their decrees are on record; may be told again."""


class UnableToRestore(Exception):
    """Nobody is revoked under this card number, or somebody may not decide the appeal."""


def plan_revocation(
    office: Office, as_of: datetime, *, by: Actor, now: datetime, listed_in: Path | None, announce: Announce
) -> dict[str, object]:
    """Say who may be revoked as of an instant and why others may not; freeze the list. Nobody is revoked.

    :param listed_in: a file for everybody who has not bought, each with what is missing or the proof.

    :raises cair.store.records.revocations.UnableToPlanRevocation: the actor may not.
    """
    records.check_planner(by)
    people = revocable(office, instant_of(as_of), announce=announce, listed_in=listed_in)
    items = people.filter(pc.is_null(people["obstacle"]))
    document = _counted(people, items) | {"as_of": instant_text(instant_of(as_of))}
    if not items.num_rows:
        return document | {"plan": None, "list_hash": None}
    with office.database.connect() as connection:
        planned = records.add_plan(connection, items, as_of=as_of, by=by, now=now)
    return document | {"plan": planned.number, "list_hash": planned.list_hash.hex(), "planned_by": planned.planned_by}


def _counted(people: pa.Table, items: pa.Table) -> dict[str, object]:
    """Count by class of section 5: those who may be revoked, and the others by what is missing."""
    others: dict[str, Counter[str]] = {}
    blocked = people.filter(pc.is_valid(people["obstacle"]))
    for reach, obstacle in zip(blocked["reach"].to_pylist(), blocked["obstacle"].to_pylist(), strict=True):
        others.setdefault(reach, Counter())[obstacle] += 1
    return {
        "not_bought": people.num_rows,
        "revocable": items.num_rows,
        "by_class": dict(sorted(Counter(items["reach"].to_pylist()).items())),
        "by_proof": dict(sorted(Counter(items["proof"].to_pylist()).items())),
        "not_revocable": dict(sorted(Counter(blocked["obstacle"].to_pylist()).items())),
        "not_revocable_by_class": {reach: dict(sorted(found.items())) for reach, found in sorted(others.items())},
    }


def approve_revocation(office: Office, plan: int, list_hash: bytes, *, by: Actor, now: datetime) -> RevocationPlan:
    """Approve exactly this list, as somebody else than who planned it.

    :raises cair.store.records.revocations.UnableToApproveRevocation: another list, or the actor may not.
    """
    with office.database.connect() as connection:
        return records.approve(connection, plan=plan, hashed=list_hash, by=by, now=now)


def run_revocation(
    office: Office,
    plan: int,
    *,
    by: Actor,
    clock: Callable[[], datetime],
    announce: Announce,
    return_money: ReturnMoney | None = None,
) -> dict[str, object]:
    """Carry an approved plan out, or go on with one that was stopped. All on its list or none are revoked.

    :param clock: receipts are dated when they come; a long run sees others' come in between.
    :param return_money: called for each part once its decrees are on record; by default what is left on the balances
        falls back to the state treasury account. It must do nothing for people whose money it returned already: a run
        that is given again calls it again.

    :raises UnableToRevoke: it is not approved, or somebody on its list may no longer be revoked.
    """
    records.check_planner(by)
    now, moved = clock(), Moved()
    give_back = return_money or _giving_back(office, by, moved)
    with alone(office.database, "revocation"):
        with office.database.connect() as connection:
            approved = records.check_approved(connection, plan)
        if approved.begun_at is None:
            _check_still(office, approved, now, announce)
            with office.database.connect() as connection:
                approved = records.begin_run(connection, plan=plan, by=by, now=now)
        assert approved.begun_at, "the run has begun"
        added = known = 0
        for after, until in parts(approved.people, PART):
            announce("revoke", after, approved.people)
            cards, new = _decree(office, approved, after, until, clock())
            added, known = added + new, known + len(cards) - new
            give_back(cards, clock())
        announce("", approved.people, approved.people)
    begun = instant_text(instant_of(approved.begun_at))
    returned = {"returned_idr": sum(moved.amounts_idr.values()), "returned_people": sum(moved.people.values())}
    return {"plan": plan, "revoked": added, "revoked_before": known, "occurred_at": begun, **returned}


def _giving_back(office: Office, by: Actor, moved: Moved) -> ReturnMoney:
    """Let what is left on the balances of the revoked fall back to the state."""

    def give_back(cards: list[int], now: datetime) -> None:
        with booking(office.database), office.database.connect() as connection:
            let_fall_back(connection, cards, by=by, now=now, moved=moved)

    return give_back


def _check_still(office: Office, plan: RevocationPlan, now: datetime, announce: Announce) -> None:
    """See that everybody on the list may be revoked now: an approval does not outlive what it was given for."""
    people = revocable(office, instant_of(now), announce=announce)
    with office.database.connect() as connection:
        listed = read_items(connection, plan.number)
    places = pc.index_in(listed["card_number"], people["card_number"])
    obstacles = people["obstacle"].take(places)
    proofs = people["proof"].take(places)
    against = Counter(
        obstacle or "BOUGHT_OR_REVOKED"
        for obstacle, proof in zip(obstacles.to_pylist(), proofs.to_pylist(), strict=True)
        if proof is None
    )
    if against:
        told = ", ".join(f"{count:,} {obstacle}" for obstacle, count in sorted(against.items()))
        raise UnableToRevoke(
            f"The list of plan {plan.number} no longer holds: {told}. Nobody was revoked, and the approval is void. "
            "Plan anew."
        )


def _decree(office: Office, plan: RevocationPlan, after: int, until: int, now: datetime) -> tuple[list[int], int]:
    """Take a part of the decrees in; give the cards, and how many decrees are new."""
    with office.database.connect() as connection:
        items = read_items(connection, plan.number, after=after, until=until)
    assert plan.begun_at, "decrees carry the instant at which the run began"
    assert items.num_rows == until - after, "positions have no gaps"
    begun = written_instant(plan.begun_at)
    cards, days, proofs = (items[name].to_pylist() for name in ("card_number", "last_day", "proof"))
    rows: list[dict[str, object]] = [
        {
            "revocation_ref": reference(plan.number, plan.list_hash, position),
            "card_number": f"{card:016d}",
            "status": "REVOKED",
            "reason": decree(proof, day),
            "occurred_at": begun,
        }
        for position, card, day, proof in zip(range(after + 1, until + 1), cards, days, proofs, strict=True)
    ]
    serial = f"{plan.number}-{plan.list_hash.hex()[:12]}-{after}"
    path = write_office_file(office.home, "revocations", rows, now=plan.begun_at, serial=serial)
    try:
        taken = take_files(office, [path], received_at=now, now=now, progress=lambda *_: None)
    finally:
        path.unlink(missing_ok=True)
    counts = taken.files[0].counts if taken.files else {}
    new, known = counts.get(str(Outcome.ACCEPTED), 0), counts.get(str(Outcome.DUPLICATE), 0)
    if new + known != len(rows):
        raise UnableToRevoke(
            f"{len(rows) - new - known:,} decrees of plan {plan.number} were not taken in. Look for them in "
            "`cair export rejects` and `cair export conflicts`."
        )
    return cards, new


def list_plans(office: Office) -> list[dict[str, object]]:
    """Give all plans, the newest first, with approval and run."""
    with office.database.connect() as connection:
        return [
            {
                "plan": plan.number,
                "as_of": instant_text(instant_of(plan.as_of)),
                "planned_by": plan.planned_by,
                "people": plan.people,
                "list_hash": plan.list_hash.hex(),
                "approved_by": plan.approved_by or None,
                "run_at": instant_text(instant_of(plan.begun_at)) if plan.begun_at else None,
            }
            for plan in read_plans(connection)
        ]


def restore(office: Office, card_number: str, *, reason: str, by: Actor, now: datetime) -> dict[str, object]:
    """Restore somebody after a successful appeal; the days from the first revocation on are given back, and the money.

    :raises UnableToRestore: nobody is revoked under this card number, or the actor may not decide appeals.
    """
    allowed = may_approve(1, day_of(now))
    if not set(allowed) & by.roles:
        raise UnableToRestore(f"{by.name} may not decide appeals. Roles that may: {', '.join(allowed)}.")
    with storyteller(office) as teller:
        decision = teller.read(int(card_number), instant_of(now))["decision"]
        if not decision or decision[0]["reason"] != Reason.REVOKED:
            raise UnableToRestore("Nobody is revoked under this card number. `cair explain` tells how they stand.")
    restored = f"RS-{now:%Y%m%d}-{secrets.token_hex(5)}"
    row: dict[str, object] = {
        "revocation_ref": restored,
        "card_number": card_number,
        "status": "RESTORED",
        "reason": reason,
        "occurred_at": written_instant(now),
    }
    moved = Moved()
    with booking(office.database):
        state_fact(office, "revocations", row, now=now)
        with office.database.connect() as connection:
            take_back(connection, int(card_number), by=by, now=now, moved=moved)
            records.note_restored(connection, restored, by=by, now=now)
    with storyteller(office) as teller:
        person = teller.read(int(card_number), instant_of(now))["person"]
    buy_by = person[0]["buy_by"] if person else None
    return {"revocation_ref": restored, "buy_by": buy_by, "restored_idr": sum(moved.amounts_idr.values())}
