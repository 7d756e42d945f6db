"""Everybody who has not bought, with what stands against revoking them and what is known of messages to them."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from cair.store.answers import answers
from cair.store.exports import card, day, format_of, instant, write_rows
from cair.store.office import Office
from cair.store.stories import HOLD_OUT_PERCENT

Announce = Callable[[str, int, int], None]
_DRAW = "('0x' || substr(sha256(lpad(card_number::VARCHAR, 16, '0')), 1, 8))::BIGINT"
_CASES = f"SELECT *, {_DRAW} % 100 < {HOLD_OUT_PERCENT} AS is_held_out FROM given_revocable ORDER BY card_number"
_LISTED = f"""
    SELECT {card("card_number")} AS card_number, wave, region_code, rulebook, reach, {day("last_day")} AS last_day,
           obstacle, proof, attempts, delivered, failed_attempts, failed_channels,
           {instant("last_message")} AS last_message
    FROM given_revocable ORDER BY card_number"""


def revocable(office: Office, as_of: int, *, announce: Announce, listed_in: Path | None = None) -> pa.Table:
    """Give one row for everybody who has not bought as of an instant: columns of `revocation.cases`, `is_held_out`.

    :param as_of: microseconds UTC; :param listed_in: a file (.csv, .parquet, .ndjson) that gets the list too.

    :raises cair.store.exports.UnableToWriteFile: the list cannot be written.
    """
    if listed_in:
        format_of(listed_in)
    with answers(office, as_of, "revocable", announce=announce) as answer:
        if listed_in:
            write_rows(answer.engine, _LISTED, listed_in)
        return answer.engine.sql(_CASES).to_arrow_table()
