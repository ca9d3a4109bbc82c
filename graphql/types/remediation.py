"""Remediations in the schema."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

import aetherius.graphql.types.enums  # noqa: F401  # registers the enumerations
from aetherius.domain.plan import DryRun
from aetherius.domain.plan import TrackRecord as KnownRecord
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.risk import RiskLevel
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Long
from aetherius.graphql.types.command import Command
from aetherius.graphql.types.node import Node
from aetherius.projections.models import REMEDIATIONS

if TYPE_CHECKING:
    from aetherius.graphql.types.incident import Incident


@strawberry.type(description="How much could go wrong.")
class Risk:
    """A risk and why."""

    level: RiskLevel
    reasons: list[str]
    approval_required: bool


@strawberry.type(description="Who said yes or no.")
class Approval:
    """A decision; `approved` is null while one is awaited."""

    approved: bool | None
    question: str
    by: str
    comment: str
    at: datetime | None


@strawberry.type(description="Whether it helped.")
class Verification:
    """An outcome of looking."""

    verified: bool
    summary: str
    command_id: UUID | None
    at: datetime


@strawberry.type(description="How often an action was done before.")
class TrackRecord:
    """Counts."""

    done: Long
    helped: Long = strawberry.field(description="It was verified that it helped.")


@strawberry.type(
    description="What would be done as things are now, by a dry run. A yes is to the plan of one digest; if something changed by then, there is another one."
)
class Plan:
    """A plan."""

    digest: str = strawberry.field(description="SHA-256 of all that a yes is to: name it in `approveRemediation`.")
    number: int = strawberry.field(description="1 for the first.")
    dry_run: DryRun
    told: str = strawberry.field(description="The expected effect; why it would be refused; why nobody knows.")
    diff: list[str] = strawberry.field(description="`path: before -> after`, without values that may be secret.")
    affected: list[str] = strawberry.field(description="`namespace/kind/name` of whom else it touches.")
    warnings: list[str]
    undo: str = strawberry.field(description="What takes it back.")
    seen: list[str] = strawberry.field(description="The facts that it stands on.")
    here: TrackRecord = strawberry.field(description="This action on this very object, before.")
    anywhere: TrackRecord = strawberry.field(description="This action on any object, before.")
    expires_at: datetime | None = strawberry.field(description="Until when a yes is taken.")
    planned_at: datetime


@strawberry.type(description="A proposed act with a risk, an approval, a verification and an undo.")
class Remediation(Node):
    """A remediation."""

    model = REMEDIATIONS

    incident_id: UUID
    workflow_id: UUID
    step_id: str
    cluster_id: str
    namespace: str
    kind: str
    name: str
    action: str
    parameters: JSON
    reason: str
    status: RemediationStatus
    execution: str = strawberry.field(description="What was done.")
    execution_command_id: UUID | None
    undo_action: str
    undo_parameters: JSON
    rollback: str
    rollback_command_id: UUID | None
    proposed_at: datetime
    executed_at: datetime | None
    rolled_back_at: datetime | None
    failed_at: datetime | None
    updated_at: datetime
    version: Long = strawberry.field(description="Events in its stream.")

    @strawberry.field
    def error(self, info: Info) -> str:
        """Opened for who may see it."""
        return info.context.show(self.row.error, self.row.id)

    @strawberry.field(description="Null until it is assessed.")
    def risk(self) -> Risk | None:
        """From the row."""
        row = self.row
        if row.risk is None:
            return None
        return Risk(level=row.risk, reasons=row.risk_reasons, approval_required=row.approval_required)

    @strawberry.field(description="Null while none was made: it is made once a person is asked.")
    def plan(self) -> Plan | None:
        """From the row."""
        plan = self.row.plan
        if plan is None:
            return None
        return Plan(
            digest=self.row.digest,
            number=plan.number,
            dry_run=plan.dry_run,
            told=plan.told,
            diff=plan.diff,
            affected=plan.affected,
            warnings=plan.warnings,
            undo=plan.undo,
            seen=plan.seen,
            here=_record(plan.here),
            anywhere=_record(plan.anywhere),
            expires_at=plan.expires_at,
            planned_at=self.row.planned_at,
        )

    @strawberry.field(description="Null while nobody was asked and nobody decided.")
    def approval(self) -> Approval | None:
        """From the row."""
        row = self.row
        if row.approved is None and not row.question:
            return None
        return Approval(
            approved=row.approved, question=row.question, by=row.decided_by, comment=row.decision, at=row.decided_at
        )

    @strawberry.field(description="Null until somebody looked.")
    def verification(self) -> Verification | None:
        """From the row."""
        row = self.row
        if row.verified is None:
            return None
        return Verification(
            verified=row.verified, summary=row.verification, command_id=row.verification_command_id, at=row.verified_at
        )

    @strawberry.field(description="What it is for.")
    async def incident(
        self, info: Info
    ) -> Annotated[Incident, strawberry.lazy("aetherius.graphql.types.incident")] | None:
        """By its id."""
        from aetherius.graphql.types.incident import Incident

        return await Incident.find(info, self.incident_id, self.as_of)

    @strawberry.field(description="Every command that it ordered, newest first.")
    async def commands(self, info: Info) -> list[Command]:
        """By the remediation's id."""
        return await Command.all_with(info, "remediation_id", self.row.id, self.as_of)


def _record(known: KnownRecord) -> TrackRecord:
    return TrackRecord(done=Long(known.done), helped=Long(known.helped))
