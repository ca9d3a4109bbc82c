"""What happens to a workflow: the events of its stream."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from aetherius.domain.event import Event
from aetherius.domain.secrets import Secret, StepOutput
from aetherius.domain.workflow.definition import WorkflowDefinition


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The incident's object: commands without a target act on it."""

    cluster_id: str
    namespace: str
    kind: str
    """Of the subject: `Deployment`, `Pod`, `Node`."""
    name: str
    pod: str = ""
    container: str = ""


class Started(Event, stream="Workflow", frozen=True, kw_only=True):
    """A workflow began; the definition is part of the event, so replay needs nothing else."""

    incident_id: UUID
    definition: WorkflowDefinition
    target: Target
    strategy: str
    parameters: dict[str, str]
    trigger: str


class StepScheduled(Event, stream="Workflow", frozen=True, kw_only=True):
    """A step may run, from `not_before` on."""

    step_id: str
    attempt: int = 1
    not_before: datetime | None = None


class StepStarted(Event, stream="Workflow", frozen=True, kw_only=True):
    """A step runs; `work_id` names the command, analysis or remediation that does it, `until` the end of a wait."""

    step_id: str
    attempt: int = 1
    work_id: UUID | None = None
    until: datetime | None = None


class StepSucceeded(Event, stream="Workflow", frozen=True, kw_only=True):
    """A step is done; `output` is a short form, the whole is in the stream of its work."""

    step_id: str
    output: StepOutput = {}


class StepFailed(Event, stream="Workflow", frozen=True, kw_only=True):
    """A step failed for good. A failed look is evidence too: the workflow goes on, unless the step was the repair."""

    step_id: str
    error: Secret


class StepRetried(Event, stream="Workflow", frozen=True, kw_only=True):
    """A step failed and will be tried again."""

    step_id: str
    attempt: int
    error: Secret


class StepSkipped(Event, stream="Workflow", frozen=True, kw_only=True):
    """A step was passed over."""

    step_id: str
    reason: str


class BranchTaken(Event, stream="Workflow", frozen=True, kw_only=True):
    """A decision: which condition held (None: none did), and what follows."""

    step_id: str
    condition: str | None
    then: str
    reason: str = ""


class Paused(Event, stream="Workflow", frozen=True, kw_only=True):
    """Nothing new is begun until it is resumed; what runs, runs on."""

    by: str


class Resumed(Event, stream="Workflow", frozen=True, kw_only=True):
    """It goes on."""

    by: str


class Cancelled(Event, stream="Workflow", frozen=True, kw_only=True):
    """It ends here."""

    by: str
    reason: str


class Completed(Event, stream="Workflow", frozen=True, kw_only=True):
    """Every step is done or passed over."""

    outcome: str


class Failed(Event, stream="Workflow", frozen=True, kw_only=True):
    """The repair did not come about."""

    step_id: str
    error: Secret
