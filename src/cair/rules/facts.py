"""Which report of a key is in force, and the joins that rules are written with."""

import ibis
from ibis.expr import types as ir


def beside(rows: ir.Table, others: ir.Table, keys: dict[str, str]) -> ir.Table:
    """Lay rows of another table beside rows, and drop its keys: a left join, so that nobody vanishes.

    `keys` maps columns of `rows` to those of `others`; where nothing fits the columns are NULL.
    """
    joined = rows.left_join(others, [rows[left] == others[right] for left, right in keys.items()])
    return joined.drop(*keys.values())


def best(rows: ir.Table, *, per: str | list[str], order: list[ir.Value]) -> ir.Table:
    """Keep of each group the first row in an order."""
    place = ibis.row_number().over(group_by=per, order_by=order)
    return rows.mutate(place=place).filter(lambda t: t.place == 0).drop("place")


def shared(rows: ir.Table, key: str) -> ir.Table:
    """Give the keys that several rows have."""
    return rows.group_by(key).having(lambda t: t.count() > 1).agg()


def split(rows: ir.Table, key: str, several: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Part rows into those that are alone with their key and those that share it: most are alone and need no comparison.

    `several` from `shared`. A key that is NULL is shared with nobody.
    """
    return rows.anti_join(several, key), rows.semi_join(several, key)


def calm(reports: ir.Table, moment: ir.Table) -> ir.Table:
    """Keep the reports that exist as of the moment and are the only one of their key: in force without comparison."""
    return reports.filter((reports.known_at <= moment.as_of.as_scalar()) & ~reports.contested)


def winners(reports: ir.Table, moment: ir.Table) -> ir.Table:
    """Keep of each contested key the report in force as of the moment.

    Of the reports that exist (`known_at <= as_of`) the one with the highest revision, then the earliest known, then
    the one taken in first. Source: decisions, section 1.
    """
    disputed = reports.filter((reports.known_at <= moment.as_of.as_scalar()) & reports.contested)
    return best(disputed, per="key", order=[disputed.revision.desc(), disputed.known_at, disputed.taken_in])


def in_force(reports: ir.Table, moment: ir.Table) -> ir.Table:
    """Keep of each key the report in force as of the moment."""
    return calm(reports, moment).union(winners(reports, moment))
