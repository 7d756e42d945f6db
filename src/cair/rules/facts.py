"""The reports as rules see them: which columns, of which type, and which report of a key is in force.

Inside rules an instant is an int64 of microseconds UTC, a day the number of days since 1970-01-01, a card number its
value, hours whole ten-thousandths, and a personal value its blind index: the same numbers on every engine.
"""

import ibis
from ibis.expr import types as ir

from cair.rules.tables import FEEDS, Column, Kind

COMMON = {
    "partner": "string",
    "revision": "int64",
    "known_at": "int64",
    "taken_in": "int64",
    "key": "uuid",
    "fingerprint": "uuid",
    "contested": "boolean",
}
"""What every report has beside its content. `contested`: its key has more than one report."""

_UNUSED = {
    "appointments": ("full_name", "birth_date", "sex", "phone", "email"),
    "courses": ("title",),
    "redemptions": (),
    "activities": ("score",),
    "completions": ("score",),
    "confirmations": ("score",),
    "reviews": ("text",),
    "accounts": ("holder_name",),
    "messages": ("reason",),
    "contacts": ("reason",),
    "holds": ("reason",),
    "revocations": ("reason",),
    "resolutions": ("reason", "by"),
}
_TYPES = {
    Kind.CARD: "int64",
    Kind.NIK: "uuid",
    Kind.INSTANT: "int64",
    Kind.DAY: "int64",
    Kind.WHOLE: "int64",
    Kind.DECIMAL: "int64",
    Kind.WORD: "string",
    Kind.TEXT: "string",
}
DECIDING = ("appointments", "courses", "purchases", "redemptions", "activities", "completions", "confirmations",
            "reviews", "accounts", "messages", "contacts", "holds", "revocations", "resolutions")  # fmt: skip
"""The feeds that decisions and figures rest on."""


def type_of(column: Column) -> str:
    """Name the type under which rules see a column."""
    return "uuid" if column.secret else _TYPES[column.kind]


def schema_of(feed: str) -> dict[str, str]:
    """Give the columns of a feed's reports as rules see them; of a review's text only its length in code points."""
    columns = {
        column.name: type_of(column) for column in FEEDS[feed].columns if column.name not in _UNUSED.get(feed, ())
    }
    if feed == "reviews":
        columns["text_length"] = "int64"
    return {**columns, **COMMON}


LAW = {
    "moment": {"as_of": "int64"},
    "rulebooks": {
        "rulebook": "string",
        "training_balance_idr": "int64",
        "buying_days": "int64",
        "tranche_1_idr": "int64",
        "counts_activities": "boolean",
    },
    "terms": {"term": "string", "day": "int64", "due_day": "int64"},
}
"""The tables beside the reports: the as-of instant, the rulebooks' figures, and which day follows from a day."""


def schemas() -> dict[str, dict[str, str]]:
    """Give the columns of every table that a decision is made from, by name."""
    return {**LAW, **{feed: schema_of(feed) for feed in DECIDING}}


def beside(rows: ir.Table, others: ir.Table, keys: dict[str, str]) -> ir.Table:
    """Lay rows of another table beside rows, and drop its keys: a left join, so that nobody vanishes.

    `keys` maps columns of `rows` to those of `others`; where nothing fits the columns are NULL.
    """
    joined = rows.left_join(others, [rows[left] == others[right] for left, right in keys.items()])
    return joined.drop(*keys.values())


def best(rows: ir.Table, *, per: str | list[str], order: list[ir.Value]) -> ir.Table:
    """Keep of each group the first row in an order."""
    place = ibis.row_number().over(group_by=per, order_by=order)
    return rows.mutate(place=place).filter(lambda t: t.place == 0).drop("place")


def split(rows: ir.Table, key: str) -> tuple[ir.Table, ir.Table]:
    """Part rows into those that are alone with their key and those that share it: most are alone and need no comparison.

    A key that is NULL is shared with nobody.
    """
    several = rows.group_by(key).having(lambda t: t.count() > 1).agg()
    return rows.anti_join(several, key), rows.semi_join(several, key)


def calm(reports: ir.Table, moment: ir.Table) -> ir.Table:
    """Keep the reports that exist as of the moment and are the only one of their key: in force without comparison."""
    return reports.filter((reports.known_at <= moment.as_of.as_scalar()) & ~reports.contested)


def winners(reports: ir.Table, moment: ir.Table) -> ir.Table:
    """Keep of each contested key the report in force as of the moment.

    Of the reports that exist (`known_at <= as_of`) the one with the highest revision, then the earliest known, then
    the one taken in first. Source: decisions, section 1.
    """
    disputed = reports.filter((reports.known_at <= moment.as_of.as_scalar()) & reports.contested)
    return best(disputed, per="key", order=[disputed.revision.desc(), disputed.known_at, disputed.taken_in])


def in_force(reports: ir.Table, moment: ir.Table) -> ir.Table:
    """Keep of each key the report in force as of the moment."""
    return calm(reports, moment).union(winners(reports, moment))
