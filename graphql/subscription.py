"""The subscriptions of the schema. Every payload carries its position; ask again `after` the last one seen, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from aetherius.domain.errors import UnknownEventError
from aetherius.domain.event import Recorded, all_topics, topics_of
from aetherius.graphql.context import Context, Info
from aetherius.graphql.errors import InvalidArgumentError
from aetherius.graphql.filters import EventsWanted, IncidentsWanted, as_filter
from aetherius.graphql.moment import known_position
from aetherius.graphql.rows_of_events import RowsOfEvents
from aetherius.graphql.scalars import Position
from aetherius.graphql.time_travel import to_json
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.incident import Incident
from aetherius.graphql.types.log_entry import LogEntry
from aetherius.projections.events import EventFilter
from aetherius.projections.incidents import IncidentFilter, IncidentRow
from aetherius.projections.models import EVENTS, INCIDENTS
from aetherius.projections.read_model import Filter, R, ReadModel, matches

_MAX_TYPES: Final = 100
From = Annotated[
    Position | None,
    strawberry.argument(description="Begin behind this position; by default with what comes from now on."),
]

On = Annotated[
    UUID | None,
    strawberry.argument(
        description="Timeline that `after` was read on (the query `timeline`): should the log have been restored to an earlier point since, this is refused."
    ),
]


@strawberry.type(description="A report, as it arrives.")
class EventArrived:
    """A payload of `events`."""

    position: Position
    event: Event


@strawberry.type(description="Reports that arrived together.")
class EventsArrived:
    """A payload of `eventPages`."""

    position: Position = strawberry.field(description="Of the last of them.")
    events: list[Event]


@strawberry.type(description="A change of an incident, as it happens.")
class IncidentChanged:
    """A payload of `incidents`."""

    position: Position
    type: str = strawberry.field(description="What happened: Incident.Opened.")
    occurred_at: datetime
    change: JSON = strawberry.field(description="The event that changed it.")
    incident: Incident = strawberry.field(description="The incident as this event left it.")

    @classmethod
    def of(cls, recorded: Recorded, row: IncidentRow) -> IncidentChanged:
        """The payload of an event and the row it left."""
        position = Position(recorded.position)
        return cls(
            position=position,
            type=recorded.event.type_name,
            occurred_at=recorded.occurred_at,
            change=JSON(to_json(recorded.event)),
            incident=Incident.shown(row, position, position),
        )


@strawberry.type
class Subscription:
    """What can be followed."""

    @strawberry.subscription(description="Reports of agents.")
    async def events(
        self, info: Info, filter: EventsWanted | None = None, after: From = None, timeline: On = None
    ) -> AsyncGenerator[EventArrived, None]:
        """From the log itself."""
        context, wanted = info.context, as_filter(EventFilter, filter)
        async with aclosing(_rows(context, EVENTS, wanted, after, timeline)) as rows:
            async for recorded, row in rows:
                position = Position(recorded.position)
                yield EventArrived(position=position, event=Event.shown(row, position, position))

    @strawberry.subscription(
        description="Reports of agents, up to 500 in a payload: as many as were there. For followers of everything."
    )
    async def event_pages(
        self, info: Info, filter: EventsWanted | None = None, after: From = None, timeline: On = None
    ) -> AsyncGenerator[EventsArrived, None]:
        """From the log itself."""
        feed, wanted = info.context.feed, as_filter(EventFilter, filter)
        start = await _start(info.context, after, timeline)
        async with aclosing(feed.follow_pages(start, EVENTS.topics, timeline)) as pages:
            async for page in pages:
                rows = [(recorded.position, EVENTS.evolve(None, recorded)) for recorded in page]
                events = [Event.shown(row, at, at) for at, row in rows if row is not None and matches(wanted, row)]
                if events:
                    yield EventsArrived(position=events[-1].changed_at_position, events=events)

    @strawberry.subscription(description="Changes of incidents.")
    async def incidents(
        self, info: Info, filter: IncidentsWanted | None = None, after: From = None, timeline: On = None
    ) -> AsyncGenerator[IncidentChanged, None]:
        """From the log itself; the filter looks at the incident as the change left it."""
        context, wanted = info.context, as_filter(IncidentFilter, filter)
        async with aclosing(_rows(context, INCIDENTS, wanted, after, timeline)) as rows:
            async for recorded, row in rows:
                yield IncidentChanged.of(recorded, row)

    @strawberry.subscription(
        description="Every event of the log, or those of some types (Incident.Opened) or kinds of stream (Incident)."
    )
    async def log(
        self, info: Info, after: From = None, types: list[str] | None = None, timeline: On = None
    ) -> AsyncGenerator[LogEntry, None]:
        """As recorded."""
        start = await _start(info.context, after, timeline)
        async with aclosing(info.context.feed.follow(start, _topics(types), timeline)) as events:
            async for recorded in events:
                yield LogEntry.of(recorded)


async def _rows(
    context: Context, model: ReadModel[R], filter: Filter, after: Position | None, timeline: UUID | None
) -> AsyncGenerator[tuple[Recorded, R], None]:
    """Events that change a model, with the rows they leave, as far as the filter wants them."""
    rows: RowsOfEvents[Any] = RowsOfEvents(context.log, model)
    start = await _start(context, after, timeline)
    async with aclosing(context.feed.follow(start, model.topics, timeline)) as events:
        async for recorded in events:
            row = await rows.after(recorded)
            if row is not None and matches(filter, row):
                yield recorded, row


async def _start(context: Context, after: Position | None, timeline: UUID | None) -> int:
    if after is None:
        return await context.feed.head()
    if timeline is not None:
        await context.blocking(context.log.check, after, timeline)
    return await known_position(context, after, "after")


def _topics(types: Sequence[str] | None) -> tuple[str, ...]:
    """The topics of names of types or of kinds of streams; all without names.

    Raises:
        InvalidArgumentError: too many, or a name that nothing has.
    """
    if types is None:
        return ()
    if not 1 <= len(types) <= _MAX_TYPES:
        raise InvalidArgumentError("types", f"wants 1 to {_MAX_TYPES} names")
    return tuple(sorted({topic for name in types for topic in _topics_of(name)}))


def _topics_of(name: str) -> Sequence[str]:
    of_kind = [topic for topic in all_topics() if topic.partition(".")[0] == name]
    try:
        return of_kind or topics_of([name])
    except UnknownEventError:
        raise InvalidArgumentError("types", f"no event or stream is called {name[:64]!r}") from None
