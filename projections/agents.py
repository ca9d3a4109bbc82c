"""The agents read model: who watches which cluster, and whether heartbeats arrive."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from aetherius.domain.agent import (
    AgentStatus,
    CameBack,
    Deregistered,
    GapDetected,
    Reconfigured,
    Registered,
    WentOffline,
)
from aetherius.domain.event import Recorded
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams


class AgentRow(Row, frozen=True, kw_only=True):
    """One agent. `missed_events`: numbers that never arrived, over all gaps; `heartbeat_interval`: seconds."""

    agent_id: str
    cluster_id: str
    status: AgentStatus
    epoch: int
    agent_version: str
    kubernetes_version: str
    capabilities: list[str]
    heartbeat_interval: float | None = None
    last_heartbeat: datetime | None = None
    gaps: int = 0
    missed_events: int = 0
    registered_at: datetime
    updated_at: datetime
    version: int


class AgentFilter(Filter, frozen=True, kw_only=True):
    """Which agents."""

    cluster_id: str | None = None
    agent_id: str | None = None
    status: list[AgentStatus] | None = None


class Agents(ReadModel[AgentRow]):
    """Current and past agents."""

    name = "agents"
    row = AgentRow
    topics = topics_of_streams("Agent")
    columns = {"cluster_id": Column(indexed=True), "agent_id": Column(), "status": Column()}

    def evolve(self, row: AgentRow | None, recorded: Recorded) -> AgentRow | None:
        """The agent after an event."""
        if isinstance(recorded.event, Registered):
            return _registered(row, recorded.event, recorded)
        if row is None:
            return None
        row = replace(row, updated_at=recorded.occurred_at, version=recorded.version)
        match recorded.event:
            case Reconfigured() as event:
                return replace(row, heartbeat_interval=event.heartbeat_interval)
            case WentOffline() as event:
                return replace(row, status=AgentStatus.OFFLINE, last_heartbeat=event.last_heartbeat)
            case CameBack():
                return replace(row, status=AgentStatus.ONLINE)
            case GapDetected() as event:
                missed = row.missed_events + event.last - event.first + 1
                return replace(row, gaps=row.gaps + 1, missed_events=missed)
            case Deregistered():
                return replace(row, status=AgentStatus.DEREGISTERED)
            case _:
                return row


def _registered(row: AgentRow | None, event: Registered, recorded: Recorded) -> AgentRow:
    return AgentRow(
        id=recorded.stream_id,
        agent_id=event.agent_id,
        cluster_id=event.cluster_id,
        status=AgentStatus.ONLINE,
        epoch=event.epoch,
        agent_version=event.agent_version,
        kubernetes_version=event.kubernetes_version,
        capabilities=event.capabilities,
        heartbeat_interval=row.heartbeat_interval if row else None,
        last_heartbeat=row.last_heartbeat if row else None,
        gaps=row.gaps if row else 0,
        missed_events=row.missed_events if row else 0,
        registered_at=row.registered_at if row else recorded.occurred_at,
        updated_at=recorded.occurred_at,
        version=recorded.version,
    )
