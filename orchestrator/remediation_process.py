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
from aetherius.domain.command import ANSWERS, Command, Issued, Lost
from aetherius.domain.command import Succeeded as CommandSucceeded
from aetherius.domain.event import Event, Recorded, topics_of
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import Incident, Resolved
from aetherius.domain.remediation import Executed, Proposed, Remediation, RemediationStatus
from aetherius.domain.wire.command import CommandType, format_duration
from aetherius.domain.wire.repair import (
    TOOL,
    DrainNodeAnswer,
    RepairAnswer,
    VerificationAnswer,
    changes,
    parse_action,
)
from aetherius.orchestrator.step_commands import DELIVERY
from aetherius.orchestrator.verification import Patience, verification_of
from aetherius.orchestrator.workflow_driver import answer_error
from aetherius.projections.unit import Unit

ACTOR = "system:remediation"
EXECUTE, VERIFY, ROLL_BACK, RESTORE = "execute", "verify", "roll_back", "restore"
_T = TypeVar("_T")


class RemediationProcess:
    """Approvals and answers in, orders and outcomes out."""

    name = "remediation_process"

    def __init__(self, clock: Callable[[], datetime], patience: Patience) -> None:
        self._clock = clock
        self._patience = patience

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
                    phase.incident_resolved(unit.get(Incident, recorded.stream_id))
                case event:
                    phase.answered(unit.get(Command, recorded.stream_id), event)


class _Phase:
    """One event's consequences for one remediation."""

    def __init__(self, unit: Unit, now: datetime, recorded: Recorded, patience: Patience) -> None:
        self._unit, self._now, self._recorded, self._patience = unit, now, recorded, patience

    def approved(self, remediation: Remediation) -> None:
        """Do it, unless the incident has ended meanwhile."""
        proposal = _proposal(remediation)
        if proposal.action == "Notify":
            remediation.execute(Executed(command_id=None, summary=f"told the owner: {proposal.reason}"), self._now)
            remediation.verify(None, "nothing was changed", self._now)
        elif not self._unit.get(Incident, proposal.incident_id).active:
            remediation.withdraw("the incident ended before the repair began", self._now)
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
            case "verify":
                self._verified(remediation, command, event)
            case "roll_back":
                self._rolled_back(remediation, command, event)
            case _:
                pass  # a restored node: its command says how it went
        self._save(remediation)

    def incident_resolved(self, incident: Incident) -> None:
        """Take the cordon off a node that came back."""
        if incident.remediation_id is not None:
            remediation = self._unit.get(Remediation, incident.remediation_id)
            self._restore(remediation)
            self._save(remediation)

    def _executed(self, remediation: Remediation, command: Command, event: Event) -> None:
        answer = _repair_answer(event)
        if isinstance(event, Lost):
            remediation.fail(
                "the agent did not answer: whether the repair was done is unknown, look before trying again", self._now
            )
        elif answer is None:
            remediation.fail(f"the repair was not done: {answer_error(event)}", self._now)
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
        if answer and answer.verified:
            if remediation.verify(command.id, answer.summary, self._now):
                self._restore_if_over(remediation)
            return
        reason = answer.summary if answer else answer_error(event)
        if not remediation.fail_verification(command.id, reason, self._now):
            return
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

    def _restore_if_over(self, remediation: Remediation) -> None:
        if not self._unit.get(Incident, _proposal(remediation).incident_id).active:
            self._restore(remediation)

    def _restore(self, remediation: Remediation) -> None:
        done = remediation.executed
        if done is not None and _proposal(remediation).action == "DrainNode" and done.undo_action:
            self._order(remediation, RESTORE, done.undo_action, done.undo_parameters)

    def _order(self, remediation: Remediation, phase: str, action: str, parameters: dict[str, Any]) -> None:
        command = self._unit.get(Command, stable_id("Command", remediation.id, phase))
        if command.version:
            return
        proposal = _proposal(remediation)
        changing = changes(parse_action(action, parameters))
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
    except msgspec.DecodeError:
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
