"""The door of the bank: whose request this is, for which service, and whether it may come in."""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cair.channels.bank_sandbox import signatures
from cair.channels.bank_sandbox.cases import Case, Refused
from cair.channels.bank_sandbox.partners import Keys, Partner
from cair.channels.bank_sandbox.services import Role, Service, service_of

_HEADERS = ("X-TIMESTAMP", "X-SIGNATURE", "X-PARTNER-ID", "X-EXTERNAL-ID", "CHANNEL-ID")
_TOKEN_HEADERS = ("X-CLIENT-KEY", "X-TIMESTAMP", "X-SIGNATURE")
_EXTERNAL_ID = re.compile(r"[!-~]{1,36}\Z")
_AMOUNT = re.compile(r"[0-9]{1,16}\.[0-9]{2}\Z")
_LONGEST_REFERENCE = 64


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header, empty when it is not there."""
        return self.headers.get(name.lower(), "").strip()


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner's front, with the path as it was called and without the partner's name before it."""

    partner: Partner
    service: Service
    paths: tuple[str, ...]


def find_caller(request: Request, partners: Mapping[str, Partner]) -> Caller | None:
    """Find the partner by the first part of the path, else by the headers that name the client; None: neither does."""
    service = service_of(request.path)
    if service is None:
        return None
    first, _, rest = request.path.removeprefix("/").partition("/")
    if first in partners:
        return Caller(partners[first], service, (request.path, "/" + rest))
    client, named = request.header("X-CLIENT-KEY"), request.header("X-PARTNER-ID")
    for partner in partners.values():
        if client in _names(partner, partner.client_id) or named in _names(partner, partner.partner_id):
            return Caller(partner, service, (request.path,))
    return None


def _names(partner: Partner, own: str) -> tuple[str, str]:
    return partner.name, own or partner.name


def check_headers(request: Request, caller: Caller, now: datetime) -> None:
    """Refuse a request that lacks a mandatory header, or has one of a wrong form.

    :raises Refused: 400xx01, 400xx02, 401xx00.
    """
    for name in _TOKEN_HEADERS if caller.service.role is Role.TOKEN else _HEADERS:
        if not request.header(name):
            raise Refused(Case(400, "02", name))
    try:
        sent = datetime.fromisoformat(request.header("X-TIMESTAMP"))
    except ValueError:
        sent = None
    if sent is None or sent.tzinfo is None or "T" not in request.header("X-TIMESTAMP"):
        raise Refused(Case(400, "01", "X-TIMESTAMP"))
    tolerance = caller.partner.clock_tolerance_seconds
    if tolerance and abs((now - sent).total_seconds()) > tolerance:
        raise Refused(Case(401, "00", "Invalid Timestamp"))
    external_id = request.header("X-EXTERNAL-ID")
    if caller.service.role is not Role.TOKEN:
        digits = not caller.partner.numeric_external_ids or (external_id.isascii() and external_id.isdigit())
        if not _EXTERNAL_ID.match(external_id) or not digits:
            raise Refused(Case(400, "01", "X-EXTERNAL-ID"))


def check_signature(request: Request, caller: Caller, keys: Keys, *, token_secret: bytes, true_time: int) -> None:
    """Refuse a request that is not proved to be the client's. Tokens run out by the true time, not the bank's clock.

    :raises Refused: 401xx00, 401xx01, 401xx03.
    """
    stamp, signature = request.header("X-TIMESTAMP"), request.header("X-SIGNATURE")
    unauthorized = Refused(Case(401, "00", "Invalid Signature"))
    if caller.service.role is Role.TOKEN:
        if not signatures.has_key(keys.client_key, [f"{request.header('X-CLIENT-KEY')}|{stamp}"], signature):
            raise unauthorized
        return
    partner, digest = caller.partner, signatures.hashed(request.body)
    token = request.header("Authorization").removeprefix("Bearer ").strip()
    if token and "token" in partner.signatures:
        if signatures.token_holder(token_secret, token, true_time) != partner.name:
            raise Refused(Case(401, "01"))
        texts = [f"{request.method}:{path}:{token}:{digest}:{stamp}" for path in caller.paths]
        if not signatures.has_secret(keys.client_secret, texts, signature):
            raise unauthorized
    elif "key" in partner.signatures:
        texts = [f"{request.method}:{path}:{digest}:{stamp}" for path in caller.paths]
        if not signatures.has_key(keys.client_key, texts, signature):
            raise unauthorized
    else:
        raise Refused(Case(401, "03"))


class Throttle:
    """Counts calls of a partner within a second."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def check(self, partner: Partner, seconds: float) -> None:
        """Refuse a call beyond the partner's limit. `seconds`: a clock that never runs back.

        :raises Refused: 429xx00.
        """
        rate = partner.calls_per_second
        if not rate:
            return
        with self._guard:
            level, last = self._levels.get(partner.name, (rate, seconds))
            level = min(max(rate, 1.0), level + (seconds - last) * rate)
            self._levels[partner.name] = (level - 1 if level >= 1 else level, seconds)
        if level < 1:
            raise Refused(Case(429, "00"))


def read_fields(request: Request, caller: Caller) -> dict[str, object]:
    """The fields of the body, the mandatory ones there and amounts, currencies and references of the right form.

    :raises Refused: 400xx00, 400xx01, 400xx02.
    """
    try:
        fields = json.loads(request.body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Refused(Case(400, "00"))
    for name in (*caller.service.must, *caller.partner.extra_must.get(caller.service.code, ())):
        value = field_of(fields, name)
        if value in (None, ""):
            raise Refused(Case(400, "02", name))
        if not isinstance(value, str):
            raise Refused(Case(400, "01", name))
    if "amount.value" in caller.service.must:
        if field_of(fields, "amount.currency") != "IDR":
            raise Refused(Case(400, "01", "amount.currency"))
        amount_of(fields)
    if len(text_of(fields, "partnerReferenceNo")) > _LONGEST_REFERENCE:
        raise Refused(Case(400, "01", "partnerReferenceNo"))
    return fields


def amount_of(fields: Mapping[str, object]) -> int:
    """The amount in whole rupiah.

    :raises Refused: 400xx01, it is not one.
    """
    written = text_of(fields, "amount.value")
    if not _AMOUNT.match(written) or not written.endswith(".00") or int(written[:-3]) == 0:
        raise Refused(Case(400, "01", "amount.value"))
    return int(written[:-3])


def field_of(fields: Mapping[str, object], name: str) -> object:
    """A field by its dotted name, None when it is not there."""
    found: object = fields
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def text_of(fields: Mapping[str, object], name: str) -> str:
    """A field that is a text, else the empty text."""
    found = field_of(fields, name)
    return found if isinstance(found, str) else ""
