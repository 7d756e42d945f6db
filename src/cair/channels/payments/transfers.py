"""What a bulk file pays, as columns; what banks cannot take is known before a file is begun."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.payments.rail import LONGEST_REFERENCE, PaymentOrder

TRANSFERS = pa.schema(
    [
        pa.field("reference", pa.string(), nullable=False),
        pa.field("amount_idr", pa.int64(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("holder_name", pa.string(), nullable=False),
        pa.field("bank", pa.string()),
        pa.field("partner", pa.string(), nullable=False),
        pa.field("execution_day", pa.date32(), nullable=False),
        pa.field("remark", pa.string()),
    ]
)
"""One row a transfer. `bank` is the receiving bank's BIC or three-digit code, empty when the account is with the bank
that pays; `partner` the payment partner; account and name in the clear."""

LONGEST_NAME = 70
LONGEST_REMARK = 140
LARGEST_IDR = 10**15
BATCH = 50_000

_LETTERS = "A-Za-z0-9/?:().,'+ -"
_LATIN = f"^[{_LETTERS}]*$"
_STRAY = re.compile(f"[^{_LETTERS}]")
_SPACES = re.compile(r"\s+")
_REFERENCE = rf"^[A-Za-z0-9-]{{1,{LONGEST_REFERENCE}}}$"
_ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9.-]{0,33}$"
_BANK = r"^(|[0-9]{3}|[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?)$"
_SPELT = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "þ": "th",
        "Þ": "Th",
        "ł": "l",
        "Ł": "L",
        "ı": "i",
        "&": "+",
        "_": "-",
        ";": ",",
        '"': "'",
        "\\": "/",
        **dict.fromkeys("‘’ʼʻʾʿ`´“”«»", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
    }
)


class Unwritable(StrEnum):
    """Why a transfer cannot be written into a bank's file, the first that holds."""

    BAD_REFERENCE = "BAD_REFERENCE"
    BAD_AMOUNT = "BAD_AMOUNT"
    BAD_ACCOUNT = "BAD_ACCOUNT"
    BAD_NAME = "BAD_NAME"
    """No letter of it can be written in the letters banks take."""
    BAD_BANK = "BAD_BANK"
    BAD_DAY = "BAD_DAY"


class UnableToWritePayments(Exception):
    """A file of payments cannot be written as asked; what was begun is no file. Shows no personal values."""


def transfers_of(orders: Iterable[PaymentOrder], *, execution_day: date) -> Iterator[pa.RecordBatch]:
    """Give payment orders as batches of `TRANSFERS`."""
    waiting = iter(orders)
    while piece := list(islice(waiting, BATCH)):
        yield pa.RecordBatch.from_pylist(
            [
                {
                    "reference": order.reference,
                    "amount_idr": order.amount_idr,
                    "account": order.account_ref.reveal(),
                    "holder_name": order.holder_name.reveal(),
                    "bank": order.bank_code,
                    "partner": order.partner,
                    "execution_day": execution_day,
                    "remark": order.remark,
                }
                for order in piece
            ],
            schema=TRANSFERS,
        )


@lru_cache(maxsize=4_096)
def latin(text: str) -> str:
    """Spell a text in the letters every bank takes: a-z A-Z 0-9 / - ? : ( ) . , ' + and space.

    Accents fall away, signs are replaced by their nearest, what is left becomes a full stop (as European banks do).
    """
    plain = unicodedata.normalize("NFKD", _SPACES.sub(" ", text).strip().translate(_SPELT))
    plain = "".join(letter for letter in plain.translate(_SPELT) if not unicodedata.combining(letter))
    return _SPACES.sub(" ", _STRAY.sub(".", plain)).strip()


def latin_column(texts: pa.Array, *, longest: int) -> pa.Array:
    """Spell a column in the letters every bank takes, cut to the longest; NULL becomes empty."""
    texts = pc.fill_null(texts, "")
    strange = pc.or_(pc.invert(pc.match_substring_regex(texts, _LATIN)), pc.match_substring_regex(texts, "^ |  | $"))
    if pc.any(strange).as_py():
        spelt = [latin(text) for text in texts.filter(strange).to_pylist()]
        texts = pc.replace_with_mask(texts, strange, pa.array(spelt, texts.type))
    return pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(texts, 0, longest))


def judge_transfers(transfers: pa.RecordBatch) -> pa.Array:
    """Say for each row why it cannot be written, NULL when it can: a release leaves those out and names them."""
    amount = transfers["amount_idr"]
    failing = {
        Unwritable.BAD_REFERENCE: _not_like(transfers["reference"], _REFERENCE),
        Unwritable.BAD_AMOUNT: pc.invert(
            pc.fill_null(pc.and_(pc.greater(amount, 0), pc.less_equal(amount, LARGEST_IDR)), False)
        ),
        Unwritable.BAD_ACCOUNT: _not_like(transfers["account"], _ACCOUNT),
        Unwritable.BAD_NAME: _not_like(latin_column(transfers["holder_name"], longest=LONGEST_NAME), "[A-Za-z]"),
        Unwritable.BAD_BANK: _not_like(pc.fill_null(transfers["bank"], ""), _BANK),
        Unwritable.BAD_DAY: pc.is_null(transfers["execution_day"]),
    }
    conditions = pa.StructArray.from_arrays(list(failing.values()), names=[str(word) for word in failing])
    return pc.case_when(conditions, *(pa.scalar(str(word)) for word in failing))


def refuse_unwritable(transfers: pa.RecordBatch) -> None:
    """Check that every row can be written.

    :raises UnableToWritePayments: some cannot; says how many and why, never whose.
    """
    judged = judge_transfers(transfers)
    if judged.null_count == len(judged):
        return
    found = Counter(word for word in judged.to_pylist() if word)
    counts = ", ".join(f"{number:,} {word}" for word, number in sorted(found.items()))
    why = f"transfers that no bank can take: {counts}; leave them out by `judge_transfers` and mend them"
    raise UnableToWritePayments(why)


def _not_like(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.invert(pc.fill_null(pc.match_substring_regex(texts, pattern), False))
