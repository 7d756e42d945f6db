"""Withheld counts cannot be worked out: an attacker who knows the rule always finds a second table that fits."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from cair.rules.disclosure import LEAST_PUBLISHED, Sum, gaps, withheld

Cell = tuple[str, str]


def square(inner: list[list[int]]) -> tuple[dict[Cell, int], list[Sum[Cell]]]:
    """A table with row totals, column totals and the grand total, as a report publishes it."""
    rows, columns = range(len(inner)), range(len(inner[0]))
    counts = {(f"r{r}", f"c{c}"): inner[r][c] for r in rows for c in columns}
    counts |= {(f"r{r}", "all"): sum(inner[r]) for r in rows}
    counts |= {("all", f"c{c}"): sum(inner[r][c] for r in rows) for c in columns}
    counts["all", "all"] = sum(map(sum, inner))
    sums = [Sum((f"r{r}", "all"), tuple((f"r{r}", f"c{c}") for c in columns)) for r in rows]
    sums += [Sum(("all", f"c{c}"), tuple((f"r{r}", f"c{c}") for r in rows)) for c in columns]
    sums.append(Sum(("all", "all"), tuple((f"r{r}", "all") for r in rows)))
    sums.append(Sum(("all", "all"), tuple(("all", f"c{c}") for c in columns)))
    return counts, sums


def tables_that_fit(inner: list[list[int]], hidden: frozenset[Cell]) -> list[dict[Cell, int]]:
    """Every table near the true one that agrees with all that is published; withheld counts are at least one."""
    truth, _ = square(inner)
    places = [(r, c) for r in range(len(inner)) for c in range(len(inner[0]))]
    ranges = [
        [n for n in range(inner[r][c] - 1, inner[r][c] + 2) if n > 0] if (f"r{r}", f"c{c}") in hidden else [inner[r][c]]
        for r, c in places
    ]
    fitting = []
    for values in product(*ranges):
        guess = [[0] * len(inner[0]) for _ in inner]
        for (r, c), value in zip(places, values, strict=True):
            guess[r][c] = value
        counts, _ = square(guess)
        if all(counts[cell] == truth[cell] if cell not in hidden else counts[cell] > 0 for cell in truth):
            fitting.append(counts)
    return fitting


small_counts = st.one_of(st.integers(0, 6), st.integers(0, 30))
shapes = st.tuples(st.integers(1, 3), st.integers(1, 3))
inner_tables = shapes.flatmap(
    lambda shape: st.lists(
        st.lists(small_counts, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


@settings(max_examples=400, deadline=None)
@given(inner_tables)
def test_no_withheld_count_can_be_worked_out(inner: list[list[int]]) -> None:
    counts, sums = square(inner)
    hidden = withheld(counts, sums)
    assert not any(0 < count < LEAST_PUBLISHED for cell, count in counts.items() if cell not in hidden)
    if any(count and cell not in hidden for cell, count in counts.items()):
        fitting = tables_that_fit(inner, hidden)
        for cell in hidden:
            assert len({counts[cell] for counts in fitting}) > 1, cell


@settings(max_examples=300, deadline=None)
@given(inner_tables)
def test_no_small_remainder_of_a_published_total(inner: list[list[int]]) -> None:
    counts, sums = square(inner)
    hidden = withheld(counts, sums)
    for one in sums:
        gone = [cell for cell in one.parts if cell in hidden]
        if gone and one.total not in hidden:
            assert sum(counts[cell] for cell in gone) >= LEAST_PUBLISHED


def test_a_bridge_between_two_blocks_is_found() -> None:
    """Every row and column has two withheld cells, yet one of them follows from the sums of the first block."""
    inner = [[3, 90, 80], [70, 4, 60], [50, 40, 2]]
    counts, sums = square(inner)
    hidden = withheld(counts, sums)
    assert {("r0", "c0"), ("r1", "c1"), ("r2", "c2")} < hidden
    assert len(hidden) < len(counts)


def test_ones_that_can_only_be_ones_get_company() -> None:
    counts = {"all": 105, **{f"p{n}": 1 for n in range(5)}, "great": 100}
    hidden = withheld(counts, [Sum("all", tuple(key for key in counts if key != "all"))])
    assert "great" in hidden or "all" in hidden


def test_nothing_small_withholds_nothing() -> None:
    counts, sums = square([[5, 0], [700, 6]])
    assert withheld(counts, sums) == frozenset()


def test_a_long_table_keeps_most_of_its_counts() -> None:
    inner = [[(n * 7919) % 97, (n * 104729) % 31] for n in range(200)]
    counts, sums = square(inner)
    hidden = withheld(counts, sums)
    small = sum(0 < count < LEAST_PUBLISHED for count in counts.values())
    assert small <= len(hidden) <= 3 * small + 4
    assert ("all", "all") not in hidden


def test_gaps_name_the_sum() -> None:
    assert gaps({"all": 3, "a": 1}, [Sum("all", ("a", "b"))]) == [(Sum("all", ("a", "b")), 2)]
