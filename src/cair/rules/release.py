"""Who is paid next, and who must agree: the list of a release, its sample, its hash, its stages. Pure.

Fair order: who has waited longest comes first, then the smaller card number. The list is as long as the money of each
budget line lasts; nobody is passed over for a smaller amount behind him.
"""

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Role(StrEnum):
    """In which role somebody acts."""

    OFFICER = "OFFICER"
    """Plans releases, and runs approved ones."""
    CHECKER = "CHECKER"
    """Approves at the first stage."""
    APPROVER = "APPROVER"
    """Approves at the first or second stage."""
    DIRECTOR = "DIRECTOR"
    """Approves at any stage."""
    TREASURER = "TREASURER"
    """Runs approved releases, pays and settles."""
    AUDITOR = "AUDITOR"
    """Sees everything, does nothing."""


MAY_PLAN = frozenset({Role.OFFICER})
MAY_RUN = frozenset({Role.OFFICER, Role.TREASURER})
MAY_APPROVE: Mapping[int, tuple[Role, ...]] = {
    1: (Role.CHECKER, Role.APPROVER, Role.DIRECTOR),
    2: (Role.APPROVER, Role.DIRECTOR),
    3: (Role.DIRECTOR,),
}
"""Roles that may approve at each stage, the lowest first."""

FORBIDDEN_PAIRS = frozenset(
    {frozenset({maker, checker}) for maker in (Role.OFFICER, Role.TREASURER) for checker in MAY_APPROVE[1]}
    | {frozenset({Role.AUDITOR, role}) for role in Role if role is not Role.AUDITOR}
)
"""Roles that no one person may hold together: whoever plans or pays does not approve, an auditor does neither."""

STAGES_FROM_IDR = (0, 1_000_000_000, 1_000_000_000_000)
"""From which amount of a release one, two, three approvals are needed, unless the office has set other amounts."""

ITEMS = pa.schema(
    [
        ("order_ref", pa.string()),
        ("attempt", pa.int64()),
        ("card_number", pa.int64()),
        ("benefit", pa.string()),
        ("line", pa.string()),
        ("amount_idr", pa.int64()),
        ("partner", pa.string()),
        ("account_ref_index", pa.string()),
        ("account_fingerprint", pa.string()),
        ("facts", pa.string()),
        ("since", pa.timestamp("us", "UTC")),
    ]
)
"""What a release says about each payment: in the order of the list. Hashes are UUIDs as text."""
FAIR_ORDER = ("since", "card_number", "benefit")
"""Who is paid first: who has waited longest, then the smaller card number."""
_PIECE = 65_536
"""Rows looked at at once."""


def forbidden_pair(roles: frozenset[Role]) -> tuple[Role, Role] | None:
    """Give the first pair of roles that one person may not hold together, else None."""
    found = sorted(tuple(sorted(pair)) for pair in FORBIDDEN_PAIRS if pair <= roles)
    return (found[0][0], found[0][1]) if found else None


def stages_needed(amount_idr: int, stages_from_idr: tuple[int, ...] = STAGES_FROM_IDR) -> int:
    """Say how many approvals a release of an amount needs.

    :param stages_from_idr: one to three amounts, the first 0, growing.
    """
    assert stages_from_idr[0] == 0, "every release needs an approval"
    assert len(stages_from_idr) <= len(MAY_APPROVE), "there are three stages"
    assert all(low < high for low, high in pairwise(stages_from_idr)), "more money needs more approvals"
    return sum(amount_idr >= amount for amount in stages_from_idr)


def choose(due: Iterable[pa.Table], available: Mapping[str, int]) -> Iterator[pa.Table]:
    """Give what may be released of what is due, within what each line has available.

    A later attempt takes nothing of the appropriation: its money was promised with the first.

    :param due: columns of `ITEMS`, in parts, in `FAIR_ORDER`; :param available: whole rupiah by line, none when absent.
    """
    promised: dict[str, int] = {}
    for part in due:
        amounts = np.where(pc.equal(part["attempt"], 1).to_numpy(), part["amount_idr"].to_numpy(), 0)
        lines = part["line"].combine_chunks().dictionary_encode()
        fits = np.zeros(part.num_rows, bool)
        for at, line in enumerate(lines.dictionary.to_pylist()):
            own = lines.indices.to_numpy() == at
            reached = np.cumsum(amounts[own]) + promised.get(line, 0)
            fits[own] = (reached <= available.get(line, 0)) | (amounts[own] == 0)
            promised[line] = int(reached[-1])
        if fits.any():
            yield part.filter(pa.array(fits))


def drawn(references: Iterable[str], *, seed: int, size: int) -> list[str]:
    """Draw references for inspection: those with the smallest hash of seed and reference."""
    told = f"{seed}/".encode()
    ranked = ((hashlib.sha256(told + reference.encode()).digest(), reference) for reference in references)
    return [reference for _, reference in heapq.nsmallest(size, ranked)]


def list_hash(items: Iterable[pa.Table], *, as_of: datetime, seed: int, planned_by: str, stages: int) -> bytes:
    """Give the SHA-256 that stands for a release in approvals: of what it was planned with and every item in order.

    :param items: in parts, with columns of `ITEMS` and `is_sampled`.
    """
    header = ["release-1", as_of.astimezone(UTC).isoformat(), seed, planned_by, stages]
    told = hashlib.sha256(f"{json.dumps(header)}\n".encode())
    for part in items:
        instants = part.set_column(part.schema.get_field_index("since"), "since", part["since"].cast(pa.int64()))
        for batch in instants.select([*ITEMS.names, "is_sampled"]).to_batches(_PIECE):
            told.update(_lines_of(batch))
    return told.digest()


def _lines_of(batch: pa.RecordBatch) -> memoryview:
    """Give each row as a line of text, values between bars, as Python writes them; the bytes as they lie in memory."""
    columns = [pc.fill_null(_written(column).cast(pa.large_string()), "None") for column in batch.columns]
    bar, nothing, end = (pa.scalar(text, pa.large_string()) for text in ("|", "", "\n"))
    lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*columns, bar), nothing, end)
    _, offsets, characters = lines.buffers()
    ends = memoryview(offsets).cast("q")
    return memoryview(characters)[ends[lines.offset] : ends[lines.offset + len(lines)]]


def _written(column: pa.Array) -> pa.Array:
    return pc.if_else(column, "True", "False") if pa.types.is_boolean(column.type) else column
