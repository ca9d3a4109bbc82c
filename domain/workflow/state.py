"""The state of a workflow, and how each event changes it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from aetherius.domain.errors import WrongStateError
from aetherius.domain.event import Event
from aetherius.domain.secrets import Secret, StepOutput
from aetherius.domain.workflow.definition import Step, WorkflowDefinition
from aetherius.domain.workflow.events import (
    BranchTaken,
    Cancelled,
    Completed,
    Failed,
    Paused,
    Resumed,
    Started,
    StepFailed,
    StepScheduled,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)


class WorkflowStatus(enum.StrEnum):
    """Where a workflow is; the last three are final."""

    NEW = "new"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Nothing follows."""
        return self in (WorkflowStatus.COMPLETED, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED)


class StepStatus(enum.StrEnum):
    """Where a step is."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a running workflow."""

    status: StepStatus = StepStatus.PENDING
    attempt: int = 1
    work_id: UUID | None = None
    not_before: datetime | None = None
    until: datetime | None = None
    output: StepOutput = {}
    error: Secret = ""


class WorkflowState(msgspec.Struct, frozen=True, kw_only=True):
    """All that the rules need to know. `choice` is the remediation that a decision chose."""

    status: WorkflowStatus = WorkflowStatus.NEW
    started: Started | None = None
    steps: dict[str, StepState] = {}
    choice: str = ""
    choice_reason: str = ""

    @property
    def definition(self) -> WorkflowDefinition:
        """The definition of a workflow that has started."""
        if self.started is None:
            raise WrongStateError("workflow", self.status, "read its definition")
        return self.started.definition

    def step(self, step_id: str) -> StepState:
        """State of a step (pending when nothing happened to it)."""
        return self.steps.get(step_id, StepState())

    def current(self) -> Step | None:
        """The step that is scheduled or running."""
        live = (StepStatus.SCHEDULED, StepStatus.RUNNING)
        if self.started is None:
            return None
        return next((step for step in self.definition.steps if self.step(step.id).status in live), None)


def evolve(state: WorkflowState, event: Event) -> WorkflowState:
    """The state after an event; refuses nothing."""
    replace = msgspec.structs.replace
    match event:
        case Started():
            return replace(state, status=WorkflowStatus.RUNNING, started=event)
        case BranchTaken():
            chosen = state.choice if state.definition.has_step(event.then) else event.then
            state = replace(state, choice=chosen, choice_reason=event.reason)
            return _with_step(state, event.step_id, status=StepStatus.SUCCEEDED, output={"then": event.then})
        case Paused():
            return replace(state, status=WorkflowStatus.PAUSED)
        case Resumed():
            return replace(state, status=WorkflowStatus.RUNNING)
        case Completed():
            return replace(state, status=WorkflowStatus.COMPLETED)
        case Failed():
            return replace(state, status=WorkflowStatus.FAILED)
        case Cancelled():
            return replace(state, status=WorkflowStatus.CANCELLED)
        case _:
            return _evolve_step(state, event)


def _evolve_step(state: WorkflowState, event: Event) -> WorkflowState:
    match event:
        case StepScheduled():
            return _with_step(
                state,
                event.step_id,
                status=StepStatus.SCHEDULED,
                attempt=event.attempt,
                not_before=event.not_before,
            )
        case StepStarted():
            return _with_step(state, event.step_id, status=StepStatus.RUNNING, work_id=event.work_id, until=event.until)
        case StepSucceeded():
            return _with_step(state, event.step_id, status=StepStatus.SUCCEEDED, output=event.output)
        case StepFailed():
            return _with_step(state, event.step_id, status=StepStatus.FAILED, error=event.error)
        case StepSkipped():
            return _with_step(state, event.step_id, status=StepStatus.SKIPPED, error=event.reason)
        case _:
            return state


def _with_step(state: WorkflowState, step_id: str, **changes: Any) -> WorkflowState:
    step = msgspec.structs.replace(state.step(step_id), **changes)
    return msgspec.structs.replace(state, steps={**state.steps, step_id: step})
