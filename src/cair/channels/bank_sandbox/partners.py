"""The partners of the sandbox: how each wants to be called, and how it behaves; their keys, made at the first start."""

import os
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import time
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from cair.channels.bank_sandbox.states import State

CONFIGURATION = "sandbox.toml"
_NAME = re.compile(r"[a-z0-9-]+\Z")


class UnableToSetUp(Exception):
    """The folder or the configuration of the sandbox cannot be used; the message says what and where."""


class Repeated(StrEnum):
    """What becomes of a reference that was booked already. With other contents it is always inconsistent."""

    REFUSE = "refuse"
    REPLAY = "replay"
    """The first answer again."""
    PAY_AGAIN = "pay_again"
    """The money goes out again: partners exist that do this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A bank or wallet.

    :ivar bank_code: its own; transfers to it are intrabank.
    :ivar base_path: what paths begin with for our client; the sandbox itself takes any beginning.
    :ivar signatures: accepted kinds: `token` (HMAC with a token), `key` (RSA without).
    :ivar reference_days: how long a reference is remembered; `status_days` how long inquiries are answered.
    :ivar most_idr: of one payment; `monthly_most_idr` of what an account gets in a month (0: no limit).
    :ivar funds_idr: the programme's balance before the first entry.
    :ivar opens: hours (Jakarta) in which payments are taken; equal to `closes`: always.
    :ivar calls_per_second: beyond it 429 (0: no limit).
    :ivar answers: which payments of a file its answer lists: `all`, or the `refused` alone, as many banks do.
    :ivar tells_details: inquiries of state say in `additionalInfo` why a payment failed.
    :ivar words: own wording of answers (see `Case.answer`).
    """

    name: str
    kind: str = "bank"
    bank_code: str = ""
    base_path: str = "/v1.0"
    paths: Mapping[str, str] = field(default_factory=dict)
    client_id: str = ""
    partner_id: str = ""
    signatures: Sequence[str] = ("token",)
    repeated: Repeated = Repeated.REFUSE
    unknown_accounts: str = "pay"
    other_banks: Sequence[str] = ()
    checks_names: bool = True
    most_idr: int = 250_000_000
    monthly_most_idr: int = 0
    funds_idr: int = 1_000_000_000_000_000
    fee_idr: int = 0
    source_account: str = "9000000001"
    opens: time = time(0)
    closes: time = time(0)
    calls_per_second: float = 0.0
    notify_url: str = ""
    token_seconds: int = 900
    numeric_external_ids: bool = False
    status_needs_external_id: bool = False
    notice_means_pending: bool = False
    pending_seconds: float = 2.0
    answers: str = "all"
    tells_details: bool = True
    clock_tolerance_seconds: float = 0.0
    reference_days: int = 60
    status_days: int = 3650
    extra_must: Mapping[str, Sequence[str]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.match(self.name) or self.name == "admin":
            raise UnableToSetUp(f"partner {self.name!r}: a name is of a-z, 0-9 and hyphens, and not `admin`")
        if set(self.signatures) - {"token", "key"} or self.unknown_accounts not in ("pay", "refuse"):
            raise UnableToSetUp(f"partner {self.name}: signatures are token or key, unknown_accounts pay or refuse")
        if self.answers not in ("all", "refused"):
            raise UnableToSetUp(f"partner {self.name}: answers are `all` or `refused`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What proves both sides."""

    client_secret: str = field(repr=False)
    client_key: rsa.RSAPublicKey = field(repr=False)
    bank_key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All that is in the folder's `sandbox.toml`: partners by name, accounts, faults, the seed of the lots."""

    partners: Mapping[str, Partner]
    accounts: Sequence[Mapping[str, Any]]
    faults: Sequence[Mapping[str, Any]]
    seed: int


def set_up(folder: Path, *, profiles: Path | None = None) -> Configuration:
    """Make the folder ready: the configuration (from `profiles`, else the one that comes along) and missing keys.

    What is there already stays as it is.
    :raises UnableToSetUp: the folder cannot be written, or the configuration cannot be read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folder / CONFIGURATION
        if not target.exists():
            source = profiles.read_bytes() if profiles else (files(__package__) / "partners.toml").read_bytes()
            _write(target, source)
        configuration = read_configuration(target)
        _make_missing(folder / "token-secret", lambda: secrets.token_hex(32).encode())
        _make_missing(folder / "admin-token", lambda: secrets.token_urlsafe(24).encode())
        for partner in configuration.partners.values():
            _make_keys(folder / "partners" / partner.name)
    except OSError as trouble:
        raise UnableToSetUp(f"{folder}: {trouble.strerror}; give a folder that can be written") from None
    return configuration


def read_configuration(path: Path) -> Configuration:
    """Read `sandbox.toml`.

    :raises UnableToSetUp: it cannot be read, or says something unknown.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as trouble:
        raise UnableToSetUp(f"{path.name}: not a readable TOML file ({type(trouble).__name__})") from None
    partners = [_partner(one) for one in table.get("partner", [])]
    names = {partner.name: partner for partner in partners}
    if len(names) < len(partners) or not partners:
        raise UnableToSetUp(f"{path.name}: it must name partners, each once")
    accounts = table.get("account", [])
    for account in accounts:
        if account.get("partner") not in names or account.get("state", "active") not in set(State):
            raise UnableToSetUp(f"{path.name}: an account names an unknown partner or state")
    return Configuration(partners=names, accounts=accounts, faults=table.get("fault", []), seed=table.get("seed", 0))


def registered(configuration: Configuration) -> Iterator[tuple[str, str, str, str, str]]:
    """The configured accounts as rows of the register."""
    for one in configuration.accounts:
        for account in one["accounts"]:
            yield one["partner"], one.get("bank_code", ""), account, one.get("name", ""), one.get("state", "active")


def keys_of(folder: Path, partner: Partner) -> Keys:
    """The keys of a partner, as they lie in the folder.

    :raises UnableToSetUp: one is missing or no RSA key in PEM.
    """
    home = folder / "partners" / partner.name
    try:
        client_key = load_pem_public_key((home / "client-public-key.pem").read_bytes())
        bank_key = load_pem_private_key((home / "bank-private-key.pem").read_bytes(), password=None)
        secret = (home / "client-secret").read_text(encoding="utf-8").strip()
    except (OSError, ValueError, TypeError):
        raise UnableToSetUp(f"partner {partner.name}: its keys cannot be read; remove its folder to make new") from None
    if not isinstance(client_key, rsa.RSAPublicKey) or not isinstance(bank_key, rsa.RSAPrivateKey):
        raise UnableToSetUp(f"partner {partner.name}: its keys must be RSA keys")
    return Keys(client_secret=secret, client_key=client_key, bank_key=bank_key)


def write_client_profiles(folder: Path, configuration: Configuration, *, base_url: str) -> None:
    """Write beside each partner's keys what our client needs to call it (`profile.toml`)."""
    for partner in configuration.partners.values():
        lines = {
            "name": partner.name,
            "base_url": base_url,
            "partner_id": partner.partner_id or partner.name,
            "client_id": partner.client_id or partner.name,
            "kind": partner.kind,
            "base_path": f"/{partner.name}{partner.base_path}",
            "with_token": "token" in partner.signatures,
            "own_bank_code": partner.bank_code,
            "source_account": partner.source_account if partner.kind == "bank" else "",
            "opens": partner.opens.isoformat(),
            "closes": partner.closes.isoformat(),
            "answers_status_for": partner.status_days * 86_400,
            "remembers_references_for": partner.reference_days * 86_400,
            "client_secret_file": "client-secret",
            "private_key_file": "client-private-key.pem",
            "partner_key_file": "bank-public-key.pem",
        }
        text = "".join(f"{name} = {_toml(value)}\n" for name, value in lines.items())
        own = {code: f"/{partner.name}{path}" for code, path in partner.paths.items()}
        if own:
            text += "\n[paths]\n" + "".join(f'"{code}" = "{path}"\n' for code, path in own.items())
        _write(folder / "partners" / partner.name / "profile.toml", text.encode())


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'


def _partner(table: Mapping[str, Any]) -> Partner:
    known = {one.name for one in fields(Partner)}
    strange = sorted(set(table) - known)
    if strange:
        raise UnableToSetUp(f"partner {table.get('name')}: unknown setting {strange[0]!r}")
    try:
        times = {name: time.fromisoformat(table[name]) for name in ("opens", "closes") if name in table}
        settings = {**table, **times, "repeated": Repeated(table.get("repeated", "refuse"))}
        return Partner(**settings)
    except (TypeError, ValueError) as trouble:
        raise UnableToSetUp(f"partner {table.get('name')}: a setting has a wrong value ({trouble})") from None


def _make_keys(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_missing(home / "client-secret", lambda: secrets.token_urlsafe(32).encode())
    for side in ("client", "bank"):
        private, public = home / f"{side}-private-key.pem", home / f"{side}-public-key.pem"
        if public.exists() and (private.exists() or side == "client"):
            continue
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _write(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _make_missing(path: Path, make: Any) -> None:
    if not path.exists():
        _write(path, make())


def _write(path: Path, content: bytes) -> None:
    """Write a file for the owner alone, whole or not at all."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    passing.replace(path)
