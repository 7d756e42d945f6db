"""Signatures against vectors that other implementations confirmed, and against the bank's own reading of them."""

import base64
import hashlib
import json
import math

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from cair.channels.bank_sandbox import signatures
from cair.channels.payments.snap import signing

STAMP = "2026-01-15T09:30:00+07:00"
SECRET, TOKEN = "test-client-secret-01", "test-access-token-01"
INTERBANK = {
    "partnerReferenceNo": "INC-0000000001-1",
    "amount": {"value": "600000.00", "currency": "IDR"},
    "beneficiaryAccountName": "BUDI SANTOSO",
    "beneficiaryAccountNo": "0123456789",
    "beneficiaryBankCode": "009",
    "sourceAccountNo": "9000000001",
    "transactionDate": STAMP,
}
TOP_UP = {
    "partnerReferenceNo": "INC-0000000002-1",
    "customerNumber": "6281200000001",
    "amount": {"value": "600000.00", "currency": "IDR"},
    "notes": "Insentif – tahap 1",
}
TOKEN_SIGNATURE = (
    "V80v3wWDNDOJSAdgUaq0nGATUTWUaEY6Kz2jD0oP0sWU8psLhAqg+jqmmrDC5A2lP5+e/3c29aLF8692ld2cAZiol3ohRQ7o9QvDFVtqWXLT+k7y"
    "Tib7Bl5JTs0jT36Lvlwy+s3g5EHwmxqzDQQbXclTeh6sxrWxIxpVy4QiBEk7okUAaNBHZvGB4MIWJhpeG5G/i924WwxQb97Jiqf8ZlbxAeoPCxN1"
    "6zjwitPlIEH0Wpq9I4VOhU2HDE20nLCLT2D1c5PskVhzhnqYVjj9gUD5xHriL3ZwTpfdc7rMLgGvppwil2lcoRxFT0IURVdGaPTEHQ8sHWs/LO0E"
    "v6VHyg=="
)
WITHOUT_TOKEN = (
    "fkjrzZIdR/luI8qdV34spiDZUNfg+0OLU3O597Hk3LT8b/mVNd3bUQ7wKHjqUVy1nB6xFoN/6lGL++0mP+EjBq8fK2pl/yG7tN3/gNfRDh05ojEA"
    "CEZK4xYLdhj9F3+B6RZtW8OpZACRXWHZWb2uz20YUK6RO8xhVUSSdp1CcSjZmaNaDiZZt2+H5imJ344bwRFHCDoIgpp/8qGYrsK+GGprE2rCUuBP"
    "G7CDxO/DmN+OuJ+okxFW0YBPCp4IGswLR88xHm/hR6LbiZRQ3Eq1fzrkvqh6LqLnPYwMHEogE28kvKmDr3+1VyTwuLDvImRQvkcAaYn2O0BwfQqz"
    "gG2r8A=="
)


_SMALL = math.factorial(2_000)


def _is_prime(number: int) -> bool:
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        power = pow(base, odd, number)
        passes = power in (1, number - 1)
        for _ in range(twos - 1):
            power = power * power % number
            passes = passes or power == number - 1
        if not passes:
            return False
    return True


def _prime(label: str) -> int:
    number = int.from_bytes(hashlib.shake_256(f"snap-test-vector-1/{label}".encode()).digest(128), "big")
    number |= (3 << 1022) | 1
    while math.gcd(number, _SMALL) > 1 or (number - 1) % 65537 == 0 or not _is_prime(number):
        number += 2
    return number


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    """A key made from a public seed: of no use but for these vectors."""
    q, p = sorted((_prime("p"), _prime("q")))
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    made = rsa.RSAPrivateNumbers(p, q, d, *exponents, public).private_key()
    der = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert hashlib.sha256(der).hexdigest() == "bd31b9e398512417447bafe26816064e1823ce63d80c7b373a976c50002aff29"
    return made


def _compact(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def test_request_for_a_token(key):
    assert signing.sign_token_request(key, "TEST-CLIENT-01", STAMP) == TOKEN_SIGNATURE


@pytest.mark.parametrize(
    ("method", "path", "body", "hashed", "signature"),
    [
        (
            "POST",
            "/v1.0/transfer-interbank",
            json.dumps(INTERBANK, indent=2).encode(),
            "5f579374532eda6542f06829c308c311da4c06b1679d9a897580297b1545d089",
            "g7DWZwT6vk13OYJUvpDLPDT5rojyiGuucVfY2c20GorVgqR3bDQTydA3Lt28NB0/WWWH24PnBEtk73tfT8T/lg==",
        ),
        (
            "POST",
            "/v1.0/emoney/topup",
            _compact(TOP_UP),
            "50b73a89502e920f582b63767095657f7b9efcc3d92f13c633943b43f3a0661f",
            "V3HKa8isH76Tq7/k7PeqcbLd5YKTrf4KoL6EFsVwjlI66ZZERiK2j3+rimcPW4Tz0QXdiDyHsMs3RR9eozbhFA==",
        ),
        (
            "GET",
            "/v1.0/ping?x=1",
            b"",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "ByPhvFy/buTH4HJSGtNn+1DkAR2JHCcbAge04llE8Xmz8LwPqni2uou3+7x55cMhfOu4/bhyd/FGVk/ynI3q1g==",
        ),
    ],
)
def test_transactions_with_a_token(method, path, body, hashed, signature):
    assert signing.body_hash(body) == signatures.hashed(body) == hashed
    text = signing.text_with_token(method, path, TOKEN, hashed, STAMP)
    assert signing.sign_with_token(SECRET, text) == signature
    in_hexadecimal = signing.sign_with_token(SECRET, text, signing.Spelling.HEX)
    assert base64.b64decode(signature).hex() == in_hexadecimal
    for spelled in (signature, in_hexadecimal):
        assert signatures.has_secret(SECRET, ["another", text], spelled)
        assert not signatures.has_secret(SECRET, [text + "x"], spelled)


def test_transaction_without_a_token(key):
    text = signing.text_without_token("POST", "/v1.0/transfer-interbank", signing.body_hash(_compact(INTERBANK)), STAMP)
    assert signing.sign_without_token(key, text) == WITHOUT_TOKEN
    assert signing.is_signed_by(key.public_key(), text, WITHOUT_TOKEN)
    assert signatures.has_key(key.public_key(), [text], WITHOUT_TOKEN)
    for wrong in ("", "xyzu", "85be" * 16, WITHOUT_TOKEN[:-4], "é"):
        assert not signing.is_signed_by(key.public_key(), text, wrong)
        assert not signatures.has_key(key.public_key(), [text], wrong)


def test_white_space_inside_strings_stays_unless_the_partner_takes_it_out_too():
    body = b'{ "a" : "dua kata \\" x" ,\n "b":1.0 }'
    assert signing.minify(body) == b'{"a":"dua kata \\" x","b":1.0}'
    assert signing.minify(body, signing.Minify.EVERYWHERE) == b'{"a":"duakata\\"x","b":1.0}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.integers(0, 3))
def test_both_sides_minify_to_the_compact_form_however_it_was_laid_out(value, indent):
    compact = _escaped(value, separators=(",", ":"))
    laid_out = _escaped(value, indent=indent)
    assert signing.minify(laid_out) == signatures.without_spaces(laid_out) == compact


def _escaped(value: object, **how: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, **how).encode()
