"""The queries of the schema."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import strawberry

from aetherius.access.errors import InvalidArgumentError, UnknownThingError
from aetherius.access.moment import known_position, position_by
from aetherius.domain.event import Recorded
from aetherius.graphql.context import Info
from aetherius.graphql.moment import AsOf, position_of
from aetherius.graphql.root_lists import list_of
from aetherius.graphql.scalars import Long, Position
from aetherius.graphql.time_travel import states
from aetherius.graphql.types.command import Command
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.fleet import Agent, Cluster
from aetherius.graphql.types.freeze import Freeze
from aetherius.graphql.types.incident import Incident
from aetherius.graphql.types.log_entry import HistoryEntry, StreamState
from aetherius.graphql.types.node import Node, parse_id
from aetherius.graphql.types.remediation import Remediation
from aetherius.graphql.types.workflow import Workflow

NODES: Final[dict[str, type[Node]]] = {
    cls.__name__: cls for cls in (Agent, Cluster, Command, Event, Freeze, Incident, Remediation, Workflow)
}
MAX_HISTORY = 200
_FIRST_VERSION = Long(1)


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

    agents = list_of(Agent, "The agents of the fleet.")
    clusters = list_of(Cluster, "The clusters under watch.")
    events = list_of(Event, "What agents reported.")
    incidents = list_of(Incident, "What broke.")
    commands = list_of(Command, "Orders to agents.")
    workflows = list_of(Workflow, "Incidents being looked into and repaired.")
    remediations = list_of(Remediation, "What was proposed and done.")
    freezes = list_of(Freeze, "Where nothing may be changed, and where that was so.")

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
        stream = await info.context.blocking(log.stream, stream_id, 1, min(last, 2**31 - 1))
        if not stream:
            raise UnknownThingError("streamId", f"stream {stream_id}")
        return await info.context.blocking(_steps, stream, from_version)

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
        stream = await info.context.blocking(
            log.stream, stream_id, 1, None if version is None else min(version, 2**31 - 1)
        )
        if not stream:
            raise UnknownThingError("streamId", f"stream {stream_id}")
        if version is not None and stream[-1].version != version:
            raise UnknownThingError("version", f"version {version}: the stream ends at {stream[-1].version}")
        return await info.context.blocking(_last_state, stream, upto)


def _steps(stream: Sequence[Recorded], from_version: int) -> list[HistoryEntry]:
    return [HistoryEntry.of(*step) for step in states(stream) if step[0].version >= from_version]


def _last_state(stream: Sequence[Recorded], upto: int | None) -> StreamState | None:
    steps = deque(states([recorded for recorded in stream if upto is None or recorded.position <= upto]), maxlen=1)
    return StreamState.of(steps[-1][0], steps[-1][2]) if steps else None


async def _moment(info: Info, time: datetime | None, position: Position | None) -> int | None:
    context = info.context
    if time is not None:
        return await context.blocking(position_by, context.log, time, "time")
    return None if position is None else await context.blocking(known_position, context.log, position, "position")
