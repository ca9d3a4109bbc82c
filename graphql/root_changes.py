"""The subscriptions to changes of the things that root lists show, each from its payload."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from aetherius.graphql.context import Info
from aetherius.graphql.filters import as_filter, input_of
from aetherius.graphql.following import Place, changes
from aetherius.graphql.listing import FILTERS
from aetherius.graphql.payloads import Payload
from aetherius.graphql.scalars import Position

From = Annotated[
    Position | None,
    strawberry.argument(description="Begin behind this position; by default with what comes from now on."),
]
Since = Annotated[
    datetime | None,
    strawberry.argument(description="Begin with what was recorded after this time, instead of behind a position."),
]
On = Annotated[
    UUID | None,
    strawberry.argument(
        description="Timeline that `after` was read on (the query `timeline`): should the log have been restored to an earlier point since, this is refused."
    ),
]


def changes_in(payload: type[Payload], about: str) -> Any:
    """The field of `Subscription` that brings changes in payloads of a kind; its filter looks at the thing as the change left it."""
    kind = FILTERS[payload.node]

    async def resolve(
        info: Info,
        filter: Any = None,
        after: Position | None = None,
        timeline: UUID | None = None,
        since: datetime | None = None,
    ) -> AsyncGenerator[Any, None]:
        place = Place(after, since, timeline)
        async with aclosing(changes(info.context, payload.node.model, as_filter(kind, filter), place)) as found:
            async for change in found:
                yield payload.of(change)

    resolve.__annotations__ = {
        "info": Info,
        "filter": input_of(kind) | None,
        "after": From,
        "timeline": On,
        "since": Since,
        "return": AsyncGenerator[payload, None],  # type: ignore[valid-type]
    }
    return strawberry.subscription(resolver=resolve, description=about)
