"""What one bank's files look like: a mapping, read once and checked whole."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from cair.channels.payments.settlement import Direction, Status
from cair.kernel.remedies import BankReason

AMOUNT_FORMS = {
    "600000": ("", ""),
    "600000.00": ("", "."),
    "600,000.00": (",", "."),
    "600000,00": ("", ","),
    "600.000,00": (".", ","),
    "600.000": (".", ""),
}
"""How an amount looks, by example: what stands between thousands, and before cents."""

ONCE = frozenset({"batch_ref", "created_on", "count", "total_idr", "account_total", "sha256"})
"""Values of a header or trailer. `account_total` is the sum of the digits-only account numbers, its last 15 digits;
`sha256` is over all bytes of the file before the trailer, in hex."""
OF_TRANSFER = frozenset(
    {"ordinal", "reference", "amount_idr", "account", "holder_name", "bank", "partner", "execution_day", "remark"}
)
OF_ANSWER = frozenset(
    {"ordinal", "reference", "amount_idr", "currency", "status", "reason_code", "narrative", "account"}
    | {"bank_reference", "booked_on"}
)
_PROVED = ("count", "total_idr", "account_total", "sha256")


class UnableToReadMapping(Exception):
    """A mapping is not of the form this needs. `why` says where."""


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field of a line: a fixed `text`, or a `value`.

    :ivar form: of an amount, by example (`600.000,00`); of a day, as by strftime (`%Y%m%d`).
    :ivar longest: characters it is cut to.
    """

    text: str | None = None
    value: str | None = None
    form: str | None = None
    longest: int | None = None


class Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of orders."""

    columns: tuple[Field, ...]
    separator: str = ","
    line_end: Literal["lf", "crlf"] = "crlf"
    quote: Literal["always", "needed", "never"] = "needed"
    header: tuple[Field, ...] = ()
    column_names: tuple[str, ...] = ()
    trailer: tuple[Field, ...] = ()


class Returns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of answers.

    :ivar statuses: the bank's words, each with ours.
    :ivar reasons: the bank's codes, each with our reason.
    """

    columns: tuple[Field, ...]
    statuses: dict[str, Status]
    encoding: Literal["utf-8", "ascii", "cp1252"] = "utf-8"
    separator: str = ","
    header: tuple[Field, ...] = ()
    column_names: tuple[str, ...] = ()
    trailer: tuple[Field, ...] = ()
    reasons: dict[str, BankReason] = {}


class BankForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The files of one bank, `about` in a sentence."""

    name: str
    about: str
    bulk: Bulk
    returns: Returns

    @cached_property
    def directions(self) -> Mapping[Status, Direction]:
        """Where money went by a status of a return."""
        return {Status.BOOKED: Direction.DEBIT, Status.RETURNED: Direction.CREDIT}


def read_mapping(path: Path) -> BankForm:
    """Read a bank's mapping from a YAML file.

    :raises UnableToReadMapping: it cannot be read, or is not whole.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise UnableToReadMapping(f"{path.name} cannot be read: {type(trouble).__name__}") from None
    return _checked(text, path.name)


def example_mapping() -> BankForm:
    """The mapping of a made-up bank, to start from: each bank gives its own form under its contract."""
    return _checked(resources.files(__package__).joinpath("example.yaml").read_text(encoding="utf-8"), "example.yaml")


def _checked(text: str, name: str) -> BankForm:
    try:
        form = msgspec.convert(yaml.safe_load(text), BankForm)
    except (yaml.YAMLError, msgspec.ValidationError) as trouble:
        raise UnableToReadMapping(f"{name}: {trouble}") from None
    for place, fault in _faults(form):
        raise UnableToReadMapping(f"{name}: {place}: {fault}")
    return form


def _faults(form: BankForm) -> Iterable[tuple[str, str]]:
    for part, side, allowed in (("bulk", form.bulk, OF_TRANSFER), ("returns", form.returns, OF_ANSWER)):
        if len(side.separator) != 1 or side.separator in '"\r\n' or not side.separator.isascii():
            yield f"{part}.separator", "a separator is one ASCII character, and no quote or line break"
        for line, values in (("header", ONCE), ("columns", allowed), ("trailer", ONCE)):
            for number, item in enumerate(getattr(side, line)):
                yield from _faults_of_field(f"{part}.{line}[{number}]", item, values)
        yield from _faults_of_side(part, side)
    needed = {"reference", "status", "amount_idr"} - {item.value for item in form.returns.columns}
    if needed:
        yield "returns.columns", f"{', '.join(sorted(needed))} must be among them"


def _faults_of_side(part: str, side: Bulk | Returns) -> Iterable[tuple[str, str]]:
    if side.column_names and len(side.column_names) != len(side.columns):
        yield f"{part}.column_names", "as many names as columns are needed"
    for line in ("columns", "header", "trailer"):
        values = [item.value for item in getattr(side, line) if item.value]
        if len(values) != len(set(values)):
            yield f"{part}.{line}", "a value is there twice"
    if any(item.value == "sha256" for item in side.header):
        yield f"{part}.header", "sha256 can only stand in a trailer: it is over all that comes before"
    if part == "returns" and not any(item.value in _PROVED for item in (*side.header, *side.trailer)):
        yield part, f"nothing proves the file whole: name one of {', '.join(_PROVED)} in the header or trailer"
    if side.trailer and not (side.trailer[0].text and side.columns[0].text != side.trailer[0].text):
        yield f"{part}.trailer", "begins with a text that no line begins with, or it cannot be told from one"


def _faults_of_field(place: str, item: Field, values: frozenset[str]) -> Iterable[tuple[str, str]]:
    if (item.text is None) == (item.value is None):
        yield place, "a field has either a text or a value"
    elif item.value is not None and item.value not in values:
        yield place, f"{item.value} is not a value here; those are {', '.join(sorted(values))}"
    elif item.value in ("amount_idr", "total_idr") and (item.form or "600000") not in AMOUNT_FORMS:
        yield place, f"the form of an amount is one of {', '.join(AMOUNT_FORMS)}"
    elif item.text is not None and (not item.text.isascii() or not item.text.isprintable()):
        yield place, "a text is of printable ASCII"
    elif item.longest is not None and item.longest < 1:
        yield place, "longest is at least 1"
