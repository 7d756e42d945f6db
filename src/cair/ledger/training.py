"""Training money follows the evidence: what everybody holds, and the transfers from what is booked to that.

A participant's training money is on four kinds of personal accounts: his balance, what he has spent and the platform
has not yet earned (reserved), what platforms have earned, and what fell back to the state. Their sum is the grant.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.ledger import chart
from cair.ledger.chart import Account, Purpose
from cair.ledger.transfers import Code, Side, Transfers, batch, together

HOLDINGS = pa.schema(
    [
        pa.field("account", pa.string(), nullable=False),
        pa.field("card_number", pa.int64(), nullable=False),
        pa.field("held_idr", pa.int64(), nullable=False),
    ]
)
"""What a participant holds on an account, as a credit; several rows of one account and card add up."""


def holdings(people: pa.Table, purchases: pa.Table) -> pa.Table:
    """Give what everybody should hold, as the evidence has it.

    Purchases in force are reserved in full; what is settled of them the platform has earned. Spending beyond the grant
    shows as a negative balance: such a purchase is a break and is not to be handed in here.

    :param people: card_number, line, granted_idr, given_back_idr (so far, of the grant).
    :param purchases: card_number, line, platform, bought_idr, settled_idr (part of bought_idr).
    """
    open_idr = pc.subtract(purchases["bought_idr"], purchases["settled_idr"])
    parts = []
    for line in sorted(pc.unique(people["line"]).to_pylist()):
        own = people.filter(pc.equal(people["line"], line))
        parts += [
            _held(chart.balance(line).name, own, pc.subtract(own["granted_idr"], own["given_back_idr"])),
            _held(chart.given_back_training(line).name, own, own["given_back_idr"]),
        ]
    for line, platform in sorted(
        set(zip(purchases["line"].to_pylist(), purchases["platform"].to_pylist(), strict=True))
    ):
        chosen = pc.and_(pc.equal(purchases["line"], line), pc.equal(purchases["platform"], platform))
        own = purchases.filter(chosen)
        parts += [
            _held(chart.balance(line).name, own, pc.negate(own["bought_idr"])),
            _held(chart.reserved(line).name, own, open_idr.filter(chosen)),
            _held(chart.platform(line, platform).name, own, own["settled_idr"]),
        ]
    return _added_up(pa.concat_tables([HOLDINGS.empty_table(), *parts]))


def _held(account: str, rows: pa.Table, amounts: Any) -> pa.Table:
    return pa.table([pa.repeat(pa.scalar(account), rows.num_rows), rows["card_number"], amounts], schema=HOLDINGS)


def _added_up(rows: pa.Table) -> pa.Table:
    """Add up what each card holds on each account, in the order of accounts and cards; what comes to nothing is left out."""
    encoded = rows["account"].combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    ranks = np.argsort(np.argsort(names)) if names else np.zeros(0, np.int64)
    accounts, cards = ranks[encoded.indices.to_numpy()], rows["card_number"].to_numpy()
    order = np.lexsort((cards, accounts))
    accounts, cards, held = accounts[order], cards[order], rows["held_idr"].to_numpy()[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(accounts) != 0) | (np.diff(cards) != 0)][: len(order)])
    sums = np.add.reduceat(held, starts) if len(starts) else held
    starts, sums = starts[sums != 0], sums[sums != 0]
    told = pa.array(sorted(names), pa.string()).take(pa.array(accounts[starts]))
    return pa.table([told, cards[starts], sums], schema=HOLDINGS)


def move_training(run: str, wanted: pa.Table, booked: pa.Table) -> Transfers:
    """Give the transfers that take everybody from what is booked to what is wanted: at most one per line and event.

    Millions of people are moved range by range of their card numbers, each range under a name of its own.

    :param run: name of what called for it, as `17` or `17/3`; with the code it names the transfers.
    :param wanted: holdings of everybody concerned; :param booked: of the same people and accounts, as booked.
    """
    minus = booked.set_column(2, HOLDINGS.field(2), pc.negate(booked["held_idr"]))
    moved = _added_up(pa.concat_tables([wanted.cast(HOLDINGS), minus.cast(HOLDINGS)]))
    lines = sorted({chart.line_of(account) for account in pc.unique(moved["account"]).to_pylist()})
    return together([part for line in lines for part in _moves_of_line(run, line, moved)])


def fall_back(run: str, booked: pa.Table) -> Transfers:
    """Let what is left on the balances of some participants fall back to the state treasury account.

    :param run: name of what called for it; with the code it names the transfers.
    :param booked: holdings of these participants, as booked. Whoever has nothing on his balance is left alone.
    """
    return _all_of(run, booked, chart.balance, Code.RETURN_TRAINING, chart.given_back_training)


def come_back(run: str, booked: pa.Table) -> Transfers:
    """Take back what of the training money of some participants had fallen back. Parameters as for `fall_back`."""
    return _all_of(run, booked, chart.given_back_training, Code.RESTORE_TRAINING, chart.balance)


def _all_of(
    run: str, booked: pa.Table, source: Callable[[str], Account], code: Code, target: Callable[[str], Account]
) -> Transfers:
    parts = []
    for part in sorted({chart.line_of(account) for account in pc.unique(booked["account"]).to_pylist()}):
        leaving, arriving = source(part).name, target(part).name
        held = _changes(booked, [leaving])
        held = held.filter(pc.greater(held["change"], 0))
        cards = held["card_number"].combine_chunks()
        event = f"training/{run}/{code}/{part}"
        parts.append(
            batch(
                event,
                code,
                debit=_side(leaving, cards),
                credit=_side(arriving, cards),
                amounts=held["change"].to_numpy(),
            )
        )
    return together(parts)


def _moves_of_line(run: str, line: str, moved: pa.Table) -> list[Transfers]:
    balance, reserved = chart.balance(line).name, chart.reserved(line).name
    state, free = chart.given_back_training(line).name, chart.available(line, Purpose.TRAINING).name
    platforms = [
        account
        for account in sorted(pc.unique(moved["account"]).to_pylist())
        if account.startswith(chart.platform(line, "X").name[:-1])
    ]
    granted = _changes(moved, [balance, reserved, state, *platforms])
    bought = _changes(moved, [reserved, *platforms])
    parts = [
        *_both(run, line, granted, (Code.GRANT_TRAINING, Code.WITHDRAW_TRAINING), free, balance),
        *_both(run, line, bought, (Code.RESERVE_PURCHASE, Code.VOID_PURCHASE), balance, reserved),
    ]
    for platform in platforms:
        about = f"{line}/{platform.rpartition(':')[2]}"
        settled = _changes(moved, [platform])
        parts += _both(run, about, settled, (Code.SETTLE_PURCHASE, Code.TAKE_BACK_PURCHASE), reserved, platform)
    fallen = _changes(moved, [state])
    return [*parts, *_both(run, line, fallen, (Code.RETURN_TRAINING, Code.RESTORE_TRAINING), balance, state)]


def _changes(moved: pa.Table, accounts: list[str]) -> pa.Table:
    """Add up what some accounts of each card change by: card_number, change; in the order of cards."""
    rows = moved.filter(pc.is_in(moved["account"], pa.array(accounts, pa.string())))
    cards, places = np.unique(rows["card_number"].to_numpy(), return_inverse=True)
    change = np.zeros(len(cards), np.int64)
    np.add.at(change, places, rows["held_idr"].to_numpy())
    return pa.table({"card_number": cards, "change": change})


def _both(
    run: str, about: str, changes: pa.Table, codes: tuple[Code, Code], source: str, target: str
) -> list[Transfers]:
    """Move what grows from source to target, and what shrinks back, under a code for each way."""
    cards, amounts = changes["card_number"].combine_chunks(), changes["change"].to_numpy()
    parts = []
    for code, rows, debit, credit in (
        (codes[0], amounts > 0, source, target),
        (codes[1], amounts < 0, target, source),
    ):
        chosen = cards.filter(pa.array(rows))
        parts.append(
            batch(
                f"training/{run}/{code}/{about}",
                code,
                debit=_side(debit, chosen),
                credit=_side(credit, chosen),
                amounts=np.abs(amounts[rows]),
            )
        )
    return parts


def _side(account: str, cards: pa.Array) -> Side:
    return Side(account, cards if chart.account_named(account).is_personal else None)
