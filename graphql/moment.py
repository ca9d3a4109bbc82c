"""`asOf`: the moment a question is of, as a position of the log."""

from __future__ import annotations

from datetime import datetime

import strawberry

from aetherius.access.errors import InvalidArgumentError
from aetherius.access.moment import known_position, position_by
from aetherius.graphql.context import Context
from aetherius.graphql.scalars import Position


@strawberry.input(description="A moment of the log: either when we had learned it, or a position.")
class AsOf:
    """One of the two."""

    recorded_at: datetime | None = None
    position: Position | None = None


@strawberry.input(
    description="As AsOf; `occurredAt` shows what held at that moment where it happened: of each cluster, namespace, kind, name and reason the last "
    "report by then, as far as is known at the moment of the log (now, if none is given). Latest first."
)
class EventsAsOf:
    """Reports have two times: when it happened, and when we learned it."""

    recorded_at: datetime | None = None
    position: Position | None = None
    occurred_at: datetime | None = None


async def position_of(context: Context, as_of: AsOf | EventsAsOf | None, argument: str = "asOf") -> int | None:
    """The position a question is of; None for now.

    Raises:
        InvalidArgumentError: both a time and a position, or neither, a time without a zone, or a moment that is not past.
    """
    if as_of is None or (isinstance(as_of, EventsAsOf) and as_of.recorded_at is None and as_of.position is None):
        return None
    if (as_of.recorded_at is None) == (as_of.position is None):
        raise InvalidArgumentError(argument, "give either recordedAt or position")
    if as_of.recorded_at is not None:
        return await context.blocking(position_by, context.log, as_of.recorded_at, f"{argument}.recordedAt")
    return await context.blocking(known_position, context.log, as_of.position or 0, f"{argument}.position")


async def occurred_of(context: Context, as_of: AsOf | EventsAsOf | None, argument: str = "asOf") -> datetime | None:
    """The moment, in the time of what happened, that a question is of. Raises as `position_of`."""
    if not isinstance(as_of, EventsAsOf) or as_of.occurred_at is None:
        return None
    await context.blocking(position_by, context.log, as_of.occurred_at, f"{argument}.occurredAt")
    return as_of.occurred_at
