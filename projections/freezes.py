"""The freezes read model: where nothing may be changed, and where that was so."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from aetherius.domain.event import Recorded
from aetherius.domain.freeze import Lifted, Set
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams


class FreezeRow(Row, frozen=True, kw_only=True):
    """The latest freeze of one scope."""

    cluster_id: str
    namespace: str
    environment: str
    reason: str
    set_by: str
    set_at: datetime
    until: datetime | None = None
    lifted: bool = False
    lifted_by: str = ""
    lifted_at: datetime | None = None
    updated_at: datetime
    version: int


class FreezeFilter(Filter, frozen=True, kw_only=True):
    """Which freezes."""

    cluster_id: str | None = None
    lifted: bool | None = None


class Freezes(ReadModel[FreezeRow]):
    """One row a scope."""

    name = "freezes"
    row = FreezeRow
    topics = topics_of_streams("Freeze")
    columns = {"cluster_id": Column(), "lifted": Column("boolean")}

    def evolve(self, row: FreezeRow | None, recorded: Recorded) -> FreezeRow | None:
        """The freeze after an event."""
        event, at = recorded.event, recorded.occurred_at
        match event:
            case Set():
                return FreezeRow(
                    id=recorded.stream_id,
                    cluster_id=event.scope.cluster_id,
                    namespace=event.scope.namespace,
                    environment=event.scope.environment,
                    reason=event.reason,
                    set_by=event.by,
                    set_at=at,
                    until=event.until,
                    updated_at=at,
                    version=recorded.version,
                )
            case Lifted() if row is not None:
                lifted = replace(row, lifted=True, lifted_by=event.by, lifted_at=at)
                return replace(lifted, updated_at=at, version=recorded.version)
            case _:
                return row
