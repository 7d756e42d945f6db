"""Who is due as of an instant, with the account that money would go to: what a release is planned from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pyarrow as pa

from cair.rules.release import FAIR_ORDER, ITEMS
from cair.store.database import Database, without_values
from cair.store.deciding import decided_on_segments
from cair.store.engine import session
from cair.store.office import Office
from cair.store.payment_tables import has_payments, lay_down_payments
from cair.store.queries.releases import PART
from cair.store.records.decisions import FACTS_HASH
from cair.store.segments import Segments

Announce = Callable[[str, int, int], None]

_COLUMNS = f"""card_number, benefit, known_rulebook AS line, amount_idr, account_partner, account_fingerprint,
    {FACTS_HASH} AS facts, since"""
_WITH_ACCOUNTS = """
    CREATE TEMP TABLE payable AS
    SELECT due.card_number, due.benefit, due.line, due.amount_idr, due.account_partner AS partner,
           account.account_ref AS account_ref_index, due.account_fingerprint, due.facts, due.since
    FROM due JOIN ({accounts}) AS account
      ON account.fingerprint = due.account_fingerprint AND account.card_number = due.card_number
"""
# An account pays one participant. Whoever it has paid keeps it, else whoever waits longest; others need two people.
_ALLOWED = """
    SELECT * FROM payable
    QUALIFY EXISTS (SELECT 1 FROM overrides AS o WHERE o.partner = payable.partner
                      AND o.account_ref_index = payable.account_ref_index AND o.card_number = payable.card_number)
         OR coalesce((SELECT min(p.card_number) FROM payees AS p WHERE p.partner = payable.partner
                        AND p.account_ref_index = payable.account_ref_index),
                     first_value(card_number) OVER (PARTITION BY partner, account_ref_index ORDER BY since, card_number)
            ) = card_number
"""
_PLACE = f"row_number() OVER (ORDER BY {', '.join(FAIR_ORDER)})"
_WANTED = [field for field in ITEMS if field.name not in ("order_ref", "attempt")]


@dataclass(frozen=True)
class DueBenefits:
    """All benefits that are due as of an instant. `shared`: how many wait because their account pays somebody else."""

    shared: int
    _engine: duckdb.DuckDBPyConnection

    def parts(self) -> Iterator[pa.Table]:
        """Give them in the fair order, in parts: columns of `cair.rules.release.ITEMS` without order_ref and attempt."""
        columns = ", ".join(_written(field.name) for field in _WANTED)
        for first in range(1, _count(self._engine, "ranked") + 1, PART):
            rows = f"FROM ranked WHERE place BETWEEN {first} AND {first + PART - 1} ORDER BY place"
            yield self._engine.sql(f"SELECT {columns} {rows}").to_arrow_table().cast(pa.schema(_WANTED))


@contextmanager
def due_benefits(office: Office, as_of: int, *, announce: Announce) -> Iterator[DueBenefits]:
    """Decide who is due as of an instant (microseconds UTC), and with which account. It ends with the context."""
    with session(office.home) as engine:
        segments = Segments(office.home)
        segments.bring_up_to_date(office.database, engine, announce)
        lay_down_payments(engine, office.database, as_of)
        # What follows a payment is due to nobody where nobody was paid.
        tables = ("standing", "later") if has_payments(engine) else ("standing",)
        with decided_on_segments(engine, segments, as_of, *tables, announce=announce) as turns:
            for turn, _ in enumerate(turns):
                # One after the other: both at once take twice the memory, and more than there is where most have been paid.
                for place, table in enumerate(tables):
                    begin = "INSERT INTO due" if turn or place else "CREATE TEMP TABLE due AS"
                    engine.execute(f"{begin} SELECT {_COLUMNS} FROM {table} WHERE state = 'DUE'")
        engine.execute(_WITH_ACCOUNTS.format(accounts=segments.reading("accounts")))
        _lay_down_payees(engine, office.database)
        engine.execute(f"CREATE TEMP TABLE ranked AS SELECT *, {_PLACE} AS place FROM ({_ALLOWED})")
        yield DueBenefits(_count(engine, "payable") - _count(engine, "ranked"), engine)


def _count(engine: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(engine.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _written(name: str) -> str:
    if name == "since":
        return "make_timestamptz(since) AS since"
    if name in ("account_ref_index", "account_fingerprint", "facts"):
        return f"{name}::VARCHAR AS {name}"
    return name


def _lay_down_payees(engine: duckdb.DuckDBPyConnection, database: Database) -> None:
    tables = {"payees": "payee WHERE override_number IS NULL", "overrides": "account_override"}
    with without_values(), adbc.connect(database.uri) as connection, connection.cursor() as cursor:
        for name, source in tables.items():
            cursor.execute(f"SELECT partner, account_ref_index::text, card_number FROM {source}")
            engine.register("arriving", cursor.fetch_record_batch())
            engine.execute(
                f"CREATE TEMP TABLE {name} AS SELECT partner, account_ref_index::UUID AS account_ref_index, card_number "
                "FROM arriving"
            )
            engine.unregister("arriving")
