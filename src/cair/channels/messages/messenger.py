"""What every channel of messages is: something that takes messages and, where it knows, says what became of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cair.kernel.identity import Secret


class UnableToSendMessages(Exception):
    """The channel cannot be used now; messages whose sending had not begun are sent by the same command later."""


@dataclass(frozen=True)
class Message:
    """One message. `to` and `name` are personal; `name` is only there for whoever calls."""

    message_ref: str
    channel: str
    to: Secret
    name: Secret | None
    subject: str
    text: str


@dataclass(frozen=True)
class Fate:
    """What became of a message at once: `sent` or `failed`, with a reason that names nobody."""

    message_ref: str
    status: str
    reason: str | None


class Messenger(Protocol):
    """A way out of the house.

    `via` names it; `carries` are the channels it serves. Where `is_repeatable`, the same messages may be handed over
    again and are still one each; where not, a message whose sending has begun is never sent again.
    """

    @property
    def via(self) -> str: ...
    @property
    def carries(self) -> frozenset[str]: ...
    @property
    def is_repeatable(self) -> bool: ...
    def send(self, messages: Iterable[Message]) -> Iterator[Fate]:
        """Hand messages over; give what became of them where that is known at once.

        :raises UnableToSendMessages: the channel cannot be used.
        """
        ...
