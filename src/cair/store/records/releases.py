"""Releases: a plan freezes a list, others approve its hash, a run turns it into orders in one transaction."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from cair.ledger.transfers import pay_incentives, release_incentives
from cair.rules import release as rules
from cair.rules.approvals import day_of, may_approve
from cair.rules.release import ITEMS, MAY_PLAN, MAY_RUN, Role
from cair.store.copying import copy_rows, plan_for
from cair.store.database import UnableToUseDatabase, without_values
from cair.store.queries.releases import (
    PART,
    STORED,
    Release,
    available,
    in_parts,
    read_items,
    read_release,
    standing,
)
from cair.store.records.audit import add_audit
from cair.store.records.ledger import add_transfers, take_turn
from cair.store.records.staff import Actor
from cair.store.vault import Vault

Connection = psycopg.Connection[Any]


class UnableToPlan(Exception):
    """There is nothing to release, or the actor may not plan; the message says why and what to do."""


class UnableToApprove(Exception):
    """The actor may not approve this, or the list is not the one he saw; the message says what to do."""


class UnableToRun(Exception):
    """The release is not approved, has ended, or its list no longer holds; nothing was ordered."""


@dataclass(frozen=True)
class Wishes:
    """How a release is planned: as of when, with which sample, from which amounts on how many approve."""

    as_of: datetime
    seed: int
    sample: int
    stages_from_idr: tuple[int, ...] = rules.STAGES_FROM_IDR


def order_refs(vault: Vault, cards: pa.Array, benefits: pa.Array) -> pa.Array:
    """Give the name of the payment of each benefit: the same whenever and wherever it is made, and telling nothing.

    So a payment that a restored database has forgotten comes under the name the bank knows already.
    """
    told = pc.binary_join_element_wise(cards.cast(pa.string()), benefits, "|")
    return pa.array([f"CA{each.hex().upper()[:24]}" for each in vault.indexes("order", told).to_pylist()])


def add_plan(
    connection: Connection,
    *,
    due: Callable[[], Iterable[pa.Table]],
    wishes: Wishes,
    by: Actor,
    vault: Vault,
    now: datetime,
) -> Release:
    """Freeze who is to be paid of those who are due; in the caller's transaction.

    Benefits with a payment in force are left out; one that failed or came back is listed as its next attempt.

    :param due: gives, each time it is asked, columns of `ITEMS` without order_ref and attempt, in parts, in the fair
        order; all that are due as of the wished instant.
    :raises UnableToPlan: nobody can be paid, or the actor may not plan.
    """
    if not MAY_PLAN & by.roles:
        raise UnableToPlan(f"{by.name} may not plan releases. Roles that may: {', '.join(MAY_PLAN)}.")
    chosen = rules.choose(_numbered(connection, due, vault), available(connection))
    count, amount = _lay_out(connection, chosen)
    if not count:
        raise UnableToPlan(
            "Nobody is left to pay: nothing is due, all of it is in force, or the appropriation is used up. "
            "See `cair export ledger` and appropriate more if need be."
        )
    sample = rules.drawn(_laid_out_references(connection), seed=wishes.seed, size=wishes.sample)
    stages = rules.stages_needed(amount, wishes.stages_from_idr)
    hashed = rules.list_hash(
        in_parts(connection, _LAID_OUT, STORED.names, [sample]),
        as_of=wishes.as_of,
        seed=wishes.seed,
        planned_by=by.name,
        stages=stages,
    )
    with without_values():
        connection.execute("LOCK TABLE release IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            "INSERT INTO release (number, as_of, planned_at, planned_by, seed, items, amount_idr, stages, list_hash) "
            "SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s FROM release RETURNING number",
            [wishes.as_of, now, by.name, wishes.seed, count, amount, stages, hashed],
        ).fetchone()
        assert row is not None, "the row that was added is given back"
        release = row[0]
        columns = ", ".join(STORED.names)
        connection.execute(
            f"INSERT INTO release_item (release, {columns}) SELECT %s, {columns} FROM ({_LAID_OUT}) AS item ORDER BY position",
            [release, sample],
        )
    _audit(connection, "release.plan", by, now, release, {"list_hash": hashed.hex(), "amount_idr": amount})
    return read_release(connection, release)


_LAYING_OUT = """
    CREATE TEMP TABLE laid_out ON COMMIT DROP AS SELECT {columns} FROM release_item LIMIT 0
"""
_LAID_OUT = f"SELECT {', '.join(ITEMS.names)}, order_ref = ANY(%s) AS is_sampled, position FROM laid_out WHERE true"


def _lay_out(connection: Connection, chosen: Iterator[pa.Table]) -> tuple[int, int]:
    """Lay the list out beside the releases, where it needs no memory of ours; give how many it has, and rupiah."""
    count = amount = 0
    with without_values():
        connection.execute(_LAYING_OUT.format(columns=", ".join([*ITEMS.names, "position"])))
    for part in chosen:
        positions = pa.array(np.arange(count + 1, count + part.num_rows + 1))
        copy_rows(connection, "laid_out", part.append_column("position", positions))
        count += part.num_rows
        amount += pc.sum(part["amount_idr"]).as_py()
    with without_values():
        connection.execute("CREATE UNIQUE INDEX ON laid_out (position)")
    return count, amount


def _laid_out_references(connection: Connection) -> Iterator[str]:
    with without_values(), connection.cursor("laid_out") as cursor:
        cursor.itersize = PART
        cursor.execute("SELECT order_ref FROM laid_out")
        for row in cursor:
            yield row[0]


def _numbered(connection: Connection, due: Callable[[], Iterable[pa.Table]], vault: Vault) -> Iterator[pa.Table]:
    """Add reference and attempt; leave out benefits with a payment in force."""
    references = (
        order_refs(vault, part["card_number"].combine_chunks(), part["benefit"].combine_chunks()) for part in due()
    )
    # The references are laid out before the first part is asked for again.
    for stands, part in zip(standing(connection, references), due(), strict=True):
        numbered = part.append_column("order_ref", stands["order_ref"]).append_column("attempt", stands["attempt"])
        yield numbered.filter(pc.is_valid(stands["attempt"])).select(ITEMS.names).cast(ITEMS)


def approve(connection: Connection, *, release: int, list_hash: bytes, by: Actor, now: datetime) -> Release:
    """Approve the next stage of exactly this list; in the caller's transaction.

    :raises UnableToApprove: it is another list, has ended, needs no more, or the actor may not.
    """
    known = _known(connection, release, UnableToApprove)
    if known.list_hash != list_hash:
        raise UnableToApprove(
            f"Release {release} has another list than the one you approve, so nothing was approved. Look at it again: "
            "`cair release list --json` has the hash of each."
        )
    if _recomputed(connection, known) != list_hash:
        raise UnableToApprove(
            f"The list of release {release} is not what its hash says. Approve nothing; run cair verify."
        )
    stage = len(known.approved_by) + 1
    if known.ended or stage > known.stages:
        raise UnableToApprove(f"Release {release} needs no approval: it has {stage - 1} of {known.stages}.")
    if by.name == known.planned_by:
        raise UnableToApprove("Nobody approves what he planned. Ask somebody else.")
    if by.name in known.approved_by:
        raise UnableToApprove(f"{by.name} has approved a stage of release {release} already; each is somebody else's.")
    may = may_approve(stage, day_of(known.planned_at))
    role = next((role for role in may if role in by.roles), None)
    if role is None:
        raise UnableToApprove(
            f"{by.name} may not approve stage {stage}. Stage {stage} is approved by: {', '.join(may)}."
        )
    with without_values():
        connection.execute(
            "INSERT INTO approval "
            "(release, stage, previous_stage, list_hash, planned_by, approved_by, role, approved_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [release, stage, stage - 1 or None, list_hash, known.planned_by, by.name, role, now],
        )
    _audit(
        connection, "release.approve", by, now, release, {"list_hash": list_hash.hex(), "stage": stage, "role": role}
    )
    return read_release(connection, release)


def end(connection: Connection, *, release: int, how: str, why: str, by: Actor, now: datetime) -> None:
    """Refuse (`REFUSED`) or withdraw (`WITHDRAWN`) a release that was not run; in the caller's transaction.

    :raises UnableToApprove: it has ended already, or the actor may not.
    """
    known = _known(connection, release, UnableToApprove)
    allowed: frozenset[Role] = frozenset(may_approve(1, day_of(known.planned_at))) if how == "REFUSED" else MAY_PLAN
    if known.ended:
        raise UnableToApprove(f"Release {release} has ended already: {known.ended}.")
    if not allowed & by.roles:
        raise UnableToApprove(
            f"{by.name} may not end release {release} as {how}. Roles that may: {', '.join(sorted(allowed))}."
        )
    with without_values():
        connection.execute(
            "INSERT INTO release_end (release, how, by_name, ended_at, why) VALUES (%s, %s, %s, %s, %s)",
            [release, how, by.name, now, why],
        )
    _audit(connection, f"release.{how.lower()}", by, now, release, {"list_hash": known.list_hash.hex()})


def run(connection: Connection, *, release: int, by: Actor, now: datetime) -> Release:
    """Turn an approved list into orders with their pending transfers; in the caller's transaction, all or nothing.

    :raises UnableToRun: it is not approved, has ended, or somebody on it has been ordered for or shares an account.
    :raises cair.store.records.ledger.UnableToBook: the appropriation no longer suffices.
    """
    if not MAY_RUN & by.roles:
        raise UnableToRun(f"{by.name} may not run releases. Roles that may: {', '.join(sorted(MAY_RUN))}.")
    take_turn(connection)
    known = _known(connection, release, UnableToRun)
    plan_for(connection, known.items)
    if known.ended:
        raise UnableToRun(f"Release {release} has ended: {known.ended}. Nothing is ordered twice.")
    if len(known.approved_by) < known.stages:
        stage = len(known.approved_by) + 1
        raise UnableToRun(
            f"Release {release} has {stage - 1} of {known.stages} approvals. Nothing was ordered. Next, by "
            f"{' or '.join(may_approve(stage, day_of(known.planned_at)))}: cair release approve {release} "
            f"--hash {known.list_hash.hex()}"
        )
    if _recomputed(connection, known) != known.list_hash:
        raise UnableToRun(f"The list of release {release} is not what was approved. Order nothing; run cair verify.")
    if already := _ordered_since(connection, release):
        raise UnableToRun(
            f"Release {release} cannot be run: {already} on its list have been ordered for since. Nothing was ordered. "
            "Withdraw it and plan anew."
        )
    try:
        _order(connection, known, by, now)
    except UnableToUseDatabase as error:
        raise UnableToRun(_why_not(release, error)) from None
    facts: dict[str, str | int] = {
        "list_hash": known.list_hash.hex(),
        "items": known.items,
        "amount_idr": known.amount_idr,
    }
    _audit(connection, "release.run", by, now, release, facts)
    return read_release(connection, release)


def _ordered_since(connection: Connection, release: int) -> int:
    with without_values():
        row = connection.execute(
            "SELECT count(*) FROM release_item AS item JOIN payment_order AS ordered "
            "USING (card_number, benefit, attempt) WHERE item.release = %s",
            [release],
        ).fetchone()
    return int(row[0]) if row else 0


def _order(connection: Connection, known: Release, by: Actor, now: datetime) -> None:
    with without_values():
        connection.execute(
            "INSERT INTO release_end (release, how, by_name, ended_at, stages, list_hash, why) "
            "VALUES (%s, 'RUN', %s, %s, %s, %s, '')",
            [known.number, by.name, now, known.stages, known.list_hash],
        )
        connection.execute(_PAYEES, [known.number])
    for place, part in enumerate(read_items(connection, known.number, *_ORDERED), 1):
        add_transfers(connection, release_incentives(known.number, place, part), now=now)
    orders = read_items(connection, known.number, *_ORDERED)
    numbers = [add_transfers(connection, pay_incentives(part), now=now) for part in orders]
    first = numbers[0]
    assert numbers == [first + place * PART for place in range(len(numbers))], "it is our turn, nobody else books"
    with without_values():
        connection.execute(_ORDERS, [first, known.number])


_ORDERED = ("order_ref", "attempt", "line", "card_number", "amount_idr")
_PAYEES = """
    INSERT INTO payee (partner, account_ref_index, card_number, override_number)
    SELECT DISTINCT ON (item.partner, item.account_ref_index, item.card_number)
           item.partner, item.account_ref_index, item.card_number, allowed.number
    FROM release_item AS item LEFT JOIN account_override AS allowed
      ON (allowed.partner, allowed.account_ref_index, allowed.card_number)
       = (item.partner, item.account_ref_index, item.card_number)
    WHERE item.release = %s AND NOT EXISTS (
        SELECT FROM payee WHERE (payee.partner, payee.account_ref_index, payee.card_number)
            = (item.partner, item.account_ref_index, item.card_number)
    )
    ORDER BY item.partner, item.account_ref_index, item.card_number, allowed.number
"""
_ORDERS = """
    INSERT INTO payment_order (order_ref, attempt, release, position, card_number, benefit, line, partner, amount_idr,
                               transfer, previous_attempt, previous_status)
    SELECT item.order_ref, item.attempt, item.release, item.position, item.card_number, item.benefit, item.line,
           item.partner, item.amount_idr, %s::bigint + item.position - 1, nullif(item.attempt - 1, 0), before.status
    FROM release_item AS item LEFT JOIN payment_outcome AS before
      ON before.order_ref = item.order_ref AND before.attempt = item.attempt - 1
     AND before.status IN ('FAILED', 'RETURNED')
    WHERE item.release = %s ORDER BY item.position
"""

_WHYS: Mapping[str, str] = {
    "payment_order_in_force_once": "somebody on its list has been ordered for since",
    "payment_order_pkey": "somebody on its list has been ordered for since",
    "payment_order_after_the_one_before": "an earlier payment of somebody on its list has not ended",
    "payment_order_after_its_evidence": "an earlier payment of somebody on its list has not ended",
    "payee_one_participant": "an account on its list belongs to another participant, and no two people allowed it",
    "release_end_pkey": "somebody else has just run or ended it",
}


def _why_not(release: int, error: UnableToUseDatabase) -> str:
    why = _WHYS.get(error.constraint, str(error).rstrip("."))
    return f"Release {release} cannot be run: {why}. Nothing was ordered. Withdraw it and plan anew."


def _known(connection: Connection, release: int, kind: type[Exception]) -> Release:
    try:
        return read_release(connection, release)
    except KeyError:
        raise kind(f"There is no release {release}. `cair release list` shows those there are.") from None


def _recomputed(connection: Connection, known: Release) -> bytes:
    return rules.list_hash(
        read_items(connection, known.number),
        as_of=known.as_of,
        seed=known.seed,
        planned_by=known.planned_by,
        stages=known.stages,
    )


def _audit(
    connection: Connection, act: str, by: Actor, now: datetime, release: int, facts: Mapping[str, str | int]
) -> None:
    add_audit(
        connection, act=act, actor=by.name, roles=list(by.roles), at=now, subject=f"release {release}", facts=facts
    )
