"""Statements compiled once and handed to the driver with plain rows: building SQLAlchemy's parameters costs more than the work."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Dialect


class Prepared:
    """A statement compiled once and handed to the driver with plain rows: building SQLAlchemy's parameters costs more than the insert."""

    def __init__(self, statement: Any, dialect: Dialect, columns: tuple[str, ...]) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._columns = columns
        places = compiled.positiontup
        self._order = None if places is None else tuple(columns.index(name) for name in places)

    def run(self, connection: Connection, rows: Sequence[tuple[float | None, ...]]) -> None:
        """Execute it for each row (none: not at all), whose values stand in the order of `columns`."""
        if not rows:
            return
        if self._order is None:
            named = [dict(zip(self._columns, row, strict=True)) for row in rows]
            connection.exec_driver_sql(self._text, named)
            return
        order = self._order
        in_order = order == tuple(range(len(order)))
        connection.exec_driver_sql(
            self._text, list(rows) if in_order else [tuple(row[place] for place in order) for row in rows]
        )
