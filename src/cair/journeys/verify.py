"""Every invariant, looked at anew: for auditors who trust nothing."""

from collections.abc import Callable
from datetime import datetime

from cair.kernel.days import instant_of
from cair.store import verification
from cair.store.office import Office
from cair.store.queries.invariants import CHECKS, check_invariants
from cair.store.verification import Verified

Announce = Callable[[str, int, int], None]


def verify_all(office: Office, now: datetime, *, announce: Announce) -> list[Verified]:
    """Check lines, rejects, kept files, guards, figures, the replay of the newest run, and the derived files."""
    return [
        verification.lines_add_up(office),
        verification.rejects_add_up(office),
        verification.files_are_kept(office, announce),
        verification.nothing_can_be_changed(office),
        verification.plans_are_what_was_approved(office),
        verification.figures_add_up(office, instant_of(now), announce),
        verification.decisions_replay(office, announce),
        verification.segments_are_sound(office),
        money_holds(office),
    ]


def money_holds(office: Office) -> Verified:
    """Check the ledger, releases, orders, sendings, outcomes, statements and the audit chain, row by row."""
    broken = check_invariants(office.database)
    return Verified(
        "money: every law of the books", not broken, "; ".join(broken) or f"{len(CHECKS) + 2} laws looked at"
    )
