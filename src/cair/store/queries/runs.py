"""What was decided last, and whom the reports since then concern."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from cair.kernel.days import instant_of
from cair.store.database import Database, without_values
from cair.store.ties import CARDS_OF_CODES, NEIGHBOURS, REACHES


@dataclass(frozen=True)
class LastRun:
    """The newest run: its number (0: none yet), its instant (microseconds UTC) and the newest report it looked at."""

    number: int
    as_of: int
    taken_in: int


def last_run(database: Database) -> LastRun:
    """Give the newest run."""
    with without_values(), database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT number, as_of, taken_in FROM run ORDER BY number DESC LIMIT 1").fetchone()
    return LastRun(row[0], instant_of(row[1]), row[2]) if row else LastRun(0, 0, -1)


def newest_report(database: Database) -> int:
    """Give the greatest `taken_in` there can be."""
    with without_values(), database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT (coalesce(max(number), -1) + 1) * 4294967296 - 1 FROM intake_file").fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])


def affected_cards(database: Database, run: LastRun, *, as_of: datetime, until: int, limit: int) -> list[int] | None:
    """Give the card numbers whose decision may differ from that of a run, by the ties and by time; None: everybody's.

    Reports received since the run, and reports awaited by earlier runs whose time has come. More than `limit` cards
    count as everybody.
    """
    with without_values(), database.connect() as connection:
        cards: set[int] = set()
        codes: set[str] = set()
        for feed, reach in REACHES.items():
            _fresh(connection, feed, run, as_of=as_of, until=until)
            if reach.everybody and connection.execute(reach.everybody).fetchone():
                return None
            if reach.cards:
                cards |= {row[0] for row in connection.execute(reach.cards)}
            if reach.codes:
                codes |= {row[0] for row in connection.execute(reach.codes)}
            if len(cards) + len(codes) > limit:
                return None
        cards |= {row[0] for row in connection.execute(CARDS_OF_CODES, {"codes": sorted(codes)})}
        cards |= {row[0] for row in connection.execute(NEIGHBOURS, {"cards": sorted(cards)})}
        connection.rollback()
    return None if len(cards) > limit else sorted(cards)


def _fresh(connection: psycopg.Connection[Any], feed: str, run: LastRun, *, as_of: datetime, until: int) -> None:
    """Make `fresh`: the reports of a feed that came in since a run, and those it awaited whose time has come."""
    connection.execute("DROP TABLE IF EXISTS fresh")
    connection.execute(
        f"CREATE TEMP TABLE fresh ON COMMIT DROP AS SELECT * FROM {feed} "
        f"WHERE taken_in > {run.taken_in} AND taken_in <= {until} UNION ALL "
        f"SELECT r.* FROM awaited a JOIN {feed} r ON r.taken_in = a.taken_in "
        f"WHERE a.feed = '{feed}' AND a.known_at <= '{as_of.isoformat()}'::timestamptz "
        f"AND a.known_at > TIMESTAMPTZ 'epoch' + {run.as_of} * INTERVAL '1 microsecond'"
    )
    connection.execute("ANALYZE fresh")
