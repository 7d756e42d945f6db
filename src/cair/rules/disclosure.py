"""Which counts of a public table stay unsaid, so that nobody can work out a count below five from what is said.

Source: decisions, section 4 ("counts below 5 are suppressed on public tables, and cells that would reveal them too").

A *cell* is any name for a published count; a *sum* says that one cell is the total of others. All tables of one
publication belong into one call: a count that is withheld here and derivable there is published.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cair.programme.reader import steady

LEAST_PUBLISHED = steady("least_published")
"""Persons; the smallest count that is published. A zero is published too: it is about nobody."""

_STEPS_PER_CELL = 300
"""How long, and how deep, the search for another table that fits may go before a cell is taken to be exposed."""

Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True)
class Sum(Generic[Cell]):
    """`total` is the sum of `parts`; a part that is not among the counts is zero."""

    total: Cell
    parts: tuple[Cell, ...]


def gaps(counts: Mapping[Cell, int], sums: Iterable[Sum[Cell]]) -> list[tuple[Sum[Cell], int]]:
    """The sums that do not hold, each with total minus parts."""
    found = []
    for one in sums:
        gap = counts.get(one.total, 0) - sum(counts.get(part, 0) for part in one.parts)
        if gap:
            found.append((one, gap))
    return found


def withheld(counts: Mapping[Cell, int], sums: Sequence[Sum[Cell]], *, least: int = LEAST_PUBLISHED) -> frozenset[Cell]:
    """The cells to withhold; the answer depends on the order of `counts` only where two counts are equal.

    Laws, for a reader who knows this rule, all other cells, and hence that a withheld count is at least one:
    every count from 1 to `least - 1` is withheld; the withheld parts of a published total are none or come to `least`
    or more; and for every withheld cell another table fits everything published in which that cell counts otherwise.
    A set of sums that does not hold is a bug of the caller.
    """
    if gaps(counts, sums) or min(counts.values(), default=0) < 0:
        raise AssertionError("counts below zero, or sums that do not hold, cannot be protected")
    table = _Table(counts, sums)
    hidden = {cell for cell, count in counts.items() if 0 < count < least}
    covered: set[Cell] = set()
    while True:
        _withhold_with_company(table, hidden, least)
        exposed = _first_exposed(table, hidden, covered)
        if exposed is None:
            return frozenset(hidden)
        cover = _cheapest_cover(table, hidden, exposed)
        if cover is None:
            return frozenset(hidden)
        hidden.add(cover)


class _Table(Generic[Cell]):
    """The counts with each sum as a signed row: +1 for its parts, -1 for its total; zeros take no part."""

    def __init__(self, counts: Mapping[Cell, int], sums: Sequence[Sum[Cell]]) -> None:
        self.counts = counts
        self.rows: list[dict[Cell, int]] = []
        self.rows_of: dict[Cell, list[int]] = defaultdict(list)
        for one in sums:
            row = {part: 1 for part in one.parts if counts.get(part, 0)}
            if counts.get(one.total, 0):
                row[one.total] = -1
            for cell in row:
                self.rows_of[cell].append(len(self.rows))
            self.rows.append(row)
        self.rank = {cell: (count, place) for place, (cell, count) in enumerate(counts.items())}

    def cheapest(self, cells: Iterable[Cell], hidden: set[Cell]) -> Cell | None:
        """The smallest published count among the cells, if there is one."""
        return min((cell for cell in cells if cell not in hidden), key=self.rank.__getitem__, default=None)


def _withhold_with_company(table: _Table[Cell], hidden: set[Cell], least: int) -> None:
    """No withheld cell alone in a sum, no withheld parts of a published total that come to less than `least`."""
    open_rows = list(range(len(table.rows)))
    while open_rows:
        row = table.rows[open_rows.pop()]
        while True:
            gone = [cell for cell in row if cell in hidden]
            small = all(row[cell] > 0 for cell in gone) and sum(table.counts[cell] for cell in gone) < least
            if not gone or (len(gone) > 1 and not small):
                break
            companion = table.cheapest(row, hidden)
            if companion is None:
                break
            hidden.add(companion)
            open_rows.extend(table.rows_of[companion])


def _first_exposed(table: _Table[Cell], hidden: set[Cell], covered: set[Cell]) -> Cell | None:
    """The first withheld cell for which no other table was found that fits all that is published.

    Adds to `covered` the cells for which one was found; it goes on fitting when more is withheld.
    """
    for cell in table.counts:
        if cell in hidden and cell not in covered:
            moves = _other_table(table, hidden, cell)
            if moves is None:
                return cell
            covered.update(moves)
    return None


def _other_table(table: _Table[Cell], hidden: set[Cell], cell: Cell) -> dict[Cell, int] | None:
    """Changes by one, `cell` among them, after which all sums hold and no withheld count is below one."""
    for change in (1, -1):
        if table.counts[cell] + change >= 1:
            search = _Search(table, hidden)
            if search.balances_with(cell, change):
                return search.moves
    return None


class _Search(Generic[Cell]):
    """Depth-first search for changes that balance each other in every row, within a fixed number of steps."""

    def __init__(self, table: _Table[Cell], hidden: set[Cell]) -> None:
        self.table, self.hidden = table, hidden
        self.moves: dict[Cell, int] = {}
        self.rests: dict[int, int] = {}
        self.steps = _STEPS_PER_CELL

    def balances_with(self, cell: Cell, change: int) -> bool:
        """Makes the change and completes `moves`, or takes the change back and says no."""
        if not self.steps:
            return False
        self.steps -= 1
        self.moves[cell] = change
        self._shift(cell, change)
        if not self.rests:
            return True
        for move in self._next_moves():
            if self.balances_with(*move):
                return True
        del self.moves[cell]
        self._shift(cell, -change)
        return False

    def _shift(self, cell: Cell, change: int) -> None:
        """Keeps in `rests` the rows that are out of balance, and by how much."""
        for row in self.table.rows_of[cell]:
            rest = self.rests.pop(row, 0) + self.table.rows[row][cell] * change
            if rest:
                self.rests[row] = rest

    def _next_moves(self) -> list[tuple[Cell, int]]:
        """Changes for the row that has the fewest; first those that mend most, then those of great counts."""
        fewest = min((self._candidates(row) for row in sorted(self.rests)), key=len)
        return sorted(fewest, key=self._promise)

    def _candidates(self, row: int) -> list[tuple[Cell, int]]:
        wanted = -1 if self.rests[row] > 0 else 1
        return [
            (cell, wanted * sign)
            for cell, sign in self.table.rows[row].items()
            if cell in self.hidden and cell not in self.moves and self.table.counts[cell] + wanted * sign >= 1
        ]

    def _promise(self, move: tuple[Cell, int]) -> tuple[int, int, int]:
        cell, change = move
        worse = sum(
            abs(self.rests.get(row, 0) + self.table.rows[row][cell] * change) - abs(self.rests.get(row, 0))
            for row in self.table.rows_of[cell]
        )
        count, place = self.table.rank[cell]
        return worse, -count, place


def _cheapest_cover(table: _Table[Cell], hidden: set[Cell], exposed: Cell) -> Cell | None:
    """The next cell to withhold for the exposed one: from its sums, else from those of any withheld cell, else any."""
    own = (cell for row in table.rows_of[exposed] for cell in table.rows[row])
    near = (cell for gone in hidden for row in table.rows_of[gone] for cell in table.rows[row])
    everywhere = (cell for cell, count in table.counts.items() if count)
    for cells in (own, near, everywhere):
        cover = table.cheapest(cells, hidden)
        if cover is not None:
            return cover
    return None
