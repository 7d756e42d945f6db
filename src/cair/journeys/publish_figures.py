"""The figures and the open breaks as of any instant: for everybody, with numbers that add up."""

from collections.abc import Callable
from datetime import datetime

from cair.kernel.days import instant_of
from cair.store.answers import answers
from cair.store.office import Office

Announce = Callable[[str, int, int], None]
Rows = list[dict[str, object]]


def funnel_rows(office: Office, as_of: datetime, *, announce: Announce) -> Rows:
    """Give the rows of the export `funnel`."""
    with answers(office, instant_of(as_of), "figures", "reach_figures", announce=announce) as answer:
        return answer.rows(answer.funnel_select())


def open_breaks(office: Office, as_of: datetime, *, partner: str | None, announce: Announce) -> Rows:
    """Give the rows of the export `breaks`, of one partner or of all."""
    with answers(office, instant_of(as_of), "breaks", announce=announce) as answer:
        rows = answer.rows(answer.exported_select("breaks"))
    return rows if partner is None else [row for row in rows if row["partner"] == partner]
