"""What every node of the schema has: a global id, its stream, and the moment it is shown as of."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, ClassVar, Self
from uuid import UUID

import strawberry
from strawberry.relay import from_base64, to_base64

from aetherius.access.errors import InvalidArgumentError
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Position
from aetherius.graphql.types.enums import named
from aetherius.projections.queries import Found
from aetherius.projections.read_model import ReadModel, Row


@strawberry.interface(description="Something with a life of its own: a stream of events in the log.")
class Node:
    """A node that shows a row: fields named as the row's are copied, nested ones are resolved from it."""

    model: ClassVar[ReadModel[Any]]

    changed_at_position: Position = strawberry.field(
        description="Its last change, as far as the moment of the question."
    )
    row: strawberry.Private[Any]
    as_of: strawberry.Private[int | None]

    @strawberry.field(description="Global id, for node(id).")
    def id(self) -> strawberry.ID:
        """Type and stream."""
        return strawberry.ID(to_base64(type(self).__name__, str(self.row.id)))

    @strawberry.field(description="Its stream, for history and stateAt.")
    def stream_id(self) -> UUID:
        """The row's id."""
        stream_id: UUID = self.row.id
        return stream_id

    @classmethod
    def of(cls, found: Found[Any], as_of: int | None) -> Self:
        """The node of a row; nested nodes are of the same moment (None: now)."""
        return cls.shown(found.row, found.valid_from, as_of)

    @classmethod
    def shown(cls, row: Row, changed_at: int, as_of: int | None) -> Self:
        """The node of a row that last changed at a position."""
        copied = {name: named(name, getattr(row, name)) for name in shown_as_stored(cls, type(row))}  # type: ignore[arg-type]
        return cls(**copied, changed_at_position=Position(changed_at), row=row, as_of=as_of)

    @classmethod
    async def find(cls, info: Info, id: UUID | None, as_of: int | None) -> Self | None:
        """The node of an id, None if there is none (or no id)."""
        if id is None:
            return None
        found = await info.context.loaders.row(cls.model, id, as_of)
        await info.context.breath.take()
        return cls.of(found, as_of) if found else None

    @classmethod
    async def all_with(cls, info: Info, column: str, value: Any, as_of: int | None) -> list[Self]:
        """The nodes that have a value in a column, newest first."""
        related = await info.context.loaders.related(cls.model, column, value, as_of)
        await info.context.breath.take()
        return [cls.of(found, as_of) for found in related]


@cache
def shown_as_stored(cls: type[Any], row: type[Row]) -> tuple[str, ...]:
    """The attributes of a node that are copied from its row."""
    known = set(row.__struct_fields__)
    return tuple(field.name for field in fields(cls) if field.init and field.name in known)


def parse_id(id: str, argument: str = "id") -> tuple[str | None, UUID]:
    """Type and stream that a global id names; a bare stream id is taken too, without a type.

    Raises:
        InvalidArgumentError: it is neither.
    """
    try:
        return None, UUID(id)
    except ValueError:
        pass
    try:
        type_name, stream_id = from_base64(id)
        return type_name, UUID(stream_id)
    except ValueError:
        raise InvalidArgumentError(argument, "is neither a global id nor a stream id") from None
