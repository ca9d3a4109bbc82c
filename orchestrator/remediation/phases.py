"""The commands of a remediation: one of a name each, which the agent runs once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from aetherius.domain.command import Command, Issued
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.identity import stable_id
from aetherius.domain.plan import DryRun, Plan
from aetherius.domain.remediation import Executed, Proposed, Remediation
from aetherius.domain.repair.action import TOOL, Order, Outcome
from aetherius.domain.repair.actions import Actions
from aetherius.domain.repair.patience import Patience
from aetherius.domain.wire.command import CommandType, format_duration
from aetherius.orchestrator.workflow.step_commands import DELIVERY

logger = logging.getLogger(__name__)

EXECUTE, VERIFY, VERIFY_AGAIN, ROLL_BACK, RESTORE = "execute", "verify", "verify_again", "roll_back", "restore"
SIMULATE: Final = "simulate"
"""Instead of doing it, in a cluster that is tried on only."""
PLAN: Final = "plan"
"""Before a person is to say yes."""


def command_of(remediation: Remediation, phase: str) -> UUID:
    """The command of a phase; where a person was asked again, the plan and the change that belong to the present question."""
    match phase:
        case "plan":
            return stable_id("Command", remediation.id, PLAN, remediation.plans + 1)
        case "execute" if remediation.plans > 1:
            return stable_id("Command", remediation.id, EXECUTE, remediation.plans)
        case _:
            return stable_id("Command", remediation.id, phase)


def changes_ordered(remediation: Remediation) -> list[UUID]:
    """The commands that may have changed the object, one for each time that a yes was carried out."""
    first = stable_id("Command", remediation.id, EXECUTE)
    return [first, *(stable_id("Command", remediation.id, EXECUTE, n) for n in range(2, remediation.plans + 1))]


def issued(
    remediation: Remediation,
    proposal: Proposed,
    phase: str,
    wanted: Order,
    actions: Actions,
    patience: Patience,
    by: str,
    now: datetime,
) -> Issued:
    """The command's first event.

    Raises:
        InvalidMessageError: the action is unknown, or a parameter breaks a rule.
    """
    changing = actions.parse(wanted.action, wanted.parameters).phase.changes
    timeout = patience.repair if changing else patience.verification
    return Issued(
        cluster_id=proposal.cluster_id,
        type=CommandType.REMEDIATION if changing else CommandType.DIAGNOSTIC,
        tool=TOOL,
        action=wanted.action,
        namespace=proposal.namespace,
        timeout=format_duration(timeout),
        issued_by=by,
        parameters=wanted.parameters,
        expires_at=now + timedelta(seconds=timeout) + DELIVERY,
        workflow_id=proposal.workflow_id,
        remediation_id=remediation.id,
        step_id=phase,
    )


def executed(command: Command, outcome: Outcome) -> Executed:
    """What the log keeps of a change that was made."""
    undo = outcome.undo
    return Executed(
        command_id=command.id,
        summary=outcome.summary,
        undo_action=undo.action if undo else "",
        undo_parameters=undo.parameters if undo else {},
    )


def clean_up(proposal: Proposed, actions: Actions) -> Order | None:
    """What takes a repair's marks off; None where it leaves none, or that is not known."""
    repair = actions.repair(proposal.action)
    if repair is None or not repair.on_cluster:
        return None
    try:
        return repair.clean_up(repair.recalled(proposal.parameters))
    except InvalidMessageError as exc:
        logger.warning("whether %s left marks on %s is not known: %s", proposal.action, proposal.name, exc)
        return None


def would_have(plan: Plan) -> str:
    """What a plan says of a repair that is not to be done, in words."""
    would = "it would have been done" if plan.dry_run is DryRun.PASSED else "it could not have been done"
    return f"{would}: {plan.told}"
