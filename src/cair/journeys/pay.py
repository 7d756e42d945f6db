"""Orders on their way: each by the rail its partner has; safe to stop and start at any instant."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from cair.channels.payments.configured import ISO20022, csv_form, iso_settings, snap_partners
from cair.journeys.pay_by_call import pay_by_call
from cair.journeys.pay_by_file import FileRailOf, UnableToPay, csv_rail, iso20022_rail, pay_by_file
from cair.journeys.recover import find_forgotten
from cair.store.office import Office
from cair.store.witness import check_memory

Announce = Callable[[str, int, int], None]
PATIENCE = timedelta(seconds=30)
"""How long a worker waits for answers that are not due yet before it leaves the orders to the next one."""


def file_rail(name: str, rails: Path) -> FileRailOf:
    """Give a rail of files by its name.

    :raises cair.channels.payments.configured.UnableToUseRail: it is not set up.
    """
    return iso20022_rail(iso_settings(rails)) if name == "iso20022" else csv_rail(partial(csv_form, rails))


def pay_now(
    office: Office,
    *,
    rail: str | None,
    partner: str | None,
    rails: Path,
    clock: Callable[[], datetime],
    wait: Callable[[timedelta], None],
    patience: timedelta = PATIENCE,
    announce: Announce,
) -> dict[str, object]:
    """Send what is due by a rail; without one by SNAP where a partner has a profile, else by files of ISO 20022.

    :raises UnableToPay: no rail is set up.
    :raises cair.store.witness.UnableToTrustDatabase: it was restored from a backup, and nobody has said so.
    """
    check_memory(office.home, office.database)
    find_forgotten(office, now=clock())
    document: dict[str, object] = {}
    called = snap_partners(rails) if rail in (None, "snap") else {}
    if rail == "snap" and not called:
        raise UnableToPay(f"No SNAP partner is set up: write {rails}/<partner>/profile.toml and its keys.")
    if called:
        chosen = {name: pair for name, pair in called.items() if partner in (None, name)}
        document["calls"] = pay_by_call(office, chosen, clock=clock, wait=wait, patience=patience, announce=announce)
    if rail in ("iso20022", "csv") or (rail is None and (rails / ISO20022).exists()):
        files = pay_by_file(
            office, file_rail(rail or "iso20022", rails), partner=partner, but=frozenset(called), now=clock(),
            announce=announce,
        )  # fmt: skip
        document["files"] = [file.document() for file in files]
    elif not called:
        raise UnableToPay(
            f"No rail is set up, so nothing was sent: write {rails / ISO20022} for files, or "
            f"{rails}/<partner>/profile.toml for calls (SNAP); a bank's own files go by --rail csv. docs/money.md says more."
        )
    return document
