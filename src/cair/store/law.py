"""The law as tables of a session: the rulebooks' figures, and which day follows from a day under each term.

Working the terms out needs the calendar of two centuries; so they are kept beside the segments, under a name that
changes with the figures, the calendar and the code that reads them.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from cair.store.payment_tables import lay_down_no_payments

_TABLES = ("rulebooks", "terms")


def lay_down_law(engine: duckdb.DuckDBPyConnection, *, kept: Path | None = None) -> None:
    """Put the rulebooks' figures and the terms into a session; `kept`: a folder in which they are found the next time."""
    for name in _TABLES:
        place = None if kept is None else kept / f"law-{name}-{_content()}.parquet"
        if place is None or not place.exists():
            engine.register("laid", _worked_out()[name])
            if place is not None:
                _keep(engine, place, f"law-{name}-*.parquet")
            engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM laid")
            engine.unregister("laid")
        else:
            engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM read_parquet('{place}')")
    lay_down_no_payments(engine)


def _keep(engine: duckdb.DuckDBPyConnection, place: Path, pattern: str) -> None:
    for old in place.parent.glob(pattern):
        old.unlink(missing_ok=True)
    unfinished = place.with_suffix(".new")
    engine.execute(f"COPY (FROM laid) TO '{unfinished}' (FORMAT parquet)")
    unfinished.rename(place)


@cache
def _content() -> str:
    """Name what the law is made from: every file of the programme, and the version of the calendar."""
    said = hashlib.sha256(version("holidays").encode())
    folder = files("cair.programme")
    places = [folder / "rulebooks.yaml", folder / "reader.py", *(folder / "parameters").iterdir()]
    for place in sorted(places, key=str):
        if place.is_file():
            said.update(place.name.encode() + b"\0" + place.read_bytes())
    return said.hexdigest()[:16]


@cache
def _worked_out() -> dict[str, pa.Table]:
    from cair.programme.reader import default_rulebook, rulebooks, terms  # brings the calendar

    books = rulebooks()
    assert default_rulebook() in books, "checks run under a rulebook that exists"
    names, days, due_days = terms()
    return {
        "rulebooks": pa.table(
            {
                "rulebook": [book.name for book in books],
                "training_balance_idr": [book.training_balance_idr for book in books],
                "buying_days": [book.buying_days for book in books],
                "review_characters": [book.review_characters for book in books],
                "tranche_1_idr": [book.tranche_1_idr for book in books],
                "counts_activities": [book.counts_activities for book in books],
            }
        ),
        "terms": pa.table({"term": names, "day": days, "due_day": due_days}),
    }
