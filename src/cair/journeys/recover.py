"""After a restore from a backup: what may have been sent and forgotten is asked for and looked for, never sent blindly."""

from datetime import datetime

from cair.kernel.days import instant_of, instant_text
from cair.store.office import Office
from cair.store.private_files import own_folder
from cair.store.queries.payment_files import PAYMENT_FILES, files_on_record
from cair.store.queries.recoveries import Recovery, in_doubt, recoveries, unexplained
from cair.store.records import recoveries as records
from cair.store.records.staff import Actor


def begin_recovery(
    office: Office, *, lost_until: datetime | None, why: str, by: Actor, now: datetime
) -> dict[str, object]:
    """Say that the database was restored; until the recovery ends nothing is sent that may have been sent before.

    Files of payments that are not on record are put aside: they are not to be brought to a bank.

    :param lost_until: until when the lost database may have sent payments; None: until now.
    :raises cair.store.records.recoveries.UnableToRecover: the actor may not, or the instant cannot be.
    """
    with office.database.connect() as connection:
        number = records.begin_recovery(connection, lost_until=lost_until or now, why=why, by=by, now=now)
        known = files_on_record(connection)
    return {**tell_recoveries(office), "set_aside": _set_aside(office, known, number)}


def _set_aside(office: Office, known: set[str], number: int) -> list[str]:
    """Put aside files of payments that are not on record any more: perhaps their bank has them, perhaps not."""
    folder = office.home / PAYMENT_FILES
    aside = folder / f"recovery-{number}"
    found = [path for path in sorted(folder.glob("*.*")) if path.is_file() and path.name.split(".")[1] not in known]
    for path in found:
        own_folder(aside, private=True)
        path.rename(aside / path.name)
    return [path.name for path in found]


def end_recovery(office: Office, *, by: Actor, now: datetime) -> dict[str, object]:
    """Say that evidence, answers and statements of the lost time are in; what no bank knows is sent from here on.

    :raises cair.store.records.recoveries.UnableToRecover: none goes on, or the actor may not end it.
    """
    find_forgotten(office, now=now)
    with office.database.connect() as connection:
        records.end_recovery(connection, by=by, now=now)
    return tell_recoveries(office)


def find_forgotten(office: Office, *, now: datetime) -> dict[str, int]:
    """Book what lines of banks say of orders that were forgotten when they came; give how many lines of which bucket."""
    with office.database.connect() as connection:
        if not recoveries(connection):
            return {}
        return records.book_found(connection, office.vault, now=now)


def tell_recoveries(office: Office) -> dict[str, object]:
    """Give all recoveries, and how many orders are in doubt."""
    with office.database.connect() as connection:
        found = recoveries(connection)
        lines = unexplained(connection) if found else []
    doubt = in_doubt(office.database)
    return {
        "recoveries": [_document(recovery) for recovery in found],
        "in_doubt": {"orders": doubt.orders, "booked_by_answer": doubt.booked, "unexplained": doubt.unexplained},
        "unexplained": lines,
    }


def _document(recovery: Recovery) -> dict[str, object]:
    instants = {
        "known_until": recovery.known_until,
        "lost_until": recovery.lost_until,
        "begun_at": recovery.begun_at,
        "ended_at": recovery.ended_at,
    }
    told = {name: at and instant_text(instant_of(at)) for name, at in instants.items()}
    return {"recovery": recovery.number, **told, "begun_by": recovery.begun_by, "ended_by": recovery.ended_by or None,
            "why": recovery.why}  # fmt: skip
