"""The subscriptions of the schema. Every payload carries its position; ask again `after` the last one seen, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import strawberry

from aetherius.access.errors import InvalidArgumentError
from aetherius.domain.errors import UnknownEventError
from aetherius.domain.event import all_topics, topics_of
from aetherius.graphql.context import Info
from aetherius.graphql.filters import CommandsWanted, EventsWanted, IncidentsWanted, RemediationsWanted, as_filter
from aetherius.graphql.following import Place, changes, changes_of, start
from aetherius.graphql.payloads import (
    CommandChanged,
    EventArrived,
    EventsArrived,
    IncidentChanged,
    RemediationChanged,
    WorkflowChanged,
)
from aetherius.graphql.scalars import Position
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.log_entry import LogEntry
from aetherius.graphql.types.node import parse_id
from aetherius.projections.commands import CommandFilter
from aetherius.projections.events import EventFilter
from aetherius.projections.incidents import IncidentFilter
from aetherius.projections.models import COMMANDS, EVENTS, INCIDENTS, REMEDIATIONS, WORKFLOWS
from aetherius.projections.read_model import matches
from aetherius.projections.remediations import RemediationFilter

_MAX_TYPES: Final = 100
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


@strawberry.type
class Subscription:
    """What can be followed."""

    @strawberry.subscription(description="Reports of agents.")
    async def events(
        self,
        info: Info,
        filter: EventsWanted | None = None,
        after: From = None,
        timeline: On = None,
        since: Since = None,
    ) -> AsyncGenerator[EventArrived, None]:
        """From the log itself."""
        place, wanted = Place(after, since, timeline), as_filter(EventFilter, filter)
        async with aclosing(changes(info.context, EVENTS, wanted, place)) as found:
            async for change in found:
                position = Position(change.position)
                yield EventArrived(
                    position=position, live=change.live, event=Event.shown(change.row, position, position)
                )

    @strawberry.subscription(
        description="Reports of agents, up to 500 in a payload: as many as were there. For followers of everything."
    )
    async def event_pages(
        self,
        info: Info,
        filter: EventsWanted | None = None,
        after: From = None,
        timeline: On = None,
        since: Since = None,
    ) -> AsyncGenerator[EventsArrived, None]:
        """From the log itself."""
        feed, wanted = info.context.feed, as_filter(EventFilter, filter)
        clusters = [wanted.cluster_id] if wanted.cluster_id else []
        begin = await start(info.context, Place(after, since, timeline))
        async with aclosing(feed.batches(begin, EVENTS.topics, timeline, clusters)) as batches:
            async for batch in batches:
                readable = [recorded for recorded in batch.events if recorded.is_readable]
                rows = [(recorded.position, EVENTS.evolve(None, recorded)) for recorded in readable]
                events = [Event.shown(row, at, at) for at, row in rows if row is not None and matches(wanted, row)]
                if events:
                    yield EventsArrived(position=events[-1].changed_at_position, live=batch.live, events=events)

    @strawberry.subscription(description="Changes of incidents.")
    async def incidents(
        self,
        info: Info,
        filter: IncidentsWanted | None = None,
        after: From = None,
        timeline: On = None,
        since: Since = None,
    ) -> AsyncGenerator[IncidentChanged, None]:
        """From the log itself; the filter looks at the incident as the change left it."""
        place, wanted = Place(after, since, timeline), as_filter(IncidentFilter, filter)
        async with aclosing(changes(info.context, INCIDENTS, wanted, place)) as found:
            async for change in found:
                yield IncidentChanged.of(change)

    @strawberry.subscription(description="Changes of one workflow, by global id or stream id.")
    async def workflow(
        self, info: Info, id: strawberry.ID, after: From = None, timeline: On = None, since: Since = None
    ) -> AsyncGenerator[WorkflowChanged, None]:
        """From the log itself."""
        type_name, stream_id = parse_id(id)
        if type_name not in (None, "Workflow"):
            raise InvalidArgumentError("id", "is not a workflow's")
        place = Place(after, since, timeline)
        async with aclosing(changes_of(info.context, WORKFLOWS, "Workflow", stream_id, place)) as found:
            async for change in found:
                yield WorkflowChanged.of(change)

    @strawberry.subscription(description="Changes of commands.")
    async def commands(
        self,
        info: Info,
        filter: CommandsWanted | None = None,
        after: From = None,
        timeline: On = None,
        since: Since = None,
    ) -> AsyncGenerator[CommandChanged, None]:
        """From the log itself; the filter looks at the command as the change left it."""
        place, wanted = Place(after, since, timeline), as_filter(CommandFilter, filter)
        async with aclosing(changes(info.context, COMMANDS, wanted, place)) as found:
            async for change in found:
                yield CommandChanged.of(change)

    @strawberry.subscription(description="Changes of remediations.")
    async def remediations(
        self,
        info: Info,
        filter: RemediationsWanted | None = None,
        after: From = None,
        timeline: On = None,
        since: Since = None,
    ) -> AsyncGenerator[RemediationChanged, None]:
        """From the log itself; the filter looks at the remediation as the change left it."""
        place, wanted = Place(after, since, timeline), as_filter(RemediationFilter, filter)
        async with aclosing(changes(info.context, REMEDIATIONS, wanted, place)) as found:
            async for change in found:
                yield RemediationChanged.of(change)

    @strawberry.subscription(
        description="Every event of the log, or those of some types (Incident.Opened) or kinds of stream (Incident)."
    )
    async def log(
        self,
        info: Info,
        after: From = None,
        types: list[str] | None = None,
        timeline: On = None,
        since: Since = None,
    ) -> AsyncGenerator[LogEntry, None]:
        """As recorded."""
        begin = await start(info.context, Place(after, since, timeline))
        async with aclosing(info.context.feed.follow(begin, _topics(types), timeline)) as events:
            async for recorded in events:
                yield LogEntry.of(recorded)


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
