"""One partner's file, read once: what it is, its lines, and at the end the proof that it is whole."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

import pyarrow as pa

from cair.channels.payments.amounts import RUPIAH
from cair.channels.payments.iso20022 import answers_in, statements_in
from cair.channels.payments.iso20022.answers_in import Answers
from cair.channels.payments.iso20022.columns import Row, as_batch, line_of
from cair.channels.payments.iso20022.elements import Element, Record, qualified
from cair.channels.payments.iso20022.markup import NAMESPACE
from cair.channels.payments.iso20022.reasons import reasons
from cair.channels.payments.iso20022.statements_in import Statements
from cair.channels.payments.iso20022.walk import Walker
from cair.channels.payments.lines import Desk, is_reference_of_ours
from cair.channels.payments.settlement import (
    BATCH,
    SettlementLine,
    StatementRefusal,
    Totals,
    UnableToReadStatement,
)
from cair.kernel.remedies import BankReason

MESSAGES: Mapping[str, str] = {
    **dict.fromkeys(("pain.002.001.03", "pain.002.001.10"), answers_in.BODY),
    **dict.fromkeys(("camt.053.001.02", "camt.053.001.04", "camt.053.001.08"), "BkToCstmrStmt"),
    **dict.fromkeys(("camt.054.001.04", "camt.054.001.08"), "BkToCstmrDbtCdtNtfctn"),
}
"""The messages that are read, and the element inside `Document` that holds each."""

_KINDS = {answers_in.BODY: "pain.002", "BkToCstmrStmt": "camt.053", "BkToCstmrDbtCdtNtfctn": "camt.054"}
_MESSAGE = re.compile(r"[a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What a file says of itself; `message` is without version when the file names no namespace."""

    message: str
    message_id: str | None
    created_at: str | None


class Reading:
    """Iterate over it for the lines; the last step proves the file, so nothing may count before that is done.

    One part of the file is in memory at a time. `totals` and `head` are complete after the last line.
    """

    def __init__(self, source: BinaryIO, desk: Desk) -> None:
        self._walker = Walker(source, self._elements_of)
        self._desk = desk
        self._head: Record = {}
        self._message = ""
        self._reader: Answers | Statements | None = None

    def __iter__(self) -> Iterator[SettlementLine]:
        """Give the lines in the order of the file, wider ones after narrower ones.

        :raises UnableToReadStatement: the file is refused whole; forget the lines given before.
        """
        ordinal = 0
        for ready in self._walked():
            for row in ready:
                ordinal += 1
                yield line_of(row, ordinal)

    def _walked(self) -> Iterator[list[Row]]:
        """Give the rows in the order of the file, some at a time; the list is used again."""
        for _ in self._walker.run():
            yield self._desk.lines
            self._desk.lines.clear()
        assert self._reader is not None, "a document without a message is refused"
        self._reader.finish()
        yield self._desk.lines
        self._desk.lines.clear()

    def batches(self, *, rows: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Give the lines as record batches of `SETTLEMENT_SCHEMA`.

        :raises UnableToReadStatement: the file is refused whole; forget the batches given before.
        """
        waiting: list[Row] = []
        first = 1
        for ready in chain(self._walked(), [None]):
            waiting += ready or []
            while len(waiting) >= rows or (ready is None and waiting):
                yield as_batch(waiting[:rows], first)
                first += rows
                del waiting[:rows]

    @property
    def totals(self) -> Totals:
        """What was read so far."""
        self._walker.forget()
        return self._desk.totals

    @property
    def head(self) -> MessageHead:
        """What the file says of itself, as far as it is read."""
        return MessageHead(self._message, self._head.get("message_id"), self._head.get("created_at"))

    def _elements_of(self, walker: Walker, namespace: str, body: str) -> Element:
        self._message = self._recognise(walker, namespace, body)
        reader: Answers | Statements
        if body == answers_in.BODY:
            reader = Answers(walker, self._desk, self._head)
        else:
            reader = Statements(walker, self._desk, self._head, inside=statements_in.BODIES[body])
        self._reader = walker.alike = reader
        return qualified(reader.elements(), namespace)

    def _recognise(self, walker: Walker, namespace: str, body: str) -> str:
        if not namespace:
            # Some banks leave it out or misspell it. The element then says what it is; the versions read differ little.
            if body in _KINDS:
                return _KINDS[body]
            why = "it has no namespace and none of the messages that are read here"
            raise walker.refuse(StatementRefusal.NOT_A_STATEMENT, why)
        message = namespace.removeprefix(NAMESPACE)
        if not namespace.startswith(NAMESPACE) or not _MESSAGE.fullmatch(message):
            why = "its namespace is not one of ISO 20022"
            raise walker.refuse(StatementRefusal.WRONG_NAMESPACE, why)
        if message not in MESSAGES:
            why = f"{message} is not read here; ask the bank for one of {', '.join(MESSAGES)}"
            raise walker.refuse(StatementRefusal.UNKNOWN_MESSAGE, why)
        if MESSAGES[message] != body:
            why = f"it says it is {message} and holds another message"
            raise walker.refuse(StatementRefusal.NOT_A_STATEMENT, why)
        return message


def read_statement(
    source: BinaryIO,
    *,
    currency: str = RUPIAH,
    is_ours: Callable[[str], bool] = is_reference_of_ours,
    own_codes: Mapping[str, BankReason] | None = None,
) -> Reading:
    """Read a bank's answer (pain.002), statement (camt.053) or notice (camt.054) of any size.

    :param is_ours: whether a reference is of this programme; others are FOREIGN_REFERENCE.
    :param own_codes: the bank's own reason codes in our words.
    """
    return Reading(source, Desk(currency=currency, is_ours=is_ours, reasons={**reasons(), **(own_codes or {})}))


__all__ = ["MESSAGES", "MessageHead", "Reading", "UnableToReadStatement", "read_statement"]
