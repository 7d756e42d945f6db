"""The states of one benefit of one participant, and which may follow which."""

from enum import StrEnum


class State(StrEnum):
    """State of a decision (contract, section 3)."""

    WAITING = "WAITING"
    DUE = "DUE"
    RELEASED = "RELEASED"
    SENT = "SENT"
    PAID = "PAID"
    FAILED = "FAILED"
    RETURNED = "RETURNED"
    CLOSED = "CLOSED"


class Step(StrEnum):
    """Steps of the ladder, the lowest first (decisions, section 4)."""

    REVOKED = "revoked"
    NOT_BOUGHT = "not_bought"
    BOUGHT = "bought"
    REDEEMED = "redeemed"
    FINISHED = "finished"
    REPORTED = "reported"
    CERTIFIED = "certified"
    REVIEWED = "reviewed"
    SETTLED = "settled"
    PAYABLE = "payable"
    RELEASED = "released"
    PAID = "paid"


TRANSITIONS: dict[State, tuple[State, ...]] = {
    State.WAITING: (State.DUE, State.CLOSED),
    State.DUE: (State.WAITING, State.RELEASED, State.CLOSED),
    State.CLOSED: (State.WAITING, State.DUE),
    State.RELEASED: (State.SENT,),
    State.SENT: (State.PAID, State.FAILED),
    State.PAID: (State.RETURNED,),
    State.FAILED: (State.RELEASED,),
    State.RETURNED: (State.RELEASED,),
}
"""Evidence moves a decision back and forth until it is released; from then on only the payment does."""
