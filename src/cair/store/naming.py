"""How columns of the data dictionary are named in the database."""

from cair.rules.tables import Column


def stored_name(column: Column) -> str:
    """Name the database column in which a feed's column is compared: personal values by their blind index."""
    return f"{column.name}_index" if column.secret else column.name
