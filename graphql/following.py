"""How a subscription follows the log: where it begins, and the rows that events leave."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any, Generic
from uuid import UUID

import msgspec

from aetherius.access.errors import InvalidArgumentError, PositionAheadError
from aetherius.access.moment import position_by
from aetherius.domain.event import Recorded
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.graphql.context import Context
from aetherius.graphql.heard import heard
from aetherius.graphql.rows_of_events import RowsOfEvents
from aetherius.projections.read_model import Filter, R, ReadModel, matches


class Place(msgspec.Struct, frozen=True):
    """Where a client wants to begin: behind a position, or what was recorded by a time, or with what comes from now on."""

    after: int | None = None
    since: datetime | None = None
    timeline: UUID | None = None
    """That `after` was read on."""


class Change(msgspec.Struct, Generic[R], frozen=True):
    """An event, and the row of a read model as it left it."""

    recorded: Recorded
    row: R
    live: bool

    @property
    def position(self) -> int:
        """Of the event."""
        return self.recorded.position


async def start(context: Context, place: Place) -> int:
    """The position to go on after; that of the last event that a browser's stream saw, if it says so.

    Raises:
        InvalidArgumentError: both a position and a time, a negative position, or a time that has no zone or is not past.
        PositionAheadError: the log ends before the position.
        AnotherTimelineError: the log was restored to before it.
    """
    if context.last_event_id is not None:
        place = Place(context.last_event_id, None, place.timeline)
    if place.after is not None and place.since is not None:
        raise InvalidArgumentError("since", "give either after or since")
    if place.since is not None:
        return await context.blocking(position_by, context.log, place.since, "since")
    if place.after is None:
        return await context.feed.head()
    if place.after < 0:
        raise InvalidArgumentError("after", "must not be negative")
    if place.timeline is not None:
        await context.blocking(context.log.check, place.after, place.timeline)
    if place.after > (head := await context.feed.head()):
        raise PositionAheadError("after", head)
    return place.after


async def changes(
    context: Context, model: ReadModel[R], filter: Filter, place: Place
) -> AsyncGenerator[Change[R], None]:
    """Events that change a model, with the rows they leave, as far as the filter wants those."""
    begin = await start(context, place)
    cluster = getattr(filter, "cluster_id", None)
    async with aclosing(_changes(context, model, begin, place.timeline, [cluster] if cluster else [])) as found:
        async for change in found:
            if matches(filter, change.row):
                yield change


async def changes_of(
    context: Context, model: ReadModel[R], kind: str, id: UUID, place: Place
) -> AsyncGenerator[Change[R], None]:
    """The events of one stream of a model, with the rows they leave.

    Raises:
        StreamNotFoundError: there is no such stream.
    """
    begin = await start(context, place)
    first = await context.blocking(context.log.stream, id, 1, 1)
    if not first or first[0].event.topic.partition(".")[0] != kind:
        raise StreamNotFoundError(kind, id)
    (cluster,) = await context.blocking(context.log.clusters_of, first)
    begin = max(begin, first[0].position - 1)
    async with aclosing(_changes(context, model, begin, place.timeline, [cluster] if cluster else [], id)) as found:
        async for change in found:
            yield change


async def _changes(
    context: Context,
    model: ReadModel[R],
    begin: int,
    timeline: UUID | None,
    clusters: list[str],
    only: UUID | None = None,
) -> AsyncGenerator[Change[R], None]:
    rows: RowsOfEvents[Any] = RowsOfEvents(context.log, model)
    told = heard()
    async with aclosing(context.feed.batches(begin, model.topics, timeline, clusters)) as batches:
        async for batch in batches:
            for recorded in batch.events:
                if not recorded.is_readable:
                    continue  # no row can be made of it; `log` shows it
                if only is not None and model.key(recorded) != only:
                    continue
                if (row := await rows.after(recorded)) is not None:
                    told.payload = recorded.position
                    yield Change(recorded, row, batch.live)
