"""The WHERE of a question: a filter's fields, a place in the list, and the moment it is of. Values travel as parameters, never as text."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Self

from psycopg.sql import SQL, Composable, Identifier, Placeholder

from aetherius.projections.read_model import Filter, ReadModel, split_bound


class Conditions:
    """Built up call by call."""

    def __init__(self, model: ReadModel[Any]) -> None:
        self._model = model
        self._parts: list[Composable] = []
        self.values: dict[str, Any] = {}

    @property
    def sql(self) -> Composable:
        """All of them, joined."""
        return SQL(" AND ").join(self._parts) if self._parts else SQL("true")

    def matching(self, filter: Filter) -> Self:
        """Rows that a filter wants."""
        for field in filter.__struct_fields__:
            value = getattr(filter, field)
            if value is not None:
                self._field(field, value)
        return self

    def among(self, column: str, values: Sequence[Any]) -> Self:
        """Rows whose column is one of the values."""
        return self._add("{} = ANY({})", column, column, [_plain(value) for value in values])

    def at(self, position: int | None) -> Self:
        """Versions that are valid at a position (None: now)."""
        if position is None:
            self._parts.append(SQL("valid_to IS NULL"))
        elif self._model.immutable:
            return self._add("{} <= {}", "created", "as_of", position)
        else:
            self._add("{} <= {}", "valid_from", "as_of", position)
            self._add("{} <= {}", "created", "as_of", position)  # lets the list's index begin there
            self._parts.append(SQL("(valid_to IS NULL OR valid_to > {})").format(Placeholder("as_of")))
        return self

    def before(self, position: int) -> Self:
        """Rows that were made before a position."""
        return self._add("{} < {}", "created", "before", position)

    def _field(self, field: str, value: Any) -> None:
        column, comparison = split_bound(field)
        if comparison:
            self._add(f"{{}} {comparison} {{}}", column, field, value)
        elif isinstance(value, list):
            self._add("{} = ANY({})", field, field, [_plain(each) for each in value])
        else:
            self._add("{} = {}", field, field, _plain(value))

    def _add(self, template: str, column: str, name: str, value: Any) -> Self:
        if column not in self._model.columns and column not in ("id", "created", "valid_from"):
            raise LookupError(f"{self._model.name} has no column {column!r} to filter by")
        self._parts.append(SQL(template).format(Identifier(column), Placeholder(name)))
        self.values[name] = value
        return self


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value
