"""What the bank does with a payment: refuse it, take it on, book it, and what it says of it later."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from cair.channels.bank_sandbox.cases import Case, Refused
from cair.channels.bank_sandbox.ledger import Account, Asked, Entry, Kind, Ledger, Page
from cair.channels.bank_sandbox.partners import Partner, Repeated
from cair.channels.bank_sandbox.states import CASES, NAME_DIFFERS, State
from cair.kernel.days import JAKARTA

STATE_CODES = {
    Kind.BOOKED: "00",
    Kind.PENDING: "03",
    Kind.RETURNED: "04",
    Kind.FAILED: "06",
    Kind.REFUSED: "06",
}
_SETTLED = frozenset({Kind.BOOKED, Kind.PENDING, Kind.RETURNED, Kind.FAILED})
_UNNAMED = "PEMILIK REKENING"
_SOMEBODY_ELSE = "ORANG LAIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A payment as it was asked for."""

    reference: str
    service: str
    amount_idr: int
    account: str = field(repr=False)
    bank_code: str = ""
    name: str = field(default="", repr=False)
    external_id: str = ""

    @property
    def content(self) -> str:
        """Hash of what must be the same when the reference comes again."""
        plain = self.account + self.bank_code
        if plain.isascii() and plain.isalnum():
            said = f'[{self.amount_idr}, "{self.account}", "{self.bank_code}"]'
        else:
            said = json.dumps([self.amount_idr, self.account, self.bank_code])
        return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Taken:
    """A payment that was taken on: its last entry, and whether that is new."""

    entry: Entry
    is_new: bool


class Books:
    """The deeds of one bank on its ledger. Every method but `look` is called within a transaction of the ledger."""

    def __init__(self, ledger: Ledger | Page, partner: Partner) -> None:
        self.ledger = ledger
        self.partner = partner

    def holder(self, account: str, bank_code: str) -> Account:
        """The account of the register, or what is taken for one.

        :raises Refused: the account, or its bank, is unknown.
        """
        bank_code = "" if bank_code == self.partner.bank_code else bank_code
        found = self.ledger.account(self.partner.name, bank_code, account)
        if found is not None:
            other = _SOMEBODY_ELSE if found.state == State.WRONG_NAME else _UNNAMED
            return Account(found.name or other, found.state)
        if bank_code and self.partner.other_banks and bank_code not in self.partner.other_banks:
            raise Refused(CASES[State.BANK_NOT_SUPPORTED])
        if self.partner.unknown_accounts == "refuse":
            raise Refused(CASES[State.UNKNOWN])
        return Account(_UNNAMED, State.ACTIVE)

    def look(self, account: str, bank_code: str, amount_idr: int) -> Account:
        """Look at an account, as an inquiry does.

        :raises Refused: it cannot be paid to, or not so much.
        """
        self._check_amount(amount_idr)
        holder = self.holder(account, bank_code)
        if holder.state in CASES:
            raise Refused(CASES[holder.state])
        return holder

    def pay(self, wanted: Wanted, now: datetime, *, pending: timedelta | None = None, outcome: str = "booked") -> Taken:
        """Pay, or take on to be decided later (`pending`); a reference that was paid is not paid again.

        :raises Refused: nothing is booked; a refusal of the account or the amount is noted under the reference.
        """
        before = self._settled(wanted, now)
        if before is not None:
            return Taken(before, is_new=False)
        try:
            self._check(wanted, now)
        except Refused as refusal:
            if refusal.case.status in (403, 404):
                cause = f"{refusal.case.status}{wanted.service}{refusal.case.code}:{refusal.case.detail}"
                self._write(wanted, Kind.REFUSED, now, cause=cause)
            raise
        if pending is not None:
            due = (now + pending).astimezone(JAKARTA).isoformat(timespec="microseconds")
            return Taken(self._write(wanted, Kind.PENDING, now, due=due, cause=outcome), is_new=True)
        return Taken(self._write(wanted, Kind.BOOKED, now), is_new=True)

    def pay_file(self, ledger: Ledger, orders: Sequence[Wanted], now: datetime) -> list[Taken | Refused]:
        """Pay one order after the other as `pay` does, and write all of it at the end of the books at once."""
        own = self.partner.bank_code
        accounts: dict[str, set[str]] = {}
        for wanted in orders:
            for bank_code in {wanted.bank_code, "" if wanted.bank_code == own else wanted.bank_code}:
                accounts.setdefault(bank_code, set()).add(wanted.account)
        asked = Asked(
            frozenset(wanted.reference for wanted in orders),
            {bank_code: frozenset(numbers) for bank_code, numbers in accounts.items()},
        )
        page = ledger.page(self.partner.name, self.partner.funds_idr, asked, since=self._since(now), now=now)
        books = Books(page, self.partner)
        became: list[Taken | Refused] = []
        for wanted in orders:
            try:
                became.append(books.pay(wanted, now))
            except Refused as refusal:
                became.append(refusal)
        ledger.write(page.rows)
        return became

    def decide(self, pending: Entry, now: datetime) -> Entry:
        """Book what was pending, or let it fail, as it was laid down."""
        failed = pending.cause == "failed"
        cause = f"403{pending.service}18:PAYEE_ACCOUNT_CLOSED" if failed else ""
        return self._follow(pending, Kind.FAILED if failed else Kind.BOOKED, now, cause=cause)

    def give_back(self, booked: Entry, now: datetime, *, reason: str) -> Entry:
        """Let a booked payment come back, for a reason of the ISO list (`AC04`)."""
        return self._follow(booked, Kind.RETURNED, now, cause=reason)

    def _since(self, now: datetime) -> datetime:
        return _days_before(now, self.partner.reference_days)

    def _settled(self, wanted: Wanted, now: datetime) -> Entry | None:
        entries = self.ledger.of_reference(self.partner.name, wanted.reference, since=self._since(now))
        if not entries:
            return None
        settled = [entry for entry in entries if entry.kind in _SETTLED]
        if not settled:
            return None
        if settled[-1].content != wanted.content:
            raise Refused(Case(404, "18"))
        if self.partner.repeated is Repeated.REFUSE:
            raise Refused(Case(409, "01"))
        return settled[-1] if self.partner.repeated is Repeated.REPLAY else None

    def _check(self, wanted: Wanted, now: datetime) -> None:
        if not _is_open(self.partner, now):
            raise Refused(Case(403, "06"))
        self._check_amount(wanted.amount_idr)
        holder = self.holder(wanted.account, wanted.bank_code)
        if holder.state in CASES:
            raise Refused(CASES[holder.state])
        known = holder.name != _UNNAMED and self.partner.checks_names
        if known and wanted.name and _letters(holder.name) != _letters(wanted.name):
            raise Refused(NAME_DIFFERS)
        most = self.partner.monthly_most_idr
        if most:
            place = (self.partner.name, wanted.bank_code, wanted.account)
            if self.ledger.received_in_month(*place, now) + wanted.amount_idr > most:
                raise Refused(CASES[State.MONTHLY_LIMIT])

    def _check_amount(self, amount_idr: int) -> None:
        if amount_idr > self.ledger.balance(self.partner.name, self.partner.funds_idr):
            raise Refused(Case(403, "14"))
        if amount_idr > self.partner.most_idr:
            raise Refused(CASES[State.LIMIT_EXCEEDED])

    def _write(self, wanted: Wanted, kind: Kind, now: datetime, *, cause: str = "", due: str = "") -> Entry:
        entry = Entry(
            at=now,
            partner=self.partner.name,
            kind=kind,
            reference=wanted.reference,
            service=wanted.service,
            amount_idr=wanted.amount_idr,
            bank_code=wanted.bank_code,
            account=wanted.account,
            external_id=wanted.external_id,
            bank_reference=self._bank_reference(wanted, now) if kind is not Kind.REFUSED else "",
            content=wanted.content,
            cause=cause,
            due=due,
        )
        self._add(entry)
        return entry

    def _follow(self, before: Entry, kind: Kind, now: datetime, *, cause: str) -> Entry:
        entry = Entry(
            at=now,
            partner=before.partner,
            kind=kind,
            reference=before.reference,
            service=before.service,
            amount_idr=before.amount_idr,
            bank_code=before.bank_code,
            account=before.account,
            external_id=before.external_id,
            bank_reference=before.bank_reference,
            content=before.content,
            cause=cause,
        )
        self._add(entry)
        return entry

    def _add(self, entry: Entry) -> None:
        funds = self.partner.funds_idr
        self.ledger.add(entry, opening_idr=funds)
        if entry.kind is Kind.BOOKED and self.partner.fee_idr:
            fee = Entry(
                at=entry.at,
                partner=entry.partner,
                kind=Kind.FEE,
                reference="",
                service=entry.service,
                amount_idr=self.partner.fee_idr,
                bank_reference=entry.bank_reference,
            )
            self.ledger.add(fee, opening_idr=funds)

    def _bank_reference(self, wanted: Wanted, now: datetime) -> str:
        instant, day = _written(now)
        said = f"{self.partner.name}/{wanted.reference}/{instant}/{wanted.external_id}"
        return f"{day}{int(hashlib.sha256(said.encode()).hexdigest()[:13], 16):016d}"


@lru_cache(maxsize=64)
def _days_before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


@lru_cache(maxsize=64)
def _written(now: datetime) -> tuple[str, str]:
    return now.isoformat(), f"{now.astimezone(JAKARTA):%Y%m%d}"


def _is_open(partner: Partner, now: datetime) -> bool:
    if partner.opens == partner.closes:
        return True
    clock = now.astimezone(JAKARTA).time()
    if partner.opens < partner.closes:
        return partner.opens <= clock < partner.closes
    return clock >= partner.opens or clock < partner.closes


def _letters(name: str) -> str:
    return re.sub(r"[^A-Z]", "", name.upper())
