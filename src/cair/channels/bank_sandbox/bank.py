"""The bank behind its door: every request gets an answer, or a fault instead of one."""

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from cair.channels.bank_sandbox import door, signatures
from cair.channels.bank_sandbox.books import STATE_CODES, Books, Taken, Wanted
from cair.channels.bank_sandbox.cases import IN_PROGRESS, STATES, SUCCESS, Case, Refused
from cair.channels.bank_sandbox.door import Caller, Request, text_of
from cair.channels.bank_sandbox.faults import Fault, Switch, Switches
from cair.channels.bank_sandbox.ledger import Entry, Kind, Ledger
from cair.channels.bank_sandbox.notices import Messenger
from cair.channels.bank_sandbox.partners import Configuration, Partner, keys_of, registered
from cair.channels.bank_sandbox.services import Role
from cair.kernel.days import JAKARTA

LEDGER = "ledger.sqlite3"
_LINES_AT_ONCE = 20_000


class Dropped(Exception):
    """The connection ends here, without an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: HTTP status and the bytes of the body."""

    status: int
    body: bytes


class UnableToFind(LookupError):
    """There is no such partner or payment."""


class Bank:
    """All partners of the sandbox, on one ledger."""

    def __init__(self, folder: Path, configuration: Configuration) -> None:
        self.ledger = Ledger(folder / LEDGER)
        self.ledger.register(registered(configuration))
        self.switches = Switches(configuration.seed)
        for fault in configuration.faults:
            self.switches.add(fault)
        self.partners = configuration.partners
        self._keys = {name: keys_of(folder, partner) for name, partner in configuration.partners.items()}
        self._token_secret = (folder / "token-secret").read_bytes()
        self._books = {name: Books(self.ledger, partner) for name, partner in configuration.partners.items()}
        self._throttle = door.Throttle()
        self._messenger = Messenger()
        self._ahead = timedelta(0)

    def close(self) -> None:
        """Close the books; notices that are on their way are given up."""
        self._messenger.stop()
        self.ledger.close()

    def now(self) -> datetime:
        """The bank's clock."""
        return datetime.now(UTC) + self._ahead  # noqa: TID251

    def set_clock(self, to: datetime | None) -> None:
        """Let the bank's clock go on from an instant; None: from the true time."""
        self._ahead = to - datetime.now(UTC) if to else timedelta(0)  # noqa: TID251

    def answer(self, request: Request) -> Reply:
        """Answer a request of a client.

        :raises Dropped: a fault takes the answer away.
        """
        caller = door.find_caller(request, self.partners)
        if caller is None:
            return _reply(404, {"responseCode": "4040000", "responseMessage": "Unknown service or client"})
        try:
            body = self._admit(request, caller)
            status = int(str(body["responseCode"])[:3])
        except Refused as refusal:
            body = refusal.case.answer(caller.service.code, caller.partner.words)
            status = refusal.case.status
        return _reply(status, body)

    def _admit(self, request: Request, caller: Caller) -> Mapping[str, object]:
        now, partner = self.now(), caller.partner
        door.check_headers(request, caller, now)
        keys = self._keys[partner.name]
        door.check_signature(request, caller, keys, token_secret=self._token_secret, true_time=int(time.time()))
        self._throttle.check(partner, time.monotonic())
        if caller.service.role is Role.TOKEN:
            return self._token(partner)
        fields = door.read_fields(request, caller)
        external_id = request.header("X-EXTERNAL-ID")
        reference = text_of(fields, "partnerReferenceNo") or text_of(fields, "originalPartnerReferenceNo")
        struck = self.switches.strike(partner.name, caller.service.code, reference, external_id)
        self._strike_before(struck)
        if Fault.LATE in struck:
            self._arrive_late(caller, fields, external_id, struck[Fault.LATE].seconds)
            raise Dropped
        try:
            case = self._serve(caller, fields, external_id, struck)
        finally:
            self._strike_after(struck)
        return case.answer(caller.service.code, partner.words)

    def _strike_before(self, struck: Mapping[Fault, Switch]) -> None:
        if Fault.DELAY_BEFORE in struck:
            time.sleep(struck[Fault.DELAY_BEFORE].seconds)
        if Fault.DIE_BEFORE in struck:
            os.kill(os.getpid(), signal.SIGKILL)
        if Fault.DROP_BEFORE in struck:
            raise Dropped
        for fault, case in _REFUSALS.items():
            if fault in struck:
                raise Refused(case)

    def _strike_after(self, struck: Mapping[Fault, Switch]) -> None:
        if Fault.DIE_AFTER in struck:
            os.kill(os.getpid(), signal.SIGKILL)
        if Fault.DELAY_AFTER in struck:
            time.sleep(struck[Fault.DELAY_AFTER].seconds)
        if Fault.DROP_AFTER in struck:
            raise Dropped
        if Fault.GARBLED in struck:
            raise Garbled
        if Fault.ERROR_AFTER in struck:
            raise Refused(Case(500, "00"))

    def _arrive_late(self, caller: Caller, fields: Mapping[str, object], external_id: str, seconds: float) -> None:
        def arrive() -> None:
            time.sleep(seconds)
            try:
                self._serve(caller, fields, external_id, {})
            except Refused:
                return

        threading.Thread(target=arrive, daemon=True).start()

    def _serve(
        self, caller: Caller, fields: Mapping[str, object], external_id: str, struck: Mapping[Fault, Switch]
    ) -> Case:
        """Do what is asked for, all of it in one transaction with the note of the call; a refusal is kept too."""
        partner, service = caller.partner, caller.service
        reference = text_of(fields, "partnerReferenceNo") or text_of(fields, "originalPartnerReferenceNo")
        refusal: Refused | None = None
        announced: list[Entry] = []
        case = SUCCESS
        with self.ledger.transaction():
            now = self.now()
            announced += self._decide_due(now)
            noted = self.ledger.note_call(
                at=now, partner=partner.name, service=service.code, external_id=external_id, reference=reference
            )
            try:
                if not noted:
                    raise Refused(Case(409, "00"))
                if service.role is Role.TRANSFER:
                    case = self._transfer(caller, fields, external_id, struck, announced, now)
                else:
                    case = self._tell(caller, fields, struck, now)
            except Refused as trouble:
                refusal = trouble
        for entry in announced:
            self._announce(entry, twice=Fault.DUPLICATE_NOTICE in struck)
        if refusal is not None:
            raise refusal
        return case

    def _transfer(
        self,
        caller: Caller,
        fields: Mapping[str, object],
        external_id: str,
        struck: Mapping[Fault, Switch],
        announced: list[Entry],
        now: datetime,
    ) -> Case:
        partner, service = caller.partner, caller.service
        wanted = Wanted(
            reference=text_of(fields, "partnerReferenceNo"),
            service=service.code,
            amount_idr=door.amount_of(fields),
            account=text_of(fields, service.account),
            bank_code=_elsewhere(text_of(fields, service.bank), partner) if service.bank else "",
            name=text_of(fields, "beneficiaryAccountName"),
            external_id=external_id,
        )
        switch = struck.get(Fault.IN_PROGRESS)
        waits = timedelta(seconds=switch.seconds if switch else partner.pending_seconds)
        told_later = partner.notice_means_pending and door.field_of(fields, "additionalInfo.needNotify") is True
        taken = self._books[partner.name].pay(
            wanted,
            now,
            pending=waits if switch or told_later else None,
            outcome=switch.outcome if switch else "booked",
        )
        if taken.is_new and taken.entry.kind is Kind.BOOKED:
            announced.append(taken.entry)
        return _taken_case(taken, fields)

    def _tell(
        self, caller: Caller, fields: Mapping[str, object], struck: Mapping[Fault, Switch], now: datetime
    ) -> Case:
        role = caller.service.role
        if role is Role.INQUIRY:
            return self._inquiry(caller, fields)
        if role is Role.STATUS:
            if Fault.NOT_FOUND in struck:
                raise Refused(Case(404, "01"))
            return self._status(caller, fields, now)
        if role is Role.BALANCE:
            return self._balance(caller.partner, fields)
        return Case(200, "00", fields={name: fields[name] for name in ("partnerReferenceNo",) if name in fields})

    def _inquiry(self, caller: Caller, fields: Mapping[str, object]) -> Case:
        service, partner = caller.service, caller.partner
        account = text_of(fields, service.account)
        bank_code = text_of(fields, service.bank) if service.bank else ""
        amount = door.amount_of(fields) if "amount.value" in service.must else 0
        try:
            holder = self._books[partner.name].look(account, bank_code, amount)
        except Refused as refusal:
            echo = {name: fields[name] for name in (service.account, "partnerReferenceNo") if name in fields}
            case = refusal.case
            raise Refused(Case(case.status, case.code, case.about, case.detail, {**echo, **case.fields})) from None
        said: dict[str, object] = {"referenceNo": uuid.uuid4().hex, **_echo(fields)}
        if service.code == "37":
            said |= {
                "customerNumber": account,
                "customerName": holder.name,
                "customerMonthlyInLimit": f"{partner.monthly_most_idr}.00",
                "minAmount": _money(1),
                "maxAmount": _money(partner.most_idr),
                "amount": fields.get("amount"),
                "feeAmount": _money(partner.fee_idr),
                "feeType": "OUR",
            }
        else:
            said |= {
                service.account: account,
                "beneficiaryAccountName": holder.name,
                "beneficiaryAccountStatus": "ACTIVE",
                "beneficiaryAccountType": "S",
                "beneficiaryBankCode": bank_code or partner.bank_code,
                "currency": "IDR",
            }
            if service.code == "42":
                said |= {"accountType": "SETTLEMENT_ACCOUNT", "amount": fields.get("amount")}
        return Case(200, "00", fields=said)

    def _status(self, caller: Caller, fields: Mapping[str, object], now: datetime) -> Case:
        partner = caller.partner
        if not (text_of(fields, "serviceCode").isdigit() and len(text_of(fields, "serviceCode")) == 2):
            code = text_of(fields, "serviceCode")
            raise Refused(Case(400, "01", "serviceCode", fields={"serviceCode": code}))
        reference = text_of(fields, "originalPartnerReferenceNo")
        own = text_of(fields, "originalReferenceNo")
        if not reference and not own:
            raise Refused(Case(400, "02", "originalPartnerReferenceNo"))
        since = now - timedelta(days=partner.status_days)
        entries = self.ledger.of_reference(partner.name, reference, since=since) if reference else []
        entries = entries or self.ledger.by_bank_reference(partner.name, own)
        external_ids = {entry.external_id for entry in entries}
        if partner.status_needs_external_id and text_of(fields, "originalExternalId") not in external_ids:
            entries = []
        if not entries:
            echo = {name: value for name, value in fields.items() if name == "originalPartnerReferenceNo"}
            raise Refused(Case(404, "01", fields=echo))
        said = _state(entries[-1], text_of(fields, "serviceCode"))
        return Case(200, "00", fields=said if partner.tells_details else {**said, "additionalInfo": {}})

    def _balance(self, partner: Partner, fields: Mapping[str, object]) -> Case:
        left = _money(self.ledger.balance(partner.name, partner.funds_idr))
        info = {"balanceType": "Cash", "amount": left, "availableBalance": left, "status": "0001"}
        named = {name: fields[name] for name in ("partnerReferenceNo", "accountNo") if name in fields}
        return Case(200, "00", fields={**named, "name": "PROGRAM", "accountInfos": [info]})

    def _token(self, partner: Partner) -> Mapping[str, object]:
        until = int(time.time()) + partner.token_seconds
        token = signatures.new_token(self._token_secret, partner.name, until)
        fields = {"accessToken": token, "tokenType": "Bearer", "expiresIn": str(partner.token_seconds)}
        return Case(200, "00", fields=fields).answer("73", partner.words)

    def _decide_due(self, now: datetime) -> list[Entry]:
        return [self._books[entry.partner].decide(entry, now) for entry in self.ledger.due(now)]

    def _announce(self, entry: Entry, *, twice: bool = False) -> None:
        partner = self.partners[entry.partner]
        if not partner.notify_url:
            return
        said = _state(entry, entry.service)
        said |= {"responseCode": f"200{entry.service}00", "responseMessage": "Successful"}
        for _ in range(2 if twice else 1):
            self._messenger.send(partner, self._keys[partner.name].bank_key, said, now=self.now())

    def settle(self) -> int:
        """Decide what is pending and due; give the number."""
        with self.ledger.transaction():
            decided = self._decide_due(self.now())
        for entry in decided:
            self._announce(entry)
        return len(decided)

    def give_back(self, partner: str, reference: str, reason: str) -> None:
        """Let the last booking of a reference come back.

        :raises UnableToFind: nothing is booked under it, or it came back already.
        """
        with self.ledger.transaction():
            now = self.now()
            since = datetime(1970, 1, 1, tzinfo=UTC)
            entries = self.ledger.of_reference(partner, reference, since=since) if partner in self.partners else []
            if not entries or entries[-1].kind is not Kind.BOOKED:
                raise UnableToFind("no booked payment of that partner under that reference")
            entry = self._books[partner].give_back(entries[-1], now, reason=reason)
        self._announce(entry)

    def take_batch(self, partner: str, orders: Iterable[Wanted]) -> Iterator[tuple[str, str, str]]:
        """Book a file of orders; for each its reference, its response code, and the bank's name of it.

        Twenty thousand orders share a transaction; their results are given once it is on the disk.
        :raises UnableToFind: there is no such partner.
        """
        if partner not in self.partners:
            raise UnableToFind("no partner of that name")
        books, waiting = self._books[partner], iter(orders)
        while piece := list(islice(waiting, _LINES_AT_ONCE)):
            with self.ledger.transaction():
                became = books.pay_file(self.ledger, piece, self.now())
            yield from map(_told, piece, became)


class Garbled(Exception):
    """The answer is broken off in the middle."""


_REFUSALS = {
    Fault.TOO_MANY: Case(429, "00"),
    Fault.TOKEN_REFUSED: Case(401, "01"),
    Fault.ERROR_BEFORE: Case(500, "00"),
}


def _told(wanted: Wanted, became: Taken | Refused) -> tuple[str, str, str]:
    if isinstance(became, Refused):
        return wanted.reference, f"{became.case.status}{wanted.service}{became.case.code}", ""
    return wanted.reference, f"200{wanted.service}00", became.entry.bank_reference


def _taken_case(taken: Taken, fields: Mapping[str, object]) -> Case:
    entry = taken.entry
    said: dict[str, object] = {
        "referenceNo": entry.bank_reference,
        **_echo(fields),
        **{name: fields[name] for name in _ECHOED if fields.get(name) is not None},
        "transactionDate": entry.at.astimezone(JAKARTA).isoformat(timespec="seconds"),
        "referenceNumber": entry.bank_reference,
    }
    waits = IN_PROGRESS if entry.kind is Kind.PENDING else SUCCESS
    return Case(waits.status, waits.code, fields=said)


_ECHOED = (
    "amount",
    "beneficiaryAccountNo",
    "beneficiaryAccountNumber",
    "beneficiaryBankCode",
    "sourceAccountNo",
    "customerNumber",
    "sessionId",
)


def _elsewhere(bank_code: str, partner: Partner) -> str:
    return "" if bank_code == partner.bank_code else bank_code


def _echo(fields: Mapping[str, object]) -> dict[str, object]:
    return {"partnerReferenceNo": fields["partnerReferenceNo"]} if fields.get("partnerReferenceNo") else {}


def _state(entry: Entry, service: str) -> dict[str, object]:
    """What the bank says of a payment, in answers to inquiries and in notices."""
    code = STATE_CODES[entry.kind]
    before, _, detail = entry.cause.partition(":")
    said: dict[str, object] = {
        "originalReferenceNo": entry.bank_reference,
        "originalPartnerReferenceNo": entry.reference,
        "originalExternalId": entry.external_id,
        "serviceCode": service,
        "transactionDate": entry.at.astimezone(JAKARTA).isoformat(timespec="seconds"),
        "amount": _money(entry.amount_idr),
        "beneficiaryAccountNo": entry.account,
        "beneficiaryBankCode": entry.bank_code,
        "referenceNumber": entry.bank_reference,
        "latestTransactionStatus": code,
        "transactionStatusDesc": STATES[code],
        "additionalInfo": {"resultMsg": detail} if detail else {},
    }
    if code == "06":
        said["previousResponseCode"] = before
    if code == "04":
        said["additionalInfo"] = {"returnReason": entry.cause}
    return said


def _money(amount_idr: int) -> dict[str, str]:
    return {"value": f"{amount_idr}.00", "currency": "IDR"}


def _reply(status: int, body: Mapping[str, object]) -> Reply:
    return Reply(status, json.dumps(body, separators=(",", ":")).encode())
