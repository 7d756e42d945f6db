"""Every invariant, looked at anew: for auditors who trust nothing."""

from collections.abc import Callable
from datetime import datetime

from cair.kernel.days import instant_of
from cair.store import verification
from cair.store.office import Office
from cair.store.verification import Verified

Announce = Callable[[str, int, int], None]


def verify_all(office: Office, now: datetime, *, announce: Announce) -> list[Verified]:
    """Check lines, rejects, kept files, guards, figures, the replay of the newest run, and the derived files."""
    return [
        verification.lines_add_up(office),
        verification.rejects_add_up(office),
        verification.files_are_kept(office, announce),
        verification.nothing_can_be_changed(office),
        verification.figures_add_up(office, instant_of(now), announce),
        verification.decisions_replay(office, announce),
        verification.segments_are_sound(office),
    ]
