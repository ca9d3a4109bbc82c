"""Incidents in the schema."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

import strawberry

import aetherius.graphql.types.enums  # noqa: F401  # registers the enumerations
from aetherius.domain.incident import IncidentStatus
from aetherius.domain.wire.event import Severity
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Long
from aetherius.graphql.types.enums import CauseCode, Symptom, named
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.node import Node
from aetherius.graphql.types.remediation import Remediation
from aetherius.graphql.types.workflow import Workflow
from aetherius.projections.models import INCIDENTS


@strawberry.type(description="One finding.")
class Evidence:
    """Where it was seen, and what."""

    source: str = strawberry.field(description="A step of the workflow, or events.")
    finding: str
    weight: float = strawberry.field(description="0 to 1.")


@strawberry.type(description="What an analysis concluded.")
class Diagnosis:
    """A root cause with its evidence."""

    root_cause: str = strawberry.field(graphql_type=CauseCode)
    confidence: float = strawberry.field(description="0 to 1.")
    summary: str
    evidence: list[Evidence]
    analysis_id: UUID
    at: datetime


@strawberry.type(description="A degradation with an onset, from the first sign to its end.")
class Incident(Node):
    """An incident."""

    model = INCIDENTS

    cluster_id: str
    namespace: str
    kind: str = strawberry.field(description="Of what broke: Deployment, Pod, Node.")
    name: str
    symptom: str = strawberry.field(graphql_type=Symptom)
    severity: Severity
    status: IncidentStatus
    reason: str
    message: str
    pod: str
    container: str
    node: str
    event_count: Long = strawberry.field(description="Reports that were folded into it.")
    reasons: list[str]
    pods: list[str]
    strategy: str
    workflow_id: UUID | None
    remediation_id: UUID | None = strawberry.field(description="The repair that was verified.")
    resolution: str = strawberry.field(description="repaired, recovered or manual; empty while it goes on.")
    summary: str
    acknowledged_by: str
    suppressed: str
    part_of: UUID | None = strawberry.field(
        description="Stream of the incident of what it has in common with others; while that goes on it is not repaired by itself."
    )
    reopened: int
    onset: datetime
    opened_at: datetime
    acknowledged_at: datetime | None
    diagnosed_at: datetime | None
    mitigated_at: datetime | None
    resolved_at: datetime | None
    updated_at: datetime
    version: Long = strawberry.field(description="Events in its stream.")

    @strawberry.field(description="Null until an analysis concluded.")
    def diagnosis(self) -> Diagnosis | None:
        """From the row."""
        row = self.row
        if row.root_cause is None:
            return None
        return Diagnosis(
            root_cause=named("root_cause", row.root_cause),
            confidence=row.confidence,
            summary=row.diagnosis,
            evidence=[Evidence(source=e.source, finding=e.finding, weight=e.weight) for e in row.evidence],
            analysis_id=row.analysis_id,
            at=row.diagnosed_at,
        )

    @strawberry.field(description="The incidents that are part of this one, newest first.")
    async def members(self, info: Info) -> list[Incident]:
        """By this incident's id."""
        return await Incident.all_with(info, "part_of", self.row.id, self.as_of)

    @strawberry.field(description="What was proposed and done about it, newest first.")
    async def remediations(self, info: Info) -> list[Remediation]:
        """By the incident's id."""
        return await Remediation.all_with(info, "incident_id", self.row.id, self.as_of)

    @strawberry.field(description="The workflow that looks into it; the last one, if it was reopened.")
    async def workflow(self, info: Info) -> Workflow | None:
        """By the incident's id."""
        found = await Workflow.all_with(info, "incident_id", self.row.id, self.as_of)
        return found[0] if found else None

    @strawberry.field(description="The first report and the last few; eventCount tells how many there were.")
    async def events(self, info: Info) -> list[Event]:
        """By their ids, in order."""
        found = await asyncio.gather(*(Event.find(info, id, self.as_of) for id in self.row.event_ids))
        return [event for event in found if event]
