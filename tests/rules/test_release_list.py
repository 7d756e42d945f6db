"""The hash of a release is over every value of every item, written as Python writes it, however it is computed."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cair.rules.release import ITEMS, list_hash

AS_OF = datetime(2020, 7, 27, 16, 59, tzinfo=UTC)
_texts = st.one_of(st.none(), st.text(max_size=5), st.sampled_from(["None", "True", "|", "a|b", "", "\n"]))
_numbers = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
_moments = st.one_of(st.none(), st.integers(-(10**15), 10**15).map(lambda at: AS_OF + timedelta(microseconds=at)))
_KINDS = {pa.string(): _texts, pa.int64(): _numbers, pa.timestamp("us", "UTC"): _moments}
_rows = st.lists(st.tuples(*(_KINDS[field.type] for field in ITEMS), st.one_of(st.none(), st.booleans())), max_size=6)


def plain_hash(rows: list[tuple[object, ...]]) -> bytes:
    told = hashlib.sha256(f"{json.dumps(['release-1', AS_OF.isoformat(), 7, 'Ani', 2])}\n".encode())
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for row in rows:
        written = [(each - epoch) // timedelta(microseconds=1) if isinstance(each, datetime) else each for each in row]
        told.update(f"{'|'.join(map(str, written))}\n".encode())
    return told.digest()


@settings(max_examples=200, deadline=None)
@given(_rows, st.integers(0, 3))
def test_the_hash_is_that_of_the_plain_writing(rows: list[tuple[object, ...]], cut: int) -> None:
    schema = pa.schema([*ITEMS, ("is_sampled", pa.bool_())])
    columns = [pa.array([row[at] for row in rows], field.type) for at, field in enumerate(schema)]
    items = pa.table(columns, schema=schema)
    for parts in ([items], [items.slice(0, cut), items.slice(cut)]):
        assert list_hash(parts, as_of=AS_OF, seed=7, planned_by="Ani", stages=2) == plain_hash(rows)
    assert list_hash([items.slice(cut)], as_of=AS_OF, seed=7, planned_by="Ani", stages=2) == plain_hash(rows[cut:])
