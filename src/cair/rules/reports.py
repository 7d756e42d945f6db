"""The reports as rules see them: which columns, of which type. Needs no engine and no library: programs start from it.

Inside rules an instant is an int64 of microseconds UTC, a day the number of days since 1970-01-01, a card number its
value, hours whole ten-thousandths, and a personal value its blind index: the same numbers on every engine.
"""

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
        "review_characters": "int64",
        "tranche_1_idr": "int64",
        "counts_activities": "boolean",
    },
    "terms": {"term": "string", "day": "int64", "due_day": "int64"},
}
"""The tables beside the reports: the as-of instant, the rulebooks' figures, and which day follows from a day."""


def schemas() -> dict[str, dict[str, str]]:
    """Give the columns of every table that a decision is made from, by name."""
    return {**LAW, **{feed: schema_of(feed) for feed in DECIDING}}


PRINTS = (
    "appointed_fingerprint",
    "account_fingerprint",
    "p_fingerprint",
    "r_fingerprint",
    "c_fingerprint",
    "k_fingerprint",
    "v_fingerprint",
    "course_fingerprint",
)
"""Columns of decisions that say which reports they rest on. A run stores them; an export of decisions needs none."""
TOLD = (
    "p_course_code",
    "c_certificate_no",
    "c_occurred_at",
    "k_certificate_no",
    "k_occurred_at",
    "k_partner",
    "v_occurred_at",
    "v_partner",
)
"""Columns of codes that a story tells, and no decision needs."""
