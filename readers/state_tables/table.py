"""What a table of state rows is, to the process manager that keeps it.

Rows are structs: their first field is the key, and no two rows have the same one. They are written in the transaction that moves the checkpoint, and only
their reader writes them, so what a batch reads still holds when it is committed, or the batch is done again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

import msgspec

from aetherius.readers.unit import Unit

K_contra = TypeVar("K_contra", contravariant=True)
R = TypeVar("R", bound=msgspec.Struct)


class StateTable(Protocol[K_contra, R]):
    """Rows of one kind."""

    def of(self, unit: Unit, keys: Iterable[K_contra]) -> list[R]:
        """The rows of some keys, in any order, as they are before this batch. They are copies: `put` what you change."""

    def every(self, unit: Unit) -> list[R]:
        """Every row, likewise: for tables that stay small."""

    def put(self, unit: Unit, *rows: R) -> None:
        """Keep rows as they are now, in place of those that have their keys."""

    def drop(self, unit: Unit, key: K_contra) -> None:
        """Keep the row of a key no longer; nothing happens if there is none."""
