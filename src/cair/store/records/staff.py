"""Who may act. A secret is made here, told once, and kept only as a hash that is slow to try.

scrypt (RFC 7914) comes with the library that is here anyway; argon2 would be one more to keep. Cost: 64 MiB and about
a fifth of a second a try, which is nothing to a person and much to a thief.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cair.rules.approvals import day_of, forbidden_pair
from cair.rules.release import Role
from cair.store.database import without_values
from cair.store.records.audit import add_audit

LOG2_N, R, P = 16, 8, 1
SALT, HASH = 16, 32
"""Bytes."""
SECRET = 20
"""Bytes of a new secret: 160 bits."""

Connection = psycopg.Connection[Any]


class UnableToAddStaff(Exception):
    """The name or the roles will not do; the message says what to do."""


class UnableToEndStaff(Exception):
    """Nobody of this name may act."""


class UnableToKnowActor(Exception):
    """Name and secret do not belong together, or the name may not act. The message does not say which."""


@dataclass(frozen=True)
class Actor:
    """Somebody who has shown a secret."""

    name: str
    roles: frozenset[Role]


def add_staff(connection: Connection, *, name: str, roles: frozenset[Role], added_by: str, now: datetime) -> str:
    """Add somebody, or give an old name new roles and a new secret; give the secret, which nobody can read again.

    :raises UnableToAddStaff: no name, no role, or two that one person may not hold together.
    """
    if not name or not name.isprintable() or name != name.strip() or len(name) > 100:
        raise UnableToAddStaff("A name has 1 to 100 printable characters, none blank at its ends.")
    if not roles:
        raise UnableToAddStaff(f"{name} needs a role. Roles: {', '.join(Role)}.")
    if pair := forbidden_pair(roles, day_of(now)):
        raise UnableToAddStaff(f"No one person may be {pair[0]} and {pair[1]}. Name two people.")
    secret = secrets.token_urlsafe(SECRET)
    _add(connection, name, roles, secret_hash(secret), added_by, now)
    return secret


def end_staff(connection: Connection, *, name: str, ended_by: str, now: datetime) -> None:
    """Let somebody act no more.

    :raises UnableToEndStaff: nobody of this name may act.
    """
    with without_values():
        row = connection.execute(
            "SELECT roles FROM staff WHERE name = %s ORDER BY number DESC LIMIT 1", [name]
        ).fetchone()
    if not (row and row[0]):
        raise UnableToEndStaff(
            f"Nobody called {name!r} may act, so nothing changed. Write the name as it was given to cair staff add."
        )
    _add(connection, name, frozenset(), "", ended_by, now)


def _add(connection: Connection, name: str, roles: frozenset[Role], hashed: str, added_by: str, now: datetime) -> None:
    with without_values():
        connection.execute("LOCK TABLE staff IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(
            "INSERT INTO staff (number, name, roles, secret, added_at, added_by) "
            "SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s FROM staff",
            [name, sorted(roles), hashed, now, added_by],
        )
    act = "staff.add" if roles else "staff.end"
    add_audit(connection, act=act, actor=added_by, roles=[], at=now, subject=name, facts={"roles_given": sorted(roles)})


def known_actor(connection: Connection, *, name: str, secret: str) -> Actor:
    """Give who shows this secret. It takes as long for a name that is not here.

    :raises UnableToKnowActor: name and secret do not belong together.
    """
    with without_values():
        row = connection.execute(
            "SELECT roles, secret FROM staff WHERE name = %s ORDER BY number DESC LIMIT 1", [name]
        ).fetchone()
    roles, hashed = row or ([], "")
    if not is_secret(secret, hashed or _NOBODY) or not hashed:
        raise UnableToKnowActor("Name and secret do not belong together. Ask for a new secret: cair staff add.")
    return Actor(name, frozenset(Role(role) for role in roles))


def secret_hash(secret: str) -> str:
    """Give what is kept of a secret."""
    salt = secrets.token_bytes(SALT)
    derived = Scrypt(salt=salt, length=HASH, n=1 << LOG2_N, r=R, p=P).derive(_bytes(secret))
    return f"scrypt${LOG2_N}${R}${P}${salt.hex()}${derived.hex()}"


def is_secret(secret: str, hashed: str) -> bool:
    """Whether this is the secret of which that was kept."""
    kind, log2_n, r, p, salt, derived = hashed.split("$")
    assert hmac.compare_digest(kind, "scrypt"), "one kind of hash is kept"
    kdf = Scrypt(salt=bytes.fromhex(salt), length=len(derived) // 2, n=1 << int(log2_n), r=int(r), p=int(p))
    try:
        kdf.verify(_bytes(secret), bytes.fromhex(derived))
    except InvalidKey:
        return False
    return True


def _bytes(secret: str) -> bytes:
    """Give the bytes of a secret, also of one that the environment does not have in UTF-8: it is merely wrong."""
    return secret.encode("utf-8", "surrogateescape")


_NOBODY = f"scrypt${LOG2_N}${R}${P}${'00' * SALT}${'00' * HASH}"
