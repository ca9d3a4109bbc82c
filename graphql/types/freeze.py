"""Freezes in the schema."""

from __future__ import annotations

from datetime import UTC, datetime

import strawberry

from aetherius.graphql.scalars import Long
from aetherius.graphql.types.node import Node
from aetherius.projections.models import FREEZES


@strawberry.type(
    description="Nothing is changed in what it covers. An empty field of its scope covers all: one whose scope is empty is the kill switch."
)
class Freeze(Node):
    """The latest freeze of a scope."""

    model = FREEZES

    cluster_id: str
    namespace: str
    environment: str = strawberry.field(description="Value of a cluster's label `environment`.")
    reason: str
    set_by: str
    set_at: datetime
    until: datetime | None = strawberry.field(description="Null: until it is lifted.")
    lifted: bool
    lifted_by: str
    lifted_at: datetime | None
    updated_at: datetime
    version: Long = strawberry.field(description="Events in its stream.")

    @strawberry.field(description="Whether it holds now.")
    def holds(self) -> bool:
        """Neither lifted nor over."""
        return not self.lifted and (self.until is None or datetime.now(UTC) < self.until)
