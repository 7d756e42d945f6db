"""A file that a bank or wallet sent: by its name it is known how it is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from cair.channels.payments.configured import UnableToUseRail, csv_form, snap_partners
from cair.channels.payments.csv.returns_in import read_returns
from cair.channels.payments.iso20022.reading import Reading, read_statement
from cair.channels.payments.settlement import Totals
from cair.channels.payments.snap.notice_file import MESSAGE, read_notices

NOTICES = "notices."
"""How names of files of SNAP notices begin; what follows up to the next dot is the partner."""
_KINDS = {"camt.053": "STATEMENT", "camt.054": "NOTICE"}


class Lines(Protocol):
    """A partner's file on its way to lines."""

    @property
    def totals(self) -> Totals: ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the lines in batches of `SETTLEMENT_SCHEMA`."""


@dataclass(frozen=True)
class Arriving:
    """A file that is being read. `message` and `kind` are known once its first batch is: of a settlement's source."""

    lines: Lines
    message: Callable[[], str]
    is_callback: bool = False

    @property
    def kind(self) -> str:
        """STATEMENT, NOTICE, ANSWER or CALLBACK."""
        return "CALLBACK" if self.is_callback else _KINDS.get(self.message()[:8], "ANSWER")


def partner_of(path: Path) -> str:
    """Give whose file it is by its name: what stands before the first dot, or, of notices, before the second."""
    own = path.name.removeprefix(NOTICES) if path.name.startswith(NOTICES) else path.name
    return own.partition(".")[0]


def read_arriving(path: Path, stream: BinaryIO, *, partner: str, rails: Path) -> Arriving:
    """Begin to read a file: notices by their name, a bank's own form by `.csv`, ISO 20022 else.

    :param rails: folder with mappings and profiles.
    :raises UnableToUseRail: there is no mapping, no profile, or no key of the partner to prove notices with.
    :raises cair.channels.payments.csv.mapping.UnableToReadMapping: the mapping is not of the form this needs.
    """
    if path.name.startswith(NOTICES):
        profile, keys = snap_partners(rails).get(partner, (None, None))
        if profile is None or keys is None or keys.partner_key is None:
            raise UnableToUseRail(
                f"Notices of {partner} cannot be proved: write {rails / partner / 'profile.toml'} with its partner_key_file."
            )
        return Arriving(read_notices(stream, profile=profile, key=keys.partner_key), lambda: MESSAGE, is_callback=True)
    if path.suffix == ".csv":
        return Arriving(read_returns(stream, form=csv_form(rails, partner)), lambda: "csv")
    reading: Reading = read_statement(stream)
    return Arriving(reading, lambda: reading.head.message)
