"""Signs that an analysis had not seen: of a workflow that has ended and changed nothing, they are a reason to look once more."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final
from uuid import UUID

from aetherius.domain.incident import EventsCorrelated, Incident, IncidentStatus, Opened, Reopened
from aetherius.domain.remediation import Remediation
from aetherius.domain.workflow.definition import ActionStep, ReasoningStep
from aetherius.domain.workflow.state import WorkflowStatus
from aetherius.domain.workflow.workflow import Workflow
from aetherius.readers.unit import Unit

MOST: Final = 3
"""Looks beyond the first, for one incident."""


def unseen_sign(unit: Unit, incident: Incident, telling: Collection[str], workflow_id: UUID) -> str:
    """The telling reason that came first after the last analysis was asked for, and never before it; empty for none."""
    if incident.status is not IncidentStatus.DIAGNOSED or incident.looks >= MOST or not incident.reasons & set(telling):
        return ""
    workflow = unit.get(Workflow, workflow_id)
    if workflow.state.started is None or workflow.state.status is not WorkflowStatus.COMPLETED:
        return ""
    asked = _asked_at(unit, workflow)
    if asked is None or _has_changed_something(unit, workflow):
        return ""
    told = list(_told(unit, incident))
    seen = {reason for reason, position in told if position <= asked}
    return next(
        (reason for reason, position in told if position > asked and reason in telling and reason not in seen), ""
    )


def _asked_at(unit: Unit, workflow: Workflow) -> int | None:
    """The log's position of the last analysis that was asked for."""
    for step in reversed(workflow.state.definition.steps):
        work = workflow.state.step(step.id).work_id
        if isinstance(step, ReasoningStep) and work is not None:
            history = unit.history(work)
            return history[0].position if history else None
    return None


def _has_changed_something(unit: Unit, workflow: Workflow) -> bool:
    for step in workflow.state.definition.steps:
        work = workflow.state.step(step.id).work_id
        if isinstance(step, ActionStep) and work is not None:
            done = unit.get(Remediation, work).executed
            if done is not None and done.command_id is not None:
                return True
    return False


def _told(unit: Unit, incident: Incident) -> Iterator[tuple[str, int]]:
    """Reasons of signs, each with the position at which it was told; since the incident was reopened, if it was."""
    history = unit.history(incident.id)
    again = max((n for n, each in enumerate(history) if isinstance(each.event, Reopened)), default=0)
    for recorded in history[again:]:
        match recorded.event:
            case Opened(reason=reason) | Reopened(reason=reason):
                yield reason, recorded.position
            case EventsCorrelated(reasons=reasons):
                yield from ((reason, recorded.position) for reason in reasons)
            case _:
                pass
