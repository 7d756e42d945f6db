"""The back office of the sandbox, under `/admin`: faults, accounts, clock, returns, batches, statements, judgement.

Every call but `health` carries `Authorization: Bearer` with the content of the file `admin-token`.
"""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from cair.channels.bank_sandbox.bank import Bank, UnableToFind
from cair.channels.bank_sandbox.books import Wanted
from cair.channels.bank_sandbox.faults import UnableToSetFault
from cair.channels.bank_sandbox.ledger import Ledger
from cair.channels.bank_sandbox.partners import Partner
from cair.channels.bank_sandbox.statements import csv_statement, write_camt
from cair.channels.bank_sandbox.states import State

_BLOCK = 1 << 20
BATCH_COLUMNS = ("reference", "amount_idr", "account", "bank_code", "name")
"""Columns of a batch of payments; `bank_code` and `name` may be empty."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the office."""

    status: int
    kind: str
    body: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class _Call:
    bank: Bank
    rest: str
    body: bytes


class _Unreadable(ValueError):
    """A request of the office that cannot be read; the message says why."""


def answer(bank: Bank, method: str, path: str, body: bytes) -> Page:
    """Answer a call of the office; `path` without `/admin/`."""
    first, _, rest = path.partition("/")
    deed = _DEEDS.get((method, first))
    if deed is None:
        return _json({"error": f"there is no {method} /admin/{first}"}, 404)
    try:
        return deed(_Call(bank, rest, body))
    except (_Unreadable, UnableToSetFault) as trouble:
        return _json({"error": str(trouble)}, 400)
    except UnableToFind as trouble:
        return _json({"error": str(trouble)}, 404)


def _health(call: _Call) -> Page:
    return _json({"status": "ok", "now": call.bank.now().isoformat(), "partners": sorted(call.bank.partners)})


def _set_faults(call: _Call) -> Page:
    tables = _read(call.body)
    for table in tables if isinstance(tables, list) else [tables]:
        call.bank.switches.add(table if isinstance(table, Mapping) else {})
    return _list_faults(call)


def _list_faults(call: _Call) -> Page:
    return _json({"faults": [asdict(switch) for switch in call.bank.switches.on]})


def _clear_faults(call: _Call) -> Page:
    call.bank.switches.clear()
    return _list_faults(call)


def _set_clock(call: _Call) -> Page:
    wanted = _of(_read(call.body), "now")
    try:
        instant = datetime.fromisoformat(wanted) if wanted else None
    except (TypeError, ValueError):
        instant = None
    if wanted and (instant is None or instant.tzinfo is None):
        raise _Unreadable("`now` must be an instant with an offset, or null for the true time")
    call.bank.set_clock(instant)
    return _health(call)


def _register(call: _Call) -> Page:
    """CSV with the columns partner, account, and perhaps bank_code, name, state."""
    count = 0

    def rows() -> Iterator[tuple[str, str, str, str, str]]:
        nonlocal count
        for row in _table(call.body, ("partner", "account")):
            state = row.get("state") or State.ACTIVE.value
            if row["partner"] not in call.bank.partners or state not in set(State):
                raise _Unreadable(f"line {count + 2}: unknown partner or state; states are {', '.join(State)}")
            count += 1
            own = row.get("bank_code", "") == call.bank.partners[row["partner"]].bank_code
            yield row["partner"], "" if own else row.get("bank_code", ""), row["account"], row.get("name", ""), state

    call.bank.ledger.register(rows())
    return _json({"accounts": count})


def _give_back(call: _Call) -> Page:
    fields = _read(call.body)
    reason = str(_of(fields, "reason") or "AC04")
    call.bank.give_back(str(_of(fields, "partner")), str(_of(fields, "reference")), reason)
    return _json({"returned": 1})


def _settle(call: _Call) -> Page:
    return _json({"decided": call.bank.settle()})


def _batch(call: _Call) -> Page:
    """CSV of payments in, CSV of their response codes out."""
    partner = call.bank.partners.get(call.rest)
    if partner is None:
        raise UnableToFind("no partner of that name")
    for _ in _orders(partner, call.body):
        pass  # a faulty line is found before the first is booked
    results = call.bank.take_batch(call.rest, _orders(partner, call.body))
    return Page(200, "text/csv; charset=utf-8", _written(results))


def _orders(partner: Partner, body: bytes) -> Iterator[Wanted]:
    wallet = partner.kind == "wallet"
    for number, row in enumerate(_table(body, ("reference", "amount_idr", "account")), 2):
        amount, bank_code = row["amount_idr"], row.get("bank_code", "")
        if not (amount.isascii() and amount.isdigit() and 0 < int(amount) < 10**12):
            raise _Unreadable(f"line {number}: amount_idr must be whole rupiah above zero")
        elsewhere = "" if bank_code == partner.bank_code else bank_code
        yield Wanted(
            reference=row["reference"],
            service="38" if wallet else "18" if elsewhere else "17",
            amount_idr=int(amount),
            account=row["account"],
            bank_code=elsewhere,
            name=row.get("name", ""),
        )


def _written(results: Iterable[tuple[str, str, str]]) -> Iterator[bytes]:
    yield b"reference,response_code,bank_reference\n"
    for reference, code, own in results:
        yield f"{reference},{code},{own}\n".encode()


def _statement(call: _Call) -> Page:
    """`statements/<partner>/<day>.xml` or `.csv`."""
    name, _, file = call.rest.partition("/")
    written, _, ending = file.partition(".")
    partner = call.bank.partners.get(name)
    try:
        day = date.fromisoformat(written)
    except ValueError:
        day = None
    if partner is None or day is None or ending not in ("xml", "csv"):
        raise UnableToFind("ask for statements/<partner>/<YYYY-MM-DD>.xml or .csv")
    call.bank.settle()
    if ending == "csv":
        return Page(200, "text/csv; charset=utf-8", csv_statement(call.bank.ledger, partner, day))
    page = tempfile.TemporaryFile()  # noqa: SIM115
    write_camt(call.bank.ledger, partner, day, page, now=call.bank.now())
    page.seek(0)
    return Page(200, "application/xml", iter(lambda: page.read(_BLOCK), b""))


def _entries(call: _Call) -> Page:
    entries = call.bank.ledger.entries(call.rest or None)
    lines = (json.dumps({**asdict(entry), "at": entry.at.isoformat()}) for entry in entries)
    return Page(200, "application/x-ndjson", (f"{line}\n".encode() for line in lines))


def _calls(call: _Call) -> Page:
    return Page(200, "application/x-ndjson", (f"{json.dumps(line)}\n".encode() for line in call.bank.ledger.calls()))


def _verdict(call: _Call) -> Page:
    """`{"expected": {order: rupiah}}` in, who was paid how often out."""
    expected = _of(_read(call.body), "expected")
    if not isinstance(expected, dict) or not all(isinstance(amount, int) for amount in expected.values()):
        raise _Unreadable("`expected` must be an object: name of a payment, and whole rupiah")
    call.bank.settle()
    return _json(judged(call.bank.ledger, expected))


def judged(ledger: Ledger, expected: Mapping[str, int]) -> dict[str, Any]:
    """The verdict of the books as fields of a JSON object."""
    verdict = ledger.verdict(expected)
    return {**asdict(verdict), "is_clean": verdict.is_clean}


_DEEDS: Mapping[tuple[str, str], Callable[[_Call], Page]] = {
    ("GET", "health"): _health,
    ("POST", "faults"): _set_faults,
    ("GET", "faults"): _list_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "clock"): _set_clock,
    ("POST", "accounts"): _register,
    ("POST", "returns"): _give_back,
    ("POST", "settle"): _settle,
    ("POST", "batches"): _batch,
    ("GET", "statements"): _statement,
    ("GET", "entries"): _entries,
    ("GET", "calls"): _calls,
    ("POST", "verdict"): _verdict,
}


def _json(said: Mapping[str, object], status: int = 200) -> Page:
    return Page(status, "application/json", [json.dumps(said).encode()])


def _read(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise _Unreadable("the body is not JSON") from None


def _of(fields: Any, name: str) -> Any:
    return fields.get(name) if isinstance(fields, Mapping) else None


def _table(body: bytes, must: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        if missing := set(must) - set(reader.fieldnames or ()):
            raise _Unreadable(f"the CSV has no column {min(missing)}")
        for row in reader:
            if None in row or None in row.values():
                raise _Unreadable(f"line {reader.line_num}: it has more or fewer fields than the header")
            yield row
    except (UnicodeDecodeError, csv.Error):
        raise _Unreadable("the body is not CSV in UTF-8") from None
