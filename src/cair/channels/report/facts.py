"""What the report is told. It counts nothing itself but what it is given."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


class UnableToWriteReport(Exception):
    """The report cannot be written, or must not be: says what, where, why and what to do."""


@dataclass(frozen=True)
class ReportFacts:
    """Grouped counts as of one instant; every row is a mapping.

    `funnel`: rows of the export: measure, dimension, value, count.
    `breaks`: partner, whose_move, kind, count, overdue (of the count).
    `waits`: unpaid finishers by days (whole days from since to as_of), state (WAITING, DUE), whose_move; count.
    `provinces`: code to name; a code without a name shows as itself.
    `intake`: one row per feed: feed, files, lines and the six outcomes. `refused`: name, reason of a file.
    `unpaid`: unpaid finishers once more, crossed: reason (`DUE` for those due), whose_move, partner, timing (`in_time`,
    `overdue`), count. Without it the page cannot say which of the finishers that are *not* payable are overdue.
    `money`: day, partner, released_idr, in_flight_idr, paid_idr, returned_idr, and people paid (`count`); None leaves
    the section out. `books`: by rulebook what the ledger comes to, whole rupiah by the names of `BOOKS`.
    """

    as_of: datetime
    people: int
    seed: int | None
    funnel: list[dict[str, Any]]
    breaks: list[dict[str, Any]]
    waits: list[dict[str, Any]]
    provinces: dict[str, str]
    intake: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    unpaid: list[dict[str, Any]] | None = None
    money: list[dict[str, Any]] | None = None
    books: dict[str, dict[str, int]] | None = None
