"""What came of a step, as its workflow takes it: the answer of a command, an analysis, the end of a remediation."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from aetherius.domain import analysis as analyses
from aetherius.domain import remediation as remediations
from aetherius.domain.command import Answer, Command
from aetherius.domain.command import Failed as CommandFailed
from aetherius.domain.command import Succeeded as CommandSucceeded
from aetherius.domain.event import Event
from aetherius.domain.remediation import Remediation
from aetherius.domain.workflow.workflow import Fail, Input, Succeed
from aetherius.orchestrator.workflow.proposal import summary

_SHORT_OUTPUT = 2000
"""Characters of a command's output that conditions see; the whole is in the command's stream."""


def command_input(command: Command, event: Event, now: datetime) -> tuple[UUID, Input | None] | None:
    """What the answer of a step's own command is to its workflow; None for commands of others."""
    order = command.issued
    if order is None or order.workflow_id is None or order.remediation_id is not None:
        return None
    if isinstance(event, CommandSucceeded):
        output: dict[str, Any] = {
            "status": "success",
            "exit_code": event.exit_code or 0,
            "output": event.output[:_SHORT_OUTPUT],
            "error": "",
        }
        return order.workflow_id, Succeed(step_id=order.step_id, output=output)
    return order.workflow_id, Fail(step_id=order.step_id, error=answer_error(event), now=now)


def answer_error(event: Event | Answer) -> str:
    """Why a command did not succeed, in words."""
    error = getattr(event, "error", "") or getattr(event, "reason", "")
    code = f" (exit code {event.exit_code})" if isinstance(event, CommandFailed) and event.exit_code is not None else ""
    rejected = getattr(event, "rejected_by", "")
    return f"{type(event).__name__}{code}: {rejected + ': ' if rejected else ''}{error}"[:2000]


def remediation_input(remediation: Remediation, event: Event, now: datetime) -> tuple[UUID, Input | None] | None:
    """What the end of a remediation is to its workflow."""
    proposal = remediation.proposal
    if proposal is None:
        return None
    if isinstance(event, remediations.Verified):
        output = {"action": proposal.action, "summary": event.summary}
        return proposal.workflow_id, Succeed(step_id=proposal.step_id, output=output)
    reason = getattr(event, "reason", "") or getattr(event, "summary", "")
    return proposal.workflow_id, Fail(step_id=proposal.step_id, error=f"{type(event).__name__}: {reason}", now=now)


def analysis_output(answer: analyses.Completed) -> dict[str, Any]:
    """What conditions may ask of an analysis."""
    return {
        "root_cause": answer.root_cause,
        "confidence": float(answer.detail.confidence),
        "recommended": [each.action for each in answer.recommendations],
        "summary": summary(answer),
        "detail": {"type": answer.detail.type, "reasoner": answer.reasoner},
    }
