"""Revocations: a plan freezes a list, somebody else approves its hash, a run dates the decrees."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from cair.rules.approvals import day_of, may_approve
from cair.rules.release import MAY_PLAN
from cair.rules.revocation import ITEMS, list_hash
from cair.store.copying import copy_rows
from cair.store.database import UnableToUseDatabase, without_values
from cair.store.queries.revocations import RevocationPlan, read_items, read_plan
from cair.store.records.audit import add_audit
from cair.store.records.staff import Actor

Connection = psycopg.Connection[Any]


class UnableToPlanRevocation(Exception):
    """The actor may not plan revocations."""


class UnableToApproveRevocation(Exception):
    """The actor may not approve this, or the list is not the one that was looked at; the message says what to do."""


class UnableToRevoke(Exception):
    """The plan is not approved, or its list no longer holds; nobody was revoked."""


def check_planner(by: Actor) -> None:
    """See that somebody may plan and carry out revocations.

    :raises UnableToPlanRevocation: no such role.
    """
    if not MAY_PLAN & by.roles:
        raise UnableToPlanRevocation(f"{by.name} may not plan revocations. Roles that may: {', '.join(MAY_PLAN)}.")


def add_plan(connection: Connection, items: pa.Table, *, as_of: datetime, by: Actor, now: datetime) -> RevocationPlan:
    """Freeze a list; in the caller's transaction.

    :param items: columns of `ITEMS`, by card number, at least one row.
    :raises UnableToPlanRevocation: the actor may not.
    """
    check_planner(by)
    items = items.select(ITEMS.names).cast(ITEMS)
    hashed = list_hash(items, as_of=as_of, planned_by=by.name)
    with without_values():
        connection.execute("LOCK TABLE revocation_plan IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            "INSERT INTO revocation_plan (number, as_of, planned_at, planned_by, people, list_hash) "
            "SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s FROM revocation_plan RETURNING number",
            [as_of, now, by.name, items.num_rows, hashed],
        ).fetchone()
    assert row is not None, "the row that was added is given back"
    columns = {
        "plan": pa.repeat(pa.scalar(row[0], pa.int64()), items.num_rows),
        "position": pa.array(np.arange(1, items.num_rows + 1)),
        **{name: items[name] for name in ITEMS.names},
        "last_day": items["last_day"].cast(pa.int32()).cast(pa.date32()),
    }
    copy_rows(connection, "revocation_item", pa.table(columns))
    _audit(connection, "revocation.plan", by, now, row[0], {"list_hash": hashed.hex(), "people": items.num_rows})
    return read_plan(connection, row[0])


def approve(connection: Connection, *, plan: int, hashed: bytes, by: Actor, now: datetime) -> RevocationPlan:
    """Approve exactly this list; in the caller's transaction.

    :raises UnableToApproveRevocation: it is another list, is approved already, or the actor may not.
    """
    known = _known(connection, plan, UnableToApproveRevocation)
    if known.list_hash != hashed:
        raise UnableToApproveRevocation(f"Plan {plan} has another list than the one you approve. Look at it again.")
    _check_list(connection, known, UnableToApproveRevocation)
    if by.name == known.planned_by:
        raise UnableToApproveRevocation("Nobody approves what he planned. Ask somebody else.")
    allowed = may_approve(1, day_of(now))
    role = next((role for role in allowed if role in by.roles), None)
    if role is None:
        raise UnableToApproveRevocation(f"Revocations are approved by: {', '.join(allowed)}.")
    if known.approved_by:
        raise UnableToApproveRevocation(f"Plan {plan} has been approved by {known.approved_by}.")
    try:
        with without_values():
            connection.execute(
                "INSERT INTO revocation_approval (plan, list_hash, planned_by, approved_by, role, approved_at) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                [plan, hashed, known.planned_by, by.name, role, now],
            )
    except UnableToUseDatabase as error:
        raise UnableToApproveRevocation(f"Plan {plan} was approved by somebody else just now. {error}") from None
    _audit(connection, "revocation.approve", by, now, plan, {"list_hash": hashed.hex(), "role": role})
    return read_plan(connection, plan)


def check_approved(connection: Connection, plan: int) -> RevocationPlan:
    """Give a plan whose list is the one that was approved.

    :raises UnableToRevoke: it is not approved, or its list was changed.
    """
    known = _known(connection, plan, UnableToRevoke)
    if not known.approved_by:
        raise UnableToRevoke(
            f"Plan {plan} is not approved. Somebody else than {known.planned_by} gives: "
            f"cair revoke approve {plan} --hash {known.list_hash.hex()}"
        )
    _check_list(connection, known, UnableToRevoke)
    return known


def begin_run(connection: Connection, *, plan: int, by: Actor, now: datetime) -> RevocationPlan:
    """Date the decrees of an approved plan, once and for all; in the caller's transaction."""
    with without_values():
        connection.execute(
            "INSERT INTO revocation_run (plan, begun_at, begun_by) VALUES (%s, %s, %s)", [plan, now, by.name]
        )
    known = read_plan(connection, plan)
    _audit(connection, "revocation.run", by, now, plan, {"list_hash": known.list_hash.hex(), "people": known.people})
    return known


def note_restored(connection: Connection, reference: str, *, by: Actor, now: datetime) -> None:
    """Put on record who let an appeal succeed; in the caller's transaction."""
    roles = [str(role) for role in by.roles]
    add_audit(connection, act="revocation.restore", actor=by.name, roles=roles, at=now, subject=reference, facts={})


def _known(connection: Connection, plan: int, kind: type[Exception]) -> RevocationPlan:
    try:
        return read_plan(connection, plan)
    except KeyError:
        raise kind(f"There is no plan {plan}. `cair revoke list` shows those there are.") from None


def _check_list(connection: Connection, known: RevocationPlan, kind: type[Exception]) -> None:
    items = read_items(connection, known.number)
    if list_hash(items, as_of=known.as_of, planned_by=known.planned_by) != known.list_hash:
        raise kind(f"The list of plan {known.number} is not what its hash says. Do nothing with it; run cair verify.")


def _audit(
    connection: Connection, act: str, by: Actor, now: datetime, plan: int, facts: Mapping[str, str | int]
) -> None:
    roles = [str(role) for role in by.roles]
    add_audit(connection, act=act, actor=by.name, roles=roles, at=now, subject=f"revocation plan {plan}", facts=facts)
