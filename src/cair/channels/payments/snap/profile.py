"""What differs from partner to partner, as figures of one table: paths, ids, signatures, patience, opening hours."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from cair.channels.payments.iso20022.reasons import reasons
from cair.channels.payments.rail import GIVE_UP_AFTER
from cair.channels.payments.snap.actions import DETAILS
from cair.channels.payments.snap.signing import Minify, Spelling
from cair.kernel.days import JAKARTA
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason


class UnableToUseProfile(Exception):
    """A partner's profile or one of its keys cannot be used; the message names what and where, never a key."""


class Kind(StrEnum):
    """What the partner keeps for people."""

    BANK = "bank"
    WALLET = "wallet"


class Service(StrEnum):
    """The services of the standard that are called, by their codes."""

    TOKEN = "73"  # noqa: S105
    INQUIRY_INTERNAL = "15"
    INQUIRY_EXTERNAL = "16"
    TRANSFER_INTRABANK = "17"
    TRANSFER_INTERBANK = "18"
    TRANSFER_STATUS = "36"
    WALLET_INQUIRY = "37"
    TOP_UP = "38"
    TOP_UP_STATUS = "39"


PATHS: Mapping[Service, str] = {
    Service.TOKEN: "/access-token/b2b",
    Service.INQUIRY_INTERNAL: "/account-inquiry-internal",
    Service.INQUIRY_EXTERNAL: "/account-inquiry-external",
    Service.TRANSFER_INTRABANK: "/transfer-intrabank",
    Service.TRANSFER_INTERBANK: "/transfer-interbank",
    Service.TRANSFER_STATUS: "/transfer/status",
    Service.WALLET_INQUIRY: "/emoney/account-inquiry",
    Service.TOP_UP: "/emoney/topup",
    Service.TOP_UP_STATUS: "/emoney/topup-status",
}
"""The standard's paths, after the base path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapProfile:
    """A partner, as it wants to be called.

    :ivar name: as in the `accounts` feed.
    :ivar base_url: scheme, host and port; what stands before the signed path.
    :ivar base_path: what every path begins with, version included; `paths` overrides single services in full.
    :ivar with_token: False for partners that want the signature of our key instead of a token.
    :ivar digits: length of `X-EXTERNAL-ID` (the standard's most is 36).
    :ivar source_account: the programme's account with a bank; empty for wallets that do not ask.
    :ivar bi_fast: transfers to other banks say that BI-FAST shall carry them, with `purpose_code`.
    :ivar quiet_period: how long "not found" proves nothing: our time limit for a call plus the longest delay seen.
    :ivar answers_status_for: how long the partner answers inquiries.
    :ivar remembers_references_for: how long it knows a repeated reference; after it, the same is a new payment.
    :ivar opens: hours of the day (Jakarta) in which payments may be sent; the same instant twice means always.
    :ivar status_rate: inquiries a second, at most; `status_burst` saved up at most.
    """

    name: str
    base_url: str
    partner_id: str
    client_id: str
    kind: Kind = Kind.BANK
    base_path: str = "/v1.0"
    channel_id: str = "95221"
    origin: str = ""
    with_token: bool = True
    minify: Minify = Minify.OUTSIDE_STRINGS
    spelling: Spelling = Spelling.BASE64
    digits: int = 20
    own_bank_code: str = ""
    source_account: str = ""
    bi_fast: bool = True
    purpose_code: str = "99"
    timeout: float = 20.0
    quiet_period: timedelta = timedelta(minutes=15)
    answers_status_for: timedelta = timedelta(days=31)
    remembers_references_for: timedelta = timedelta(days=60)
    opens: time = time(0)
    closes: time = time(0)
    status_rate: float = 5.0
    status_burst: float = 20.0
    paths: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if timedelta(seconds=self.timeout) >= self.quiet_period:
            why = "the quiet period must be longer than the time limit of a call: a call may be on its way so long"
            raise UnableToUseProfile(f"partner {self.name}: {why}")
        if self.remembers_references_for < GIVE_UP_AFTER + self.quiet_period:
            why = "a reference that is forgotten within a day and the quiet period may be paid twice by a repeated call"
            raise UnableToUseProfile(f"partner {self.name}: {why}")
        if not 1 <= self.digits <= 36:
            raise UnableToUseProfile(f"partner {self.name}: digits must be from 1 to 36")

    def path(self, service: Service) -> str:
        """The signed path of a service."""
        return self.paths.get(service, self.base_path + PATHS[service])

    @property
    def reasons(self) -> Mapping[str, BankReason]:
        """Words of this partner that say exactly why, and the reason codes of ISO 20022."""
        return {**reasons(), **DETAILS, **{word: BankReason(reason) for word, reason in self.details.items()}}

    def is_open(self, now: datetime) -> bool:
        """Whether payments may be sent at this instant."""
        if self.opens == self.closes:
            return True
        clock = now.astimezone(JAKARTA).time()
        if self.opens < self.closes:
            return self.opens <= clock < self.closes
        return clock >= self.opens or clock < self.closes

    def external_id(self, reference: str, call: int) -> str:
        """The name of the n-th call about a reference: digits, another for every call, the same when made again."""
        number = int.from_bytes(hashlib.sha256(f"{self.name}/{reference}/{call}".encode()).digest(), "big")
        return f"{number % 10**self.digits:0{self.digits}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapKeys:
    """What proves us to a partner, and (for notices) the partner to us. Prints without values."""

    client_secret: Secret
    private_key: RSAPrivateKey = field(repr=False)
    partner_key: RSAPublicKey | None = field(default=None, repr=False)


_WRITTEN_AS: Mapping[str, Any] = {
    "kind": Kind,
    "minify": Minify,
    "spelling": Spelling,
    "opens": time.fromisoformat,
    "closes": time.fromisoformat,
    "quiet_period": lambda seconds: timedelta(seconds=seconds),
    "answers_status_for": lambda seconds: timedelta(seconds=seconds),
    "remembers_references_for": lambda seconds: timedelta(seconds=seconds),
}
_KEYS = frozenset({"client_secret_file", "private_key_file", "partner_key_file"})
_NAME = re.compile(r"[a-z0-9-]+\Z")


def read_profile(path: Path) -> tuple[SnapProfile, SnapKeys]:
    """Read a partner's TOML file: the fields of `SnapProfile` (durations in seconds) and the names of its key files.

    Key files (`client_secret_file`, `private_key_file`, `partner_key_file`) are looked for beside the file.
    :raises UnableToUseProfile: it, or a key, is missing, unreadable or not what it should be.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as trouble:
        raise UnableToUseProfile(f"{path.name}: not a readable TOML file ({type(trouble).__name__})") from None
    known = {one.name for one in fields(SnapProfile)}
    strange = sorted(set(table) - known - _KEYS)
    if strange:
        raise UnableToUseProfile(f"{path.name}: unknown setting {strange[0]!r}; see the list of settings of a partner")
    try:
        settings = {name: _WRITTEN_AS.get(name, _as_it_is)(table[name]) for name in known & set(table)}
        profile = SnapProfile(**settings)
    except (TypeError, ValueError) as trouble:
        raise UnableToUseProfile(f"{path.name}: a setting is missing or has a wrong value ({trouble})") from None
    if not _NAME.match(profile.name):
        raise UnableToUseProfile(f"{path.name}: name must be of a-z, 0-9 and hyphens, as in the accounts feed")
    return profile, _read_keys(path, table)


def _as_it_is(value: Any) -> Any:
    return value


def _read_keys(path: Path, table: Mapping[str, Any]) -> SnapKeys:
    def of(name: str) -> bytes | None:
        if name not in table:
            return None
        try:
            return (path.parent / str(table[name])).read_bytes()
        except OSError:
            raise UnableToUseProfile(f"{path.name}: the file named by {name} cannot be read") from None

    private, partner = of("private_key_file"), of("partner_key_file")
    if private is None:
        raise UnableToUseProfile(f"{path.name}: private_key_file is missing: requests for a token are signed with it")
    try:
        private_key = load_pem_private_key(private, password=None)
        partner_key = load_pem_public_key(partner) if partner is not None else None
    except (ValueError, TypeError):
        raise UnableToUseProfile(f"{path.name}: a key file is not an unencrypted PEM key") from None
    if not isinstance(private_key, RSAPrivateKey) or not (partner_key is None or isinstance(partner_key, RSAPublicKey)):
        raise UnableToUseProfile(f"{path.name}: the keys must be RSA keys")
    secret = (of("client_secret_file") or b"").decode("utf-8", "strict").strip()
    return SnapKeys(client_secret=Secret("key", secret), private_key=private_key, partner_key=partner_key)
