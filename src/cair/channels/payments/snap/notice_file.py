"""Notices of a SNAP partner as they were received, one JSON object a line: proved one by one, read as settlement lines.

Each has `path` (on which it came), `headers` and `body`, the very text that was signed. What proves the partner is the
signature; a file of notices proves nothing about its own completeness, and notices get lost: the statement decides.
"""

import json
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cair.channels.payments import lines
from cair.channels.payments.lines import Desk
from cair.channels.payments.rail import Action
from cair.channels.payments.settlement import (
    BATCH,
    Direction,
    Proof,
    SettlementLine,
    StatementRefusal,
    Status,
    Totals,
    Trouble,
    UnableToReadStatement,
    as_batches,
)
from cair.channels.payments.snap.notices import Notice, UnableToTrustNotice, read_notice
from cair.channels.payments.snap.profile import SnapProfile

MESSAGE = "snap notices"
LONGEST = 1 << 20
"""Bytes of a line; a longer one is no notice."""
_STATUSES = {Action.BOOKED: Status.BOOKED, Action.RETURNED: Status.RETURNED, Action.REFUSED: Status.REJECTED}
_DIRECTIONS = {Status.BOOKED: Direction.DEBIT, Status.RETURNED: Direction.CREDIT}


class Notices:
    """The notices of one partner on their way to lines; a line that is none, or is not signed, says so."""

    def __init__(self, source: BinaryIO, profile: SnapProfile, key: RSAPublicKey) -> None:
        self._source, self._profile, self._key = source, profile, key
        self._desk = Desk()

    @property
    def totals(self) -> Totals:
        """What was read so far."""
        return self._desk.totals

    def batches(self, *, rows: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Give the lines as record batches of `SETTLEMENT_SCHEMA`.

        :raises UnableToReadStatement: the file cannot be read to its end; forget the batches given before.
        """
        return as_batches(self, rows=rows)

    def __iter__(self) -> Iterator[SettlementLine]:
        """Give the lines in the order of the file; empty ones are none.

        :raises UnableToReadStatement: it cannot be read to its end.
        """
        for raw in self._raws():
            line = self._line(raw)
            self._desk.give(line)
            self._desk.lines.clear()
            yield line
        self._desk.totals.proofs.append(Proof.NOTHING)

    def _raws(self) -> Iterator[bytes]:
        """Give the lines; of one that is too long its beginning."""
        try:
            while raw := self._source.readline(LONGEST):
                rest = raw
                while len(rest) == LONGEST and not rest.endswith(b"\n"):
                    rest = self._source.readline(LONGEST)
                if raw.strip():
                    yield raw
        except (OSError, EOFError) as trouble:
            why = f"the file cannot be read to its end ({type(trouble).__name__}); fetch it again"
            raise UnableToReadStatement(StatementRefusal.UNREADABLE, why) from None

    def _line(self, raw: bytes) -> SettlementLine:
        ordinal = self._desk.totals.lines + 1
        try:
            told = json.loads(raw)
            path, headers, body = told["path"], told["headers"], told["body"]
            named = {str(name).lower(): str(value) for name, value in headers.items()}
            notice = read_notice(
                self._profile, self._key, path=str(path), headers=named, body=body.encode("utf-8", "surrogateescape")
            )
        except UnableToTrustNotice as error:
            return _in_trouble(Trouble.UNREADABLE_NOTICE if error.is_signed else Trouble.NOT_SIGNED, ordinal)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return _in_trouble(Trouble.UNREADABLE_NOTICE, ordinal)
        return self._read(notice, ordinal)

    def _read(self, notice: Notice, ordinal: int) -> SettlementLine:
        desk, answer = self._desk, notice.answer
        currency = notice.currency or None
        minor, wrong = None, None
        if notice.amount or answer.action is Action.BOOKED:
            _, minor, wrong = lines.amount(notice.amount or None, currency, desk.currency)
        reference, foreign = desk.reference(notice.reference)
        booked_on, bad_day = lines.day(notice.timestamp)
        status = _STATUSES.get(answer.action, Status.PENDING)
        return SettlementLine(
            end_to_end_id=notice.reference,
            amount=minor,
            currency=currency,
            direction=_DIRECTIONS.get(status),
            status=status,
            status_code=lines.bank_word(answer.code),
            reason_code=lines.bank_word(answer.raw_code),
            reason=answer.reason,
            booked_on=booked_on,
            bank_reference=answer.bank_reference or None,
            message_id=MESSAGE,
            reference=reference,
            trouble=lines.first_of(wrong, bad_day, foreign),
            ordinal=ordinal,
        )


def _in_trouble(trouble: Trouble, ordinal: int) -> SettlementLine:
    return SettlementLine(None, None, None, None, Status.PENDING, trouble=trouble, ordinal=ordinal)


def read_notices(source: BinaryIO, *, profile: SnapProfile, key: RSAPublicKey) -> Notices:
    """Read a file of notices of any size.

    :param key: the partner's, with which each is proved.
    """
    return Notices(source, profile, key)


def as_received(path: str, headers: Mapping[str, str], body: bytes) -> str:
    """Write one notice as such a file keeps it: what came, in one line."""
    return json.dumps({"path": path, "headers": dict(headers), "body": body.decode("utf-8", "surrogateescape")})
