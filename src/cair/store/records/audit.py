"""Adding to the audit: who did what, when, about what. The database chains the rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from cair.ledger.audit import canonical
from cair.store.database import without_values

Facts = Mapping[str, str | int | bool | list[str] | None]


def add_audit(
    connection: psycopg.Connection[Any],
    *,
    act: str,
    actor: str,
    roles: list[str],
    at: datetime,
    subject: str,
    facts: Facts,
) -> None:
    """Add a line in the caller's transaction. Facts carry hashes and numbers, never personal values or secrets.

    Do it last: other transactions that add to the audit wait until this one ends.
    """
    content = canonical(
        {**facts, "act": act, "actor": actor, "roles": sorted(roles), "at": at.isoformat(), "subject": subject}
    )
    with without_values():
        connection.execute("INSERT INTO audit (content) VALUES (%s)", [content])
