"""The bank's side of the signatures, written apart from the client's."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_SPACES = frozenset(b" \t\r\n")


def without_spaces(body: bytes) -> bytes:
    """Take white space outside strings out of the bytes as received; nothing is parsed and printed anew."""
    kept = bytearray()
    inside = escaped = False
    for byte in body:
        if inside:
            kept.append(byte)
            inside = escaped or byte != _QUOTE
            escaped = byte == _BACKSLASH and not escaped
        elif byte not in _SPACES:
            kept.append(byte)
            inside = byte == _QUOTE
    return bytes(kept)


def hashed(body: bytes) -> str:
    """SHA-256 of the minified body in lower-case hexadecimal."""
    return hashlib.sha256(without_spaces(body)).hexdigest()


def has_secret(secret: str, texts: Iterable[str], signature: str) -> bool:
    """Whether the signature is the HMAC-SHA512 of one of the texts, in Base64 or hexadecimal."""
    given = _bytes_of(signature, 64)
    digests = (hmac.digest(secret.encode(), text.encode(), "sha512") for text in texts)
    return given is not None and any(hmac.compare_digest(given, digest) for digest in digests)


def has_key(key: RSAPublicKey, texts: Iterable[str], signature: str) -> bool:
    """Whether the signature was made over one of the texts with the private half of the key."""
    given = _bytes_of(signature, key.key_size // 8)
    return given is not None and any(_made_with(key, text, given) for text in texts)


def sign(key: RSAPrivateKey, text: str) -> str:
    """The bank's own signature, for notices."""
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def new_token(secret: bytes, partner: str, until: int) -> str:
    """A token that needs no memory: for whom, until when (seconds), and a proof. Survives a restart of the bank."""
    said = f"{partner}.{until}.{secrets.token_hex(8)}"
    return f"{base64.urlsafe_b64encode(said.encode()).decode().rstrip('=')}.{_proof(secret, said)}"


def token_holder(secret: bytes, token: str, now: int) -> str | None:
    """The partner a token was given to, None when it is not ours or has run out."""
    head, _, proof = token.partition(".")
    try:
        said = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode()
        partner, until, _ = said.split(".")
        lives = now < int(until)
    except (ValueError, binascii.Error):
        return None
    return partner if lives and hmac.compare_digest(proof, _proof(secret, said)) else None


def _proof(secret: bytes, said: str) -> str:
    return hmac.digest(secret, said.encode(), "sha256").hex()


def _bytes_of(signature: str, length: int) -> bytes | None:
    try:
        raw = base64.b64decode(signature, validate=True)
        if len(raw) == length:
            return raw
    except (binascii.Error, ValueError):
        pass
    try:
        raw = bytes.fromhex(signature)
    except ValueError:
        return None
    return raw if len(raw) == length else None


def _made_with(key: RSAPublicKey, text: str, signature: bytes) -> bool:
    try:
        key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
