"""Amounts as banks write them: exact, never a float.

An *exact* amount is an int of hundred-thousandths of the currency, the finest that ISO 20022 can write.
"""

import re
from functools import lru_cache

EXACT = 100_000
"""Exact units in one unit of the currency."""

RUPIAH = "IDR"
_MOST_DIGITS = 18
_FINEST = 5
_WRITTEN = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)

_MINOR_DIGITS = {
    **dict.fromkeys((RUPIAH, "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


class UnableToReadAmount(ValueError):
    """A text is not a decimal number of at most 18 digits and 5 decimals."""


@lru_cache(maxsize=65_536)
def read_exact(text: str) -> int:
    """Read a decimal number in hundred-thousandths; `600000.00` is 60,000,000,000.

    :raises UnableToReadAmount: it is not one, or has more digits than the standard allows.
    """
    parts = _WRITTEN.fullmatch(text)
    whole, fraction = (parts[2], (parts[3] or "").rstrip("0")) if parts else ("", "")
    if parts is None or not (parts[2] or parts[3]):
        raise UnableToReadAmount("not a decimal number")
    if len(whole.lstrip("0")) + len(fraction) > _MOST_DIGITS or len(fraction) > _FINEST:
        raise UnableToReadAmount("more digits than an amount can have")
    exact = int(whole or "0") * EXACT + int(fraction.ljust(_FINEST, "0") or "0")
    return -exact if parts[1] == "-" else exact


def minor_digits(currency: str) -> int:
    """Decimals that amounts of a currency are kept with here: none for the rupiah, whose cents nobody pays."""
    return _MINOR_DIGITS.get(currency, 2)


def _minor_units(currency: str) -> int:
    return int(10 ** minor_digits(currency))


def in_minor_units(exact: int, currency: str) -> int | None:
    """Give an exact amount in whole rupiah, or in minor units of another currency; None where that would round."""
    unit = EXACT // _minor_units(currency)
    return exact // unit if exact % unit == 0 else None


def in_exact_units(amount: int, currency: str) -> int:
    """Give an amount of whole rupiah, or of minor units of another currency, in exact units."""
    return amount * (EXACT // _minor_units(currency))


def amount_text(amount: int, currency: str = RUPIAH) -> str:
    """Write an amount of minor units as ISO 20022 has it; the rupiah with the two decimals banks expect."""
    digits = minor_digits(currency)
    if not digits:
        return f"{amount}.00" if currency == RUPIAH else str(amount)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 10**digits}.{amount % 10**digits:0{digits}d}"


def exact_text(exact: int) -> str:
    """Write an exact amount without needless zeros, for sentences to officers."""
    sign, exact = ("-", -exact) if exact < 0 else ("", exact)
    fraction = f"{exact % EXACT:0{_FINEST}d}".rstrip("0")
    return f"{sign}{exact // EXACT}" + (f".{fraction}" if fraction else "")


def is_currency(text: str) -> bool:
    """Whether a text has the form of a currency code."""
    return _CURRENCY.fullmatch(text) is not None
