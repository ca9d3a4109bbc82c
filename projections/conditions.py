"""The WHERE of a question: a filter's fields, a place in the list, and the moment it is of. Values travel as parameters, never as text."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from aetherius.projections.read_model import Filter, ReadModel, split_bound
from aetherius.projections.tables import statement
from aetherius.readers.tables import SCHEMA

COMPACTED = "AE001"
"""SQLSTATE of a statement that asks for versions that were removed; its detail is the first position that can be asked for."""


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
        """Versions that are valid at a position (None: now). The statement fails, with SQLSTATE `COMPACTED`, if those of that time were removed."""
        if position is None:
            self._parts.append(SQL("valid_to IS NULL"))
        elif self._model.immutable:
            self._parts.append(SQL("valid_to IS NULL"))
            self._add("{} <= {}", "created", "as_of", position)
        else:
            self._add("{} <= {}", "created", "as_of", position)  # lets the list's index begin there
            self._known(position)
        return self

    def before(self, position: int) -> Self:
        """Rows that were made before a position."""
        return self._add("{} < {}", "created", "before", position)

    def found_at(self, occurred: datetime, position: int | None, before: int | None) -> Composed:
        """The statement that finds the observations that held at a moment in the time of what happened, as was known at a position (None: now): id, place
        in the list, newest first. They meet the conditions so far. `before`: position of an observation that is later in time than all of these.

        Raises:
            LookupError: the model is not of observations.
        """
        if not self._model.subject:
            raise LookupError(f"{self._model.name} are not observations: there is no occurred time to ask for")
        self.values |= {"occurred": occurred, "as_of": position}
        if before is not None:
            self._parts.append(statement("occurred_before", self._model))
            self.values["before"] = before
        wanted = self.sql
        known: Composable = SQL("valid_to IS NULL")
        ended: Composable = SQL("true")
        then: Composable = SQL("")
        if position is not None:
            moment = Conditions(self._model)
            moment._known(position)
            then = statement("occurred_open_then", self._model, known=moment.sql, conditions=wanted)
            ended = SQL("ended_by <= %(as_of)s")
            known = moment.sql
        return statement("occurred_found", self._model, known=known, ended=ended, open_then=then, conditions=wanted)

    def _known(self, position: int) -> None:
        """Versions of that position, in the form that the history's indexes have."""
        self._add("{} <= {}", "valid_from", "as_of", position)
        self._parts.append(SQL("coalesce(valid_to, 9223372036854775807) > %(as_of)s"))
        self._parts.append(SQL("{}({}, %(as_of)s)").format(Identifier(SCHEMA, "kept"), Literal(self._model.name)))

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
