"""The sandbox's own books: one SQLite file that only grows, and the judgement of who was paid how often.

A request is booked, and its call noted, in one transaction that is on the disk before the answer leaves. Accounts are
the bank's register and may change; entries and calls refuse UPDATE and DELETE.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from cair.kernel.days import JAKARTA


class Kind(StrEnum):
    """What an entry says."""

    BOOKED = "BOOKED"
    """Money went out."""
    RETURNED = "RETURNED"
    """It came back."""
    FEE = "FEE"
    PENDING = "PENDING"
    """Taken on, not yet decided."""
    FAILED = "FAILED"
    """Was pending, and came to nothing."""
    REFUSED = "REFUSED"
    """Nothing happened, and this is why."""


MOVES = {Kind.BOOKED: -1, Kind.FEE: -1, Kind.RETURNED: 1}
"""What an entry does to the programme's account."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    day TEXT NOT NULL,
    partner TEXT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    service TEXT NOT NULL,
    amount_idr INTEGER NOT NULL CHECK (amount_idr >= 0),
    bank_code TEXT NOT NULL,
    account TEXT NOT NULL,
    external_id TEXT NOT NULL,
    bank_reference TEXT NOT NULL,
    content TEXT NOT NULL,
    cause TEXT NOT NULL,
    due TEXT NOT NULL,
    balance_idr INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entry_of_reference ON entry (partner, reference, number);
CREATE INDEX IF NOT EXISTS entry_of_partner ON entry (partner, number);
CREATE INDEX IF NOT EXISTS entry_of_account ON entry (partner, bank_code, account, day)
    WHERE kind IN ('BOOKED', 'RETURNED');
CREATE INDEX IF NOT EXISTS entry_pending ON entry (due) WHERE kind = 'PENDING';
CREATE TABLE IF NOT EXISTS call (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    day TEXT NOT NULL,
    partner TEXT NOT NULL,
    service TEXT NOT NULL,
    external_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    response_code TEXT NOT NULL,
    UNIQUE (partner, day, external_id)
) STRICT;
CREATE TABLE IF NOT EXISTS account (
    partner TEXT NOT NULL,
    bank_code TEXT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (partner, bank_code, account)
) STRICT, WITHOUT ROWID;
"""
_GUARDS = "".join(
    f"""
CREATE TRIGGER IF NOT EXISTS {table}_{deed} BEFORE {deed} ON {table}
BEGIN SELECT RAISE(ABORT, 'the books of the bank only grow'); END;
"""
    for table in ("entry", "call")
    for deed in ("UPDATE", "DELETE")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the books. `content` is the hash of what was asked for, `cause` a case code or a reason of return."""

    at: datetime
    partner: str
    kind: Kind
    reference: str
    service: str = ""
    amount_idr: int = 0
    bank_code: str = ""
    account: str = field(default="", repr=False)
    external_id: str = ""
    bank_reference: str = ""
    content: str = ""
    cause: str = ""
    due: str = ""
    balance_idr: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """An account in the bank's register."""

    name: str = field(repr=False)
    state: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who was paid: names of payments. Money that came back counts as not paid."""

    paid_once: int
    paid_twice: tuple[str, ...]
    lost: tuple[str, ...]
    wrong_amount: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether everybody expected was paid exactly once, and nobody else."""
        return not (self.paid_twice or self.lost or self.wrong_amount or self.unexpected)


class Ledger:
    """The books in a file. One process writes; any number of threads of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.RLock()
        self._db = _connect(path)
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -131072;" + _SCHEMA + _GUARDS
        )

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in it is kept, on the disk, or nothing is; others wait."""
        with self._guard:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def add(self, entry: Entry, *, opening_idr: int) -> None:
        """Write an entry behind all others. `opening_idr` is the partner's balance before its first."""
        balance = self.balance(entry.partner, opening_idr) + MOVES.get(entry.kind, 0) * entry.amount_idr
        self.write([_row(entry, balance)])

    def write(self, rows: Iterable[tuple[object, ...]]) -> None:
        """Write rows of entries behind all others, in their order."""
        self._db.executemany(f"INSERT INTO entry VALUES (NULL{', ?' * (len(_NAMES) + 1)})", rows)

    def page(self, partner: str, opening_idr: int, asked: "Asked", *, since: datetime, now: datetime) -> "Page":
        """Give what is known of some references and accounts, for the rest of this transaction."""
        sql = f"""SELECT {_COLUMNS} FROM entry WHERE partner = ? AND reference IN (SELECT value FROM json_each(?))
            AND at >= ? AND kind <> 'FEE' ORDER BY number"""
        page = Page(self.balance(partner, opening_idr))
        for row in self._ask(sql, (partner, json.dumps(sorted(asked.references)), _text(since))):
            entry = _entry(row)
            page.entries.setdefault(entry.reference, []).append(entry)
        for bank_code, accounts in asked.accounts.items():
            numbers = json.dumps(sorted(accounts))
            sql = """SELECT account, name, state FROM account WHERE partner = ? AND bank_code = ?
                AND account IN (SELECT value FROM json_each(?))"""
            for account, name, state in self._ask(sql, (partner, bank_code, numbers)):
                page.accounts[bank_code, account] = Account(name, state)
            sql = f"""SELECT account, {_RECEIVED} FROM entry WHERE partner = ? AND bank_code = ?
                AND account IN (SELECT value FROM json_each(?)) AND kind IN ('BOOKED', 'RETURNED') AND day >= ?
                GROUP BY account"""
            for account, amount in self._ask(sql, (partner, bank_code, numbers, _first_of_month(now))):
                page.received[bank_code, account] = int(amount)
        return page

    def note_call(self, *, at: datetime, partner: str, service: str, external_id: str, reference: str) -> bool:
        """Note a call under its external id; False when the id was used on this day already."""
        row = (_text(at), _day(at), partner, service, external_id, reference)
        made = self._db.execute("INSERT INTO call VALUES (NULL, ?, ?, ?, ?, ?, ?, '') ON CONFLICT DO NOTHING", row)
        return made.rowcount == 1

    def balance(self, partner: str, opening_idr: int) -> int:
        """The balance after the last entry."""
        found = self._ask("SELECT balance_idr FROM entry WHERE partner = ? ORDER BY number DESC LIMIT 1", (partner,))
        return int(found[0][0]) if found else opening_idr

    def balance_before(self, partner: str, day: str, opening_idr: int) -> int:
        """The balance at the start of a day, made from all entries of the days before it."""
        sql = """SELECT coalesce(sum(CASE kind WHEN 'RETURNED' THEN amount_idr ELSE -amount_idr END), 0) FROM entry
            WHERE partner = ? AND day < ? AND kind IN ('BOOKED', 'RETURNED', 'FEE')"""
        return opening_idr + int(self._ask(sql, (partner, day))[0][0])

    def of_reference(self, partner: str, reference: str, *, since: datetime) -> list[Entry]:
        """All entries of a reference from an instant on, the oldest first, without fees."""
        where = "partner = ? AND reference = ? AND at >= ? AND kind <> 'FEE' ORDER BY number"
        return self._entries(where, (partner, reference, _text(since)))

    def by_bank_reference(self, partner: str, bank_reference: str) -> list[Entry]:
        """All entries under one of the bank's own names."""
        where = "partner = ? AND bank_reference = ? AND kind <> 'FEE' ORDER BY number"
        return self._entries(where, (partner, bank_reference)) if bank_reference else []

    def due(self, now: datetime) -> list[Entry]:
        """Pending entries whose time has come and that nothing was said of since."""
        where = """kind = 'PENDING' AND due <= ? AND NOT EXISTS (
            SELECT 1 FROM entry AS later WHERE later.partner = entry.partner AND later.reference = entry.reference
            AND later.bank_reference = entry.bank_reference AND later.number > entry.number) ORDER BY number"""
        return self._entries(where, (_text(now),))

    def received_in_month(self, partner: str, bank_code: str, account: str, now: datetime) -> int:
        """What an account got in the Jakarta month of an instant, without what came back."""
        sql = f"""SELECT {_RECEIVED} FROM entry
            WHERE partner = ? AND bank_code = ? AND account = ? AND kind IN ('BOOKED', 'RETURNED') AND day >= ?"""
        return int(self._ask(sql, (partner, bank_code, account, _first_of_month(now)))[0][0])

    def account(self, partner: str, bank_code: str, account: str) -> Account | None:
        """An account of the register."""
        sql = "SELECT name, state FROM account WHERE partner = ? AND bank_code = ? AND account = ?"
        found = self._ask(sql, (partner, bank_code, account))
        return Account(*found[0]) if found else None

    def register(self, accounts: Iterable[tuple[str, str, str, str, str]]) -> None:
        """Put accounts into the register, or change them: partner, bank code, number, name, state."""
        with self.transaction():
            self._db.executemany("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?)", accounts)

    def entries(self, partner: str | None = None, day: str | None = None) -> Iterator[Entry]:
        """Entries in their order, read beside the writers, whatever their number."""
        reader = _connect(self._path)
        try:
            where = "(?1 IS NULL OR partner = ?1) AND (?2 IS NULL OR day = ?2) ORDER BY number"
            if partner is not None and day is not None:
                where = "partner = ?1 AND day = ?2 ORDER BY number"
            for row in reader.execute(f"SELECT {_COLUMNS} FROM entry WHERE {where}", (partner, day)):
                yield _entry(row)
        finally:
            reader.close()

    def moves(self, partner: str, day: str) -> Iterator[tuple[str, str, str, str, int, str]]:
        """What moved money on a day, in order: kind, reference, the bank's own name, account, whole rupiah, cause."""
        reader = _connect(self._path)
        try:
            yield from reader.execute(
                """SELECT kind, reference, bank_reference, account, amount_idr, cause FROM entry
                WHERE partner = ? AND day = ? AND kind IN ('BOOKED', 'RETURNED', 'FEE') ORDER BY number""",
                (partner, day),
            )
        finally:
            reader.close()

    def partners(self) -> list[str]:
        """The partners with entries, by name."""
        return [row[0] for row in self._ask("SELECT DISTINCT partner FROM entry ORDER BY partner", ())]

    def calls(self) -> Iterator[dict[str, str]]:
        """The calls in their order."""
        names = ("at", "partner", "service", "external_id", "reference")
        reader = _connect(self._path)
        try:
            for row in reader.execute(f"SELECT {', '.join(names)} FROM call ORDER BY number"):
                yield dict(zip(names, row, strict=True))
        finally:
            reader.close()

    def verdict(self, expected: Mapping[str, int]) -> Verdict:
        """Judge the books against payments (order name and whole rupiah), all attempts of a payment taken together.

        The name of a payment is its reference without the last hyphen and what follows.
        """
        paid: dict[str, list[int]] = {}
        for entry in self.entries():
            if entry.kind in (Kind.BOOKED, Kind.RETURNED):
                name = entry.reference.rpartition("-")[0] or entry.reference
                tally = paid.setdefault(name, [0, 0])
                tally[0] += 1 if entry.kind is Kind.BOOKED else -1
                tally[1] += entry.amount_idr if entry.kind is Kind.BOOKED else -entry.amount_idr
        times = {name: tally[0] for name, tally in paid.items()}
        right = {name for name, amount in expected.items() if times.get(name) == 1 and paid[name][1] == amount}
        return Verdict(
            paid_once=len(right),
            paid_twice=tuple(sorted(name for name, count in times.items() if count > 1)),
            lost=tuple(sorted(name for name in expected if times.get(name, 0) < 1)),
            wrong_amount=tuple(sorted(name for name in expected if times.get(name) == 1 and name not in right)),
            unexpected=tuple(sorted(name for name, count in times.items() if count and name not in expected)),
        )

    def _ask(self, sql: str, values: tuple[str, ...]) -> list[tuple[str, ...]]:
        with self._guard:
            return self._db.execute(sql, values).fetchall()

    def _entries(self, where: str, values: tuple[str, ...]) -> list[Entry]:
        return [_entry(row) for row in self._ask(f"SELECT {_COLUMNS} FROM entry WHERE {where}", values)]


@dataclass(frozen=True, slots=True)
class Asked:
    """References and accounts (by bank code) that a file of payments names."""

    references: frozenset[str]
    accounts: Mapping[str, frozenset[str]]


class Page:
    """What the books say of some references and accounts, in memory; `Ledger.write` puts what was added behind the rest.

    It answers as the ledger does, for one partner and one instant, and only of what it was asked for.
    """

    def __init__(self, balance_idr: int) -> None:
        self.entries: dict[str, list[Entry]] = {}
        self.accounts: dict[tuple[str, str], Account] = {}
        self.received: dict[tuple[str, str], int] = {}
        self.rows: list[tuple[object, ...]] = []
        self._balance = balance_idr

    def of_reference(self, partner: str, reference: str, *, since: datetime) -> list[Entry]:  # noqa: ARG002
        """All entries of a reference, the oldest first, without fees."""
        return self.entries.get(reference, [])

    def account(self, partner: str, bank_code: str, account: str) -> Account | None:  # noqa: ARG002
        """An account of the register."""
        return self.accounts.get((bank_code, account))

    def received_in_month(self, partner: str, bank_code: str, account: str, now: datetime) -> int:  # noqa: ARG002
        """What an account got in the month, without what came back."""
        return self.received.get((bank_code, account), 0)

    def balance(self, partner: str, opening_idr: int) -> int:  # noqa: ARG002
        """The balance after the last entry."""
        return self._balance

    def add(self, entry: Entry, *, opening_idr: int) -> None:  # noqa: ARG002
        """Add an entry behind all others."""
        self._balance += MOVES.get(entry.kind, 0) * entry.amount_idr
        self.rows.append(_row(entry, self._balance))
        if entry.kind is not Kind.FEE:
            self.entries.setdefault(entry.reference, []).append(entry)
        if entry.kind is Kind.BOOKED:
            place = (entry.bank_code, entry.account)
            self.received[place] = self.received.get(place, 0) + entry.amount_idr


_RECEIVED = "coalesce(sum(CASE kind WHEN 'BOOKED' THEN amount_idr ELSE -amount_idr END), 0)"
_NAMES = (
    "at", "partner", "kind", "reference", "service", "amount_idr", "bank_code", "account", "external_id",
    "bank_reference", "content", "cause", "due", "balance_idr",
)  # fmt: skip
_COLUMNS = ", ".join(_NAMES)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)


def _entry(row: tuple[str, ...]) -> Entry:
    values = dict(zip(_NAMES, row, strict=True))
    at = datetime.fromisoformat(values.pop("at"))
    kind = Kind(values.pop("kind"))
    return Entry(at=at, kind=kind, **values)  # type: ignore[arg-type]


def _row(entry: Entry, balance_idr: int) -> tuple[object, ...]:
    return (
        _text(entry.at), _day(entry.at), entry.partner, entry.kind, entry.reference, entry.service,
        entry.amount_idr, entry.bank_code, entry.account, entry.external_id, entry.bank_reference, entry.content,
        entry.cause, entry.due, balance_idr,
    )  # fmt: skip


def _first_of_month(now: datetime) -> str:
    return _day(now)[:8] + "01"


@lru_cache(maxsize=64)
def _text(at: datetime) -> str:
    return at.astimezone(JAKARTA).isoformat(timespec="microseconds")


@lru_cache(maxsize=64)
def _day(at: datetime) -> str:
    return at.astimezone(JAKARTA).date().isoformat()
