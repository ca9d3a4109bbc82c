"""Workflows and their steps in the schema."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import strawberry
from strawberry.scalars import JSON

import aetherius.graphql.types.enums  # noqa: F401  # registers the enumerations
from aetherius.domain.secrets import opened, secret_fields
from aetherius.domain.workflow.state import StepStatus, WorkflowStatus
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Long
from aetherius.graphql.types.command import Command
from aetherius.graphql.types.node import Node
from aetherius.graphql.types.remediation import Remediation
from aetherius.projections.models import WORKFLOWS
from aetherius.projections.workflows import StepRow

if TYPE_CHECKING:
    from aetherius.graphql.types.incident import Incident


_SECRETS = secret_fields(StepRow)


@strawberry.type(description="One step of a workflow.")
class Step:
    """A step; its command or remediation is found by its work."""

    id: str
    type: str = strawberry.field(description="command, ai_reasoning, decision, action or wait.")
    status: StepStatus
    attempt: int
    work_id: UUID | None = strawberry.field(description="The command, analysis or remediation that does it.")
    not_before: datetime | None
    until: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    row: strawberry.Private[StepRow]
    workflow_id: strawberry.Private[UUID]
    as_of: strawberry.Private[int | None]

    @classmethod
    def of(cls, row: StepRow, workflow_id: UUID, as_of: int | None) -> Step:
        """The step of a row."""
        copied = {name: value for name, value in msgspec.structs.asdict(row).items() if name not in _SECRETS}
        return cls(**copied, row=row, workflow_id=workflow_id, as_of=as_of)

    @strawberry.field
    def output(self, info: Info) -> JSON:
        """With what its command printed opened for who may see it."""
        return JSON(opened(self.row, self.workflow_id, info.context).output)

    @strawberry.field(description="Why it failed or was skipped.")
    def error(self, info: Info) -> str:
        """As the output."""
        return info.context.show(self.row.error, self.workflow_id)

    @strawberry.field(description="The command of a command step, once it was issued.")
    async def command(self, info: Info) -> Command | None:
        """By the step's work."""
        return await Command.find(info, self.work_id, self.as_of) if self.type == "command" else None

    @strawberry.field(description="The remediation of an action step, once it was proposed.")
    async def remediation(self, info: Info) -> Remediation | None:
        """By the step's work."""
        return await Remediation.find(info, self.work_id, self.as_of) if self.type == "action" else None


@strawberry.type(description="An incident being looked into and repaired, step by step.")
class Workflow(Node):
    """A workflow."""

    model = WORKFLOWS

    incident_id: UUID
    name: str
    strategy: str
    trigger: str
    cluster_id: str
    namespace: str
    parameters: JSON
    status: WorkflowStatus
    choice: str = strawberry.field(description="The remediation that a decision chose.")
    choice_reason: str
    outcome: str
    ended_by: str
    started_at: datetime
    ended_at: datetime | None
    updated_at: datetime
    version: Long = strawberry.field(description="Events in its stream.")

    @strawberry.field
    def error(self, info: Info) -> str:
        """Opened for who may see it."""
        return info.context.show(self.row.error, self.row.id)

    @strawberry.field(description="Its steps in order.")
    def steps(self) -> list[Step]:
        """From the row."""
        return [Step.of(step, self.row.id, self.as_of) for step in self.row.steps]

    @strawberry.field(description="The object that commands act on: kind, name, namespace, pod.")
    def target(self) -> JSON:
        """As JSON."""
        return JSON(msgspec.to_builtins(self.row.target))

    @strawberry.field(description="What it is about.")
    async def incident(
        self, info: Info
    ) -> Annotated[Incident, strawberry.lazy("aetherius.graphql.types.incident")] | None:
        """By its id."""
        from aetherius.graphql.types.incident import Incident

        return await Incident.find(info, self.incident_id, self.as_of)

    @strawberry.field(description="Every command that its steps ordered, newest first.")
    async def commands(self, info: Info) -> list[Command]:
        """By the workflow's id."""
        return await Command.all_with(info, "workflow_id", self.row.id, self.as_of)
