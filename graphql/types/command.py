"""Commands in the schema."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

import aetherius.graphql.types.enums  # noqa: F401  # registers the enumerations
from aetherius.domain.command import CommandStatus
from aetherius.domain.wire.command import CommandType
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Long
from aetherius.graphql.types.node import Node
from aetherius.projections.models import COMMANDS

if TYPE_CHECKING:
    from aetherius.graphql.types.workflow import Workflow


@strawberry.type(description="An order to an agent, with its answer.")
class Command(Node):
    """A command."""

    model = COMMANDS

    cluster_id: str
    type: CommandType
    tool: str
    action: str
    args: list[str]
    namespace: str
    timeout: str
    issued_by: str
    parameters: JSON
    node: str
    workflow_id: UUID | None
    remediation_id: UUID | None
    step_id: str
    status: CommandStatus
    exit_code: int | None
    rejected_by: str = strawberry.field(description="Layer and rule that refused it.")
    execution_time: str
    truncated: bool
    output_sha256: str
    output_object: str
    issued_at: datetime
    expires_at: datetime
    dispatched_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    version: Long = strawberry.field(description="Events in its stream.")

    @strawberry.field(description="At most 256 KiB; truncated says if there was more.")
    def output(self, info: Info) -> str:
        """Opened for who may see it."""
        return info.context.show(self.row.output, self.row.id)

    @strawberry.field
    def error(self, info: Info) -> str:
        """As the output."""
        return info.context.show(self.row.error, self.row.id)

    @strawberry.field(description="The workflow that ordered it.")
    async def workflow(
        self, info: Info
    ) -> Annotated[Workflow, strawberry.lazy("aetherius.graphql.types.workflow")] | None:
        """By its id."""
        from aetherius.graphql.types.workflow import Workflow

        return await Workflow.find(info, self.workflow_id, self.as_of)
