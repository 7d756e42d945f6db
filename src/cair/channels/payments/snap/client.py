"""Calls to one SNAP partner: one request, one answer, nothing repeated."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from cair.channels.payments.rail import AccountAnswer, Action, Answer, PaymentOrder, Sent
from cair.channels.payments.snap import actions, signing
from cair.channels.payments.snap.actions import Reply
from cair.channels.payments.snap.profile import Kind, Service, SnapKeys, SnapProfile
from cair.kernel.days import JAKARTA
from cair.kernel.identity import Secret

LARGEST_ANSWER = 1 << 20
"""Bytes of an answer that are read; a longer one is unreadable."""

_TOKEN_LIVES = 900
_RENEWED_BEFORE = timedelta(seconds=60)
_HOLDER_NAMES = ("beneficiaryAccountName", "customerName")


@dataclass(slots=True)
class _Token:
    value: str
    until: datetime
    proven: bool = False
    """An answer other than 401 came for a call that carried it."""


@dataclass(frozen=True, slots=True)
class _Heard:
    reply: Reply
    keys_are_wrong: bool


class _NoToken(Exception):
    """The partner gave no token, so the call it was for was not made."""

    def __init__(self, code: str, raw_code: str, *, refused: bool) -> None:
        super().__init__(code)
        self.code, self.raw_code, self.refused = code, raw_code, refused


class SnapRail:
    """A partner that pays by SNAP calls (`CallRail`). Safe to use from several threads.

    The clock is passed in. Neither connection errors nor refused tokens are tried again here: what comes back is what
    one request brought.
    """

    def __init__(self, profile: SnapProfile, keys: SnapKeys, *, transport: httpx.BaseTransport | None = None) -> None:
        self.name = profile.name
        self._profile = profile
        self._keys = keys
        self._reasons = profile.reasons
        self._http = httpx.Client(
            base_url=profile.base_url,
            timeout=profile.timeout,
            transport=transport,
            follow_redirects=False,
            trust_env=False,
        )
        self._token: _Token | None = None
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(self, order: PaymentOrder, *, external_id: str, now: datetime) -> AccountAnswer:
        """Ask whether the order's account exists and can receive its amount, and for its holder's name."""
        service, body = _account_inquiry(self._profile, order, now)
        try:
            heard = self._call(service, body, external_id=external_id, now=now)
        except _NoToken as trouble:
            return AccountAnswer(certain=False, code=trouble.code, raw_code=trouble.raw_code)
        reply = heard.reply
        certain, code, reason = actions.reason_of_account(reply, self._reasons)
        name = next((text for text in map(reply.text, _HOLDER_NAMES) if text), None)
        return AccountAnswer(
            certain=certain,
            code=code,
            raw_code=reply.raw_code,
            reason=reason,
            holder_name=Secret("name", name) if name else None,
        )

    def send(self, order: PaymentOrder, *, external_id: str, now: datetime, sent_before: bool) -> Answer:
        """Send one order once."""
        service, body = _transfer(self._profile, order, now)
        try:
            heard = self._call(service, body, external_id=external_id, now=now)
        except _NoToken as trouble:
            action = Action.STOP_RAIL if trouble.refused else Action.RESEND_ALLOWED
            action = Action.ASK_STATUS if sent_before else action
            return Answer(action=action, code=trouble.code, raw_code=trouble.raw_code)
        reply = _of_this(heard.reply, "partnerReferenceNo", order)
        answer = actions.after_sending(reply, sent_before=sent_before, details=self._reasons)
        if heard.keys_are_wrong and answer.action is Action.RESEND_ALLOWED:
            return replace(answer, action=Action.STOP_RAIL)
        return answer

    def ask(self, order: PaymentOrder, *, external_id: str, sent: Sent, now: datetime) -> Answer:
        """Ask for the state of an order that was sent; a state of another amount is an alarm."""
        service, body = _status(self._profile, order, sent)
        quiet_period = self._profile.quiet_period
        try:
            heard = self._call(service, body, external_id=external_id, now=now)
        except _NoToken as trouble:
            answer = actions.after_asking(Reply(None), sent=sent, now=now, quiet_period=quiet_period)
            return replace(answer, code=trouble.code, raw_code=trouble.raw_code)
        reply = _of_this(heard.reply, "originalPartnerReferenceNo", order)
        answer = actions.after_asking(reply, sent=sent, now=now, quiet_period=quiet_period, details=self._reasons)
        if answer.code.startswith("STATE_") and _is_of_another_amount(reply, order):
            return replace(answer, action=Action.ALARM, code="OTHER_AMOUNT", reason=None)
        return answer

    def _call(self, service: Service, body: Mapping[str, object], *, external_id: str, now: datetime) -> _Heard:
        """Make one signed call.

        :raises _NoToken: it needs a token, and none was given; the call was not made.
        """
        profile, path = self._profile, self._profile.path(service)
        timestamp = _timestamp(now)
        raw = _compact(body)
        hashed = signing.body_hash(raw, profile.minify)
        headers = {
            "Content-Type": "application/json",
            "X-TIMESTAMP": timestamp,
            "X-PARTNER-ID": profile.partner_id,
            "X-EXTERNAL-ID": external_id,
            "CHANNEL-ID": profile.channel_id,
        }
        if profile.origin:
            headers["ORIGIN"] = profile.origin
        token = None
        if profile.with_token:
            token = self._current_token(now)
            text = signing.text_with_token("POST", path, token.value, hashed, timestamp)
            headers["Authorization"] = f"Bearer {token.value}"
            headers["X-SIGNATURE"] = signing.sign_with_token(self._keys.client_secret.reveal(), text, profile.spelling)
        else:
            text = signing.text_without_token("POST", path, hashed, timestamp)
            headers["X-SIGNATURE"] = signing.sign_without_token(self._keys.private_key, text)
        reply = self._post(path, raw, headers)
        return _Heard(reply, self._keys_are_wrong(reply, token))

    def _post(self, path: str, raw: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            with self._http.stream("POST", path, content=raw, headers=dict(headers)) as response:
                return _read(response, self._profile.timeout)
        except httpx.HTTPError:
            return Reply(None)

    def _current_token(self, now: datetime) -> _Token:
        with self._guard:
            if self._token is None or now >= self._token.until - _RENEWED_BEFORE:
                self._token = self._new_token(now)
            return self._token

    def _new_token(self, now: datetime) -> _Token:
        """Ask for a token.

        :raises _NoToken: none was given.
        """
        timestamp, client_id = _timestamp(now), self._profile.client_id
        headers = {
            "Content-Type": "application/json",
            "X-TIMESTAMP": timestamp,
            "X-CLIENT-KEY": client_id,
            "X-SIGNATURE": signing.sign_token_request(self._keys.private_key, client_id, timestamp),
        }
        reply = self._post(self._profile.path(Service.TOKEN), _compact({"grantType": "client_credentials"}), headers)
        fields: Mapping[str, Any] = reply.fields or {}
        value = fields.get("accessToken")
        if not isinstance(value, str) or not value or reply.code != (200, "00"):
            refused = reply.code is not None and reply.code[0] in (400, 401, 403, 404)
            raise _NoToken("TOKEN_REFUSED" if refused else "NO_TOKEN", reply.raw_code, refused=refused)
        lives = str(fields.get("expiresIn", _TOKEN_LIVES))
        seconds = int(lives) if lives.isascii() and lives.isdigit() and len(lives) < 7 else _TOKEN_LIVES
        return _Token(value, now + timedelta(seconds=seconds))

    def _keys_are_wrong(self, reply: Reply, token: _Token | None) -> bool:
        """Note what an answer says of the token of its call; True when one was refused that never worked."""
        if reply.code is None:
            return False
        with self._guard:
            if reply.code[0] != 401:
                if token is not None:
                    token.proven = True
                return False
            if self._token is token:
                self._token = None
            return token is None or not token.proven


def _of_this(reply: Reply, name: str, order: PaymentOrder) -> Reply:
    """The reply, unless it names another payment: then it answers somebody else, and is unreadable to us."""
    named = (reply.fields or {}).get(name)
    return reply if named in (None, "", order.reference) else Reply(reply.status)


def _is_of_another_amount(reply: Reply, order: PaymentOrder) -> bool:
    amount = (reply.fields or {}).get("amount")
    value = amount.get("value") if isinstance(amount, Mapping) else None
    return isinstance(value, str) and value != _amount(order)["value"]


def _read(response: httpx.Response, timeout: float) -> Reply:
    raw, begun = b"", time.monotonic()
    for piece in response.iter_bytes():
        raw += piece
        if len(raw) > LARGEST_ANSWER or time.monotonic() - begun > timeout:
            return Reply(response.status_code)
    if not raw.strip():
        return Reply(response.status_code, empty=True)
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return Reply(response.status_code)
    return Reply(response.status_code, fields if isinstance(fields, dict) else None)


def _compact(body: Mapping[str, object]) -> bytes:
    """The bytes that are hashed and sent: no white space, ASCII only, so that all partners hash the same."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode()


def _timestamp(now: datetime) -> str:
    return now.astimezone(JAKARTA).isoformat(timespec="seconds")


def _amount(order: PaymentOrder) -> dict[str, str]:
    return {"value": f"{order.amount_idr}.00", "currency": "IDR"}


def _goes_elsewhere(profile: SnapProfile, order: PaymentOrder) -> bool:
    return order.bank_code not in ("", profile.own_bank_code)


def _account_inquiry(profile: SnapProfile, order: PaymentOrder, now: datetime) -> tuple[Service, dict[str, object]]:
    account = order.account_ref.reveal()
    if profile.kind is Kind.WALLET:
        return Service.WALLET_INQUIRY, {
            "partnerReferenceNo": order.reference,
            "customerNumber": account,
            "amount": _amount(order),
            "transactionDate": _timestamp(now),
        }
    body: dict[str, object] = {"partnerReferenceNo": order.reference, "beneficiaryAccountNo": account}
    if not _goes_elsewhere(profile, order):
        return Service.INQUIRY_INTERNAL, body
    body["beneficiaryBankCode"] = order.bank_code
    if profile.bi_fast:
        more = {"inquiryService": "2", "amount": _amount(order), "purposeCode": profile.purpose_code}
        body["additionalInfo"] = more
    return Service.INQUIRY_EXTERNAL, body


def _transfer(profile: SnapProfile, order: PaymentOrder, now: datetime) -> tuple[Service, dict[str, object]]:
    account = order.account_ref.reveal()
    body: dict[str, object] = {"partnerReferenceNo": order.reference, "amount": _amount(order)}
    if profile.kind is Kind.WALLET:
        body |= {"customerNumber": account, "transactionDate": _timestamp(now)}
        if order.remark:
            body["notes"] = order.remark
        return Service.TOP_UP, body
    body |= {
        "beneficiaryAccountNo": account,
        "sourceAccountNo": profile.source_account,
        "transactionDate": _timestamp(now),
    }
    if order.remark:
        body["remark"] = order.remark
    if not _goes_elsewhere(profile, order):
        return Service.TRANSFER_INTRABANK, body
    body |= {"beneficiaryAccountName": order.holder_name.reveal(), "beneficiaryBankCode": order.bank_code}
    if profile.bi_fast:
        body["additionalInfo"] = {"transferType": "2", "purposeCode": profile.purpose_code}
    return Service.TRANSFER_INTERBANK, body


def _status(profile: SnapProfile, order: PaymentOrder, sent: Sent) -> tuple[Service, dict[str, object]]:
    service, original = Service.TRANSFER_STATUS, Service.TRANSFER_INTRABANK
    if profile.kind is Kind.WALLET:
        service, original = Service.TOP_UP_STATUS, Service.TOP_UP
    elif _goes_elsewhere(profile, order):
        original = Service.TRANSFER_INTERBANK
    return service, {
        "originalPartnerReferenceNo": order.reference,
        "originalExternalId": sent.external_id,
        "serviceCode": original.value,
        "transactionDate": _timestamp(sent.last_at),
        "amount": _amount(order),
    }
