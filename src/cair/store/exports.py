"""Writing rows to files as the contract says: instants RFC 3339 in UTC, days as dates, empty for none."""

import os
from pathlib import Path

import duckdb

FORMATS = {
    ".csv": "FORMAT csv, HEADER, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR ''",
    ".parquet": "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1",
    ".ndjson": "FORMAT json",
}


class UnableToWriteFile(Exception):
    """The file cannot be written; the message says why and what to do."""


def format_of(path: Path) -> str:
    """Give the form of a file by its name.

    :raises UnableToWriteFile: the name says none of the forms.
    """
    try:
        return FORMATS[path.suffix]
    except KeyError:
        raise UnableToWriteFile(f"{path.name} must end in {', '.join(FORMATS)}: the ending says the form.") from None


def instant(column: str) -> str:
    """Write the SQL for an instant in microseconds as text."""
    # The format is a constant in each branch, so that it is read once and not for every row.
    whole = f"strftime(make_timestamp({column}), '%Y-%m-%dT%H:%M:%SZ')"
    parted = f"strftime(make_timestamp({column}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"CASE WHEN {column} % 1000000 = 0 THEN {whole} ELSE {parted} END"


def day(column: str) -> str:
    """Write the SQL for a day number as text."""
    return f"strftime(DATE '1970-01-01' + {column}::INTEGER, '%Y-%m-%d')"


def card(column: str) -> str:
    """Write the SQL for a card number with its 16 digits."""
    # Filling up costs more than writing the number, and few card numbers begin with a zero.
    return f"CASE WHEN {column} < 1000000000000000 THEN lpad({column}::VARCHAR, 16, '0') ELSE {column}::VARCHAR END"


def write_rows(engine: duckdb.DuckDBPyConnection, select: str, path: Path) -> int:
    """Write what a SELECT gives to a file that appears whole or not at all; say how many rows.

    :raises UnableToWriteFile: no such form, no such folder, no permission, or no room.
    """
    form = format_of(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    quoted = str(unfinished).replace("'", "''")
    try:
        count = engine.execute(f"COPY ({select}) TO '{quoted}' ({form})").fetchall()[0][0]
        unfinished.rename(path)
    except (duckdb.IOException, OSError) as error:
        unfinished.unlink(missing_ok=True)
        raise UnableToWriteFile(f"{path} cannot be written. Check that the folder exists and has room.") from error
    return int(count)
