"""Campaigns: planned as a list, their messages begun before anything leaves the house."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from cair.rules.outreach import DAYS_APART, HELD_OUT, message_ref
from cair.rules.release import MAY_PLAN
from cair.store.copying import copy_rows
from cair.store.database import without_values
from cair.store.queries.campaigns import Campaign, candidates, read_campaign
from cair.store.records.audit import add_audit
from cair.store.records.staff import Actor

Connection = psycopg.Connection[Any]
ITEMS = ("card_number", "reach", "last_day", "channel")
ALL = 2**62


class UnableToReachOut(Exception):
    """The actor may not, or there is no such campaign."""


def check_campaigner(by: Actor) -> None:
    """See that somebody may plan campaigns and send their messages.

    :raises UnableToReachOut: no such role.
    """
    if not MAY_PLAN & by.roles:
        raise UnableToReachOut(f"{by.name} may not plan or send messages. Roles that may: {', '.join(MAY_PLAN)}.")


def add_campaign(connection: Connection, items: pa.Table, *, as_of: datetime, by: Actor, now: datetime) -> Campaign:
    """Keep whom a campaign addresses; in the caller's transaction.

    :param items: columns of `ITEMS`, `last_day` in days since 1970-01-01; the channel of the held out is empty.
    """
    held_out = int(np.sum(items["channel"].to_numpy(zero_copy_only=False) == HELD_OUT))
    with without_values():
        connection.execute("LOCK TABLE campaign IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            "INSERT INTO campaign (number, mark, as_of, planned_at, planned_by, people, held_out) "
            "SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s FROM campaign RETURNING number",
            [secrets.token_hex(6), as_of, now, by.name, items.num_rows, held_out],
        ).fetchone()
    assert row is not None, "the row that was added is given back"
    columns = {
        "campaign": pa.repeat(pa.scalar(row[0], pa.int64()), items.num_rows),
        "position": pa.array(np.arange(1, items.num_rows + 1)),
        **{name: items[name] for name in ITEMS},
        "last_day": items["last_day"].cast(pa.int32()).cast(pa.date32()),
    }
    copy_rows(connection, "campaign_item", pa.table(columns))
    _audit(connection, "outreach.plan", by, now, row[0], {"people": items.num_rows, "held_out": held_out})
    return read_campaign(connection, row[0])


def known_campaign(connection: Connection, number: int) -> Campaign:
    """Give a campaign.

    :raises UnableToReachOut: there is none of this number.
    """
    try:
        return read_campaign(connection, number)
    except KeyError:
        raise UnableToReachOut(f"There is no campaign {number}. `cair outreach list` shows those there are.") from None


def allow(connection: Connection, cards: pa.ChunkedArray) -> None:
    """Lay down, for this connection alone, who may be addressed now."""
    with without_values():
        connection.execute("CREATE TEMP TABLE allowed (card_number bigint PRIMARY KEY)")
    copy_rows(connection, "allowed", pa.table({"card_number": cards}))


def begin_sendings(
    connection: Connection, campaign: Campaign, *, via: str, channels: list[str], now: datetime, most: int = ALL
) -> list[int]:
    """Begin the next messages of a campaign, in the caller's transaction, which is to end before they are sent.

    Nobody gets two within seven days, whichever campaign they come from.

    :returns: their positions.
    """
    chosen = candidates(connection, campaign.number, channels, now - timedelta(days=DAYS_APART), most)
    if not chosen.num_rows:
        return []
    positions: list[int] = chosen["position"].to_pylist()
    columns = {
        "message_ref": pa.array([message_ref(campaign.number, campaign.mark, each) for each in positions]),
        "campaign": pa.repeat(pa.scalar(campaign.number, pa.int64()), chosen.num_rows),
        **{name: chosen[name] for name in chosen.column_names},
        "via": pa.repeat(pa.scalar(via), chosen.num_rows),
        "begun_at": pa.repeat(pa.scalar(now, pa.timestamp("us", "UTC")), chosen.num_rows),
    }
    copy_rows(connection, "campaign_sending", pa.table(columns))
    return positions


def note_sending(connection: Connection, campaign: int, *, via: str, begun: int, by: Actor, now: datetime) -> None:
    """Add to the audit that messages of a campaign are handed over; in the caller's transaction."""
    _audit(connection, "outreach.send", by, now, campaign, {"via": via, "begun": begun})


def _audit(
    connection: Connection, act: str, by: Actor, now: datetime, campaign: int, facts: Mapping[str, str | int]
) -> None:
    roles = [str(role) for role in by.roles]
    add_audit(connection, act=act, actor=by.name, roles=roles, at=now, subject=f"campaign {campaign}", facts=facts)
