"""What an installation has and what it lacks."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from cair.store.configuration import Configuration
from cair.store.office import Office, open_office
from cair.store.queries.intake import intake_so_far

LEAST_ROOM = 2 * 1024**3
"""Bytes of free disk below which an intake is likely to stop."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    fine: bool
    told: str


def examine(configuration: Configuration, *, announce: Callable[[str], None]) -> list[Finding]:
    """Look at the home, the disk, the database, its tables and the keys; go on as far as possible."""
    findings = [Finding("data folder (CAIR_HOME)", True, str(configuration.home))]
    where = "CAIR_DATABASE_URL" if configuration.database_url else "embedded in the data folder"
    findings.append(Finding("database", True, where))
    try:
        with open_office(configuration, announce=announce) as office:
            findings += _inside(office)
    except Exception as error:
        if not type(error).__name__.startswith("UnableTo"):
            raise
        findings.append(Finding("database answers", False, str(error)))
    return findings


def _inside(office: Office) -> list[Finding]:
    free = shutil.disk_usage(office.home).free
    so_far = intake_so_far(office.database)
    latest = so_far.latest_receipt.isoformat() if so_far.latest_receipt else "nothing yet"
    findings = [
        Finding("database answers", True, "yes, its tables are up to date"),
        Finding("files taken in", True, f"{so_far.last_number}, the latest receipt: {latest}"),
        Finding("room on disk", free >= LEAST_ROOM, f"{free // 1024**2:,} MiB free"),
    ]
    try:
        office.vault.key_check()
        findings.append(Finding("keys", True, f"in {office.keys}: keep a copy away from the database"))
    except Exception as error:
        if not type(error).__name__.startswith("UnableTo"):
            raise
        findings.append(Finding("keys", False, str(error)))
    return findings
