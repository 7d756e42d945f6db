"""What a person's story is told from: the rows of the decision and the facts beside it, for one card."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cair.kernel.days import date_of, instant_text
from cair.kernel.reasons import Reason
from cair.rules.checks import passing
from cair.store.database import without_values
from cair.store.engine import session
from cair.store.few import FewPeople, few_people
from cair.store.office import Office
from cair.store.queries.payment_story import payments_of, stand_where_paid, tell_checks

Rows = list[dict[str, Any]]
HOLD_OUT_PERCENT = 5
"""Share of people who have not bought that no campaign addresses, so that its effect can be measured."""


def _day(number: int) -> str:
    return date_of(number).isoformat()


def _card(number: int) -> str:
    return f"{number:016d}"


def _same(value: Any) -> Any:
    return value


Form = Callable[[Any], Any]
_FORMS: Mapping[str, Form] = {
    "card_number": _card,
    "due_on": _day,
    "appointed_on": _day,
    "buy_by": _day,
    "expected_end": _day,
    "is_own": bool,
    "linked": bool,
    "since": instant_text,
    "checked_at": instant_text,
    "occurred_at": instant_text,
    **{passing(reason): bool for reason in Reason},
    **{f"{side}_{name}": instant_text for side in "prckv" for name in ("occurred_at", "known_at")},
}
"""How a column is shown; the others as they are."""


@dataclass(frozen=True)
class _Reading:
    """What is read of a table: columns under their names, and the rest of the SELECT, with `?` for the card."""

    table: str
    columns: str
    rest: str = "WHERE card_number = ?"

    def names(self) -> list[str]:
        return [column.split(" AS ")[-1].rsplit(".", 1)[-1].strip() for column in self.columns.split(",")]


_OF_FIRST_CODE = "WHERE redeem_code = (SELECT first_code FROM decisions WHERE card_number = ?)"
_SIDES = ", ".join(f"{side}_{name}" for side in "prckv" for name in ("occurred_at", "known_at"))
_READINGS = {
    "decision": _Reading(
        "decisions",
        "card_number, benefit, state, reason, detail, whose_move, partner, since, due_day AS due_on, amount_idr, "
        "first_code AS redeem_code",
    ),
    "person": _Reading(
        "decisions",
        "rulebook, known_rulebook, appointed_on, wave, region_code, step, buy_by, "
        + ", ".join(passing(reason) for reason in Reason),
    ),
    "training": _Reading(
        "codes",
        "redeem_code, p_course_code AS course_code, provider, p_partner AS platform, p_partner, r_partner, c_partner, "
        f"k_partner, v_partner, c_certificate_no, k_certificate_no, v_stars, v_text_length, {_SIDES}",
        _OF_FIRST_CODE,
    ),
    "activities": _Reading(
        "activities_now",
        "kind, sequence, partner, occurred_at",
        f"{_OF_FIRST_CODE} ORDER BY kind, sequence NULLS LAST, partner",
    ),
    "breaks": _Reading(
        "breaks",
        "redeem_code, kind, whose_move, partner, since, due_day AS due_on, card_number",
        "WHERE is_open AND redeem_code IN (SELECT redeem_code FROM sales WHERE card_number = ?) "
        "ORDER BY redeem_code, precedence",
    ),
    "accounts": _Reading(
        "accounts_now a JOIN appointments_now p ON p.card_number = a.card_number "
        "JOIN decisions d ON d.card_number = a.card_number",
        "a.partner, a.account_ref, a.kyc, a.status, a.checked_at, a.holder_nik = p.nik AS is_own, "
        "a.fingerprint = d.account_fingerprint AS linked",
        "WHERE a.card_number = ? ORDER BY a.checked_at, a.partner, a.taken_in",
    ),
    "holds": _Reading(
        "holds_now",
        "hold_ref, scope, owner, expected_end",
        "WHERE status = 'START' AND hold_ref = (SELECT hold_ref FROM decisions WHERE card_number = ?)",
    ),
    "purchases": _Reading(
        "sales",
        "invoice_code, partner, course_code, amount_idr, redeem_code, void_known AS status, occurred_at",
        "WHERE card_number = ? ORDER BY sales.occurred_at, invoice_code, partner",
    ),
    "reach": _Reading("reach", "reach", "WHERE reach_card = ?"),
}


class Storyteller:
    """Reads what stories are told from, one card after the other, on one session."""

    def __init__(self, few: FewPeople, connection: Any) -> None:
        self._few, self._connection = few, connection

    def read(self, card_number: int, as_of: int) -> dict[str, Rows]:
        """Give the rows of a card as of an instant (microseconds UTC), by subject; `decision` is empty for nobody.

        :raises cair.store.database.UnableToUseDatabase: the database refused.
        """
        self._few.decide([card_number], as_of, "decisions", "breaks", "reach")
        rows = {subject: self._rows(reading, card_number) for subject, reading in _READINGS.items()}
        rows["moment"] = [{"as_of": instant_text(as_of)}]
        rows["payments"] = payments_of(self._connection, card_number, as_of)
        for decision in rows["decision"]:
            decision["order_ref"] = None
        for training in rows["training"]:
            training["course_title"] = self._title(training["course_code"])
        for account in rows["accounts"]:
            account["linked"] = bool(account["linked"])  # nobody's, where no account is linked
        tell_checks(self._connection, rows["accounts"], card_number=card_number, as_of=as_of)
        for decision in rows["decision"]:
            stand_where_paid(decision, rows["payments"], rows["accounts"])
        for purchase in rows["purchases"]:
            purchase["status"] = "SUCCESS" if purchase["status"] is None else "VOID"
        for reached in rows["reach"]:
            reached["hold_out"] = is_held_out(sha256(_card(card_number).encode()).hexdigest()[:8])
        return rows

    def _rows(self, reading: _Reading, card_number: int) -> Rows:
        names = reading.names()
        forms = [_FORMS.get(name, _same) for name in names]
        return [
            {name: None if value is None else form(value) for name, form, value in zip(names, forms, row, strict=True)}
            for row in self._few.rows(reading.table, reading.columns, reading.rest, [card_number])
        ]

    def _title(self, course_code: str | None) -> str | None:
        with without_values():
            row = self._connection.execute(
                "SELECT title FROM courses WHERE course_code = %s ORDER BY taken_in DESC LIMIT 1",
                [course_code],
                prepare=True,
            ).fetchone()
        return row[0] if row else None


def is_held_out(draw: str) -> bool:
    """Whether a person belongs to the 5% that no campaign addresses, by the first 32 bits of the card number's hash."""
    return int(draw, 16) % 100 < HOLD_OUT_PERCENT


@contextmanager
def storyteller(office: Office) -> Iterator[Storyteller]:
    """Open a session to tell stories on.

    :raises cair.store.database.UnableToUseDatabase: the database refused.
    """
    with (
        session(office.home, threads=1) as engine,
        office.database.connect(autocommit=True) as connection,
        few_people(connection, engine) as few,
    ):
        yield Storyteller(few, connection)
