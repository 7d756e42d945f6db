"""Training money follows the evidence: granted at appointment, reserved at purchase, earned by platforms, fallen back."""

from collections.abc import Callable
from datetime import datetime

from cair.kernel.days import instant_of
from cair.rules.release import MAY_RUN
from cair.store.office import Office
from cair.store.queries.training_money import Held, Wanted, training_money, wanted_of
from cair.store.records import training_money as records
from cair.store.records.staff import Actor
from cair.store.records.training_money import Moved, booking

Announce = Callable[[str, int, int], None]


class UnableToBookTraining(Exception):
    """The actor may not book training money."""


def book_training(office: Office, *, by: Actor, now: datetime, announce: Announce) -> Moved:
    """Take everybody's training money from what is booked to what the evidence of now says; again changes nothing.

    Each range of people is one transaction. Stopped anywhere, give it again: it goes on from what is booked.

    :raises UnableToBookTraining: the actor may not.
    :raises cair.store.records.ledger.UnableToBook: more would be granted than was appropriated; nothing was booked.
    """
    _check_actor(by)
    with booking(office.database), training_money(office, instant_of(now), announce=announce) as wanted:
        return _book(office, wanted, by=by, now=now, announce=announce)


def book_held(office: Office, held: Held, *, by: Actor, now: datetime, announce: Announce) -> Moved:
    """Book as `book_training` what the evidence was found to say when everybody was decided.

    Only for a house in which nobody else books: what came in since then would be taken back.

    :raises UnableToBookTraining: the actor may not.
    :raises cair.store.records.ledger.UnableToBook: more would be granted than was appropriated; nothing was booked.
    """
    _check_actor(by)
    with booking(office.database), wanted_of(office, held) as wanted:
        return _book(office, wanted, by=by, now=now, announce=announce)


def _check_actor(by: Actor) -> None:
    if not MAY_RUN & by.roles:
        raise UnableToBookTraining(
            f"{by.name} may not book training money. Roles that may: {', '.join(sorted(MAY_RUN))}."
        )


def _book(office: Office, wanted: Wanted, *, by: Actor, now: datetime, announce: Announce) -> Moved:
    moved = Moved()
    with office.database.connect() as connection:
        records.check_granted(connection, wanted.granted())
    ranges = wanted.ranges()
    for place, cards in enumerate(ranges):
        announce("books", place, len(ranges))
        people, purchases = wanted.part(*cards)
        with office.database.connect() as connection:
            records.book_range(connection, people, purchases, cards=cards, by=by, now=now, moved=moved)
    announce("", len(ranges), len(ranges))
    return moved
