"""Relay connections over pages of a read model."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Generic, TypeVar

import strawberry
from strawberry.relay import PageInfo

from aetherius.graphql.context import Context, Info
from aetherius.graphql.errors import InvalidArgumentError
from aetherius.graphql.scalars import Position
from aetherius.graphql.types.node import Node
from aetherius.projections.errors import InvalidCursorError
from aetherius.projections.queries import MAX_PAGE
from aetherius.projections.read_model import Filter, ReadModel

N = TypeVar("N", bound=Node)
COUNT_LIMIT = 10_000
DEFAULT_PAGE = 50


@strawberry.type(description="One row of a page.")
class Edge(Generic[N]):
    """A row and its place."""

    cursor: str
    node: N


@strawberry.type(description="A page of a list, newest first.")
class Connection(Generic[N]):
    """A page; ask for the next with `after: pageInfo.endCursor`, and the same `asOf`."""

    edges: list[Edge[N]]
    page_info: PageInfo
    position: Position = strawberry.field(
        description="The moment that the page is of: pass it as asOf to see the same again."
    )
    model: strawberry.Private[ReadModel[Any]]
    filter: strawberry.Private[Filter]
    as_of: strawberry.Private[int | None]

    @strawberry.field(description=f"Rows in all pages; null if there are more than {COUNT_LIMIT}.")
    async def total_count(self, info: Info) -> int | None:
        """Counted only when asked for, and only so far."""
        count = await info.context.models.count(self.model, self.filter, as_of=self.as_of, upto=COUNT_LIMIT + 1)
        return count if count <= COUNT_LIMIT else None


async def connect(
    context: Context,
    node: type[N],
    filter: Filter,
    first: int,
    after: str | None,
    as_of: int | None,
) -> Connection[N]:
    """A page as a connection.

    Raises:
        InvalidArgumentError: `first` is out of its bounds.
        InvalidCursorError: `after` is not a cursor of this list.
    """
    if not 1 <= first <= MAX_PAGE:
        raise InvalidArgumentError("first", f"must be from 1 to {MAX_PAGE}")
    model = node.model
    before = None if after is None else _place(after, model.name)
    page = await context.models.page(model, filter, first=first, before=before, as_of=as_of)
    edges = [Edge(cursor=_cursor(model.name, found.created), node=node.of(found, as_of)) for found in page.found]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(
        edges=edges, page_info=info, position=Position(page.position), model=model, filter=filter, as_of=as_of
    )


def _cursor(model: str, created: int) -> str:
    return base64.urlsafe_b64encode(f"{model}:{created}".encode()).decode().rstrip("=")


def _place(cursor: str, model: str) -> int:
    try:
        name, _, created = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        if name == model and created.isdecimal():
            return min(int(created), 2**63 - 1)
    except (binascii.Error, ValueError):
        pass
    raise InvalidCursorError(cursor, model)
