"""Campaigns: whom they address, what was begun of them, and what nobody can know."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa

from cair.store.copying import read_table
from cair.store.database import without_values

Connection = psycopg.Connection[Any]
PART = 5_000
"""Messages read at a time."""


@dataclass(frozen=True)
class Campaign:
    """A campaign as it was planned, and how many of its messages were begun."""

    number: int
    mark: str
    as_of: datetime
    planned_by: str
    people: int
    held_out: int
    begun: int


@dataclass(frozen=True)
class Begun:
    """A message whose sending has begun. `last_day` counts days since 1970-01-01."""

    message_ref: str
    position: int
    card_number: int
    channel: str
    reach: str
    last_day: int
    begun_at: datetime


_CAMPAIGN = """
    SELECT number, mark, as_of, planned_by, people, held_out,
           (SELECT count(*) FROM campaign_sending WHERE campaign = number) FROM campaign
"""
CANDIDATES = pa.schema([("position", pa.int64()), ("card_number", pa.int64()), ("channel", pa.string())])
_CANDIDATES = """
    SELECT position, card_number, channel FROM campaign_item AS item JOIN allowed USING (card_number)
    WHERE campaign = %s AND channel = ANY(%s) AND NOT EXISTS (
        SELECT FROM campaign_sending AS sent
        WHERE sent.card_number = item.card_number AND (sent.campaign = item.campaign OR sent.begun_at > %s)
    )
    ORDER BY position LIMIT %s
"""
_SENT = """
    SELECT sent.message_ref, position, sent.card_number, sent.channel, reach, last_day - DATE '1970-01-01', begun_at
    FROM campaign_sending AS sent JOIN campaign_item USING (campaign, position)
"""
_BEGUN = f"""{_SENT}
    WHERE campaign = %s AND via = %s AND sent.channel = ANY(%s) AND position > %s ORDER BY position LIMIT {PART}
"""


def read_campaign(connection: Connection, number: int) -> Campaign:
    """Give one campaign.

    :raises KeyError: there is none of this number.
    """
    with without_values():
        row = connection.execute(f"{_CAMPAIGN} WHERE number = %s", [number]).fetchone()
    if row is None:
        raise KeyError(number)
    return Campaign(*row)


def read_campaigns(connection: Connection) -> list[Campaign]:
    """Give all campaigns, the newest first."""
    with without_values():
        return [Campaign(*row) for row in connection.execute(f"{_CAMPAIGN} ORDER BY number DESC").fetchall()]


def recently_begun(connection: Connection, since: datetime) -> pa.Array:
    """Give the cards to which a message was begun after an instant."""
    schema = pa.schema([("card_number", pa.int64())])
    asked = "SELECT DISTINCT card_number FROM campaign_sending WHERE begun_at > %s"
    return read_table(connection, asked, [since], schema)["card_number"].combine_chunks()


def candidates(connection: Connection, campaign: int, channels: list[str], since: datetime, most: int) -> pa.Table:
    """Give whom a campaign still addresses of those in the table `allowed`: nobody who got a message after an instant."""
    return read_table(connection, _CANDIDATES, [campaign, channels, since, most], CANDIDATES)


def begun(
    connection: Connection, campaign: int, via: str, channels: list[str], *, after: int = 0
) -> Iterator[list[Begun]]:
    """Give the messages of a campaign that were begun on a way out, in order of position, some at a time."""
    after = 0
    while True:
        with without_values():
            rows = connection.execute(_BEGUN, [campaign, via, channels, after]).fetchall()
        if rows:
            yield [Begun(*row) for row in rows]
        if len(rows) < PART:
            return
        after = rows[-1][1]


def begun_at(connection: Connection, campaign: int, positions: list[int]) -> list[Begun]:
    """Give the messages of a campaign at some positions, in order."""
    with without_values():
        rows = connection.execute(
            f"{_SENT} WHERE campaign = %s AND position = ANY(%s) ORDER BY position", [campaign, positions]
        )
        return [Begun(*row) for row in rows.fetchall()]


def in_doubt(connection: Connection, campaign: int, via: str) -> int:
    """Count messages that were begun and of which nothing is known."""
    with without_values():
        row = connection.execute(
            "SELECT count(*) FROM campaign_sending AS sent WHERE campaign = %s AND via = %s "
            "AND NOT EXISTS (SELECT FROM messages WHERE messages.message_ref = sent.message_ref)",
            [campaign, via],
        ).fetchone()
    return int(row[0]) if row else 0
