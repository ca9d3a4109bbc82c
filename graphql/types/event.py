"""Reports of agents in the schema."""

from __future__ import annotations

from datetime import datetime

import msgspec
import strawberry
from strawberry.scalars import JSON

import aetherius.graphql.types.enums  # noqa: F401  # registers the enumerations
from aetherius.domain.wire.event import Severity
from aetherius.graphql.scalars import Long
from aetherius.graphql.types.node import Node
from aetherius.projections.models import EVENTS


@strawberry.type(description="Something that an agent saw in its cluster.")
class Event(Node):
    """A report; it never changes."""

    model = EVENTS

    cluster_id: str
    occurred_at: datetime
    type: str
    source: str
    severity: Severity
    reason: str
    message: str
    namespace: str
    kind: str = strawberry.field(description="Of the object it is about.")
    name: str
    node: str
    owner_kind: str = strawberry.field(description="Of the workload on top of it.")
    owner_name: str
    agent_id: str
    epoch: Long
    sequence: Long = strawberry.field(description="Its number, without gaps for each agent and epoch.")
    uid: str
    resource_version: str

    @strawberry.field(description="What Kubernetes said, as far as rules need it.")
    def raw_data(self) -> JSON:
        """As JSON."""
        return JSON(msgspec.to_builtins(self.row.raw_data))
