"""Payments as rules see them: the tables beside the reports, and the rows of what follows tranche 1."""

from typing import Any

import numpy as np

from cair.kernel.remedies import BankReason
from cair.programme.reader import Rulebook, rulebooks

DUE_AGAIN_AT_ONCE = frozenset({BankReason.FUNDS_SHORT, BankReason.PARTNER_FAULT})
"""Faults of the office or the rails: nothing has to be mended at the account before the next attempt."""

SCHEMAS = {
    "orders": {
        "order_card": "int64",
        "order_benefit": "string",
        "order_ref": "string",
        "order_state": "string",
        "order_reason": "string",
        "order_since": "int64",
        "order_amount": "int64",
        "order_partner": "string",
        "released_at": "int64",
        "paid_at": "int64",
        "month_1": "int64",
        "month_2": "int64",
        "month_3": "int64",
    },
    "spent": {"spent_card": "int64", "spent_benefit": "string", "spent_fingerprint": "uuid"},
    "answered": {"answered_card": "int64", "answered_no": "int64", "answered_at": "int64"},
    "later_benefits": {
        "law": "string",
        "later": "string",
        "prior": "string",
        "nth": "int64",
        "survey_no": "int64",
        "later_amount": "int64",
    },
}
"""Tables beside the decision, as of its moment.

`orders`: the newest attempt of each benefit that was released; `released_at` of its first, `paid_at` while it is paid,
`month_n` the day n months after the day of release. `spent`: reports of the account that a payment failed at, as they
were known by then. `answered`: surveys. `later_benefits`: what follows tranche 1 under each rulebook.
"""


def months_after(days: Any, months: int) -> Any:
    """Give the calendar day some months later, of day numbers; the last of a month where it is shorter."""
    day = np.asarray(days, np.int64).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    place = (day - month.astype("datetime64[D]")).astype(np.int64)
    first = (month + months).astype("datetime64[D]")
    length = ((month + months + 1).astype("datetime64[D]") - first).astype(np.int64)
    return first.astype(np.int64) + np.minimum(place, length - 1)


def later_rows() -> list[tuple[str, str, str, int, int | None, int]]:
    """Give the rows of `later_benefits`."""
    return [row for book in rulebooks() for row in _later_of(book)]


def _later_of(book: Rulebook) -> list[tuple[str, str, str, int, int | None, int]]:
    rows: list[tuple[str, str, str, int, int | None, int]] = []
    if book.tranche_2_4_idr:
        rows += [(book.name, f"TRANCHE_{n}", f"TRANCHE_{n - 1}", n - 1, None, book.tranche_2_4_idr) for n in (2, 3, 4)]
    return rows + [(book.name, f"SURVEY_{n}", "", n, n, book.survey_idr) for n in range(1, book.surveys + 1)]
