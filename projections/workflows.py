"""The workflows read model: each run with its steps, their outputs, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from aetherius.domain.event import Event, Recorded
from aetherius.domain.secrets import Secret, StepOutput
from aetherius.domain.workflow.definition import Step
from aetherius.domain.workflow.events import (
    BranchTaken,
    Cancelled,
    Completed,
    Failed,
    Paused,
    Resumed,
    Started,
    StepFailed,
    StepRetried,
    StepScheduled,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    Target,
)
from aetherius.domain.workflow.state import StepStatus, WorkflowStatus
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams


class StepRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step; `work_id` is its command, analysis or remediation. A skipped step's `error` is the reason."""

    id: str
    type: str
    status: StepStatus = StepStatus.PENDING
    attempt: int = 1
    work_id: UUID | None = None
    not_before: datetime | None = None
    until: datetime | None = None
    output: StepOutput = {}
    error: Secret = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


class WorkflowRow(Row, frozen=True, kw_only=True, omit_defaults=True):
    """One run of a workflow."""

    incident_id: UUID
    name: str
    strategy: str
    trigger: str
    cluster_id: str
    namespace: str
    target: Target
    parameters: dict[str, str] = {}
    status: WorkflowStatus
    steps: list[StepRow]
    choice: str = ""
    choice_reason: str = ""
    outcome: str = ""
    error: Secret = ""
    ended_by: str = ""
    started_at: datetime
    ended_at: datetime | None = None
    updated_at: datetime
    version: int


class WorkflowFilter(Filter, frozen=True, kw_only=True):
    """Which workflows."""

    cluster_id: str | None = None
    namespace: str | None = None
    incident_id: UUID | None = None
    name: str | None = None
    strategy: str | None = None
    status: list[WorkflowStatus] | None = None
    started_at_since: datetime | None = None
    started_at_until: datetime | None = None


class Workflows(ReadModel[WorkflowRow]):
    """Current and past workflows."""

    name = "workflows"
    row = WorkflowRow
    topics = topics_of_streams("Workflow")
    columns = {
        "cluster_id": Column(indexed=True),
        "namespace": Column(),
        "incident_id": Column("uuid", indexed=True),
        "name": Column(),
        "strategy": Column(),
        "status": Column(),
        "started_at": Column("timestamptz"),
    }

    def evolve(self, row: WorkflowRow | None, recorded: Recorded) -> WorkflowRow | None:
        """The workflow after an event."""
        if isinstance(recorded.event, Started):
            return _started(recorded.event, recorded)
        if row is None:
            return None
        row = replace(row, updated_at=recorded.occurred_at, version=recorded.version)
        step_id = getattr(recorded.event, "step_id", None)
        if step_id is not None:
            step = _step_changes(recorded.event, recorded.occurred_at)
            row = replace(row, steps=[replace(s, **step) if s.id == step_id else s for s in row.steps])
        return replace(row, **_changes(row, recorded.event, recorded.occurred_at))


def _started(event: Started, recorded: Recorded) -> WorkflowRow:
    return WorkflowRow(
        id=recorded.stream_id,
        incident_id=event.incident_id,
        name=event.definition.name,
        strategy=event.strategy,
        trigger=event.trigger,
        cluster_id=event.target.cluster_id,
        namespace=event.target.namespace,
        target=event.target,
        parameters=event.parameters,
        status=WorkflowStatus.RUNNING,
        steps=[StepRow(id=step.id, type=_type_of(step)) for step in event.definition.steps],
        started_at=recorded.occurred_at,
        updated_at=recorded.occurred_at,
        version=recorded.version,
    )


def _type_of(step: Step) -> str:
    return str(step.__struct_config__.tag)


def _changes(row: WorkflowRow, event: Event, at: datetime) -> dict[str, Any]:
    match event:
        case BranchTaken():
            chosen = row.choice if any(step.id == event.then for step in row.steps) else event.then
            return {"choice": chosen, "choice_reason": event.reason}
        case Paused():
            return {"status": WorkflowStatus.PAUSED}
        case Resumed():
            return {"status": WorkflowStatus.RUNNING}
        case Completed():
            return {"status": WorkflowStatus.COMPLETED, "outcome": event.outcome, "ended_at": at}
        case Failed():
            return {"status": WorkflowStatus.FAILED, "error": event.error, "ended_at": at}
        case Cancelled():
            return {
                "status": WorkflowStatus.CANCELLED,
                "error": event.reason,
                "ended_by": event.by,
                "ended_at": at,
            }
        case _:
            return {}


def _step_changes(event: Event, at: datetime) -> dict[str, Any]:
    match event:
        case StepScheduled():
            return {"status": StepStatus.SCHEDULED, "attempt": event.attempt, "not_before": event.not_before}
        case StepStarted():
            return {
                "status": StepStatus.RUNNING,
                "work_id": event.work_id,
                "until": event.until,
                "started_at": at,
            }
        case StepSucceeded():
            return {"status": StepStatus.SUCCEEDED, "output": event.output, "ended_at": at}
        case BranchTaken():
            output = {"condition": event.condition, "then": event.then}
            return {"status": StepStatus.SUCCEEDED, "output": output, "ended_at": at}
        case StepFailed():
            return {"status": StepStatus.FAILED, "error": event.error, "ended_at": at}
        case StepRetried():
            return {"error": event.error}
        case StepSkipped():
            return {"status": StepStatus.SKIPPED, "error": event.reason, "ended_at": at}
        case _:
            return {}
