"""The remediation process: an approved repair is ordered, then verified, and taken back if it did not help.

A process manager: what was decided and the next order are one transaction with the checkpoint, so no repair is ordered twice. Its commands have ids
derived from remediation and phase, and the agent runs each id once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from aetherius.domain import freeze as freezes
from aetherius.domain import remediation as remediations
from aetherius.domain.brake import Admission, Limits
from aetherius.domain.command import ANSWERS, Cancelled, Command, Lost, TimedOut
from aetherius.domain.command import Succeeded as CommandSucceeded
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Cause, Event, Recorded, topics_of
from aetherius.domain.incident import Incident, Linked, Resolved
from aetherius.domain.keyring import Keyring
from aetherius.domain.remediation import Executed, Proposed, Remediation, RemediationStatus
from aetherius.domain.repair.action import Order, Outcome, Repair, decoded
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.domain.repair.answers import OutdatedAnswer, VerificationAnswer
from aetherius.domain.repair.patience import Patience
from aetherius.domain.secrets import opened
from aetherius.domain.workflow.definition import ActionStep
from aetherius.domain.workflow.state import WorkflowStatus
from aetherius.domain.workflow.workflow import Workflow
from aetherius.orchestrator.remediation.admissions import Admissions, AdmissionTable
from aetherius.orchestrator.remediation.gate import Gate
from aetherius.orchestrator.remediation.phases import (
    EXECUTE,
    RESTORE,
    ROLL_BACK,
    SIMULATE,
    VERIFY,
    VERIFY_AGAIN,
    changes_ordered,
    clean_up,
    command_of,
    executed,
    issued,
    would_have,
)
from aetherius.orchestrator.workflow.common_trouble import common_trouble
from aetherius.orchestrator.workflow.inputs import answer_error
from aetherius.orchestrator.workflow.starter import workflow_at, workflow_of
from aetherius.readers.unit import Unit

logger = logging.getLogger(__name__)

ACTOR = "system:remediation"
DRY_RUN = "repairs are tried only in this cluster (`aetherius repairs on` has them done)"
_UNREADABLE = "it was done, says the agent; what else it answered cannot be read"


class RemediationProcess:
    """Approvals and answers in, orders and outcomes out."""

    name = "remediation_process"

    def __init__(
        self,
        clock: Callable[[], datetime],
        patience: Patience,
        keys: Keyring,
        admissions: AdmissionTable,
        limits: Limits | None = None,
        actions: Actions | None = None,
    ) -> None:
        """
        Args:
            admissions: what the brake counts; only this process writes it.
            limits: what the brake allows.
            actions: the repairs there are; those that the program ships with, if None.
        """
        self._admissions, self._limits = admissions, limits or Limits()
        self._clock = clock
        self._patience = patience
        self._keys = keys
        self._actions = actions or shipped_actions()

    @property
    def topics(self) -> Sequence[str]:
        """Approvals, freezes, answers of commands, links, and ends of incidents (a node that came back gets its cordon taken off)."""
        return topics_of((remediations.Approved, *ANSWERS, Linked, Resolved, freezes.Set, freezes.Lifted))

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Take each remediation one phase on."""
        admissions = Admissions(unit, self._admissions)
        for recorded in batch:
            gate = Gate(unit, admissions, self._limits, self._clock())
            phase = _Phase(unit, self._clock(), recorded, self._patience, self._actions, gate)
            match recorded.event:
                case remediations.Approved():
                    phase.approved(unit.get(Remediation, recorded.stream_id))
                case Resolved():
                    phase.incident_resolved()
                case Linked():
                    phase.linked()
                case freezes.Set():
                    phase.frozen(recorded.event)
                case freezes.Lifted():
                    phase.thawed()
                case event:
                    plain = opened(event, recorded.stream_id, self._keys)
                    phase.answered(unit.get(Command, recorded.stream_id), plain)


class _Phase:
    """One event's consequences for one remediation."""

    def __init__(
        self,
        unit: Unit,
        now: datetime,
        recorded: Recorded,
        patience: Patience,
        actions: Actions,
        gate: Gate,
        cause: Cause | None = None,
    ) -> None:
        """`cause`: that of the event, if None."""
        self._unit, self._now, self._recorded, self._patience = unit, now, recorded, patience
        self._actions, self._gate = actions, gate
        self._cause = cause or recorded.cause

    def approved(self, remediation: Remediation) -> None:
        """Do it, unless the incident has ended meanwhile (if it was reopened, another workflow looks into it)."""
        proposal = _proposal(remediation)
        incident = self._unit.get(Incident, proposal.incident_id)
        repair = self._actions.repair(proposal.action)
        if repair is None:
            remediation.fail(f"this version does not know the repair {proposal.action}: nothing was changed", self._now)
        elif not repair.on_cluster:
            remediation.execute(Executed(command_id=None, summary=f"told the owner: {proposal.reason}"), self._now)
            remediation.verify(None, "nothing was changed", self._now)
        elif not incident.active or workflow_of(incident) != proposal.workflow_id:
            remediation.withdraw("the incident ended before the repair began", self._now)
        elif self._unit.get(Workflow, proposal.workflow_id).state.status is WorkflowStatus.CANCELLED:
            remediation.withdraw("its workflow was cancelled before the repair began", self._now)
        elif remediation.status is RemediationStatus.APPROVED:
            self._begin(remediation, proposal, repair)
        self._save(remediation)
        self._ended(remediation)

    def _begin(self, remediation: Remediation, proposal: Proposed, repair: Repair[Any]) -> None:
        """Order it, or have it tried only, or have it wait, or take it back: as the gate says."""
        passage = self._gate.passage(remediation, proposal, repair)
        match passage.says:
            case "go":
                seen = remediation.planned.plan.seen if remediation.planned else None
                self._order(remediation, EXECUTE, repair.ordered(proposal.parameters, remediation.approval, seen))
            case "try":
                self._try(remediation, proposal, repair)
            case "wait":
                logger.info("%s of %s waits: %s", proposal.action, proposal.name, passage.why)
            case "refuse":
                remediation.withdraw(f"{passage.why}: nothing was changed", self._now)

    def _try(self, remediation: Remediation, proposal: Proposed, repair: Repair[Any]) -> None:
        """Its plan says what would have been done; one from before there were plans is simulated."""
        if remediation.planned is not None:
            remediation.withdraw(f"{DRY_RUN}: {would_have(remediation.planned.plan)}", self._now)
            return
        try:
            order = repair.simulation(repair.recalled(proposal.parameters))
        except InvalidMessageError as exc:
            order = None
            logger.warning("%s of %s cannot be tried: %s", proposal.action, proposal.name, exc)
        if order is None:
            remediation.withdraw(f"{DRY_RUN}, and this repair cannot be tried: nothing was changed", self._now)
        else:
            self._order(remediation, SIMULATE, order)

    def frozen(self, freeze: freezes.Set) -> None:
        """Call back every change that is under way there, and take back what waits."""
        for admission in self._gate.covered(freeze.scope):
            self._beside(admission.remediation_id)._freeze(admission, freeze)

    def _freeze(self, admission: Admission, freeze: freezes.Set) -> None:
        remediation = self._unit.get(Remediation, admission.remediation_id)
        why = f"{freeze.scope.in_words} is frozen: {freeze.reason}"
        # not RESTORE: it takes our own marks off, by one patch, and would not be sent again
        self._call_back(remediation, (EXECUTE, ROLL_BACK), why)
        if admission.waits:
            self._withdraw(remediation, why)

    def _call_back(self, remediation: Remediation, phases: Sequence[str], why: str) -> bool:
        """Whether there was something to call back."""
        orders = [self._unit.get(Command, command_of(remediation, name)) for name in phases]
        under_way = [each for each in orders if each.version and not each.status.final]
        for command in under_way:
            command.cancel(why, self._now)
            self._save(command)
        return bool(under_way)

    def _withdraw(self, remediation: Remediation, why: str) -> None:
        if remediation.withdraw(why, self._now):
            self._save(remediation)
            self._ended(remediation)

    def linked(self) -> None:
        """It is part of a larger trouble: what was proposed for it alone is taken back, and what has begun is called back."""
        incident = self._unit.get(Incident, self._recorded.stream_id)
        why = common_trouble(self._unit, incident)
        for remediation in self._repairs_of(workflow_of(incident)) if why else ():
            if not self._call_back(remediation, (EXECUTE,), why):
                self._withdraw(remediation, why)

    def _repairs_of(self, workflow_id: UUID) -> list[Remediation]:
        """Those that a workflow proposed, so far."""
        workflow = self._unit.get(Workflow, workflow_id)
        steps = workflow.state.definition.steps if workflow.state.started else ()
        works = [workflow.state.step(each.id).work_id for each in steps if isinstance(each, ActionStep)]
        return [self._unit.get(Remediation, work) for work in works if work is not None]

    def thawed(self) -> None:
        """Take off the marks that a freeze had us leave."""
        for remediation_id in self._gate.held_clean_ups():
            self._beside(remediation_id)._restore(self._unit.get(Remediation, remediation_id))

    def _ended(self, remediation: Remediation) -> None:
        """If it has, its place goes to who waits."""
        if remediation.status.final and self._gate.leave(remediation.id):
            self._next(remediation)

    def _next(self, remediation: Remediation) -> None:
        for waiting in self._gate.waiting(_proposal(remediation).cluster_id):
            self._beside(waiting).approved(self._unit.get(Remediation, waiting))

    def _beside(self, remediation_id: UUID) -> _Phase:
        """What the same event leads to for another remediation: that is part of the other one's story."""
        own = self._unit.history(remediation_id)
        correlation = own[0].cause.correlation_id if own else self._cause.correlation_id
        cause = replace(self._cause, correlation_id=correlation)
        return _Phase(self._unit, self._now, self._recorded, self._patience, self._actions, self._gate, cause)

    def answered(self, command: Command, event: Event) -> None:
        """Take the answer of one of the remediation's commands."""
        order = command.issued
        if order is None or order.remediation_id is None:
            return
        remediation = self._unit.get(Remediation, order.remediation_id)
        match order.step_id:
            case "simulate":
                self._tried(remediation, event)
            case "execute":
                self._executed(remediation, command, event)
            case "verify" | "verify_again":
                self._verified(remediation, command, event)
            case "roll_back":
                self._rolled_back(remediation, command, event)
            case _:
                pass  # a restored node: its command says how it went
        if not self._unit.get(Incident, _proposal(remediation).incident_id).active:
            self._restore(remediation)
        self._save(remediation)
        self._ended(remediation)

    def incident_resolved(self) -> None:
        """Take the cordon off a node that came back, also where a drain failed half-way; and what a freeze that is over had us leave."""
        self.thawed()
        for remediation in self._repairs_of(workflow_at(self._unit, self._recorded)):
            self._restore(remediation)

    def _tried(self, remediation: Remediation, event: Event) -> None:
        repair = self._actions.repair(_proposal(remediation).action)
        if isinstance(event, CommandSucceeded) and repair is not None:
            would = repair.foreseen(event.output)
            told = would.told if would else "what it would do cannot be read"
            remediation.withdraw(f"{DRY_RUN}: it would have been done: {told}", self._now)
        elif isinstance(event, Lost | TimedOut | Cancelled):
            remediation.withdraw(f"{DRY_RUN}: whether it could be done is not known: {answer_error(event)}", self._now)
        else:
            remediation.withdraw(f"{DRY_RUN}: it could not have been done: {answer_error(event)}", self._now)

    def _executed(self, remediation: Remediation, command: Command, event: Event) -> None:
        if isinstance(event, CommandSucceeded):
            self._succeeded(remediation, command, event.output)
        elif isinstance(event, Lost):
            remediation.fail(
                "the agent did not answer: whether the repair was done is unknown, look before trying again", self._now
            )
        elif isinstance(event, TimedOut | Cancelled):
            remediation.fail(
                f"the repair was stopped before its end ({answer_error(event)}): look at what is done of it", self._now
            )
        else:
            remediation.fail(f"the repair failed: {answer_error(event)}", self._now)

    def _succeeded(self, remediation: Remediation, command: Command, output: str) -> None:
        """Verify it, also where the answer cannot be read: what it says is then not known, and only looking tells whether it helped."""
        proposal = _proposal(remediation)
        repair = self._actions.repair(proposal.action)
        if repair is None:
            remediation.fail(
                f"this version does not know the repair {proposal.action}: look at what is done", self._now
            )
            return
        if outdated := decoded(output, OutdatedAnswer):
            self._outdated(remediation, outdated.outdated)
            return
        outcome = repair.outcome(output)
        if outcome is not None and not outcome.done:
            remediation.fail(f"the repair failed: {outcome.summary}", self._now)
        elif remediation.execute(executed(command, outcome or Outcome(summary=_UNREADABLE)), self._now):
            self._look(remediation, repair, output if outcome else "")

    def _outdated(self, remediation: Remediation, how: str) -> None:
        """Nothing was changed; the driver asks again. Its place goes to who waits."""
        if remediation.outdate(f"changed since the plan was approved: {how}", self._now) and self._gate.forget(
            remediation.id
        ):
            self._next(remediation)

    def _look(self, remediation: Remediation, repair: Repair[Any], output: str) -> None:
        try:
            parameters = repair.recalled(_proposal(remediation).parameters)
        except InvalidMessageError as exc:  # of another version: not a reason to stop all the others
            remediation.fail(f"it was done, but nobody can say whether it helped: {exc}", self._now)
            return
        self._order(remediation, VERIFY, repair.verification(parameters, output, self._patience))

    def _verified(self, remediation: Remediation, command: Command, event: Event) -> None:
        answer = decoded(event.output, VerificationAnswer) if isinstance(event, CommandSucceeded) else None
        if answer is None:
            self._unseen(remediation, command, event)
        elif answer.verified:
            remediation.verify(command.id, answer.summary, self._now)
        elif remediation.fail_verification(command.id, answer.summary, self._now):
            self._take_back(remediation, answer.summary)

    def _unseen(self, remediation: Remediation, command: Command, event: Event) -> None:
        """Nobody looked, so nobody knows: look once more, but take nothing back that may have helped."""
        order = command.issued
        if isinstance(event, Lost) and order is not None and order.step_id == VERIFY:
            self._order(remediation, VERIFY_AGAIN, Order(action=order.action, parameters=order.parameters))
        elif remediation.status is RemediationStatus.EXECUTED:
            reason = f"it was done, but nobody could see whether it helped: {answer_error(event)}"
            remediation.fail(reason, self._now)

    def _take_back(self, remediation: Remediation, reason: str) -> None:
        done = remediation.executed
        if frozen := self._gate.frozen(_proposal(remediation)):
            remediation.fail(f"it did not help, and is not taken back: {frozen}: {reason}", self._now)
        elif done is not None and done.undo_action:
            self._order(remediation, ROLL_BACK, Order(action=done.undo_action, parameters=done.undo_parameters))
        else:
            repair = self._actions.repair(_proposal(remediation).action)
            why = (repair.no_undo if repair else "") or "nothing is known that would"
            remediation.fail(f"it did not help and is not taken back by itself ({why}): {reason}", self._now)

    def _rolled_back(self, remediation: Remediation, command: Command, event: Event) -> None:
        if isinstance(event, CommandSucceeded):
            remediation.roll_back(command.id, self._undone(remediation, event.output), self._now)
        else:
            remediation.fail(f"it did not help, and taking it back failed: {answer_error(event)}", self._now)

    def _undone(self, remediation: Remediation, output: str) -> str:
        repair = self._actions.repair(_proposal(remediation).action)
        outcome = repair.outcome(output) if repair else None
        return outcome.summary if outcome else "it was taken back, says the agent; what else it answered cannot be read"

    def _restore(self, remediation: Remediation) -> None:
        """Take a repair's marks off (a node's cordon) once it has ended, however it ended; the agent only takes off its own."""
        if not remediation.status.final or remediation.status is RemediationStatus.ROLLED_BACK:
            return
        if not any(self._unit.get(Command, each).version for each in changes_ordered(remediation)):
            return
        order = clean_up(_proposal(remediation), self._actions)
        if order is not None and not self._gate.holds_clean_up(remediation, _proposal(remediation)):
            self._order(remediation, RESTORE, order)

    def _order(self, remediation: Remediation, phase: str, wanted: Order) -> None:
        command = self._unit.get(Command, command_of(remediation, phase))
        if command.version:
            return
        proposal = _proposal(remediation)
        try:
            order = issued(remediation, proposal, phase, wanted, self._actions, self._patience, ACTOR, self._now)
        except InvalidMessageError as exc:  # what would undo it, says the agent: not a reason to stop all the others
            remediation.fail(f"cannot {phase.replace('_', ' ')}: {exc}", self._now)
            return
        command.issue(order, self._now)
        self._save(command)

    def _save(self, aggregate: Remediation | Command) -> None:
        self._unit.save(aggregate, self._cause.then(ACTOR, self._recorded.id))


def _proposal(remediation: Remediation) -> Proposed:
    assert remediation.proposal is not None, "it was approved, so it was proposed"
    return remediation.proposal
