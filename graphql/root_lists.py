"""The root lists of the schema, each from one declaration: a node, and what its list can be filtered by. Of it are made the field of `Query`, its input, and
the subscription to its changes (`root_changes.py`); conditions on rows at hand, in SQL and in compiled statements follow the same filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import strawberry

from aetherius.graphql.connection import DEFAULT_PAGE, Connection, connect
from aetherius.graphql.context import Info
from aetherius.graphql.filters import input_of
from aetherius.graphql.listing import FILTERS, listing
from aetherius.graphql.moment import AsOf, EventsAsOf

First = Annotated[int, strawberry.argument(description="Rows of a page, 1 to 500.")]
After = Annotated[str | None, strawberry.argument(description="The endCursor of the page before.")]
_AS_OF: Final[Mapping[bool, type]] = {False: AsOf, True: EventsAsOf}
"""By whether the nodes are observations."""


def list_of(node: Any, about: str) -> Any:
    """The field of `Query` that lists nodes of a kind."""

    async def resolve(
        info: Info, filter: Any = None, first: int = DEFAULT_PAGE, after: str | None = None, as_of: Any = None
    ) -> Any:
        return await connect(info.context, node, await listing(info.context, node, filter, first, after, as_of))

    resolve.__annotations__ = {
        "info": Info,
        "filter": input_of(FILTERS[node]) | None,
        "first": First,
        "after": After,
        "as_of": _AS_OF[bool(node.model.subject)] | None,
        "return": Connection[node],
    }
    return strawberry.field(resolver=resolve, description=about)
