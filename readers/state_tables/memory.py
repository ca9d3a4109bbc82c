"""State rows in memory, beside a log in memory: they change with its transactions, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec

from aetherius.event_store.memory import MemoryLog
from aetherius.readers.unit import Unit

K = TypeVar("K")
R = TypeVar("R", bound=msgspec.Struct)


class MemoryTable(Generic[K, R]):
    """Rows of one kind. They are kept encoded, so nobody holds what is changed elsewhere."""

    def __init__(self, log: MemoryLog, row: type[R]) -> None:
        self._row = row
        self._kept: dict[Any, bytes] = log.table()

    def of(self, unit: Unit, keys: Iterable[K]) -> list[R]:
        """The rows of some keys, as they are before this batch."""
        return [self._decoded(self._kept[key]) for key in dict.fromkeys(keys) if key in self._kept]

    def every(self, unit: Unit) -> list[R]:
        """Every row, as it is before this batch."""
        return self.all()

    def put(self, unit: Unit, *rows: R) -> None:
        """Keep rows as they are now."""
        encoded = {getattr(row, self._row.__struct_fields__[0]): msgspec.json.encode(row) for row in rows}
        unit.rows(lambda _: self._kept.update(encoded))

    def drop(self, unit: Unit, key: K) -> None:
        """Keep the row of a key no longer."""
        unit.rows(lambda _: self._kept.pop(key, None))

    def all(self) -> list[R]:
        """Every row."""
        return [self._decoded(row) for row in self._kept.values()]

    def _decoded(self, row: bytes) -> R:
        return msgspec.json.decode(row, type=self._row)
