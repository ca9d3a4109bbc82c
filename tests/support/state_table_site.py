"""State tables with the log whose transactions write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg.abc import Params, QueryNoTemplate
from psycopg.rows import TupleRow

from aetherius.event_store.pending import Pending
from aetherius.event_store.ports import EventLog
from aetherius.orchestrator.state_tables import StateTables
from aetherius.readers.unit import Select, Unit


class TableSite:
    """Commits units one after the other."""

    def __init__(self, log: EventLog, tables: StateTables, select: Select) -> None:
        self.log, self.tables, self._select = log, tables, select
        self._position = 0

    def unit(self) -> Unit:
        """What the next batch works with."""
        return Unit(self.log, self._select)

    def commit(self, *changes: Callable[[Unit], object], pending: list[Pending] | None = None) -> None:
        """One batch: make the changes, and store them as its runner does."""
        unit = self.unit()
        for change in changes:
            change(unit)
        self.log.transact("keeper", self._position + 1, pending or (), unit.write, after=self._position)
        self._position += 1

    def kept(self, table: Any, *keys: Any) -> list[Any]:
        """The rows of some keys, in order of the keys."""
        rows = {getattr(row, row.__struct_fields__[0]): row for row in table.of(self.unit(), keys)}
        return [rows[key] for key in keys if key in rows]


def no_rows(query: QueryNoTemplate, params: Params | None) -> list[TupleRow]:
    """Reads no SQL: there is none in memory."""
    raise AssertionError(f"a table in memory asked SQL: {query!r}")
