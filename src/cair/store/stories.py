"""What a person's story is told from: the rows of the decision and the facts beside it, for one card."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from cair.kernel.reasons import Reason
from cair.rules.checks import passing
from cair.store.database import without_values
from cair.store.engine import session
from cair.store.exports import card, day, instant
from cair.store.few import FewPeople
from cair.store.office import Office

Rows = list[dict[str, Any]]
HOLD_OUT_PERCENT = 5
"""Share of people who have not bought that no campaign addresses, so that its effect can be measured."""

_CHECKS = ", ".join(passing(reason) for reason in Reason)
_SIDES = ", ".join(
    f"{instant(f'{side}_{name}')} AS {side}_{name}" for side in "prckv" for name in ("occurred_at", "known_at")
)
_QUERIES = {
    "moment": f"SELECT {instant('as_of')} AS as_of FROM moment",
    "decision": (
        f"SELECT {card('card_number')} AS card_number, benefit, state, reason, detail, whose_move, partner, "
        f"{instant('since')} AS since, {day('due_day')} AS due_on, amount_idr, first_code AS redeem_code, "
        "NULL::VARCHAR AS order_ref FROM told"
    ),
    "person": (
        f"SELECT rulebook, known_rulebook, {day('appointed_on')} AS appointed_on, wave, region_code, step, "
        f"{day('buy_by')} AS buy_by, {_CHECKS} FROM told"
    ),
    "training": (
        "SELECT redeem_code, p_course_code AS course_code, provider, p_partner AS platform, p_partner, r_partner, "
        f"c_partner, k_partner, v_partner, c_certificate_no, k_certificate_no, v_stars, v_text_length, {_SIDES} "
        "FROM codes WHERE redeem_code = (SELECT first_code FROM told)"
    ),
    "activities": (
        f"SELECT kind, sequence, partner, {instant('occurred_at')} AS occurred_at FROM activities_now "
        "WHERE redeem_code = (SELECT first_code FROM told) ORDER BY kind, sequence, partner"
    ),
    "breaks": (
        f"SELECT redeem_code, kind, whose_move, partner, {instant('since')} AS since, {day('due_day')} AS due_on, "
        f"{card('card_number')} AS card_number FROM breaks WHERE is_open AND redeem_code IN "
        "(SELECT redeem_code FROM sales WHERE card_number = $1) ORDER BY redeem_code, precedence"
    ),
    "accounts": (
        f"SELECT a.partner, a.kyc, a.status, {instant('a.checked_at')} AS checked_at, "
        "a.holder_nik = (SELECT nik FROM appointments_now WHERE card_number = $1) AS is_own, "
        "coalesce(a.fingerprint = (SELECT account_fingerprint FROM told), false) AS linked "
        "FROM accounts_now a WHERE a.card_number = $1 ORDER BY a.checked_at, a.partner, a.taken_in"
    ),
    "holds": (
        f"SELECT h.hold_ref, h.scope, h.owner, {day('h.expected_end')} AS expected_end FROM holds_now h "
        "WHERE h.status = 'START' AND h.hold_ref = (SELECT hold_ref FROM told)"
    ),
    "purchases": (
        "SELECT invoice_code, partner, course_code, amount_idr, redeem_code, "
        f"CASE WHEN void_known IS NULL THEN 'SUCCESS' ELSE 'VOID' END AS status, {instant('occurred_at')} AS occurred_at "
        "FROM sales WHERE card_number = $1 ORDER BY sales.occurred_at, invoice_code, partner"
    ),
    "reach": (
        "SELECT reach, substr(sha256(lpad(reach_card::VARCHAR, 16, '0')), 1, 8) AS draw FROM reach WHERE reach_card = $1"
    ),
}


class Storyteller:
    """Reads what stories are told from, one card after the other, on one session."""

    def __init__(self, few: FewPeople, engine: duckdb.DuckDBPyConnection, connection: Any) -> None:
        self._few, self._engine, self._connection = few, engine, connection

    def read(self, card_number: int, as_of: int) -> dict[str, Rows]:
        """Give the rows of a card as of an instant (microseconds UTC), by subject; `decision` is empty for nobody.

        :raises cair.store.database.UnableToUseDatabase: the database refused.
        """
        self._few.decide([card_number], as_of, "decisions", "breaks", "reach")
        self._engine.execute(
            "CREATE OR REPLACE TEMP TABLE told AS SELECT * FROM decisions WHERE card_number = ?", [card_number]
        )
        rows = {name: self._rows(sql, card_number) for name, sql in _QUERIES.items()}
        for training in rows["training"]:
            training["course_title"] = self._title(training["course_code"])
        for reached in rows["reach"]:
            reached["hold_out"] = is_held_out(reached.pop("draw"))
        return rows

    def _rows(self, sql: str, card_number: int) -> Rows:
        found = self._engine.execute(sql, [card_number] if "$1" in sql else [])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _title(self, course_code: str | None) -> str | None:
        with without_values():
            row = self._connection.execute(
                "SELECT title FROM courses WHERE course_code = %s ORDER BY taken_in DESC LIMIT 1", [course_code]
            ).fetchone()
            self._connection.rollback()
        return row[0] if row else None


def is_held_out(draw: str) -> bool:
    """Whether a person belongs to the 5% that no campaign addresses, by the first 32 bits of the card number's hash."""
    return int(draw, 16) % 100 < HOLD_OUT_PERCENT


@contextmanager
def storyteller(office: Office) -> Iterator[Storyteller]:
    """Open a session to tell stories on.

    :raises cair.store.database.UnableToUseDatabase: the database refused.
    """
    with session(office.home, threads=1) as engine, office.database.connect() as connection:
        yield Storyteller(FewPeople(connection, engine), engine, connection)
