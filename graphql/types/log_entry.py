"""Events of the log in the schema, and streams over time."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from aetherius.domain.event import Recorded
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Long, Position
from aetherius.graphql.time_travel import State, diff, kind_of, to_json


@strawberry.type(description="One event of the log, with who and what led to it.")
class LogEntry:
    """An event as it was recorded."""

    position: Position
    stream_id: UUID
    version: Long = strawberry.field(description="Its place in the stream, from 1.")
    event_id: UUID = strawberry.field(description="What causationId of later events names.")
    type: str = strawberry.field(description="Kind of stream and name: Incident.Opened.")
    occurred_at: datetime
    actor: str
    correlation_id: UUID | None
    causation_id: UUID | None
    event: JSON

    @classmethod
    def of(cls, recorded: Recorded) -> LogEntry:
        """The entry of an event."""
        return cls(
            position=Position(recorded.position),
            stream_id=recorded.stream_id,
            version=Long(recorded.version),
            event_id=recorded.id,
            type=recorded.event.type_name,
            occurred_at=recorded.occurred_at,
            actor=recorded.cause.actor,
            correlation_id=recorded.cause.correlation_id,
            causation_id=recorded.cause.causation_id,
            event=JSON(to_json(recorded.event)),
        )

    @strawberry.field(description="When the log learned it.")
    async def recorded_at(self, info: Info) -> datetime:
        """From the ledger, only when asked for."""
        return await info.context.blocking(info.context.log.recorded_at, self.position)


@strawberry.type(description="One value that an event changed.")
class Change:
    """A leaf of the state."""

    path: str = strawberry.field(description="Names and indexes with dots between.")
    before: JSON | None
    after: JSON | None


@strawberry.type(description="An event of a stream with the state before and after it.")
class HistoryEntry:
    """A step in a stream's life."""

    entry: LogEntry
    before: JSON
    after: JSON

    @classmethod
    def of(cls, recorded: Recorded, before: State, after: State) -> HistoryEntry:
        """The entry of an event."""
        return cls(entry=LogEntry.of(recorded), before=JSON(before), after=JSON(after))

    @strawberry.field(description="What differs between the two, leaf by leaf.")
    def diff(self) -> list[Change]:
        """Worked out only when asked for."""
        return [Change(path=path, before=old, after=new) for path, old, new in diff(self.before, self.after)]


@strawberry.type(description="A stream at a moment, by replay of its events.")
class StreamState:
    """A state and where it stands."""

    stream_id: UUID
    kind: str = strawberry.field(description="Kind of the stream: Incident.")
    version: Long
    position: Position = strawberry.field(description="Of the last event in it.")
    state: JSON

    @classmethod
    def of(cls, last: Recorded, state: State) -> StreamState:
        """The state that a stream's last event left."""
        return cls(
            stream_id=last.stream_id,
            kind=kind_of(last),
            version=Long(last.version),
            position=Position(last.position),
            state=JSON(state),
        )
