"""Where participants can be reached. Personal values are opened here for those who are about to be addressed only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from cair.kernel.identity import Secret
from cair.rules.tables import FEEDS
from cair.store.copying import read_table
from cair.store.database import without_values
from cair.store.vault import Vault

Connection = psycopg.Connection[Any]
Marks = npt.NDArray[np.bool_]
PART = 50_000
"""Cards asked about at a time."""
_SECRETS = tuple(column.name for column in FEEDS["appointments"].secrets)
_NEWEST = "FROM appointments WHERE card_number = ANY(%s) ORDER BY card_number, revision DESC, known_at, taken_in"
_KNOWN = pa.schema([("card_number", pa.int64()), ("has_phone", pa.bool_()), ("has_email", pa.bool_())])


@dataclass(frozen=True)
class Addresses:
    """How one participant can be reached, in the clear."""

    name: Secret | None
    phone: Secret | None
    email: Secret | None


def known_addresses(connection: Connection, cards: pa.ChunkedArray) -> tuple[Marks, Marks]:
    """Say of each card whether a telephone number and an e-mail address are known, without opening either."""
    asked = "SELECT DISTINCT ON (card_number) card_number, phone_index IS NOT NULL, email_index IS NOT NULL " + _NEWEST
    phones, emails = np.zeros(len(cards), bool), np.zeros(len(cards), bool)
    for start in range(0, len(cards), PART):
        part = cards.slice(start, PART)
        found = read_table(connection, asked, [part.to_pylist()], _KNOWN)
        places = pc.index_in(part, found["card_number"])
        for name, marks in (("has_phone", phones), ("has_email", emails)):
            known = pc.fill_null(found[name].take(places), False)
            marks[start : start + len(part)] = known.to_numpy()
    return phones, emails


def open_addresses(connection: Connection, vault: Vault, cards: list[int]) -> dict[int, Addresses]:
    """Open the addresses of some cards.

    :raises cair.store.vault.UnableToUnseal: a row was changed, or its key is not here.
    """
    with without_values():
        rows = connection.execute(
            f"SELECT DISTINCT ON (card_number) card_number, sealed, fingerprint {_NEWEST}", [cards]
        ).fetchall()
    sealed = pa.array([row[1] for row in rows], pa.binary())
    ids = pa.array([row[2].bytes for row in rows], pa.binary(16))
    opened = vault.unseal_rows("appointments", _SECRETS, sealed, ids).to_pylist()
    return {
        row[0]: Addresses(*(_secret(kind, values[column]) for kind, column in _KINDS))
        for row, values in zip(rows, opened, strict=True)
    }


_KINDS = (("name", "full_name"), ("phone", "phone"), ("email", "email"))


def _secret(kind: str, value: str | None) -> Secret | None:
    return Secret(kind, value) if value else None
