"""A query that stays planned while the tables under it are exchanged: planning costs more than the lines of a small file."""

from typing import Any

import duckdb
import pyarrow as pa


class _Place:
    """Where the engine finds a table: the same place each time, another table each time."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.schema = table, table.schema

    def put(self, table: pa.Table) -> None:
        assert table.schema.equals(self.schema), "the plan was made for these columns"
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class StandingQuery:
    """One query over some tables, on a cursor of its own; planned when the first tables come."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, query: str) -> None:
        self._cursor, self._query = engine.cursor(), query
        self._places: dict[str, _Place] = {}

    def ask(self, *parameters: str | int, **tables: pa.Table) -> pa.Table:
        """Answer the query over these tables, which have the same columns each time. The answer has no order."""
        if self._places:
            for name, table in tables.items():
                self._places[name].put(table)
        else:
            self._places = {name: _Place(table) for name, table in tables.items()}
            for name, place in self._places.items():
                self._cursor.register(name, place)
            self._cursor.execute(f"PREPARE standing AS {self._query}")
        given = ", ".join(str(each) if isinstance(each, int) else f"'{each}'" for each in parameters)
        answer = self._cursor.sql(f"EXECUTE standing({given})" if given else "EXECUTE standing").to_arrow_table()
        for place in self._places.values():
            place.table = place.schema.empty_table()
        return answer
