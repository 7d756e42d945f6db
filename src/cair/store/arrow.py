"""Arrow tables between the engine and the database."""

import pyarrow as pa


def plain(table: pa.Table) -> pa.Table:
    """Take extension types off: the driver writes a UUID's 16 bytes."""
    columns = [
        pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        if isinstance(column.type, pa.BaseExtensionType)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.schema.names)
