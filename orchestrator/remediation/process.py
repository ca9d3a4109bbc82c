"""The remediation process: an approved repair is ordered, then verified, and taken back if it did not help.

A process manager: what was decided and the next order are one transaction with the checkpoint, so no repair is ordered twice. Its commands have ids
derived from remediation and phase, and the agent runs each id once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from aetherius.domain import remediation as remediations
from aetherius.domain.command import ANSWERS, Cancelled, Command, Issued, Lost, TimedOut
from aetherius.domain.command import Succeeded as CommandSucceeded
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Event, Recorded, topics_of
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import Incident, Resolved
from aetherius.domain.keyring import Keyring
from aetherius.domain.remediation import Executed, Proposed, Remediation, RemediationStatus
from aetherius.domain.secrets import opened
from aetherius.domain.wire.command import CommandType, format_duration
from aetherius.domain.wire.repair import (
    TOOL,
    DrainNodeAnswer,
    RepairAnswer,
    VerificationAnswer,
    changes,
    parse_action,
)
from aetherius.domain.workflow.definition import ActionStep
from aetherius.domain.workflow.state import WorkflowStatus
from aetherius.domain.workflow.workflow import Workflow
from aetherius.orchestrator.remediation.verification import Patience, verification_of
from aetherius.orchestrator.workflow.driver import answer_error
from aetherius.orchestrator.workflow.starter import workflow_at, workflow_of
from aetherius.orchestrator.workflow.step_commands import DELIVERY
from aetherius.readers.unit import Unit

ACTOR = "system:remediation"
EXECUTE, VERIFY, VERIFY_AGAIN, ROLL_BACK, RESTORE = "execute", "verify", "verify_again", "roll_back", "restore"
_T = TypeVar("_T")


class RemediationProcess:
    """Approvals and answers in, orders and outcomes out."""

    name = "remediation_process"

    def __init__(self, clock: Callable[[], datetime], patience: Patience, keys: Keyring) -> None:
        self._clock = clock
        self._patience = patience
        self._keys = keys

    @property
    def topics(self) -> Sequence[str]:
        """Approvals, answers of commands, and ends of incidents (a node that came back gets its cordon taken off)."""
        return topics_of((remediations.Approved, *ANSWERS, Resolved))

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Take each remediation one phase on."""
        for recorded in batch:
            phase = _Phase(unit, self._clock(), recorded, self._patience)
            match recorded.event:
                case remediations.Approved():
                    phase.approved(unit.get(Remediation, recorded.stream_id))
                case Resolved():
                    phase.incident_resolved()
                case event:
                    plain = opened(event, recorded.stream_id, self._keys)
                    phase.answered(unit.get(Command, recorded.stream_id), plain)


class _Phase:
    """One event's consequences for one remediation."""

    def __init__(self, unit: Unit, now: datetime, recorded: Recorded, patience: Patience) -> None:
        self._unit, self._now, self._recorded, self._patience = unit, now, recorded, patience

    def approved(self, remediation: Remediation) -> None:
        """Do it, unless the incident has ended meanwhile (if it was reopened, another workflow looks into it)."""
        proposal = _proposal(remediation)
        incident = self._unit.get(Incident, proposal.incident_id)
        if proposal.action == "Notify":
            remediation.execute(Executed(command_id=None, summary=f"told the owner: {proposal.reason}"), self._now)
            remediation.verify(None, "nothing was changed", self._now)
        elif not incident.active or workflow_of(incident) != proposal.workflow_id:
            remediation.withdraw("the incident ended before the repair began", self._now)
        elif self._unit.get(Workflow, proposal.workflow_id).state.status is WorkflowStatus.CANCELLED:
            remediation.withdraw("its workflow was cancelled before the repair began", self._now)
        elif remediation.status is RemediationStatus.APPROVED:
            self._order(remediation, EXECUTE, proposal.action, proposal.parameters)
        self._save(remediation)

    def answered(self, command: Command, event: Event) -> None:
        """Take the answer of one of the remediation's commands."""
        order = command.issued
        if order is None or order.remediation_id is None:
            return
        remediation = self._unit.get(Remediation, order.remediation_id)
        match order.step_id:
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

    def incident_resolved(self) -> None:
        """Take the cordon off a node that came back, also where a drain failed half-way."""
        workflow = self._unit.get(Workflow, workflow_at(self._unit, self._recorded))
        for step in workflow.state.definition.steps if workflow.state.started else ():
            work = workflow.state.step(step.id).work_id
            if isinstance(step, ActionStep) and work is not None:
                self._restore(self._unit.get(Remediation, work))

    def _executed(self, remediation: Remediation, command: Command, event: Event) -> None:
        answer = _repair_answer(event)
        if isinstance(event, Lost):
            remediation.fail(
                "the agent did not answer: whether the repair was done is unknown, look before trying again", self._now
            )
        elif isinstance(event, TimedOut | Cancelled):
            remediation.fail(
                f"the repair was stopped before its end ({answer_error(event)}): look at what is done of it", self._now
            )
        elif answer is None:
            remediation.fail(f"the repair failed: {answer_error(event)}", self._now)
        elif remediation.execute(
            Executed(
                command_id=command.id,
                summary=answer.summary,
                undo_action=answer.undo_action,
                undo_parameters=answer.undo_parameters,
            ),
            self._now,
        ):
            action, parameters = verification_of(_proposal(remediation), _drain_answer(event), self._patience)
            self._order(remediation, VERIFY, action, parameters)

    def _verified(self, remediation: Remediation, command: Command, event: Event) -> None:
        answer = _decode(event, VerificationAnswer)
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
            self._order(remediation, VERIFY_AGAIN, order.action, order.parameters)
        elif remediation.status is RemediationStatus.EXECUTED:
            reason = f"it was done, but nobody could see whether it helped: {answer_error(event)}"
            remediation.fail(reason, self._now)

    def _take_back(self, remediation: Remediation, reason: str) -> None:
        done = remediation.executed
        if done is not None and done.undo_action:
            self._order(remediation, ROLL_BACK, done.undo_action, done.undo_parameters)
        else:
            remediation.fail(f"it did not help and cannot be taken back: {reason}", self._now)

    def _rolled_back(self, remediation: Remediation, command: Command, event: Event) -> None:
        answer = _repair_answer(event)
        if answer is not None:
            remediation.roll_back(command.id, answer.summary, self._now)
        else:
            remediation.fail(f"it did not help, and taking it back failed: {answer_error(event)}", self._now)

    def _restore(self, remediation: Remediation) -> None:
        """Take a drain's marks off its node once the drain has ended, however it ended; the agent only takes off its own."""
        proposal, ended = _proposal(remediation), remediation.status
        if proposal.action != "DrainNode" or not ended.final or ended is RemediationStatus.ROLLED_BACK:
            return
        if self._unit.get(Command, stable_id("Command", remediation.id, EXECUTE)).version:
            self._order(remediation, RESTORE, "DrainNode", {"node": proposal.parameters["node"], "mode": "restore"})

    def _order(self, remediation: Remediation, phase: str, action: str, parameters: dict[str, Any]) -> None:
        command = self._unit.get(Command, stable_id("Command", remediation.id, phase))
        if command.version:
            return
        proposal = _proposal(remediation)
        try:
            changing = changes(parse_action(action, parameters))
        except InvalidMessageError as exc:  # what would undo it, says the agent: not a reason to stop all the others
            remediation.fail(f"cannot {phase.replace('_', ' ')}: {exc}", self._now)
            return
        timeout = self._patience.repair if changing else self._patience.verification
        order = Issued(
            cluster_id=proposal.cluster_id,
            type=CommandType.REMEDIATION if changing else CommandType.DIAGNOSTIC,
            tool=TOOL,
            action=action,
            namespace=proposal.namespace,
            timeout=format_duration(timeout),
            issued_by=ACTOR,
            parameters=parameters,
            expires_at=self._now + timedelta(seconds=timeout) + DELIVERY,
            workflow_id=proposal.workflow_id,
            remediation_id=remediation.id,
            step_id=phase,
        )
        command.issue(order, self._now)
        self._save(command)

    def _save(self, aggregate: Remediation | Command) -> None:
        self._unit.save(aggregate, self._recorded.cause.then(ACTOR, self._recorded.id))


def _proposal(remediation: Remediation) -> Proposed:
    assert remediation.proposal is not None, "it was approved, so it was proposed"
    return remediation.proposal


def _decode(event: Event, kind: type[_T]) -> _T | None:
    if not isinstance(event, CommandSucceeded):
        return None
    try:
        return msgspec.json.decode(event.output, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None


def _repair_answer(event: Event) -> RepairAnswer | None:
    if (drain := _drain_answer(event)) is not None:
        if not drain.feasible:
            return None
        moved = sum(p.decision == "evict" for p in drain.placements)
        return RepairAnswer(
            action="DrainNode",
            changed=True,
            summary=f"cordoned {drain.node} and moved {moved} pods"
            + (", out-of-service taint set" if drain.tainted else ""),
            undo_action="DrainNode",
            undo_parameters={"node": drain.node, "mode": "restore"},
        )
    return _decode(event, RepairAnswer)


def _drain_answer(event: Event) -> DrainNodeAnswer | None:
    return _decode(event, DrainNodeAnswer)
