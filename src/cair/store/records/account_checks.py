"""Linked accounts that the payment partner was not asked about yet, and what it said when it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa

from cair.kernel.identity import Secret
from cair.rules.names import NameVerdict
from cair.store.copying import copy_rows
from cair.store.database import without_values
from cair.store.payees import participants, with_payees
from cair.store.vault import Vault

Connection = psycopg.Connection[Any]
ASKED_AGAIN_AFTER = timedelta(hours=1)
"""How long after an answer that was of no use the partner is asked again."""


@dataclass(frozen=True)
class LinkedAccount:
    """An account to be asked about, in the clear for as long as a worker holds it.

    `is_nik_confirmed`: the partner reported the participant's own NIK with it. `asked`: how often it was asked about.
    """

    card_number: int
    account_ref_index: str
    account_fingerprint: str
    amount_idr: int
    is_nik_confirmed: bool
    asked: int
    order_ref: str
    account: Secret
    holder_name: Secret
    full_name: str


@dataclass(frozen=True)
class AccountCheck:
    """What came of asking about one account; `verdict` is None when the answer was of no use."""

    about: LinkedAccount
    external_id: str
    asked_at: datetime
    code: str
    raw_code: str
    reason: str | None
    verdict: NameVerdict | None
    holder_name: Secret | None


def find_unchecked(connection: Connection, partner: str, *, amounts: dict[str, int], now: datetime) -> int:
    """Find the linked accounts of a partner that nothing certain is known of, for as long as the connection lives.

    Asked about once and accepted is enough; what was refused or looked at is asked about again after a newer report.

    :param amounts: by rulebook, whole rupiah that an account must be able to receive.
    :returns: how many there are.
    """
    with without_values():
        connection.execute("DROP TABLE IF EXISTS unchecked")
        connection.execute(_UNCHECKED, [partner, now, partner, partner, now - ASKED_AGAIN_AFTER, list(amounts)])
        connection.execute("CREATE INDEX ON unchecked (place)")
        row = connection.execute("SELECT count(*) FROM unchecked").fetchone()
    return int(row[0]) if row else 0


_UNCHECKED = """
    CREATE TEMP TABLE unchecked AS
    WITH newest AS (
        SELECT DISTINCT ON (card_number, account_ref_index) card_number, account_ref_index, holder_nik_index, status,
               fingerprint, known_at, taken_in
        FROM accounts WHERE partner = %s AND known_at <= %s
        ORDER BY card_number, account_ref_index, checked_at DESC, revision DESC, known_at, taken_in
    ), people AS (
        SELECT DISTINCT ON (card_number) card_number, nik_index, rulebook FROM appointments
        ORDER BY card_number, revision DESC, known_at, taken_in
    ), known AS (
        SELECT card_number, account_ref_index, count(*) AS asked, max(asked_at) AS asked_at,
               max(asked_at) FILTER (WHERE is_certain) AS certain_at,
               coalesce(bool_or(verdict = 'ACCEPTED'), false) AS is_accepted
        FROM account_check WHERE partner = %s GROUP BY 1, 2
    )
    SELECT row_number() OVER (ORDER BY newest.taken_in) AS place, %s::text AS partner, newest.card_number,
           newest.account_ref_index, newest.fingerprint, people.rulebook,
           coalesce(newest.holder_nik_index = people.nik_index, false) AS is_nik_confirmed,
           coalesce(known.asked, 0) AS asked
    FROM newest JOIN people ON people.card_number = newest.card_number
    LEFT JOIN known ON (known.card_number, known.account_ref_index) = (newest.card_number, newest.account_ref_index)
    WHERE newest.status = 'LINKED'
      AND (known.asked IS NULL
           OR (NOT known.is_accepted AND coalesce(known.certain_at < newest.known_at, true) AND known.asked_at < %s))
      AND people.rulebook = ANY(%s)
"""


def unchecked(
    connection: Connection, vault: Vault, *, after: int, limit: int, amounts: dict[str, int]
) -> tuple[int, list[LinkedAccount]]:
    """Open some of the accounts that were found, those that wait longest first; give the place of the last."""
    with without_values():
        rows = connection.execute(_NEXT, [after, limit]).fetchall()
    if not rows:
        return after, []
    asked = pa.table(
        {"card_number": pa.array([row[1] for row in rows], pa.int64()), "account_fingerprint": [row[3] for row in rows]}
    )
    names = participants(connection, vault, asked)
    opened = pa.concat_tables(with_payees(connection, vault, asked))
    told = pa.array([f"{row[1]}|{row[3]}" for row in rows])
    refs = [f"CK{each.hex().upper()[:24]}" for each in vault.indexes("order", told).to_pylist()]
    columns = (rows, refs, opened["account"].to_pylist(), opened["holder_name"].to_pylist(), names)
    found = [
        LinkedAccount(
            card, index, fingerprint, amounts[rulebook], confirmed, count, ref, Secret("account", account),
            Secret("name", holder or "-"), name,
        )
        for (_, card, index, fingerprint, rulebook, confirmed, count), ref, account, holder, name in zip(
            *columns, strict=True
        )
    ]  # fmt: skip
    return rows[-1][0], found


_NEXT = """
    SELECT place, card_number, account_ref_index::text, fingerprint::text, rulebook, is_nik_confirmed, asked
    FROM unchecked WHERE place > %s ORDER BY place LIMIT %s
"""


def add_checks(connection: Connection, vault: Vault, partner: str, checks: Sequence[AccountCheck]) -> None:
    """Put on record what was answered; the holder's name is sealed. In the caller's transaction."""
    with without_values():
        numbers = connection.execute(
            "SELECT nextval('account_check_number') FROM generate_series(1, %s)", [len(checks)]
        ).fetchall()
    rows = {
        "number": pa.array([number for (number,) in numbers], pa.int64()),
        "partner": pa.array([partner] * len(checks)),
        "card_number": pa.array([each.about.card_number for each in checks], pa.int64()),
        "account_ref_index": [each.about.account_ref_index for each in checks],
        "account_fingerprint": [each.about.account_fingerprint for each in checks],
        "external_id": [each.external_id for each in checks],
        "asked_at": pa.array([each.asked_at for each in checks], pa.timestamp("us", "UTC")),
        "is_certain": [each.verdict is not None for each in checks],
        "code": [each.code for each in checks],
        "raw_code": [each.raw_code for each in checks],
        "reason": pa.array([each.reason if each.verdict else None for each in checks], pa.string()),
        "verdict": pa.array([each.verdict and str(each.verdict) for each in checks], pa.string()),
        "sealed": pa.array([_sealed(vault, each.holder_name) for each in checks], pa.string()),
    }
    copy_rows(connection, "account_check", pa.table(rows))


def _sealed(vault: Vault, name: Secret | None) -> str | None:
    return None if name is None else "\\x" + vault.seal_bytes("check", name.reveal().encode()).hex()


def to_look_at(connection: Connection, partner: str, *, limit: int) -> tuple[int, list[dict[str, object]]]:
    """Give how many accounts were refused or need a look by their newest check, and the newest of them."""
    with without_values():
        rows = connection.execute(_TO_LOOK_AT, [partner, partner, limit]).fetchall()
    names = ("card_number", "partner", "verdict", "reason", "asked_at")
    return (int(rows[0][-1]) if rows else 0), [dict(zip(names, row[:-1], strict=True)) for row in rows]


_TO_LOOK_AT = """
    SELECT lpad(card_number::text, 16, '0'), partner, verdict, reason,
           to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), count(*) OVER ()
    FROM (
        SELECT DISTINCT ON (card_number, partner, account_ref_index) * FROM account_check
        WHERE is_certain AND (%s = '' OR partner = %s)
        ORDER BY card_number, partner, account_ref_index, number DESC
    ) AS newest
    WHERE verdict <> 'ACCEPTED' ORDER BY number DESC LIMIT %s
"""
