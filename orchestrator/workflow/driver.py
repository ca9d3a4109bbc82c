"""The driver: carries out what is due in workflows, and feeds back what came of it.

A process manager: the events of a workflow, the orders they lead to (a command, an analysis, a remediation) and the checkpoint are one transaction, so
after a crash at any point a step is neither lost nor ordered twice. Ids of orders are derived from workflow, step and attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from aetherius.domain import analysis as analyses
from aetherius.domain import remediation as remediations
from aetherius.domain.analysis import Analysis
from aetherius.domain.command import ANSWERS, Command
from aetherius.domain.event import Cause, Event, Recorded, topics_of
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import Incident, Resolved
from aetherius.domain.keyring import Keyring
from aetherius.domain.protection import PROTECTED_NAMESPACES
from aetherius.domain.remediation import Remediation, RemediationStatus
from aetherius.domain.repair.action import Circumstances
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.domain.secrets import opened
from aetherius.domain.words import UNKNOWN
from aetherius.domain.workflow import events
from aetherius.domain.workflow.definition import ActionStep
from aetherius.domain.workflow.state import WorkflowState
from aetherius.domain.workflow.workflow import (
    ApplyFix,
    Begin,
    Branch,
    Cancel,
    Due,
    EvaluateDecision,
    Fail,
    Input,
    RunCommand,
    RunReasoning,
    Skip,
    Succeed,
    Wait,
    Workflow,
    due,
    wakes_at,
)
from aetherius.orchestrator.errors import ConditionError
from aetherius.orchestrator.workflow import conditions
from aetherius.orchestrator.workflow.awaited import ApprovalDeadline, Awaited, OpenAnalysis, RaisedLimit, Wakeup
from aetherius.orchestrator.workflow.common_trouble import common_trouble
from aetherius.orchestrator.workflow.inputs import analysis_output, command_input, remediation_input
from aetherius.orchestrator.workflow.proposal import propose
from aetherius.orchestrator.workflow.starter import workflow_at
from aetherius.orchestrator.workflow.step_commands import order_of
from aetherius.readers.unit import Unit

ACTOR = "system:workflow"
APPROVAL_TIMEOUT = 14_400.0
_ASKED = frozenset({RemediationStatus.AWAITING_APPROVAL, RemediationStatus.PROPOSED})
"""Nobody has said yes, or not to what is so by now."""
_WORKFLOW_EVENTS: tuple[type[Event], ...] = (events.Started, events.StepScheduled, events.Resumed)
_ENDED_REMEDIATIONS: tuple[type[Event], ...] = (
    remediations.Verified,
    remediations.Rejected,
    remediations.RolledBack,
    remediations.Failed,
)


class WorkflowDriver:
    """Events in, due steps out."""

    name = "workflow_driver"

    def __init__(
        self,
        clock: Callable[[], datetime],
        keys: Keyring,
        awaited: Awaited,
        approval_timeout: float = APPROVAL_TIMEOUT,
        actions: Actions | None = None,
        protected: Collection[str] = PROTECTED_NAMESPACES,
    ) -> None:
        """
        Args:
            protected: namespaces in which only a person may have anything repaired.
            approval_timeout: seconds in which a person may approve a repair.
            actions: the repairs there are; those that the program ships with, if None.
        """
        self._actions = actions or shipped_actions()
        self._protected = protected
        self._clock = clock
        self._keys = keys
        self._awaited = awaited
        self._approval_timeout = timedelta(seconds=approval_timeout)

    @property
    def topics(self) -> Sequence[str]:
        """What a workflow does, and what it waits for."""
        return topics_of(
            (
                *_WORKFLOW_EVENTS,
                events.Cancelled,
                *ANSWERS,
                analyses.Completed,
                analyses.Failed,
                *_ENDED_REMEDIATIONS,
                remediations.Outdated,
                Resolved,
            )
        )

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Feed the batch to its workflows, then begin what is due."""
        for recorded in batch:
            drive = _Drive(
                unit,
                self._clock(),
                recorded,
                self._keys,
                self._awaited,
                self._approval_timeout,
                self._actions,
                self._protected,
            )
            if isinstance(recorded.event, events.Cancelled):
                drive.cancelled(unit.get(Workflow, recorded.stream_id))
            elif isinstance(recorded.event, remediations.Outdated):
                drive.outdated(unit.get(Remediation, recorded.stream_id))
            elif (found := self._input(recorded, unit)) is not None:
                workflow_id, given = found
                drive.feed(unit.get(Workflow, workflow_id), given)

    def _input(self, recorded: Recorded, unit: Unit) -> tuple[UUID, Input | None] | None:
        now = self._clock()
        match recorded.event:
            case analyses.Completed() as answer:
                self._awaited.analyses.drop(unit, recorded.stream_id)
                return answer.workflow_id, Succeed(step_id=answer.step_id, output=analysis_output(answer))
            case analyses.Failed() as failed:
                self._awaited.analyses.drop(unit, recorded.stream_id)
                return failed.workflow_id, Fail(step_id=failed.step_id, error=failed.error, now=now)
            case Resolved() as end if end.how != "repaired":
                return workflow_at(unit, recorded), Cancel(by=ACTOR, reason=end.summary)
            case event if isinstance(event, _WORKFLOW_EVENTS):
                return recorded.stream_id, None
            case event if isinstance(event, ANSWERS):
                plain = opened(event, recorded.stream_id, self._keys)
                return command_input(unit.get(Command, recorded.stream_id), plain, now)
            case event if isinstance(event, _ENDED_REMEDIATIONS):
                self._awaited.approvals.drop(unit, recorded.stream_id)
                plain = opened(event, recorded.stream_id, self._keys)
                return remediation_input(unit.get(Remediation, recorded.stream_id), plain, now)
            case _:
                return None


class _Drive:
    """One event's consequences for one workflow."""

    def __init__(
        self,
        unit: Unit,
        now: datetime,
        recorded: Recorded,
        keys: Keyring,
        awaited: Awaited,
        approval_timeout: timedelta,
        actions: Actions,
        protected: Collection[str],
    ) -> None:
        self._actions = actions
        self._protected = protected
        self._unit, self._now, self._recorded, self._keys = unit, now, recorded, keys
        self._awaited = awaited
        self._deadline = now + approval_timeout

    def feed(self, workflow: Workflow, given: Input | None) -> None:
        """Take the input, then begin what is due until something is under way."""
        if workflow.state.started is None or workflow.state.status.final:
            return
        if isinstance(given, Cancel) and not self._may_cancel(workflow):
            return
        if given is not None:
            workflow.handle(given, self._now)
        while (next_due := due(workflow.state, self._now)) is not None:
            workflow.handle(self._begin(workflow, next_due), self._now)
        self._save(workflow)
        self._keep_wakeup(workflow)

    def cancelled(self, workflow: Workflow) -> None:
        """A question that nobody wants answered any more is withdrawn."""
        step = workflow.state.current()
        work = workflow.state.step(step.id).work_id if isinstance(step, ActionStep) else None
        if work is not None:
            remediation = self._unit.get(Remediation, work)
            if remediation.status in _ASKED:
                remediation.withdraw("its workflow was cancelled", self._now)
                self._save(remediation)
        self._keep_wakeup(workflow)

    def outdated(self, remediation: Remediation) -> None:
        """Ask anew, unless what it was for is over by now."""
        proposal = remediation.proposal
        if proposal is None:
            return
        incident = self._unit.get(Incident, proposal.incident_id)
        if self._unit.get(Workflow, proposal.workflow_id).state.status.final or not incident.active:
            remediation.withdraw("the incident ended before the repair began", self._now)
        elif remediation.ask_again(self._deadline, self._now):
            self._awaited.approvals.put(self._unit, ApprovalDeadline(remediation.id, self._deadline))
        self._save(remediation)

    def _keep_wakeup(self, workflow: Workflow) -> None:
        """Keep when time alone will move this workflow on, so that its timer can be set again after anything."""
        at, step = wakes_at(workflow.state), workflow.state.current()
        if at is None or step is None:
            self._awaited.wakeups.drop(self._unit, workflow.id)
        else:
            self._awaited.wakeups.put(self._unit, Wakeup(workflow.id, step.id, at))

    def _save(self, aggregate: Workflow | Command | Analysis | Remediation) -> None:
        self._unit.save(aggregate, self._recorded.cause.then(ACTOR, self._recorded.id))

    @property
    def _cause(self) -> Cause:
        return self._recorded.cause.then(ACTOR, self._recorded.id)

    def _may_cancel(self, workflow: Workflow) -> bool:
        """A repair that was begun is seen through; one that still waits for a yes is withdrawn."""
        step = workflow.state.current()
        if not isinstance(step, ActionStep) or (work := workflow.state.step(step.id).work_id) is None:
            return True
        remediation = self._unit.get(Remediation, work)
        if remediation.status not in _ASKED:
            return False
        remediation.withdraw("the incident ended by itself", self._now)
        self._save(remediation)
        return True

    def _begin(self, workflow: Workflow, next_due: Due) -> Input:
        match next_due:
            case RunCommand():
                return self._order(workflow, next_due)
            case RunReasoning():
                return self._ask(workflow, next_due)
            case EvaluateDecision():
                return _evaluate(workflow, next_due, self._keys)
            case ApplyFix():
                return self._propose(workflow, next_due)
            case Wait():
                until = self._now + timedelta(seconds=next_due.seconds)
                return Begin(step_id=next_due.step.id, until=until)

    def _order(self, workflow: Workflow, next_due: RunCommand) -> Begin:
        step, started = next_due.step, workflow.state.started
        assert started is not None, "only a started workflow has something due"
        command = self._unit.get(Command, stable_id("Command", workflow.id, step.id, next_due.attempt))
        command.issue(order_of(step, started.target, workflow.id, self._now), self._now)
        self._save(command)
        return Begin(step_id=step.id, work_id=command.id)

    def _ask(self, workflow: Workflow, next_due: RunReasoning) -> Begin:
        step, started = next_due.step, workflow.state.started
        assert started is not None, "only a started workflow has something due"
        analysis = self._unit.get(Analysis, stable_id("Analysis", workflow.id, step.id, next_due.attempt))
        request = analyses.Requested(
            incident_id=started.incident_id,
            workflow_id=workflow.id,
            step_id=step.id,
            cluster_id=started.target.cluster_id,
            inputs=next_due.inputs,
        )
        analysis.ask(request, self._now)
        self._save(analysis)
        self._awaited.analyses.put(self._unit, OpenAnalysis(analysis.id, request.cluster_id))
        return Begin(step_id=step.id, work_id=analysis.id)

    def _propose(self, workflow: Workflow, next_due: ApplyFix) -> Input:
        step, state = next_due.step, workflow.state
        assert state.started is not None, "only a started workflow has something due"
        if not next_due.choice:
            return Skip(step_id=step.id, reason="no remediation was chosen")
        incident = self._unit.get(Incident, state.started.incident_id)
        if incident.suppressed:
            return Skip(step_id=step.id, reason=f"the incident is suppressed: {incident.suppressed}")
        if common := common_trouble(self._unit, incident):
            return Skip(step_id=step.id, reason=common)
        analysis = self._analysis(workflow)
        proposal = propose(
            state.started, workflow.id, step.id, next_due.choice, state.choice_reason, analysis, self._actions
        )
        repair = self._actions.repair(proposal.action)
        assert repair is not None, "only what is known is proposed"
        once = repair.once_key(_object(proposal))
        repeated = once is not None and self._helped_before(once)
        risk = repair.risk(
            Circumstances(
                cause=analysis.root_cause if analysis else UNKNOWN,
                reopened=incident.reopened,
                repeated=repeated,
                protected=proposal.namespace if proposal.namespace in self._protected else "",
                parameters=proposal.parameters,
            )
        )
        remediation = self._unit.get(Remediation, stable_id("Remediation", workflow.id, step.id))
        parameters = repair.parse(proposal.parameters)
        question = repair.question(parameters, proposal.reason)
        plan_follows = repair.simulation(parameters) is not None
        remediation.propose(proposal, risk, self._now, self._deadline, question, plan_follows=plan_follows)
        self._save(remediation)
        if remediation.deadline:
            self._awaited.approvals.put(self._unit, ApprovalDeadline(remediation.id, remediation.deadline))
        if once is not None and not repeated:
            self._awaited.raised.put(self._unit, RaisedLimit(once, remediation.id))
        return Begin(step_id=step.id, work_id=remediation.id)

    def _helped_before(self, once: str) -> bool:
        """Whether this was done to this very object before, and helped, however long ago."""
        before = self._awaited.raised.of(self._unit, [once])
        return any(
            self._unit.get(Remediation, each.remediation_id).status is RemediationStatus.VERIFIED for each in before
        )

    def _analysis(self, workflow: Workflow) -> analyses.Completed | None:
        """The latest analysis of the workflow that was answered."""
        for step in reversed(workflow.state.definition.steps):
            work = workflow.state.step(step.id).work_id
            if step.__struct_config__.tag == "ai_reasoning" and work is not None:
                return self._unit.get(Analysis, work).completed
        return None


def _evaluate(workflow: Workflow, next_due: EvaluateDecision, keys: Keyring) -> Branch:
    step, state = next_due.step, _in_plain_text(workflow, keys)
    index = state.definition.index_of(step.id) or 0
    earlier = state.definition.steps[:index]
    names, values = conditions.declared(earlier), conditions.bindings(state, earlier)
    try:
        held = next(
            (i for i, each in enumerate(step.conditions) if conditions.holds(each.expression, names, values)), None
        )
    except ConditionError as exc:
        return Branch(step_id=step.id, held=None, reason=f"a condition broke: {exc}")
    return Branch(step_id=step.id, held=held)


def _in_plain_text(workflow: Workflow, keys: Keyring) -> WorkflowState:
    """The state with what its commands printed, which conditions may ask for."""
    steps = {id: opened(step, workflow.id, keys) for id, step in workflow.state.steps.items()}
    return msgspec.structs.replace(workflow.state, steps=steps)


def _object(proposal: remediations.Proposed) -> str:
    return f"{proposal.cluster_id}/{proposal.namespace}/{proposal.kind}/{proposal.name}"
