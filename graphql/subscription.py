"""The subscriptions of the schema. Every payload carries its position; ask again `after` the last one seen, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

import strawberry

from aetherius.access.errors import InvalidArgumentError
from aetherius.domain.errors import UnknownEventError
from aetherius.domain.event import all_topics, topics_of
from aetherius.graphql.context import Info
from aetherius.graphql.filters import as_filter, input_of
from aetherius.graphql.following import Place, changes_of, start
from aetherius.graphql.heard import heard
from aetherius.graphql.payloads import (
    CommandChanged,
    EventArrived,
    EventsArrived,
    IncidentChanged,
    RemediationChanged,
    WorkflowChanged,
)
from aetherius.graphql.root_changes import From, On, Since, changes_in
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.log_entry import LogEntry
from aetherius.graphql.types.node import parse_id
from aetherius.projections.events import EventFilter
from aetherius.projections.models import EVENTS, WORKFLOWS
from aetherius.projections.read_model import matches

_MAX_TYPES: Final = 100


@strawberry.type
class Subscription:
    """What can be followed."""

    events = changes_in(EventArrived, "Reports of agents.")
    incidents = changes_in(IncidentChanged, "Changes of incidents.")
    commands = changes_in(CommandChanged, "Changes of commands.")
    remediations = changes_in(RemediationChanged, "Changes of remediations.")

    @strawberry.subscription(
        description="Reports of agents, up to 500 in a payload: as many as were there. For followers of everything."
    )
    async def event_pages(
        self,
        info: Info,
        filter: input_of(EventFilter) | None = None,  # type: ignore[valid-type]
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
                    heard().payload = events[-1].changed_at_position
                    yield EventsArrived(position=events[-1].changed_at_position, live=batch.live, events=events)

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
                heard().payload = recorded.position
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
