"""An agent: the one collector of a cluster, as the fleet knows it."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.errors import WrongStateError
from aetherius.domain.event import Event


class AgentStatus(enum.StrEnum):
    """Whether heartbeats arrive."""

    NEW = "new"
    ONLINE = "online"
    OFFLINE = "offline"
    DEREGISTERED = "deregistered"


class Registered(Event, stream="Agent", frozen=True, kw_only=True):
    """An agent introduced itself: a first time, or after a restart with an empty spool (a higher epoch)."""

    cluster_id: str
    agent_id: str
    epoch: int
    agent_version: str
    kubernetes_version: str
    capabilities: list[str] = []


class Reconfigured(Event, stream="Agent", frozen=True, kw_only=True):
    """The configuration sent to the agent changed."""

    cluster_id: str
    heartbeat_interval: float


class WentOffline(Event, stream="Agent", frozen=True, kw_only=True):
    """No heartbeat for longer than is allowed."""

    cluster_id: str
    last_heartbeat: datetime


class CameBack(Event, stream="Agent", frozen=True, kw_only=True):
    """Heartbeats arrive again."""

    cluster_id: str


class GapDetected(Event, stream="Agent", frozen=True, kw_only=True):
    """Event numbers `first` to `last` of an epoch did not arrive: what happened then is unknown, not nothing."""

    cluster_id: str
    epoch: int
    first: int
    last: int


class Deregistered(Event, stream="Agent", frozen=True, kw_only=True):
    """The agent was removed from the fleet."""

    cluster_id: str
    reason: str


class Agent(Aggregate):
    """One agent, and the rules of its life."""

    stream = "Agent"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.status = AgentStatus.NEW
        self.cluster_id = ""
        self.agent_id = ""
        self.epoch = 0
        self.registration: Registered | None = None

    def register(self, registration: Registered, at: datetime) -> bool:
        """Take a registration; False when it says nothing new (a repeat of the message)."""
        if self.status is AgentStatus.ONLINE and registration == self.registration:
            return False
        self.record(registration, at)
        return True

    def go_offline(self, last_heartbeat: datetime, at: datetime) -> None:
        """Note that heartbeats stopped; does nothing for an agent that is not online."""
        if self.status is AgentStatus.ONLINE:
            self.record(WentOffline(cluster_id=self.cluster_id, last_heartbeat=last_heartbeat), at)

    def come_back(self, at: datetime) -> None:
        """Note that heartbeats arrive again; does nothing for an agent that is not offline."""
        if self.status is AgentStatus.OFFLINE:
            self.record(CameBack(cluster_id=self.cluster_id), at)

    def detect_gap(self, epoch: int, first: int, last: int, at: datetime) -> None:
        """Note event numbers that did not arrive."""
        self.record(GapDetected(cluster_id=self.cluster_id, epoch=epoch, first=first, last=last), at)

    def deregister(self, reason: str, at: datetime) -> None:
        """Remove the agent. Raises ``WrongStateError`` for one that never registered or is removed already."""
        if self.status in (AgentStatus.NEW, AgentStatus.DEREGISTERED):
            raise WrongStateError(f"agent {self.agent_id or self.id}", self.status, "deregister")
        self.record(Deregistered(cluster_id=self.cluster_id, reason=reason), at)

    def evolve(self, event: Event) -> None:
        match event:
            case Registered():
                self.registration = event
                self.cluster_id, self.agent_id, self.epoch = event.cluster_id, event.agent_id, event.epoch
                self.status = AgentStatus.ONLINE
            case WentOffline():
                self.status = AgentStatus.OFFLINE
            case CameBack():
                self.status = AgentStatus.ONLINE
            case Deregistered():
                self.status = AgentStatus.DEREGISTERED
            case _:
                pass
