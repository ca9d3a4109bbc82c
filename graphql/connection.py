"""Relay connections over pages of a read model."""

from __future__ import annotations

from typing import Generic, TypeVar

import strawberry
from strawberry.relay import PageInfo

from aetherius.graphql.context import Context, Info
from aetherius.graphql.listing import Listing, cursor
from aetherius.graphql.scalars import Position
from aetherius.graphql.types.node import Node

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
    wanted: strawberry.Private[Listing]

    @strawberry.field(description=f"Rows in all pages; null if there are more than {COUNT_LIMIT}.")
    async def total_count(self, info: Info) -> int | None:
        """Counted only when asked for, and only so far."""
        wanted = self.wanted
        count = await info.context.models.count(
            wanted.model, wanted.filter, as_of=wanted.as_of, occurred=wanted.occurred, upto=COUNT_LIMIT + 1
        )
        return count if count <= COUNT_LIMIT else None


async def connect(context: Context, node: type[N], wanted: Listing) -> Connection[N]:
    """A page as a connection."""
    page = await context.models.page(
        wanted.model,
        wanted.filter,
        first=wanted.first,
        before=wanted.before,
        as_of=wanted.as_of,
        occurred=wanted.occurred,
    )
    edges = [
        Edge(cursor=cursor(wanted.model.name, found.created), node=node.of(found, wanted.as_of)) for found in page.found
    ]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=wanted.before is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info, position=Position(page.position), wanted=wanted)
