"""Training money into the books: as the evidence has it, and at once when somebody is revoked or restored."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from cair.ledger.training import come_back, fall_back, holdings, move_training
from cair.ledger.transfers import Transfers
from cair.store.database import Database, without_values
from cair.store.locks import alone
from cair.store.queries.ledger import holdings as booked_holdings
from cair.store.queries.ledger import holdings_of, training_granted
from cair.store.records.audit import add_audit
from cair.store.records.ledger import UnableToBook, add_transfers, take_turn
from cair.store.records.staff import Actor

Connection = psycopg.Connection[Any]


@dataclass
class Moved:
    """What was booked of training money, by the code of the transfers: whole rupiah, and participants."""

    amounts_idr: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)

    def add(self, moves: Transfers) -> None:
        """Count transfers in."""
        codes = moves.heads["code"].to_numpy(zero_copy_only=False)
        amounts = moves.heads["amount_idr"].to_numpy()
        named = moves.legs.filter(pc.is_valid(moves.legs["card_number"]))
        places, cards = named["transfer"].to_numpy(), named["card_number"].to_numpy()
        for code in np.unique(codes):
            chosen = codes == code
            self.amounts_idr[str(code)] += int(amounts[chosen].sum())
            self.people[str(code)] += len(np.unique(cards[chosen[places]]))

    def document(self) -> dict[str, object]:
        """Give it for people and programs."""
        return {
            code: {"people": self.people[code], "amount_idr": amount}
            for code, amount in sorted(self.amounts_idr.items())
        }


@contextmanager
def booking(database: Database) -> Iterator[None]:
    """Book training money alone: nobody books by evidence that was looked at before ours came in.

    :raises cair.store.locks.UnableToGoAlone: somebody else is at it.
    """
    with alone(database, "booking of training money"):
        yield


def check_granted(connection: Connection, wanted: Mapping[str, int]) -> None:
    """See that what should be granted is appropriated, before anything is booked.

    :param wanted: whole rupiah by budget line.
    :raises UnableToBook: a line has too little.
    """
    known = training_granted(connection)
    short = []
    for line, amount in sorted(wanted.items()):
        granted, left = known[line]
        if amount - granted > left:
            short.append(f"Rp{amount - granted - left:,} for {line}")
    if short:
        raise UnableToBook(
            f"The training money that was appropriated does not suffice; missing are {', '.join(short)}. Nothing was "
            "booked. Give the line more: cair appropriate --purpose Training."
        )


def book_range(
    connection: Connection,
    people: pa.Table,
    purchases: pa.Table,
    *,
    cards: tuple[int, int],
    by: Actor,
    now: datetime,
    moved: Moved,
) -> None:
    """Take everybody with a card number in a range from what is booked to what is wanted; in the caller's transaction.

    :param people: and :param purchases: of that range, in the form of `cair.ledger.training.holdings`.
    :param cards: first and last card number of the range; :param moved: counts what was booked.
    :raises UnableToBook: the appropriation does not suffice, or the clock is wrong.
    """
    run = _turn(connection)
    booked = booked_holdings(connection, first=cards[0], last=cards[1])
    _book(connection, move_training(run, holdings(people, purchases), booked), "training.book", by, now, moved)


def let_fall_back(connection: Connection, cards: list[int], *, by: Actor, now: datetime, moved: Moved) -> None:
    """Let what is left on the balances of the revoked fall back to the state; again changes nothing.

    :raises UnableToBook: the clock is wrong.
    """
    run = _turn(connection)
    booked = holdings_of(connection, pa.array(cards, pa.int64()))
    _book(connection, fall_back(run, booked), "training.return", by, now, moved)


def take_back(connection: Connection, card: int, *, by: Actor, now: datetime, moved: Moved) -> None:
    """Put on the balance of somebody restored what had fallen back; again changes nothing.

    :raises UnableToBook: the clock is wrong.
    """
    run = _turn(connection)
    booked = holdings_of(connection, pa.array([card], pa.int64()))
    _book(connection, come_back(run, booked), "training.restore", by, now, moved)


def _turn(connection: Connection) -> str:
    """Wait for the books; name what comes next in them by the number of its first transfer."""
    take_turn(connection)
    with without_values():
        row = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM transfer").fetchone()
    assert row is not None, "an aggregate has one row"
    return str(row[0])


def _book(connection: Connection, moves: Transfers, act: str, by: Actor, now: datetime, moved: Moved) -> None:
    if not moves.heads.num_rows:
        return
    own = Moved()
    own.add(moves)
    first = add_transfers(connection, moves, now=now)
    facts: dict[str, str | int] = {f"{code}_idr": amount for code, amount in own.amounts_idr.items()}
    facts |= {f"{code}_people": count for code, count in own.people.items()}
    subject = f"transfers {first} to {first + moves.heads.num_rows - 1}"
    add_audit(connection, act=act, actor=by.name, roles=list(by.roles), at=now, subject=subject, facts=facts)
    moved.amounts_idr.update(own.amounts_idr)
    moved.people.update(own.people)
