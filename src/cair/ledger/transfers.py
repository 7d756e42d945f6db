"""What happens to money, one builder per business event. Each gives whole, balanced transfers for many people at once.

Every event has a name of its own (`pay/<order_ref>/<attempt>`): the same event cannot be booked twice. `code` says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.ledger import chart
from cair.ledger.chart import Purpose


class Stage(StrEnum):
    """How far a transfer is: PENDING waits for one that settles it, POSTED counts, VOIDED takes a pending one back."""

    PENDING = "PENDING"
    POSTED = "POSTED"
    VOIDED = "VOIDED"


class Code(StrEnum):
    """Why money moved."""

    APPROPRIATE = "appropriate"
    CUT_APPROPRIATION = "cut_appropriation"
    RELEASE_INCENTIVE = "release_incentive"
    PAY_INCENTIVE = "pay_incentive"
    RETURN_INCENTIVE = "return_incentive"
    GRANT_TRAINING = "grant_training"
    WITHDRAW_TRAINING = "withdraw_training"
    RESERVE_PURCHASE = "reserve_purchase"
    VOID_PURCHASE = "void_purchase"
    SETTLE_PURCHASE = "settle_purchase"
    TAKE_BACK_PURCHASE = "take_back_purchase"
    RETURN_TRAINING = "return_training"
    RESTORE_TRAINING = "restore_training"


HEADS = pa.schema(
    [
        pa.field("event", pa.string(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("settles", pa.int64()),
        pa.field("amount_idr", pa.int64(), nullable=False),
        pa.field("legs", pa.int64(), nullable=False),
    ]
)
"""One row per transfer; `amount_idr` is the sum of its debits, `settles` the number of the pending one it settles."""

LEGS = pa.schema(
    [
        pa.field("transfer", pa.int64(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("account", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("card_number", pa.int64()),
        pa.field("amount_idr", pa.int64(), nullable=False),
    ]
)
"""One row per leg; `transfer` is the row of its head, positions count from 1, debits are positive."""


@dataclass(frozen=True)
class Transfers:
    """Transfers with their legs, not yet booked."""

    heads: pa.Table
    legs: pa.Table


@dataclass(frozen=True)
class Side:
    """One side of a batch: an account, with the cards when it is personal (one leg each), else one leg for all."""

    account: str
    cards: pa.Array | None = None

    def legs(self, amounts: Any) -> tuple[pa.Array, Any]:
        """Give cards (null if none) and amounts of this side's legs."""
        if self.cards is None:
            return pa.nulls(1, pa.int64()), np.array([amounts.sum()], np.int64)
        return self.cards, amounts


def none() -> Transfers:
    """Give no transfer at all."""
    return Transfers(HEADS.empty_table(), LEGS.empty_table())


def together(parts: Sequence[Transfers]) -> Transfers:
    """Put transfers one after the other."""
    shift, heads, legs = 0, [HEADS.empty_table()], [LEGS.empty_table()]
    for part in parts:
        heads.append(part.heads)
        legs.append(part.legs.set_column(0, LEGS.field(0), pc.add(part.legs["transfer"], shift)))
        shift += part.heads.num_rows
    return Transfers(pa.concat_tables(heads), pa.concat_tables(legs).unify_dictionaries())


def batch(event: str, code: Code, *, debit: Side, credit: Side, amounts: Any) -> Transfers:
    """Give one posted transfer over many people; none when there is nothing to move.

    :param amounts: whole rupiah above zero, one for each card.
    """
    amounts = np.asarray(amounts, np.int64)
    if not len(amounts):
        return none()
    assert (amounts > 0).all(), "a leg moves at least one rupiah"
    (to, plus), (source, minus) = debit.legs(amounts), credit.legs(amounts)
    count = len(plus) + len(minus)
    account = np.repeat(np.array([0, 1], np.int32), [len(plus), len(minus)])
    legs = _legs(
        np.zeros(count, np.int64),
        np.arange(1, count + 1),
        pa.DictionaryArray.from_arrays(pa.array(account), [debit.account, credit.account]),
        pa.concat_arrays([_whole(to), _whole(source)]),
        np.concatenate([plus, -minus]),
    )
    return Transfers(_heads([event], code, Stage.POSTED, None, [int(amounts.sum())], [count]), legs)


def each(
    events: Any,
    code: Code,
    stage: Stage,
    *,
    to_debit: pa.DictionaryArray,
    to_credit: pa.DictionaryArray,
    cards: Any,
    amounts: Any,
) -> Transfers:
    """Give one transfer of two legs per row: from a personal account of a card to another one of it."""
    amounts = np.asarray(amounts, np.int64)
    assert (amounts > 0).all(), "a leg moves at least one rupiah"
    count = len(amounts)
    pairs = pa.chunked_array([to_debit, to_credit]).unify_dictionaries().combine_chunks()
    twice = np.stack([np.arange(count), np.arange(count) + count], axis=1).ravel()
    legs = _legs(
        np.repeat(np.arange(count), 2),
        np.tile([1, 2], count),
        pairs.take(pa.array(twice)),
        pa.array(np.repeat(np.asarray(cards, np.int64), 2)),
        np.stack([amounts, -amounts], axis=1).ravel(),
    )
    return Transfers(_heads(events, code, stage, None, amounts, np.full(count, 2)), legs)


def settling(events: Any, code: Code, stage: Stage, *, settles: Any, amounts: Any) -> Transfers:
    """Give transfers without legs that post or void pending ones, known by their numbers."""
    assert stage is not Stage.PENDING, "a pending transfer settles nothing"
    count = len(amounts)
    return Transfers(_heads(events, code, stage, settles, amounts, np.zeros(count, np.int64)), LEGS.empty_table())


def _heads(events: Any, code: Code, stage: Stage, settles: Any, amounts: Any, legs: Any) -> pa.Table:
    count = len(amounts)
    columns = [
        pa.array(events, pa.string()) if isinstance(events, list) else _whole(events),
        pa.repeat(pa.scalar(str(code)), count),
        pa.repeat(pa.scalar(str(stage)), count),
        pa.nulls(count, pa.int64()) if settles is None else pa.array(settles, pa.int64()),
        pa.array(amounts, pa.int64()),
        pa.array(legs, pa.int64()),
    ]
    return pa.table(columns, schema=HEADS)


def _legs(transfer: Any, position: Any, account: pa.DictionaryArray, cards: pa.Array, amounts: Any) -> pa.Table:
    columns = [pa.array(transfer, pa.int64()), pa.array(position, pa.int64()), account, cards, pa.array(amounts)]
    return pa.table(columns, schema=LEGS)


def _whole(values: Any) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _per_line(lines: Any, account: Any) -> pa.DictionaryArray:
    encoded = _whole(lines).dictionary_encode()
    names = [account(line).name for line in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(names, pa.string()))


def _events(prefix: str, orders: pa.Table) -> pa.Array:
    attempts = _whole(orders["attempt"]).cast(pa.string())
    return pc.binary_join_element_wise(prefix, _whole(orders["order_ref"]), attempts, "/")


def appropriate(event: str, line: str, purpose: Purpose, amount_idr: int) -> Transfers:
    """Give a line money for a purpose, by a budget document; a negative amount cuts it."""
    assert amount_idr != 0, "an appropriation says an amount"
    free, all_ = Side(chart.available(line, purpose).name), Side(chart.appropriated(line).name)
    if amount_idr < 0:
        return batch(event, Code.CUT_APPROPRIATION, debit=free, credit=all_, amounts=[-amount_idr])
    return batch(event, Code.APPROPRIATE, debit=all_, credit=free, amounts=[amount_idr])


def release_incentives(release: int, part: int, orders: pa.Table) -> Transfers:
    """Promise the first attempts of a part of a release to their people, one transfer per line, of what is available.

    :param orders: order_ref, line, card_number, attempt, amount_idr; later attempts were promised with the first.
    """
    first = orders.filter(pc.equal(orders["attempt"], 1))
    parts = []
    for line in sorted(pc.unique(first["line"]).to_pylist()):
        chosen = first.filter(pc.equal(first["line"], line))
        parts.append(
            batch(
                f"release/{release}/{line}/{part}",
                Code.RELEASE_INCENTIVE,
                debit=Side(chart.available(line, Purpose.INCENTIVES).name),
                credit=Side(chart.payable(line).name, _whole(chosen["card_number"])),
                amounts=chosen["amount_idr"].to_numpy(),
            )
        )
    return together(parts)


def pay_incentives(orders: pa.Table) -> Transfers:
    """Put orders in flight: one pending transfer each, from what is payable to what is paid.

    :param orders: order_ref, attempt, line, card_number, amount_idr.
    """
    return each(
        _events("pay", orders),
        Code.PAY_INCENTIVE,
        Stage.PENDING,
        to_debit=_per_line(orders["line"], chart.payable),
        to_credit=_per_line(orders["line"], chart.paid),
        cards=orders["card_number"].to_numpy(),
        amounts=orders["amount_idr"].to_numpy(),
    )


def confirm_incentives(orders: pa.Table) -> Transfers:
    """Post the pending transfers of orders that arrived.

    :param orders: order_ref, attempt, amount_idr, transfer (number of the pending one).
    """
    return settling(
        _events("paid", orders),
        Code.PAY_INCENTIVE,
        Stage.POSTED,
        settles=_whole(orders["transfer"]),
        amounts=_whole(orders["amount_idr"]),
    )


def fail_incentives(orders: pa.Table) -> Transfers:
    """Void the pending transfers of orders that failed: the money is payable again. Columns as for confirming."""
    return settling(
        _events("failed", orders),
        Code.PAY_INCENTIVE,
        Stage.VOIDED,
        settles=_whole(orders["transfer"]),
        amounts=_whole(orders["amount_idr"]),
    )


def return_incentives(orders: pa.Table) -> Transfers:
    """Take orders back that had been paid: the money is payable again. Columns as for paying."""
    return each(
        _events("returned", orders),
        Code.RETURN_INCENTIVE,
        Stage.POSTED,
        to_debit=_per_line(orders["line"], chart.returned),
        to_credit=_per_line(orders["line"], chart.payable),
        cards=orders["card_number"].to_numpy(),
        amounts=orders["amount_idr"].to_numpy(),
    )


def faults(transfers: Transfers) -> list[str]:
    """Say what is wrong with transfers, as laws of double entry; nothing when they may be booked."""
    heads, legs = transfers.heads, transfers.legs
    index = legs["transfer"].to_numpy()
    amounts = legs["amount_idr"].to_numpy()
    count = heads.num_rows
    sums, debits, numbers = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(sums, index, amounts)
    np.add.at(debits, index, np.maximum(amounts, 0))
    np.add.at(numbers, index, 1)
    settles = heads["settles"].is_valid().to_numpy()
    stated, said = heads["amount_idr"].to_numpy(), heads["legs"].to_numpy()
    stages = heads["stage"].to_numpy()
    wrong = {
        "does not balance": sums != 0,
        "states another amount than its debits": ~settles & (debits != stated),
        "states another number of legs": numbers != said,
        "moves nothing": stated <= 0,
        "has legs though it settles another": settles & (numbers > 0),
        "is voided and settles nothing": (stages == Stage.VOIDED) & ~settles,
        "is pending and settles another": (stages == Stage.PENDING) & settles,
    }
    return [f"{heads['event'][int(at)]} {what}" for what, rows in wrong.items() for at in np.flatnonzero(rows)[:3]]
