"""Holds as they stand."""

from datetime import datetime

from cair.store.database import Database, without_values


def list_holds(database: Database, as_of: datetime) -> list[dict[str, object]]:
    """Give every hold known as of an instant: reference, scope, value, owner, reason, start, expected and actual end.

    A person's card number is shown by its last four digits.
    """
    sql = """
        WITH known AS (
            SELECT DISTINCT ON (key) * FROM holds WHERE known_at <= %s
            ORDER BY key, revision DESC, known_at, taken_in)
        SELECT s.hold_ref, s.scope,
               CASE WHEN s.scope = 'person' THEN '************' || right(s.scope_value, 4) ELSE s.scope_value END,
               s.owner, s.reason, s.occurred_at, s.expected_end, e.occurred_at
        FROM known s LEFT JOIN known e ON e.hold_ref = s.hold_ref AND e.status = 'END'
        WHERE s.status = 'START' ORDER BY s.occurred_at, s.hold_ref"""
    names = ("hold_ref", "scope", "scope_value", "owner", "reason", "started_at", "expected_end", "ended_at")
    with without_values(), database.connect(autocommit=True) as connection:
        rows = connection.execute(sql, [as_of]).fetchall()
    return [{name: _written(value) for name, value in zip(names, row, strict=True)} for row in rows]


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value if value is None else str(value)
