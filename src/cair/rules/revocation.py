"""Who may be revoked for not buying, and what is missing where somebody may not. Source: decisions, section 5.

Nobody is revoked without proof that the programme reached out: one message that was delivered, or three failed attempts
on two channels, all at or after the start of `appointed_on`. A hold and a last buying day that nobody has set or that
has not passed (days restored on appeal counted) stand in the way too.
"""

import hashlib
import json
from datetime import UTC, datetime
from enum import StrEnum

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from cair.kernel.days import date_of
from cair.programme.reader import steady
from cair.rules.checks import day_start, jakarta_day, no_text, text
from cair.rules.facts import beside
from cair.rules.holds import with_holds
from cair.rules.reach import not_bought

FAILED_ATTEMPTS = steady("failed_attempts")
FAILED_CHANNELS = steady("failed_channels")
"""So many attempts that failed, on so many channels, stand for a message that was delivered."""


class Obstacle(StrEnum):
    """Why somebody who has not bought may not be revoked; the first that holds."""

    NO_RULEBOOK = "NO_RULEBOOK"
    """Nobody has set the last buying day."""
    DEADLINE_AHEAD = "DEADLINE_AHEAD"
    HELD = "HELD"
    NO_MESSAGE = "NO_MESSAGE"
    NO_RECEIPT = "NO_RECEIPT"
    """Messages were sent, and nothing is known of any."""
    FEW_ATTEMPTS = "FEW_ATTEMPTS"
    ONE_CHANNEL = "ONE_CHANNEL"


class Proof(StrEnum):
    """What shows that the programme reached out."""

    DELIVERED = "DELIVERED"
    FAILED_THREE_TIMES = "FAILED_THREE_TIMES"


class Heard(StrEnum):
    """What became of the messages on one channel, the best of them."""

    SENT = "SENT"
    FAILED = "FAILED"
    DELIVERED = "DELIVERED"


CHANNELS = ("sms", "whatsapp", "email", "voice", "push")
_STATUSES = {
    Heard.SENT: ("sent",),
    Heard.FAILED: ("failed", "bounced"),
    Heard.DELIVERED: ("delivered", "opened", "clicked", "answered"),
}

ITEMS = pa.schema(
    [("card_number", pa.int64()), ("reach", pa.string()), ("last_day", pa.int64()), ("proof", pa.string())]
)
"""What a plan says of each person, in the order of its list (by card number)."""
_PIECE = 65_536
"""Rows hashed at once."""


def _attempts(messages: ir.Table, waiting: ir.Table) -> ir.Table:
    """Give one row per message to somebody waiting: its channel, whether it failed and was delivered (0 or 1), when."""
    rows = messages.select("partner", "message_ref", "channel", "status", "occurred_at", heard_card="card_number")
    seen = rows.inner_join(waiting.select("card_number", "appointed_on"), rows.heard_card == waiting.card_number)
    seen = seen.filter(seen.occurred_at >= day_start(seen.appointed_on))
    fate = {
        name: seen.status.isin(list(_STATUSES[name])).ifelse(1, 0).max() for name in (Heard.FAILED, Heard.DELIVERED)
    }
    grouped = seen.group_by("heard_card", "partner", "message_ref")
    return grouped.agg(
        channel=seen.channel.min(),
        has_failed=fate[Heard.FAILED],
        is_delivered=fate[Heard.DELIVERED],
        newest=seen.occurred_at.max(),
    )


def _heard(attempts: ir.Table) -> ir.Table:
    """Give for each person how many attempts there were, failed and were delivered, and the best of each channel."""
    failed = attempts.has_failed == 1
    best = ibis.greatest(attempts.is_delivered * 2, attempts.has_failed)
    channels = {f"on_{name}": best.max(where=attempts.channel == text(name)) for name in CHANNELS}
    return attempts.group_by("heard_card").agg(
        attempts=attempts.count(),
        delivered=attempts.count(where=attempts.is_delivered == 1),
        failed_attempts=attempts.count(where=failed),
        failed_channels=attempts.channel.nunique(where=failed),
        last_message=attempts.newest.max(),
        **channels,
    )


def _channel(best: ir.Value) -> ir.Value:
    heard = ((0, Heard.SENT), (1, Heard.FAILED), (2, Heard.DELIVERED))
    return ibis.cases(*((best == place, text(name)) for place, name in heard), else_=no_text())


def cases(
    people: ir.Table, reach: ir.Table, messages: ir.Table, holds: ir.Table, regions: ir.Table, moment: ir.Table
) -> ir.Table:
    """Give one row for everybody who has not bought: what stands against revoking, or the proof that allows it.

    Exactly one of `obstacle` and `proof` is there. `on_<channel>` is what became of messages on it, NULL for none.

    :param reach: from `reach.classify`; :param regions: every region_code there is, once.
    """
    waiting = not_bought(people).select(
        "card_number", "wave", "region_code", "rulebook", "known_rulebook", "appointed_on", "buy_by", "account_partner",
        provider=no_text(), p_partner=no_text(),
    )  # fmt: skip
    heard = _heard(_attempts(messages, waiting))
    rows = with_holds(waiting, holds, regions).select(
        "card_number",
        "wave",
        "region_code",
        "rulebook",
        "known_rulebook",
        "appointed_on",
        "hold_ref",
        last_day="buy_by",
    )
    rows = beside(rows, heard, {"card_number": "heard_card"})
    rows = beside(rows, reach, {"card_number": "reach_card"})
    counts = ("attempts", "delivered", "failed_attempts", "failed_channels")
    rows = rows.mutate(**{name: rows[name].fill_null(0) for name in counts})
    rows = rows.mutate(obstacle=_obstacle(rows, jakarta_day(moment.as_of.as_scalar())))
    proof = ibis.cases(
        (rows.obstacle.notnull(), no_text()),
        (rows.delivered > 0, text(Proof.DELIVERED)),
        else_=text(Proof.FAILED_THREE_TIMES),
    )
    channels = {f"on_{name}": _channel(rows[f"on_{name}"]) for name in CHANNELS}
    return rows.select(
        "card_number", "wave", "region_code", "rulebook", "reach", "last_day", "obstacle", *counts, "last_message",
        proof=proof, **channels,
    )  # fmt: skip


def _obstacle(rows: ir.Table, today: ir.Value) -> ir.Value:
    """Name the first thing that stands against revoking; an unknown stands against it."""
    return ibis.cases(
        (rows.known_rulebook.isnull(), text(Obstacle.NO_RULEBOOK)),
        (~(today > rows.last_day).fill_null(False), text(Obstacle.DEADLINE_AHEAD)),
        (rows.hold_ref.notnull(), text(Obstacle.HELD)),
        (rows.delivered > 0, no_text()),
        (rows.attempts == 0, text(Obstacle.NO_MESSAGE)),
        (rows.failed_attempts == 0, text(Obstacle.NO_RECEIPT)),
        (rows.failed_attempts < FAILED_ATTEMPTS, text(Obstacle.FEW_ATTEMPTS)),
        (rows.failed_channels < FAILED_CHANNELS, text(Obstacle.ONE_CHANNEL)),
        else_=no_text(),
    )


def list_hash(items: pa.Table, *, as_of: datetime, planned_by: str) -> bytes:
    """Give the SHA-256 that stands for a plan in its approval: of what it was made with and of everybody on it.

    :param items: columns of `ITEMS`, by card number.
    """
    header = ["revocation-1", as_of.astimezone(UTC).isoformat(), planned_by]
    told = hashlib.sha256(f"{json.dumps(header)}\n".encode())
    for batch in items.select(ITEMS.names).to_batches(_PIECE):
        columns = [column.to_pylist() for column in batch.columns]
        told.update("".join(f"{'|'.join(map(str, row))}\n" for row in zip(*columns, strict=True)).encode())
    return told.digest()


def reference(plan: int, hashed: bytes, position: int) -> str:
    """Name the decree on one person of a plan: the same however often it is written."""
    return f"RV-{plan}-{hashed.hex()[:12]}-{position}"


def decree(proof: str, last_day: int) -> str:
    """Say in the decree itself why participation is revoked, and by which proof."""
    return f"NOT_BOUGHT by {date_of(last_day).isoformat()}; proof of outreach: {proof}"
