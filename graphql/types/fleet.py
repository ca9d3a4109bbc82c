"""Agents and clusters in the schema."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

import aetherius.graphql.types.enums  # noqa: F401  # registers the enumerations
from aetherius.domain.agent import AgentStatus
from aetherius.domain.cluster import Repairs
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Long
from aetherius.graphql.types.node import Node
from aetherius.projections.models import AGENTS, CLUSTERS


@strawberry.type(description="The one collector of a cluster.")
class Agent(Node):
    """An agent."""

    model = AGENTS

    agent_id: str
    cluster_id: str
    status: AgentStatus
    epoch: Long = strawberry.field(description="Raised at each start with an empty spool.")
    agent_version: str
    kubernetes_version: str
    capabilities: list[str]
    heartbeat_interval: float | None = strawberry.field(description="Seconds.")
    last_heartbeat: datetime | None = strawberry.field(description="The last one before it went offline.")
    gaps: int = strawberry.field(description="Ranges of reports that never arrived.")
    missed_events: Long = strawberry.field(description="Reports that never arrived: what happened then is unknown.")
    registered_at: datetime
    updated_at: datetime
    version: Long = strawberry.field(description="Events in its stream.")

    @strawberry.field(description="The cluster it watches.")
    async def cluster(self, info: Info) -> Annotated[Cluster, strawberry.lazy("aetherius.graphql.types.fleet")] | None:
        """By name."""
        found = await Cluster.all_with(info, "cluster_id", self.cluster_id, self.as_of)
        return found[0] if found else None


@strawberry.type(description="A cluster under watch.")
class Cluster(Node):
    """A cluster."""

    model = CLUSTERS

    cluster_id: str
    kubernetes_version: str
    labels: JSON
    repairs: Repairs
    events_per_minute: Long | None
    commands_per_minute: Long | None
    registered_at: datetime
    updated_at: datetime
    version: Long = strawberry.field(description="Events in its stream.")

    @strawberry.field(description="The agents that watch it, or did, newest first.")
    async def agents(self, info: Info) -> list[Agent]:
        """By the cluster's name."""
        return await Agent.all_with(info, "cluster_id", self.cluster_id, self.as_of)
