"""What partners' files say about payments: one line a payment, and why a file is refused whole.

Bad data in a line is a trouble of that line; a file that cannot be proved whole is refused, and nothing of it counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

import pyarrow as pa

from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason

BATCH = 50_000
"""Lines in one batch."""


class Direction(StrEnum):
    """Where money went, seen from the programme's account."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class Status(StrEnum):
    """What a partner says became of a payment."""

    ACCEPTED = "ACCEPTED"
    """It will be carried out, or was: a promise, not a proof."""
    REJECTED = "REJECTED"
    """It was not carried out."""
    PENDING = "PENDING"
    """Not yet decided, or announced but not booked."""
    BOOKED = "BOOKED"
    """It stands in the books of the bank."""
    RETURNED = "RETURNED"
    """The money came back, booked."""


class Scope(StrEnum):
    """What a line speaks of. Wider lines come after narrower ones and speak for the payments those do not name."""

    PAYMENT = "PAYMENT"
    GROUP = "GROUP"
    """All payments of one payment group (`payment_group`) of our file."""
    MESSAGE = "MESSAGE"
    """All payments of our file (`message_id`)."""


class Trouble(StrEnum):
    """Why a line cannot be matched as it stands, in precedence; each is a bucket of its own."""

    NOT_SIGNED = "NOT_SIGNED"
    """A notice without the partner's signature: from whom it is, nobody knows."""
    UNREADABLE_NOTICE = "UNREADABLE_NOTICE"
    """Not a notice as it was received, or one that names no payment or no state of the standard's."""
    OTHER_CURRENCY = "OTHER_CURRENCY"
    """Not in the currency of the programme."""
    NO_AMOUNT = "NO_AMOUNT"
    """No amount where one must be."""
    AMOUNT_UNREADABLE = "AMOUNT_UNREADABLE"
    """The amount is no number, or has more digits than an amount can have."""
    AMOUNT_NOT_WHOLE = "AMOUNT_NOT_WHOLE"
    """A fraction of the smallest unit."""
    NEGATIVE_AMOUNT = "NEGATIVE_AMOUNT"
    """Below zero, where the direction is said in another place."""
    ZERO_AMOUNT = "ZERO_AMOUNT"
    DIRECTION_DIFFERS = "DIRECTION_DIFFERS"
    """The entry is a debit and its detail a credit, or the other way round."""
    UNKNOWN_STATUS = "UNKNOWN_STATUS"
    """A status that is not in the standard's list, or none."""
    BAD_DATE = "BAD_DATE"
    NO_REFERENCE = "NO_REFERENCE"
    """No reference: a fee, a sweep, or somebody else's payment."""
    FOREIGN_REFERENCE = "FOREIGN_REFERENCE"
    """A reference that is not of our form: of another programme."""


class StatementRefusal(StrEnum):
    """Why a partner's file is refused whole."""

    UNREADABLE = "UNREADABLE"
    """It cannot be opened or read."""
    TRUNCATED = "TRUNCATED"
    """It ends early, or is empty."""
    NOT_WELL_FORMED = "NOT_WELL_FORMED"
    """It is not XML, or not as this format quotes and separates."""
    DOCTYPE = "DOCTYPE"
    """It brings a document type: bank files never do, attacks (entities that expand) do."""
    TOO_DEEP = "TOO_DEEP"
    TOO_LONG = "TOO_LONG"
    """One text, tag or record is larger than the standard could make it."""
    NOT_A_STATEMENT = "NOT_A_STATEMENT"
    """Its outermost elements are not those of a bank file."""
    WRONG_NAMESPACE = "WRONG_NAMESPACE"
    UNKNOWN_MESSAGE = "UNKNOWN_MESSAGE"
    """A message, or a version of one, that is not read here."""
    MISSING_ELEMENT = "MISSING_ELEMENT"
    REPEATED_ELEMENT = "REPEATED_ELEMENT"
    ELEMENT_ORDER = "ELEMENT_ORDER"
    """An element comes after one that cannot be understood without it."""
    COUNT_DIFFERS = "COUNT_DIFFERS"
    """It says how many it holds, and holds another number."""
    SUM_DIFFERS = "SUM_DIFFERS"
    """It says what its lines sum to, and they do not."""
    BALANCE_DIFFERS = "BALANCE_DIFFERS"
    """Opening balance and entries do not give the closing balance."""
    CURRENCIES_MIXED = "CURRENCIES_MIXED"
    """Balances of one account in two currencies."""
    SUM_TOO_LARGE = "SUM_TOO_LARGE"
    """Its amounts sum to more than any money there is."""
    HASH_DIFFERS = "HASH_DIFFERS"
    WRONG_HEADER = "WRONG_HEADER"
    MISSING_TRAILER = "MISSING_TRAILER"
    FIELD_COUNT = "FIELD_COUNT"
    """A line has more or fewer fields than the mapping says."""
    NOT_TEXT = "NOT_TEXT"
    """Bytes that are not of the encoding they should have, or an encoding that is not read here."""


class UnableToReadStatement(Exception):
    """A partner's file is refused whole. `why` is a sentence for an officer and never shows what is in the file."""

    def __init__(self, refusal: StatementRefusal, why: str) -> None:
        super().__init__(f"{refusal}: {why}")
        self.refusal = refusal
        self.why = why


class SettlementLine(NamedTuple):
    """What a partner's file says about one payment (or, by `scope`, about many).

    :ivar end_to_end_id: the reference as the partner wrote it.
    :ivar amount: whole rupiah, or minor units of another currency; None when the file does not say, or by `trouble`.
    :ivar currency: as written; None when the file does not say.
    :ivar status_code: the partner's word behind `status`; `reason_code` likewise behind `reason`.
    :ivar account: of the other side.
    :ivar narrative: free text of the partner about the reason; may name people.
    :ivar transaction_code: domain, family and sub-family of the entry (`PMNT/ICDT/DMCT`), or the bank's own.
    :ivar reference: ours, when `end_to_end_id` (else the instruction's id) has the form of ours.
    :ivar ordinal: place of the line in the file, from 1.
    """

    end_to_end_id: str | None
    amount: int | None
    currency: str | None
    direction: Direction | None
    status: Status
    status_code: str | None = None
    reason_code: str | None = None
    reason: BankReason | None = None
    narrative: Secret | None = None
    booked_on: date | None = None
    valued_on: date | None = None
    account: Secret | None = None
    bank_reference: str | None = None
    transaction_code: str | None = None
    payment_group: str | None = None
    message_id: str | None = None
    scope: Scope = Scope.PAYMENT
    reference: str | None = None
    trouble: Trouble | None = None
    ordinal: int = 0

    @property
    def is_fee(self) -> bool:
        """Whether the bank charges for its work here."""
        return (self.transaction_code or "").rpartition("/")[2] in FEE_CODES


FEE_CODES = frozenset({"CHRG", "FEES", "COMM", "COMT", "TAXE"})
"""Sub-families of entries by which a bank takes its own: charges, fees, commissions, and taxes on them."""

SETTLEMENT_SCHEMA = pa.schema(
    [
        ("end_to_end_id", pa.string()),
        ("amount", pa.int64()),
        ("currency", pa.string()),
        ("direction", pa.string()),
        ("status", pa.string()),
        ("status_code", pa.string()),
        ("reason_code", pa.string()),
        ("reason", pa.string()),
        ("narrative", pa.string()),
        ("booked_on", pa.date32()),
        ("valued_on", pa.date32()),
        ("account", pa.string()),
        ("bank_reference", pa.string()),
        ("transaction_code", pa.string()),
        ("payment_group", pa.string()),
        ("message_id", pa.string()),
        ("scope", pa.string()),
        ("reference", pa.string()),
        ("trouble", pa.string()),
        ("ordinal", pa.int64()),
    ]
)
"""The columns of `SettlementLine`; narrative and account in the clear."""
assert tuple(SETTLEMENT_SCHEMA.names) == SettlementLine._fields

SECRETS = frozenset({"narrative", "account"})


def as_batches(lines: Iterable[SettlementLine], *, rows: int = BATCH) -> Iterator[pa.RecordBatch]:
    """Give lines as record batches of `SETTLEMENT_SCHEMA`, `rows` at a time."""
    waiting = iter(lines)
    while piece := list(islice(waiting, rows)):
        yield pa.RecordBatch.from_arrays(columns_of(piece), schema=SETTLEMENT_SCHEMA)


def columns_of(lines: Sequence[SettlementLine]) -> list[pa.Array]:
    """Give lines as columns of `SETTLEMENT_SCHEMA`."""
    return [
        pa.array([value and value.reveal() for value in column] if kind.name in SECRETS else column, kind.type)
        for kind, column in zip(SETTLEMENT_SCHEMA, zip(*lines, strict=True), strict=True)
    ]


class Proof(StrEnum):
    """What a statement proves about its own completeness."""

    BALANCES = "BALANCES"
    """Opening balance and booked entries give the closing balance."""
    VALUE_DAY_BALANCES = "VALUE_DAY_BALANCES"
    """They do when entries whose value day is after the closing day are left to the next statement."""
    SUMMARY = "SUMMARY"
    """Numbers and sums it names are those of its entries."""
    COUNT = "COUNT"
    """The number it names is that of its lines."""
    HASH = "HASH"
    NOTHING = "NOTHING"
    """It names nothing to prove: only the match with our orders can."""


@dataclass(slots=True)
class Totals:
    """What was read, complete once the last line was given.

    :ivar debit: sum of the amounts of DEBIT lines in the currency of the programme, by the amounts' own unit.
    :ivar proofs: one per statement of the file, in its order.
    """

    lines: int = 0
    debit: int = 0
    credit: int = 0
    other: int = 0
    troubles: Counter[Trouble] = field(default_factory=Counter)
    proofs: list[Proof] = field(default_factory=list)

    def add(self, line: SettlementLine, *, currency: str) -> None:
        """Count one line. `other` sums what has no direction (answers to orders)."""
        self.lines += 1
        self.add_again(line, 1, currency=currency)

    def add_again(self, line: SettlementLine, times: int, *, currency: str) -> None:
        """Add what lines that are counted already bring beside their number, all of them like this one."""
        if line.trouble is not None:
            self.troubles[line.trouble] += times
        if line.amount is None or line.currency != currency:
            return
        if line.direction is Direction.DEBIT:
            self.debit += line.amount * times
        elif line.direction is Direction.CREDIT:
            self.credit += line.amount * times
        else:
            self.other += line.amount * times
