"""A workflow: an incident being looked into and repaired, step by step. Rules only; `orchestrator` carries out what is due.

`decide(state, input)` gives events, `evolve(state, event)` gives the next state, `due(state)` says what is to be carried out now. All three are pure:
a workflow can be replayed, asked as of any moment, and taken over by another process that finds what is due from the state alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.errors import WrongStateError
from aetherius.domain.event import Event
from aetherius.domain.wire.command import parse_duration
from aetherius.domain.workflow.definition import (
    ActionStep,
    CommandStep,
    DecisionStep,
    ReasoningStep,
    WaitStep,
)
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
)
from aetherius.domain.workflow.state import StepStatus, WorkflowState, WorkflowStatus, evolve

# ---- inputs


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Begin."""

    started: Started


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """The driver has begun a due step."""

    step_id: str
    work_id: UUID | None = None
    until: datetime | None = None


class Succeed(msgspec.Struct, frozen=True, kw_only=True):
    """A step's work is done."""

    step_id: str
    output: dict[str, Any] = {}


class Fail(msgspec.Struct, frozen=True, kw_only=True):
    """A step's work failed; `now` is when, for the backoff."""

    step_id: str
    error: str
    now: datetime


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """A step has nothing to do."""

    step_id: str
    reason: str


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """The conditions of a decision were evaluated: index of the first that holds, or None."""

    step_id: str
    held: int | None
    reason: str = ""


class Wake(msgspec.Struct, frozen=True, kw_only=True):
    """Time has passed: ends a wait, or lets a retry begin."""

    step_id: str
    now: datetime


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Begin nothing new."""

    by: str


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Go on."""

    by: str


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """End it."""

    by: str
    reason: str


Input = Start | Begin | Succeed | Fail | Skip | Branch | Wake | Pause | Resume | Cancel

NOTIFY = "notify_owner"
MAX_BACKOFF = 3600.0
"""Seconds; a doubled backoff grows no further."""


def decide(state: WorkflowState, input: Input) -> Sequence[Event]:
    """The events that an input leads to: none for a repeat or one that comes too late.

    Raises:
        WrongStateError: pausing, resuming or cancelling a workflow that is not in a state for it.
    """
    match input:
        case Start():
            return [] if state.started else [input.started, *_schedule_first(input.started)]
        case Pause() | Resume() | Cancel():
            return _decide_control(state, input)
        case _:
            return _decide_step(state, input)


def _schedule_first(started: Started) -> list[Event]:
    steps = started.definition.steps
    return [StepScheduled(step_id=steps[0].id)] if steps else [Completed(outcome="it has no steps")]


def _decide_control(state: WorkflowState, input: Pause | Resume | Cancel) -> Sequence[Event]:
    match input:
        case Pause() if state.status is WorkflowStatus.RUNNING:
            return [Paused(by=input.by)]
        case Resume() if state.status is WorkflowStatus.PAUSED:
            return [Resumed(by=input.by)]
        case Cancel() if state.status in (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED):
            return [Cancelled(by=input.by, reason=input.reason)]
        case _:
            raise WrongStateError("workflow", state.status, type(input).__name__.lower())


def _decide_step(state: WorkflowState, input: Begin | Succeed | Fail | Skip | Branch | Wake) -> Sequence[Event]:
    if state.started is None or state.status.final:
        return []
    step = state.step(input.step_id)
    match input:
        case Begin() if step.status is StepStatus.SCHEDULED:
            return [StepStarted(step_id=input.step_id, attempt=step.attempt, work_id=input.work_id, until=input.until)]
        case Succeed() if step.status is StepStatus.RUNNING:
            done = StepSucceeded(step_id=input.step_id, output=input.output)
            return [done, *_after(state, input.step_id)]
        case Fail() if step.status is StepStatus.RUNNING:
            return _decide_failure(state, input)
        case Skip() if step.status is StepStatus.SCHEDULED:
            return [StepSkipped(step_id=input.step_id, reason=input.reason), *_after(state, input.step_id)]
        case Branch() if step.status is StepStatus.SCHEDULED:
            return _decide_branch(state, input)
        case Wake():
            return _decide_wake(state, input)
        case _:
            return []


def _decide_wake(state: WorkflowState, input: Wake) -> Sequence[Event]:
    step = state.step(input.step_id)
    if step.status is StepStatus.RUNNING and step.until and step.until <= input.now:
        return [StepSucceeded(step_id=input.step_id), *_after(state, input.step_id)]
    if step.status is StepStatus.SCHEDULED and step.not_before and step.not_before <= input.now:
        return [StepScheduled(step_id=input.step_id, attempt=step.attempt)]
    return []


def _decide_failure(state: WorkflowState, input: Fail) -> Sequence[Event]:
    step, spec = state.step(input.step_id), state.definition.steps[state.definition.index_of(input.step_id) or 0]
    if step.attempt < spec.retry.max_attempts:
        wait = timedelta(seconds=min(spec.retry.backoff * 2 ** (step.attempt - 1), MAX_BACKOFF))
        return [
            StepRetried(step_id=input.step_id, attempt=step.attempt + 1, error=input.error),
            StepScheduled(step_id=input.step_id, attempt=step.attempt + 1, not_before=input.now + wait),
        ]
    failed = StepFailed(step_id=input.step_id, error=input.error)
    if isinstance(spec, ActionStep):
        return [failed, Failed(step_id=input.step_id, error=input.error)]
    return [failed, *_after(state, input.step_id)]


def _decide_branch(state: WorkflowState, input: Branch) -> Sequence[Event]:
    index = state.definition.index_of(input.step_id)
    step = state.definition.steps[index] if index is not None else None
    if not isinstance(step, DecisionStep):
        return []
    won = step.conditions[input.held] if input.held is not None else None
    then = won.then if won else NOTIFY
    taken = BranchTaken(
        step_id=input.step_id, condition=won.expression if won else None, then=then, reason=input.reason
    )
    if not state.definition.has_step(then):
        return [taken, *_after(state, input.step_id)]
    return [taken, *_jump(state, input.step_id, then)]


def _jump(state: WorkflowState, from_step: str, to_step: str) -> Sequence[Event]:
    here, there = state.definition.index_of(from_step), state.definition.index_of(to_step)
    if here is None or there is None or there <= here:
        return [Failed(step_id=from_step, error=f"cannot go from {from_step} to {to_step}")]
    passed = [
        StepSkipped(step_id=s.id, reason=f"{from_step} went to {to_step}")
        for s in state.definition.steps[here + 1 : there]
    ]
    return [*passed, StepScheduled(step_id=to_step)]


def _after(state: WorkflowState, step_id: str) -> Sequence[Event]:
    index = state.definition.index_of(step_id)
    rest = state.definition.steps[index + 1 :] if index is not None else []
    return [StepScheduled(step_id=rest[0].id)] if rest else [Completed(outcome=f"{step_id} was the last step")]


# ---- what is due


class RunCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Issue the command of this step."""

    step: CommandStep
    attempt: int


class RunReasoning(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the reasoner; `inputs` are the works whose outputs are evidence, by step."""

    step: ReasoningStep
    attempt: int
    inputs: dict[str, UUID]


class EvaluateDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Evaluate the conditions, and answer with `Branch`."""

    step: DecisionStep


class ApplyFix(msgspec.Struct, frozen=True, kw_only=True):
    """Propose the chosen remediation; without a choice answer with `Skip`."""

    step: ActionStep
    choice: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Let so many seconds pass, then answer with `Succeed`."""

    step: WaitStep
    seconds: float


Due = RunCommand | RunReasoning | EvaluateDecision | ApplyFix | Wait


def due(state: WorkflowState, now: datetime) -> Due | None:
    """What is to be begun now; None when work is under way, a retry is not yet due, or nothing is left to do."""
    step = state.current()
    if step is None or state.status is not WorkflowStatus.RUNNING:
        return None
    current = state.step(step.id)
    if current.status is not StepStatus.SCHEDULED or (current.not_before and current.not_before > now):
        return None
    match step:
        case CommandStep():
            return RunCommand(step=step, attempt=current.attempt)
        case ReasoningStep():
            return RunReasoning(step=step, attempt=current.attempt, inputs=_inputs(state, step))
        case DecisionStep():
            return EvaluateDecision(step=step)
        case ActionStep():
            return ApplyFix(step=step, choice=state.choice)
        case WaitStep():
            return Wait(step=step, seconds=_seconds(state, step.duration))


def wakes_at(state: WorkflowState) -> datetime | None:
    """When time alone makes something happen: the end of a wait, or a retry's backoff. None once the workflow has ended."""
    step = state.current()
    if step is None or state.status.final:
        return None
    current = state.step(step.id)
    return current.until if current.status is StepStatus.RUNNING else current.not_before


def _inputs(state: WorkflowState, step: ReasoningStep) -> dict[str, UUID]:
    names = [name.partition(".")[0] for name in step.input]
    return {name: work for name in names if (work := state.step(name).work_id) is not None}


def _seconds(state: WorkflowState, duration: float | str) -> float:
    if isinstance(duration, str):
        given = state.started.parameters if state.started else {}
        return parse_duration(given.get(duration, state.definition.parameters.get(duration, "0s")))
    return duration


class Workflow(Aggregate):
    """A stream of the events above."""

    stream = "Workflow"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.state = WorkflowState()

    def handle(self, input: Input, at: datetime) -> bool:
        """Decide and record; False when nothing follows from the input. Raises as ``decide`` does."""
        events = decide(self.state, input)
        for event in events:
            self.record(event, at)
        return bool(events)

    def evolve(self, event: Event) -> None:
        self.state = evolve(self.state, event)
