"""Lines of a file as columns: those that are alike are written once and taken as often as they came."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cair.channels.payments.iso20022.shapes import Known
from cair.channels.payments.lines import secret
from cair.channels.payments.settlement import SECRETS, SETTLEMENT_SCHEMA, SettlementLine, columns_of

Row = SettlementLine | tuple[Known, tuple[bytes, ...]]
"""A line, or what it is like with the texts of its own entry."""
_SAME = {"end_to_end_id": ("end_to_end_id", "reference")}
"""The reference is of ours, else there were no such row: it stands in both columns."""


def line_of(row: Row, ordinal: int) -> SettlementLine:
    """Give a row as a line."""
    if isinstance(row, SettlementLine):
        return row
    known, texts = row
    own: dict[str, Any] = {"ordinal": ordinal}
    for name, group in known.own:
        text = texts[group].strip().decode("ascii")
        for column in _SAME.get(name, (name,)):
            own[column] = secret(column, text) if column in SECRETS else text
    line: SettlementLine = known.line._replace(**own)
    return line


def as_batch(rows: list[Row], first: int) -> pa.RecordBatch:
    """Give rows as a batch of `SETTLEMENT_SCHEMA`, the first of them with this ordinal."""
    kinds = [row if isinstance(row, SettlementLine) else row[0] for row in rows]
    _, at, places = np.unique(np.fromiter(map(id, kinds), np.int64, len(kinds)), return_index=True, return_inverse=True)
    distinct = [kinds[place] for place in at.tolist()]
    lines = [kind.line if isinstance(kind, Known) else kind for kind in distinct]
    columns = [column.take(pa.array(places)) for column in columns_of(lines)]
    taken = dict(zip(SETTLEMENT_SCHEMA.names, columns, strict=True))
    for name, mask, texts in _own_texts(rows, distinct, places):
        written = pc.ascii_trim_whitespace(pa.array(texts, pa.binary()).cast(pa.string()))
        for column in _SAME.get(name, (name,)):
            taken[column] = pc.replace_with_mask(taken[column], pa.array(mask), written)
    taken["ordinal"] = pa.array(np.arange(first, first + len(rows)))
    return pa.RecordBatch.from_arrays(list(taken.values()), schema=SETTLEMENT_SCHEMA)


def _own_texts(rows: list[Any], distinct: list[Any], places: Any) -> Iterator[tuple[str, Any, list[bytes]]]:
    """Give by column which rows have a text of their own there, and these texts in the order of the rows."""
    groups: dict[str, Any] = {}
    for kind, known in enumerate(distinct):
        for name, group in known.own if isinstance(known, Known) else ():
            groups.setdefault(name, np.full(len(distinct), -1))[kind] = group
    for name, group_of in groups.items():
        found = group_of[places]
        mask = found >= 0
        chosen = zip(np.flatnonzero(mask).tolist(), found[mask].tolist(), strict=True)
        yield name, mask, [rows[at][1][group] for at, group in chosen]
