"""Answers in a random history: what becomes of a command, and of a remediation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from aetherius.domain.command import Answer, Command, Failed, Refused, Succeeded, TimedOut
from aetherius.domain.event import Cause
from aetherius.domain.remediation import Executed, Remediation, RemediationStatus

if TYPE_CHECKING:
    from log_history import History

CAUSE: Final = Cause(actor="system:test", correlation_id=UUID(int=1))


def touch_command(history: History, id: UUID) -> None:
    command, at = history.log.load(Command, id), history.tick()
    answers: list[Answer] = [
        Succeeded(exit_code=0, output="out \0 put", execution_time="0.1s"),
        Failed(exit_code=1, error="no such pod"),
        Refused(rejected_by="edge:allow-list", error="not allowed"),
        TimedOut(output="half"),
    ]
    if history.rng.random() < 0.5:
        command.dispatched(at)
    else:
        command.finish(history.rng.choice(answers), at)
    history.log.save(command, CAUSE)


def touch_remediation(history: History, id: UUID) -> None:
    remediation, at = history.log.load(Remediation, id), history.tick()
    command = UUID(int=history.count)
    match remediation.status:
        case RemediationStatus.AWAITING_APPROVAL if history.rng.random() < 0.7:
            remediation.approve("user:ada", "go", at)
        case RemediationStatus.AWAITING_APPROVAL:
            remediation.reject("user:ada", "no", at)
        case RemediationStatus.APPROVED:
            remediation.execute(
                Executed(command_id=command, summary="raised", undo_action="x", undo_parameters={"a": 1}), at
            )
        case RemediationStatus.EXECUTED if history.rng.random() < 0.6:
            remediation.verify(command, "steady", at)
        case RemediationStatus.EXECUTED:
            remediation.fail_verification(command, "still dying", at)
        case RemediationStatus.VERIFICATION_FAILED if history.rng.random() < 0.6:
            remediation.roll_back(command, "back", at)
        case RemediationStatus.VERIFICATION_FAILED:
            remediation.fail("cannot go back", at)
        case _:
            pass
    history.log.save(remediation, CAUSE)
