"""Invariants of what is stored, each checked against the rows themselves."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import adbc_driver_postgresql.dbapi as adbc
import duckdb

from cair.kernel.days import instant_of
from cair.programme.reader import rulebooks_version
from cair.rules.revocation import list_hash
from cair.rules.tables import FEEDS
from cair.store.answers import gather
from cair.store.database import without_values
from cair.store.deciding import decided_on_segments
from cair.store.engine import session
from cair.store.office import Office
from cair.store.payment_tables import lay_down_payments
from cair.store.queries.invariants import MONEY_TABLES
from cair.store.queries.revocations import read_items, read_plans
from cair.store.records.decisions import DECIDED, changed_select, keep_newest
from cair.store.records.raw_files import kept_path
from cair.store.segments import Segments

Announce = Callable[[str, int, int], None]
GUARDED = (
    *(*FEEDS, "intake_file", "reject", "run", "decision", "awaited", "unmasking"),
    *("revocation_plan", "revocation_item", "revocation_approval", "revocation_run"),
    *("campaign", "campaign_item", "campaign_sending"),
    *MONEY_TABLES,
)
"""Tables that refuse to be changed: all but the fingerprint of the keys."""


@dataclass(frozen=True)
class Verified:
    """One invariant: whether it holds, and what was seen."""

    name: str
    holds: bool
    told: str


class SegmentsUntil(Segments):
    """The segments as they were up to a report: what came in later is not seen."""

    until: int = 2**63 - 1

    def reading(self, feed: str, bucket: int | None = None) -> str:
        """Write the SELECT of a feed's reports taken in up to then."""
        return f"SELECT * FROM ({super().reading(feed, bucket)}) WHERE taken_in <= {self.until}"


def lines_add_up(office: Office) -> Verified:
    """Lines received = outcomes recorded, in every file; reports kept = outcomes counted, in every feed (T4)."""
    kept = " UNION ALL ".join(f"SELECT '{feed}' AS feed, count(*) AS kept FROM {feed}" for feed in FEEDS)
    sql = (
        f"WITH counted AS (SELECT feed, sum(accepted + superseding + outdated + conflict) AS counted FROM intake_file "
        f"WHERE refusal = '' GROUP BY feed) SELECT coalesce(sum(kept), 0), coalesce(sum(counted), 0), "
        f"count(*) FILTER (WHERE kept <> coalesce(counted, 0)) FROM ({kept}) k LEFT JOIN counted USING (feed)"
    )
    uneven = (
        "SELECT count(*) FROM intake_file "
        "WHERE lines <> accepted + superseding + outdated + conflict + duplicate + rejected"
    )
    with without_values(), office.database.connect(autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
        files = connection.execute(uneven).fetchone()
    assert row is not None, "an aggregate has one row"
    assert files is not None, "a count has one row"
    return Verified(
        "lines received = outcomes recorded",
        row[2] == 0 and files[0] == 0,
        f"{row[0]:,} reports kept, {row[1]:,} counted; {files[0]} files and {row[2]} feeds do not add up",
    )


def rejects_add_up(office: Office) -> Verified:
    """Every rejected line is kept with its reason, once for each file content."""
    sql = (
        "WITH first AS (SELECT DISTINCT ON (name, sha256) number, rejected FROM intake_file WHERE refusal = '' "
        "ORDER BY name, sha256, number) SELECT coalesce(sum(rejected), 0), (SELECT count(*) FROM reject) FROM first"
    )
    with without_values(), office.database.connect(autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None, "an aggregate has one row"
    return Verified("rejected lines are kept", row[0] <= row[1], f"{row[0]:,} counted, {row[1]:,} kept")


def files_are_kept(office: Office, announce: Announce) -> Verified:
    """Every file that came in, of evidence or of banks, is kept as received: its bytes have the hash on record."""
    with without_values(), office.database.connect(autocommit=True) as connection:
        rows = connection.execute(
            "SELECT sha256 FROM intake_file WHERE sha256 <> '' UNION SELECT sha256 FROM bank_file"
        ).fetchall()
    wrong = 0
    for place, (sha256,) in enumerate(rows):
        announce("received files", place, len(rows))
        path = kept_path(office.home, sha256)
        digest = hashlib.sha256()
        try:
            for block in office.vault.read_kept(path):
                digest.update(block)
        except (OSError, ValueError):
            wrong += 1
            continue
        wrong += digest.hexdigest() != sha256
    return Verified("files are kept as received", wrong == 0, f"{len(rows):,} contents, {wrong} missing or changed")


def nothing_can_be_changed(office: Office) -> Verified:
    """All tables of the record refuse UPDATE, DELETE and TRUNCATE."""
    with without_values(), office.database.connect(autocommit=True) as connection:
        rows = connection.execute(_OPEN, [list(GUARDED), _REFUSES]).fetchall()
    told = ", ".join(table for (table,) in rows) or "none"
    return Verified("nothing on record can be changed", not rows, f"open of {len(GUARDED)} tables: {told}")


_REFUSES = 2 | 8 | 16 | 32
"""Bits of a trigger that comes before DELETE, UPDATE and TRUNCATE, once a statement."""
_OPEN = """
    SELECT name FROM unnest(%s::text[]) AS name WHERE NOT EXISTS (
        SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgrelid = to_regclass(quote_ident(name)) AND tgname = 'append_only' AND tgenabled IN ('O', 'A')
          AND tgtype = %s AND proname = 'refuse_change' AND prosrc LIKE '%%RAISE EXCEPTION%%'
    ) ORDER BY name
"""


def plans_are_what_was_approved(office: Office) -> Verified:
    """Lists of people to be revoked have the hash that was approved, and as many people as they say."""
    with office.database.connect() as connection:
        plans = read_plans(connection)
        wrong = []
        for plan in plans:
            items = read_items(connection, plan.number)
            hashed = list_hash(items, as_of=plan.as_of, planned_by=plan.planned_by)
            if hashed != plan.list_hash or items.num_rows != plan.people:
                wrong.append(str(plan.number))
    told = f"{len(plans)} plans" + (f"; changed: {', '.join(wrong)}" if wrong else "")
    return Verified("plans of revocation are what was approved", not wrong, told)


def segments_are_sound(office: Office) -> Verified:
    """The derived files have the hashes of their manifest."""
    segments = Segments(office.home)
    wrong = segments.check()
    told = "; ".join(wrong[:3]) or f"{len(segments.manifest.segments)} files"
    return Verified("segments are what was written", not wrong, told)


def decisions_replay(office: Office, announce: Announce) -> Verified:
    """Decide again as of the newest run, on what it had seen, and compare with what is stored, facts and all (T5)."""
    name = "stored decisions can be made again"
    with without_values(), office.database.connect(autocommit=True) as connection:
        row = connection.execute(
            "SELECT number, as_of, taken_in, rulebooks FROM run ORDER BY number DESC LIMIT 1"
        ).fetchone()
    if row is None:
        return Verified(name, True, "nothing was stored yet")
    number, as_of, until, law = row
    if law != rulebooks_version():
        return Verified(name, False, f"run {number} was made under {law}, this program knows {rulebooks_version()}")
    with session(office.home) as engine:
        segments = SegmentsUntil(office.home)
        segments.bring_up_to_date(office.database, engine, announce)
        segments.until = until
        decided = _decide_again(engine, segments, instant_of(as_of), announce)
        with without_values(), adbc.connect(office.database.uri) as connection:
            keep_newest(connection, engine, None)
        stored = engine.execute("SELECT count(*) FROM stored").fetchall()[0][0]
        differ = engine.execute(f"SELECT count(*) FROM ({changed_select()})").fetchall()[0][0]
    told = f"run {number}: {decided:,} made again, {stored:,} stored, {differ:,} differ"
    return Verified(name, differ == 0 and decided == stored, told)


def _decide_again(engine: duckdb.DuckDBPyConnection, segments: Segments, as_of: int, announce: Announce) -> int:
    with decided_on_segments(engine, segments, as_of, "decisions", announce=announce) as turns:
        for place, _ in enumerate(turns):
            engine.execute(f"{'CREATE TEMP TABLE decided AS' if place == 0 else 'INSERT INTO decided'} {DECIDED}")
    return int(engine.execute("SELECT count(*) FROM decided").fetchall()[0][0])


def figures_add_up(office: Office, as_of: int, announce: Announce) -> Verified:
    """appointed = bought + not bought + revoked = sum of the ladder; finishers by timing = by reason."""
    with session(office.home) as engine:
        segments = Segments(office.home)
        segments.bring_up_to_date(office.database, engine, announce)
        lay_down_payments(engine, office.database, as_of)
        gather(engine, segments, as_of, "figures", "reach_figures", announce=announce)
        rows = engine.execute(
            "SELECT measure, dimension, sum(count)::BIGINT FROM (FROM given_figures UNION ALL FROM given_reach_figures) "
            "GROUP BY ALL"
        ).fetchall()
    total = {(measure, dimension): count for measure, dimension, count in rows}

    def of(measure: str, dimension: str = "total") -> int:
        return int(total.get((measure, dimension), 0))

    parts = of("bought") + of("not_bought") + of("revoked")
    holds = of("appointed") == parts == of("ladder", "step") == of("state", "state")
    holds = holds and of("not_bought") == of("not_bought", "reach")
    holds = holds and of("unpaid_finishers", "timing") == of("unpaid_finishers", "reason")
    told = f"{of('appointed'):,} appointed = {of('bought'):,} bought + {of('not_bought'):,} not + {of('revoked'):,} revoked"
    return Verified("figures add up", holds, told)
