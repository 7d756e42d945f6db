"""Notices that a partner sends to us: proved by its signature, then read like the answer to an inquiry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cair.channels.payments.rail import Answer
from cair.channels.payments.snap import signing
from cair.channels.payments.snap.actions import STATES, Reply, answer_of_state
from cair.channels.payments.snap.profile import SnapProfile


class UnableToTrustNotice(Exception):
    """A notice is not signed by the partner, or (`is_signed`) cannot be read; nothing follows from it."""

    def __init__(self, why: str, *, is_signed: bool) -> None:
        super().__init__(why)
        self.is_signed = is_signed


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice about a payment: our reference, and what it says. The same one may come any number of times.

    `timestamp` is the partner's, and signed with the rest.
    """

    reference: str
    amount: str
    currency: str
    answer: Answer
    timestamp: str


def read_notice(
    profile: SnapProfile, key: RSAPublicKey, *, path: str, headers: Mapping[str, str], body: bytes
) -> Notice:
    """Prove and read a notice. `path` is the one the partner was told, `headers` by their names in lower case.

    :raises UnableToTrustNotice: it is not the partner's, or not a notice about a payment.
    """
    hashed = signing.body_hash(body, profile.minify)
    timestamp = headers.get("x-timestamp", "")
    text = signing.text_without_token("POST", path, hashed, timestamp)
    if not signing.is_signed_by(key, text, headers.get("x-signature", "")):
        raise UnableToTrustNotice(
            f"partner {profile.name}: the notice does not carry the partner's signature", is_signed=False
        )
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise UnableToTrustNotice(f"partner {profile.name}: the notice is not a JSON object", is_signed=True)
    reply = Reply(200, fields)
    reference, state = reply.text("originalPartnerReferenceNo"), reply.text("latestTransactionStatus")
    if not reference or state not in STATES:
        raise UnableToTrustNotice(
            f"partner {profile.name}: the notice names no payment, or no state of the list", is_signed=True
        )
    amount = fields.get("amount")
    said = amount if isinstance(amount, Mapping) else {}
    value, currency = str(said.get("value", "")), str(said.get("currency", ""))
    return Notice(reference, value, currency, answer_of_state(reply, state, profile.reasons), timestamp)
