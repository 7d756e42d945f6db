"""How reports leave the database as rules see them: whole numbers for instants and days, blind indexes for persons."""

from cair.rules.reports import COMMON, schema_of
from cair.rules.tables import FEEDS, Kind
from cair.store.naming import stored_name


def _seen(feed: str, name: str) -> str:
    """Write a column of the database as rules see it."""
    if name == "contested":
        return "false AS contested"
    if name == "known_at":
        return "(extract(epoch FROM known_at) * 1000000)::bigint AS known_at"
    if name == "text_length":
        return 'char_length("text")::bigint AS text_length'
    if name in COMMON:
        return f'"{name}"'
    column = FEEDS[feed].column(name)
    stored = f'"{stored_name(column)}"'
    if column.kind is Kind.INSTANT:
        return f'(extract(epoch FROM {stored}) * 1000000)::bigint AS "{name}"'
    if column.kind is Kind.DAY:
        return f"({stored} - DATE '1970-01-01')::bigint AS \"{name}\""
    return f'{stored} AS "{name}"'


def seen_columns(feed: str) -> str:
    """Write the SELECT list under which reports of a feed are facts; `contested` is found where all of a key is seen."""
    return ", ".join(_seen(feed, name) for name in schema_of(feed))
