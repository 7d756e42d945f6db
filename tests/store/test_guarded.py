"""What is on record stays: each table refuses every way of changing it, and verify says so when its guard is off."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pyarrow as pa
import pytest
from django.apps import apps

from cair.rules.release import Role
from cair.rules.revocation import ITEMS
from cair.store.office import Office
from cair.store.orm import configure
from cair.store.records.revocations import add_plan
from cair.store.records.staff import Actor
from cair.store.verification import GUARDED, nothing_can_be_changed, plans_are_what_was_approved
from tests.stories.test_conformance import fresh_office

NOW = datetime(2020, 7, 1, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with fresh_office(tmp_path_factory.mktemp("home")) as opened:
        yield opened


def test_every_table_is_guarded_but_the_fingerprint_of_the_keys(office: Office) -> None:
    configure(office.database)
    assert {model._meta.db_table for model in apps.get_app_config("store").get_models()} - {"key_check"} == set(GUARDED)
    assert len(GUARDED) == len(set(GUARDED))


@pytest.mark.parametrize("table", GUARDED)
def test_the_database_refuses_changes(office: Office, table: str) -> None:
    with office.database.connect(autocommit=True) as connection:
        column = connection.execute(f'SELECT * FROM "{table}" LIMIT 0').description[0].name
        for statement in (f'UPDATE "{table}" SET "{column}" = "{column}"', f'DELETE FROM "{table}"',
                          f'TRUNCATE "{table}" CASCADE'):  # fmt: skip
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement)


_GUARD = 'CREATE TRIGGER append_only BEFORE {} ON "{{0}}" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()'
_AGAIN = 'DROP TRIGGER append_only ON "{0}"; '


@pytest.mark.parametrize(
    ("off", "on"),
    [
        ('ALTER TABLE "{}" DISABLE TRIGGER append_only', 'ALTER TABLE "{}" ENABLE TRIGGER append_only'),
        (_AGAIN + _GUARD.format("UPDATE"), _AGAIN + _GUARD.format("UPDATE OR DELETE OR TRUNCATE")),
    ],
)
def test_verify_names_tables_that_can_be_changed(office: Office, off: str, on: str) -> None:
    assert nothing_can_be_changed(office).holds
    for table in ("campaign_item", "release"):
        with office.database.connect(autocommit=True) as connection:
            connection.execute(off.format(table))
            found = nothing_can_be_changed(office)
            connection.execute(on.format(table))
        assert (found.holds, found.told.partition(": ")[2]) == (False, table)
    assert nothing_can_be_changed(office).holds


def test_verify_sees_a_plan_that_was_changed(office: Office) -> None:
    rows = {
        "card_number": [1, 2],
        "reach": ["TRIED", "TRIED"],
        "last_day": [18_000, 18_000],
        "proof": ["DELIVERED"] * 2,
    }
    with office.database.connect() as connection:
        add_plan(
            connection, pa.table(rows, schema=ITEMS), as_of=NOW, by=Actor("Ani", frozenset({Role.OFFICER})), now=NOW
        )
    assert plans_are_what_was_approved(office).holds
    for change in ("UPDATE revocation_item SET card_number = 3 WHERE card_number = 2", "DELETE FROM revocation_item"):
        with office.database.connect() as connection:
            connection.execute("ALTER TABLE revocation_item DISABLE TRIGGER append_only")
            connection.execute(change)
            connection.execute("ALTER TABLE revocation_item ENABLE TRIGGER append_only")
        assert not plans_are_what_was_approved(office).holds
