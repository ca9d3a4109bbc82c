"""The queries of the schema."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import strawberry

from aetherius.access.errors import InvalidArgumentError, UnknownThingError
from aetherius.graphql.connection import DEFAULT_PAGE, Connection, connect
from aetherius.graphql.context import Info
from aetherius.graphql.filters import (
    AgentsWanted,
    ClustersWanted,
    CommandsWanted,
    EventsWanted,
    IncidentsWanted,
    RemediationsWanted,
    WorkflowsWanted,
)
from aetherius.graphql.listing import listing
from aetherius.graphql.moment import AsOf, EventsAsOf, aware, known_position, position_of
from aetherius.graphql.scalars import Long, Position
from aetherius.graphql.time_travel import states
from aetherius.graphql.types.command import Command
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.fleet import Agent, Cluster
from aetherius.graphql.types.incident import Incident
from aetherius.graphql.types.log_entry import HistoryEntry, StreamState
from aetherius.graphql.types.node import Node, parse_id
from aetherius.graphql.types.remediation import Remediation
from aetherius.graphql.types.workflow import Workflow

NODES: Final[dict[str, type[Node]]] = {
    cls.__name__: cls for cls in (Agent, Cluster, Command, Event, Incident, Remediation, Workflow)
}
MAX_HISTORY = 200
_FIRST_VERSION = Long(1)
First = Annotated[int, strawberry.argument(description="Rows of a page, 1 to 500.")]
After = Annotated[str | None, strawberry.argument(description="The endCursor of the page before.")]


@strawberry.type
class Query:
    """What can be asked. Every list is newest first, now or as of any moment of the log."""

    @strawberry.field(description="The last position of the log: nothing is newer.")
    async def head(self, info: Info) -> Position:
        """From the ledger."""
        return Position(await info.context.blocking(info.context.log.head))

    @strawberry.field(
        description="The log's present timeline: keep it with positions. Another one means that the log was restored to an earlier point."
    )
    async def timeline(self, info: Info) -> UUID:
        """From the log."""
        return (await info.context.blocking(info.context.log.timelines))[-1].id

    @strawberry.field(description="The agents of the fleet.")
    async def agents(
        self,
        info: Info,
        filter: AgentsWanted | None = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
        as_of: AsOf | None = None,
    ) -> Connection[Agent]:
        """A page."""
        return await connect(info.context, Agent, await listing(info.context, Agent, filter, first, after, as_of))

    @strawberry.field(description="The clusters under watch.")
    async def clusters(
        self,
        info: Info,
        filter: ClustersWanted | None = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
        as_of: AsOf | None = None,
    ) -> Connection[Cluster]:
        """A page."""
        return await connect(info.context, Cluster, await listing(info.context, Cluster, filter, first, after, as_of))

    @strawberry.field(description="What agents reported.")
    async def events(
        self,
        info: Info,
        filter: EventsWanted | None = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
        as_of: EventsAsOf | None = None,
    ) -> Connection[Event]:
        """A page."""
        return await connect(info.context, Event, await listing(info.context, Event, filter, first, after, as_of))

    @strawberry.field(description="What broke.")
    async def incidents(
        self,
        info: Info,
        filter: IncidentsWanted | None = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
        as_of: AsOf | None = None,
    ) -> Connection[Incident]:
        """A page."""
        return await connect(info.context, Incident, await listing(info.context, Incident, filter, first, after, as_of))

    @strawberry.field(description="Orders to agents.")
    async def commands(
        self,
        info: Info,
        filter: CommandsWanted | None = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
        as_of: AsOf | None = None,
    ) -> Connection[Command]:
        """A page."""
        return await connect(info.context, Command, await listing(info.context, Command, filter, first, after, as_of))

    @strawberry.field(description="Incidents being looked into and repaired.")
    async def workflows(
        self,
        info: Info,
        filter: WorkflowsWanted | None = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
        as_of: AsOf | None = None,
    ) -> Connection[Workflow]:
        """A page."""
        return await connect(info.context, Workflow, await listing(info.context, Workflow, filter, first, after, as_of))

    @strawberry.field(description="What was proposed and done.")
    async def remediations(
        self,
        info: Info,
        filter: RemediationsWanted | None = None,
        first: First = DEFAULT_PAGE,
        after: After = None,
        as_of: AsOf | None = None,
    ) -> Connection[Remediation]:
        """A page."""
        return await connect(
            info.context, Remediation, await listing(info.context, Remediation, filter, first, after, as_of)
        )

    @strawberry.field(description="Anything by its global id.")
    async def node(self, info: Info, id: strawberry.ID, as_of: AsOf | None = None) -> Node | None:
        """Null if it is not there, or was not yet."""
        type_name, stream_id = parse_id(id)
        if type_name not in NODES:
            raise InvalidArgumentError("id", f"is not the global id of one of {', '.join(NODES)}")
        return await NODES[type_name].find(info, stream_id, await position_of(info.context, as_of))

    @strawberry.field(
        description=f"A stream's events with the state before and after each; up to {MAX_HISTORY} versions."
    )
    async def history(
        self, info: Info, stream_id: UUID, from_version: Long = _FIRST_VERSION, to_version: Long | None = None
    ) -> list[HistoryEntry]:
        """By replay."""
        last = from_version + MAX_HISTORY - 1 if to_version is None else to_version
        if from_version < 1 or not from_version <= last < from_version + MAX_HISTORY:
            raise InvalidArgumentError("toVersion", f"asks for no version, or for more than {MAX_HISTORY}")
        log = info.context.log
        stream = await info.context.blocking(log.stream, stream_id, 1, min(last, 2**31))
        if not stream:
            raise UnknownThingError("streamId", f"stream {stream_id}")
        return [HistoryEntry.of(*step) for step in states(stream) if step[0].version >= from_version]

    @strawberry.field(
        description="A stream as it was at a version, at a recorded time, or at a position; by default as it is."
    )
    async def state_at(
        self,
        info: Info,
        stream_id: UUID,
        version: Long | None = None,
        time: datetime | None = None,
        position: Position | None = None,
    ) -> StreamState | None:
        """By replay. Null if the stream had not begun."""
        if sum(given is not None for given in (version, time, position)) > 1:
            raise InvalidArgumentError("version", "give one of version, time and position")
        upto = await _moment(info, time, position)
        log = info.context.log
        stream = await info.context.blocking(log.stream, stream_id, 1, None if version is None else min(version, 2**31))
        if not stream:
            raise UnknownThingError("streamId", f"stream {stream_id}")
        if version is not None and stream[-1].version != version:
            raise UnknownThingError("version", f"version {version}: the stream ends at {stream[-1].version}")
        steps = list(states([recorded for recorded in stream if upto is None or recorded.position <= upto]))
        return StreamState.of(steps[-1][0], steps[-1][2]) if steps else None


async def _moment(info: Info, time: datetime | None, position: Position | None) -> int | None:
    if time is not None:
        return await info.context.blocking(info.context.log.position_at, aware(time, "time"))
    return None if position is None else await known_position(info.context, position, "position")
