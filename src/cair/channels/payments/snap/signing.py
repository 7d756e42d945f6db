"""Signatures of SNAP BI: over the token request, over a transaction (with and without token), over a notice to us."""

import base64
import binascii
import hashlib
import hmac
import re
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_OUTSIDE_STRINGS = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
_ANYWHERE = re.compile(rb"[ \t\r\n]+")


class Minify(StrEnum):
    """Which white space of a body is left out before it is hashed."""

    OUTSIDE_STRINGS = "outside_strings"
    """The standard's rule."""
    EVERYWHERE = "everywhere"
    """Some partners take it out of texts too."""


class Spelling(StrEnum):
    """How the bytes of a signature are written."""

    BASE64 = "base64"
    HEX = "hex"


def minify(body: bytes, rule: Minify = Minify.OUTSIDE_STRINGS) -> bytes:
    """Leave white space out of a body, and touch nothing else: numbers and texts stay as they were written."""
    if rule is Minify.EVERYWHERE:
        return _ANYWHERE.sub(b"", body)
    return _OUTSIDE_STRINGS.sub(lambda found: found[1] or b"", body)


def body_hash(body: bytes, rule: Minify = Minify.OUTSIDE_STRINGS) -> str:
    """SHA-256 of the minified body, lower case; of zero bytes when there is no body."""
    return hashlib.sha256(minify(body, rule)).hexdigest()


def sign_token_request(key: RSAPrivateKey, client_id: str, timestamp: str) -> str:
    """The signature of a token request: RSA-SHA256 over `client id|timestamp`, in Base64."""
    return _rsa(key, f"{client_id}|{timestamp}")


def sign_with_token(secret: str, text: str, spelling: Spelling = Spelling.BASE64) -> str:
    """The signature of a transaction with a token: HMAC-SHA512 with the client secret over `text_with_token`."""
    digest = hmac.digest(secret.encode(), text.encode(), "sha512")
    return digest.hex() if spelling is Spelling.HEX else base64.b64encode(digest).decode()


def sign_without_token(key: RSAPrivateKey, text: str) -> str:
    """The signature of a transaction without a token: RSA-SHA256 over `text_without_token`, in Base64."""
    return _rsa(key, text)


def text_with_token(method: str, path: str, token: str, hashed: str, timestamp: str) -> str:
    """What is signed when there is a token; `path` begins with a slash and has no host, `token` is without `Bearer`."""
    return f"{method}:{path}:{token}:{hashed}:{timestamp}"


def text_without_token(method: str, path: str, hashed: str, timestamp: str) -> str:
    """What is signed when there is no token."""
    return f"{method}:{path}:{hashed}:{timestamp}"


def is_signed_by(key: RSAPublicKey, text: str, signature: str) -> bool:
    """Say whether the holder of `key` made this Base64 signature over the text."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def _rsa(key: RSAPrivateKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
