"""Model evidence as segments: what a programme of some size would have stored, made in the engine within minutes.

About 8.1 reports a person and 3% of keys revised, in the layout that deciding reads. All values follow from the number
of the person: the same people, the same evidence.
"""

import shutil
from pathlib import Path

import duckdb

from cair.kernel.days import DAY
from cair.rules.reports import DECIDING, schema_of
from cair.store.engine import session
from cair.store.segments import Manifest, Segment, Segments, buckets_for, write_generation

CHUNK = 1_000_000
"""People made at a time."""
FIRST_DAY = 18_362
"""10 April 2020."""
AS_OF = (FIRST_DAY + 120) * DAY
_COURSES, _PROVIDERS, _PLATFORMS, _PAYERS = 2_000, 190, 8, 4
_REVISED = 30
"""Of a thousand keys."""


def _chance(salt: int, *, of: str = "i") -> str:
    """Write a number from 0 to 999 that follows from a number."""
    return f"(hash({of}, {salt}) % 1000)::BIGINT"


def _named(prefix: str, number: str, digits: int = 13) -> str:
    """Write a code that is unique to a number and shows no order."""
    return f"'{prefix}' || lpad((({number}) * 636413623 + 104395301) % 1e{digits}::BIGINT || '', {digits}, '0')"


_PLATFORM = f"'platform-number-' || (hash(i, 90) % {_PLATFORMS})"
_COURSE = f"(hash(i, n, 91) % {_COURSES})"
_PROVIDER = f"'provider-number-' || (course % {_PROVIDERS})"
_AT = f"({FIRST_DAY * DAY}::BIGINT + (hash(i, n, 92) % {40 * DAY})::BIGINT)"
_BUYS = f"""
    SELECT *, {_named("CODE-", "i * 2 + n")} AS redeem_code, {_AT} AS bought_at, {_PLATFORM} AS platform,
           {_COURSE} AS course, 'course-number-' || {_COURSE} AS course_code
    FROM (SELECT i, 0 AS n FROM people WHERE {_chance(1)} < 900 UNION ALL
          SELECT i, 1 AS n FROM people WHERE {_chance(1)} < 80)
"""
_LATE = "bought_at + ({days} * 86400000000 + hash(i, n, {salt}) % 86400000000)::BIGINT"
_FEEDS = {
    "appointments": f"""
        SELECT 9990000000000000 + i AS card_number, md5('nik' || (i - (hash(i, 2) % 500 = 0)::INT))::UUID AS nik,
               lpad((1100 + hash(i, 3) % 8000) || '', 4, '0') AS region_code, 1 + hash(i, 4) % 3 AS wave,
               {FIRST_DAY} AS appointed_on, 'semi-bansos-2020' AS rulebook, 'pmo' AS partner,
               {FIRST_DAY * DAY} AS known_at, i AS number FROM people""",
    "purchases": f"""
        SELECT {_named("INVOICE/", "i * 2 + n")} AS invoice_code, 9990000000000000 + i AS card_number, course_code,
               300000 AS amount_idr, redeem_code, 'SUCCESS' AS status, bought_at AS occurred_at, platform AS partner,
               bought_at + {DAY} AS known_at, i * 2 + n AS number FROM buys""",
    "redemptions": f"""
        SELECT redeem_code, course_code, {_LATE.format(days=1, salt=11)} AS occurred_at, {_PROVIDER} AS partner,
               bought_at + {3 * DAY} AS known_at, i * 2 + n AS number FROM buys WHERE {_chance(12)} < 960""",
    "activities": f"""
        SELECT redeem_code, 'post_test' AS kind, 1 AS sequence, {_LATE.format(days=4, salt=13)} AS occurred_at,
               {_PROVIDER} AS partner, bought_at + {6 * DAY} AS known_at, i * 2 + n AS number
        FROM buys WHERE {_chance(12)} < 930""",
    "completions": f"""
        SELECT redeem_code, CASE WHEN {_chance(14)} < 5 THEN 'course-number-0' ELSE course_code END AS course_code,
               {_LATE.format(days=5, salt=15)} AS occurred_at,
               {_named("CERTIFICATE/", "i * 2 + n")} AS certificate_no,
               CASE WHEN {_chance(16)} < 8 THEN 'provider-number-other' ELSE {_PROVIDER} END AS partner,
               bought_at + {7 * DAY} AS known_at, i * 2 + n AS number FROM buys WHERE {_chance(12)} < 880""",
    "confirmations": f"""
        SELECT redeem_code, course_code, {_LATE.format(days=5, salt=15)} AS occurred_at,
               {_named("CERTIFICATE/", "i * 2 + n")} AS certificate_no, platform AS partner,
               bought_at + {8 * DAY} AS known_at, i * 2 + n AS number FROM buys WHERE {_chance(17)} < 850""",
    "reviews": f"""
        SELECT redeem_code, 1 + hash(i, 18) % 5 AS stars, {_LATE.format(days=7, salt=19)} AS occurred_at,
               hash(i, 20) % 200 AS text_length, platform AS partner, bought_at + {9 * DAY} AS known_at,
               i * 2 + n AS number FROM buys WHERE {_chance(17)} < 850""",
    "accounts": f"""
        SELECT 9990000000000000 + i AS card_number, md5('account' || i || '/' || n)::UUID AS account_ref,
               md5('nik' || (i + ({_chance(21)} < 10)::INT))::UUID AS holder_nik,
               CASE WHEN {_chance(22)} < 940 THEN 'full' ELSE 'basic' END AS kyc,
               CASE WHEN {_chance(23)} < 980 THEN 'LINKED' ELSE 'FROZEN' END AS status,
               {_AT} AS checked_at, 'payment-partner-' || (hash(i, 24) % {_PAYERS}) AS partner,
               {_AT} + {DAY} AS known_at, i * 2 + n AS number
        FROM (SELECT i, 0 AS n FROM people WHERE {_chance(25)} < 920 UNION ALL
              SELECT i, 1 AS n FROM people WHERE {_chance(25)} < 60)""",
    "messages": f"""
        SELECT 'M' || i AS message_ref, 9990000000000000 + i AS card_number, 'sms' AS channel,
               CASE WHEN {_chance(26)} < 700 THEN 'delivered' ELSE 'failed' END AS status,
               {FIRST_DAY * DAY} + 5 AS occurred_at, 'messenger' AS partner, {(FIRST_DAY + 1) * DAY} AS known_at,
               i AS number FROM people WHERE {_chance(27)} < 400""",
    "contacts": f"""
        SELECT 'C' || i AS contact_ref, 9990000000000000 + i AS card_number, 'login' AS kind,
               {FIRST_DAY * DAY} + 5 AS occurred_at, 'pmo' AS partner, {(FIRST_DAY + 1) * DAY} AS known_at,
               i AS number FROM people WHERE {_chance(28)} < 300""",
}
_COURSE_ROWS = f"""
    SELECT 'course-number-' || c AS course_code, 'provider-number-' || (c % {_PROVIDERS}) AS provider,
           (SELECT string_agg('platform-number-' || range, ';') FROM range({_PLATFORMS})) AS platforms,
           300000 AS price_idr, 20000 AS hours, 'webinar' AS mode, {FIRST_DAY - 30} AS approved_from,
           NULL AS approved_until, NULL AS sessions, NULL AS tasks, 'pmo' AS partner, {FIRST_DAY * DAY} AS known_at,
           c AS number FROM (SELECT range AS c FROM range({_COURSES}))
"""
_KINDS = {"string": "VARCHAR", "int64": "BIGINT", "uuid": "UUID"}


def write_evidence(home: Path, people: int) -> int:
    """Write the evidence of so many people into a home as segments; say how many reports that is."""
    shutil.rmtree(home / "segments", ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    segments = Segments(home)
    segments.manifest = Manifest(buckets=buckets_for(people))
    found: list[Segment] = []
    with session(home, memory="3GB") as engine:
        found += _written(segments, engine, "courses", _COURSE_ROWS, first=0)
        for first in range(0, people, CHUNK):
            count = min(CHUNK, people - first)
            engine.execute(f"CREATE OR REPLACE TEMP TABLE people AS SELECT {first} + range AS i FROM range({count})")
            engine.execute(f"CREATE OR REPLACE TEMP TABLE buys AS {_BUYS}")
            for feed, rows in _FEEDS.items():
                found += _written(segments, engine, feed, rows, first=first)
    manifest = Manifest(buckets=segments.manifest.buckets, taken_in=-1, generations=1, segments=found)
    segments.put_in_place(manifest)
    return manifest.rows()


def _written(
    segments: Segments, engine: duckdb.DuckDBPyConnection, feed: str, rows: str, *, first: int
) -> list[Segment]:
    """Write one feed: every report, and again, corrected and later, those of revised keys."""
    place = list(DECIDING).index(feed)
    given = {
        "revision": "1 + again",
        "known_at": f"known_at + again * {20 * DAY}",
        "taken_in": f"({place} * 2 + again) * 1099511627776 + number",
        "key": f"md5('{feed}' || number)::UUID",
        "fingerprint": f"md5('{feed}' || number || '/' || again)::UUID",
    }
    columns = ", ".join(
        f'({given.get(name, name)})::{_KINDS[kind]} AS "{name}"'
        for name, kind in schema_of(feed).items()
        if name != "contested"
    )
    engine.execute(
        f"CREATE OR REPLACE TEMP VIEW made AS SELECT {columns}, if(again = 0, 'accepted', 'corrected') AS outcome "
        f"FROM (SELECT *, unnest(if(hash(number, {place}) % 1000 < {_REVISED}, [0, 1], [0])) AS again FROM ({rows}))"
    )
    disputed = engine.sql("SELECT DISTINCT key FROM made WHERE outcome <> 'accepted'").to_arrow_table()
    columns = ", ".join("false AS contested" if name == "contested" else name for name in schema_of(feed))
    reports = engine.sql(f"SELECT {columns} FROM made").to_arrow_table().to_reader(100_000)
    return write_generation(segments, engine, feed, reports, disputed, folder=f"0-people{first}", generation=0)
