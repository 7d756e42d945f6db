"""Who acts: people with roles, known by a secret that is told once."""

from datetime import datetime

from cair.rules.release import Role
from cair.store.office import Office
from cair.store.records.staff import Actor, add_staff, end_staff, known_actor


def add_member(office: Office, name: str, roles: frozenset[Role], *, now: datetime) -> str:
    """Add somebody, or give new roles and a new secret; give the secret, which nobody can read again.

    :raises cair.store.records.staff.UnableToAddStaff: the name or the roles will not do.
    """
    with office.database.connect() as connection:
        return add_staff(connection, name=name, roles=roles, added_by="", now=now)


def end_member(office: Office, name: str, *, now: datetime) -> None:
    """Let somebody act no more.

    :raises cair.store.records.staff.UnableToEndStaff: nobody of this name may act.
    """
    with office.database.connect() as connection:
        end_staff(connection, name=name, ended_by="", now=now)


def who_acts(office: Office, name: str, secret: str) -> Actor:
    """Give who shows this secret.

    :raises cair.store.records.staff.UnableToKnowActor: name and secret do not belong together.
    """
    with office.database.connect() as connection:
        return known_actor(connection, name=name, secret=secret)
