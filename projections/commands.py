"""The commands read model: every order to an agent, with its answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from aetherius.domain.command import (
    Cancelled,
    CommandStatus,
    Dispatched,
    Failed,
    Issued,
    Lost,
    Refused,
    Succeeded,
    TimedOut,
)
from aetherius.domain.event import Event, Recorded
from aetherius.domain.secrets import Secret
from aetherius.domain.wire.command import CommandType
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams


class CommandRow(Row, frozen=True, kw_only=True, omit_defaults=True):
    """One command. `output` is at most 256 KiB; `rejected_by` names layer and rule."""

    cluster_id: str
    type: CommandType
    tool: str
    action: str
    args: list[str] = []
    namespace: str = ""
    timeout: str
    issued_by: str
    parameters: dict[str, Any] = {}
    node: str = ""
    workflow_id: UUID | None = None
    remediation_id: UUID | None = None
    step_id: str = ""
    status: CommandStatus
    exit_code: int | None = None
    output: Secret = ""
    error: Secret = ""
    rejected_by: str = ""
    execution_time: str = ""
    truncated: bool = False
    output_sha256: str = ""
    output_object: str = ""
    issued_at: datetime
    expires_at: datetime
    dispatched_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime
    version: int


class CommandFilter(Filter, frozen=True, kw_only=True):
    """Which commands."""

    cluster_id: str | None = None
    namespace: str | None = None
    status: list[CommandStatus] | None = None
    type: CommandType | None = None
    tool: str | None = None
    action: str | None = None
    workflow_id: UUID | None = None
    remediation_id: UUID | None = None
    issued_at_since: datetime | None = None
    issued_at_until: datetime | None = None


class Commands(ReadModel[CommandRow]):
    """Current and past commands."""

    name = "commands"
    row = CommandRow
    topics = topics_of_streams("Command")
    columns = {
        "cluster_id": Column(indexed=True),
        "namespace": Column(),
        "status": Column(),
        "type": Column(),
        "tool": Column(),
        "action": Column(),
        "workflow_id": Column("uuid", indexed=True),
        "remediation_id": Column("uuid", indexed=True),
        "issued_at": Column("timestamptz"),
    }

    def evolve(self, row: CommandRow | None, recorded: Recorded) -> CommandRow | None:
        """The command after an event."""
        event, at = recorded.event, recorded.occurred_at
        if isinstance(event, Issued):
            return _issued(event, recorded)
        if row is None:
            return None
        row = replace(row, updated_at=at, version=recorded.version)
        if isinstance(event, Dispatched):
            return replace(row, status=CommandStatus.DISPATCHED, dispatched_at=at)
        changes = _answer(event)
        return replace(row, finished_at=at, **changes) if changes else row


def _issued(event: Issued, recorded: Recorded) -> CommandRow:
    return CommandRow(
        id=recorded.stream_id,
        cluster_id=event.cluster_id,
        type=event.type,
        tool=event.tool,
        action=event.action,
        args=event.args,
        namespace=event.namespace,
        timeout=event.timeout,
        issued_by=event.issued_by,
        parameters=event.parameters,
        node=event.node,
        workflow_id=event.workflow_id,
        remediation_id=event.remediation_id,
        step_id=event.step_id,
        status=CommandStatus.ISSUED,
        issued_at=recorded.occurred_at,
        expires_at=event.expires_at,
        updated_at=recorded.occurred_at,
        version=recorded.version,
    )


def _answer(event: Event) -> dict[str, Any]:
    match event:
        case Succeeded():
            return {
                "status": CommandStatus.SUCCEEDED,
                "exit_code": event.exit_code,
                "output": event.output,
                "execution_time": event.execution_time,
                "truncated": event.truncated,
                "output_sha256": event.output_sha256,
                "output_object": event.output_object,
            }
        case Failed():
            return {
                "status": CommandStatus.FAILED,
                "exit_code": event.exit_code,
                "output": event.output,
                "error": event.error,
                "execution_time": event.execution_time,
                "truncated": event.truncated,
                "output_sha256": event.output_sha256,
            }
        case Refused():
            return {"status": CommandStatus.REFUSED, "rejected_by": event.rejected_by, "error": event.error}
        case TimedOut():
            return {"status": CommandStatus.TIMED_OUT, "output": event.output, "error": event.error}
        case Cancelled():
            return {"status": CommandStatus.CANCELLED, "error": event.error}
        case Lost():
            return {"status": CommandStatus.LOST, "error": event.reason}
        case _:
            return {}
