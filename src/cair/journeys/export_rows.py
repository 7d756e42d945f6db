"""Rows out, to a file: decisions, breaks and figures as of any instant; rejects and conflicts of the intake."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cair.kernel.days import instant_of
from cair.store.answers import answers
from cair.store.exports import format_of
from cair.store.money_exports import write_ledger, write_orders
from cair.store.office import Office
from cair.store.queries.intake_rows import write_conflicts, write_rejects

Announce = Callable[[str, int, int], None]
DECIDED = {"decisions": ("decisions",), "breaks": ("breaks",), "funnel": ("figures", "reach_figures")}
"""The exports that a decision is made for, and the tables they need."""


def export_rows(
    office: Office, what: str, path: Path, *, as_of: datetime, unmasked: bool = False, announce: Announce
) -> int:
    """Write an export to a file; say how many rows. `unmasked` shows raw lines of rejects and is recorded.

    :raises cair.store.exports.UnableToWriteFile: the name says no form, or the file cannot be written.
    """
    if what == "ledger":
        return write_ledger(office, path, as_of=as_of)
    format_of(path)
    if what == "orders":
        return write_orders(office, path, as_of=as_of)
    if what == "rejects":
        return write_rejects(office, path, until=as_of, unmasked=unmasked)
    if what == "conflicts":
        return write_conflicts(office, path, until=as_of)
    with answers(office, instant_of(as_of), *DECIDED[what], announce=announce) as answer:
        return answer.write(what, path)
