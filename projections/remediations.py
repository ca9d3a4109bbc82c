"""The remediations read model: what was proposed, how risky it is, who said yes, what was done, and whether it helped."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from aetherius.domain.event import Event, Recorded
from aetherius.domain.plan import Plan
from aetherius.domain.remediation import (
    ApprovalRequested,
    Approved,
    Executed,
    Failed,
    Outdated,
    Planned,
    Proposed,
    Rejected,
    RemediationStatus,
    RiskAssessed,
    RolledBack,
    VerificationFailed,
    Verified,
)
from aetherius.domain.risk import RiskLevel
from aetherius.domain.secrets import Secret
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams


class RemediationRow(Row, frozen=True, kw_only=True, omit_defaults=True):
    """One remediation. `decided_*` is the approval or the rejection."""

    incident_id: UUID
    workflow_id: UUID
    step_id: str
    cluster_id: str
    namespace: str
    kind: str
    name: str
    action: str
    parameters: dict[str, Any] = {}
    reason: str
    status: RemediationStatus
    risk: RiskLevel | None = None
    risk_reasons: list[str] = []
    approval_required: bool = False
    question: str = ""
    digest: str = ""
    """Of the plan; empty without one."""
    plan: Plan | None = None
    planned_at: datetime | None = None
    approved: bool | None = None
    decided_by: str = ""
    decision: str = ""
    """The comment or reason that came with it."""
    execution: str = ""
    execution_command_id: UUID | None = None
    undo_action: str = ""
    undo_parameters: dict[str, Any] = {}
    verified: bool | None = None
    verification: str = ""
    verification_command_id: UUID | None = None
    rollback: str = ""
    rollback_command_id: UUID | None = None
    error: Secret = ""
    proposed_at: datetime
    decided_at: datetime | None = None
    executed_at: datetime | None = None
    verified_at: datetime | None = None
    rolled_back_at: datetime | None = None
    failed_at: datetime | None = None
    updated_at: datetime
    version: int


class RemediationFilter(Filter, frozen=True, kw_only=True):
    """Which remediations."""

    cluster_id: str | None = None
    namespace: str | None = None
    incident_id: UUID | None = None
    workflow_id: UUID | None = None
    action: list[str] | None = None
    status: list[RemediationStatus] | None = None
    risk: list[RiskLevel] | None = None
    proposed_at_since: datetime | None = None
    proposed_at_until: datetime | None = None


class Remediations(ReadModel[RemediationRow]):
    """Current and past remediations."""

    name = "remediations"
    row = RemediationRow
    topics = topics_of_streams("Remediation")
    columns = {
        "cluster_id": Column(indexed=True),
        "namespace": Column(),
        "incident_id": Column("uuid", indexed=True),
        "workflow_id": Column("uuid"),
        "action": Column(),
        "status": Column(),
        "risk": Column(),
        "proposed_at": Column("timestamptz"),
    }

    def evolve(self, row: RemediationRow | None, recorded: Recorded) -> RemediationRow | None:
        """The remediation after an event."""
        if isinstance(recorded.event, Proposed):
            return _proposed(recorded.event, recorded)
        if row is None:
            return None
        changes = _changes(recorded.event, recorded.occurred_at)
        return replace(row, updated_at=recorded.occurred_at, version=recorded.version, **changes)


def _proposed(event: Proposed, recorded: Recorded) -> RemediationRow:
    return RemediationRow(
        id=recorded.stream_id,
        incident_id=event.incident_id,
        workflow_id=event.workflow_id,
        step_id=event.step_id,
        cluster_id=event.cluster_id,
        namespace=event.namespace,
        kind=event.kind,
        name=event.name,
        action=event.action,
        parameters=event.parameters,
        reason=event.reason,
        status=RemediationStatus.PROPOSED,
        proposed_at=recorded.occurred_at,
        updated_at=recorded.occurred_at,
        version=recorded.version,
    )


def _changes(event: Event, at: datetime) -> dict[str, Any]:
    match event:
        case RiskAssessed():
            return {
                "risk": event.risk,
                "risk_reasons": event.reasons,
                "approval_required": event.approval_required,
            }
        case ApprovalRequested():
            return {"status": RemediationStatus.AWAITING_APPROVAL, "question": event.question}
        case Planned():
            return {"digest": event.digest, "plan": event.plan, "planned_at": at}
        case Outdated():
            return _outdated()
        case Approved():
            return _decided(RemediationStatus.APPROVED, event.by, event.comment, at)
        case Rejected():
            return _decided(RemediationStatus.REJECTED, event.by, event.reason, at)
        case Executed():
            return {
                "status": RemediationStatus.EXECUTED,
                "execution": event.summary,
                "execution_command_id": event.command_id,
                "undo_action": event.undo_action,
                "undo_parameters": event.undo_parameters,
                "executed_at": at,
            }
        case Verified():
            return _checked(RemediationStatus.VERIFIED, event.summary, event.command_id, at)
        case VerificationFailed():
            return _checked(RemediationStatus.VERIFICATION_FAILED, event.reason, event.command_id, at)
        case RolledBack():
            return {
                "status": RemediationStatus.ROLLED_BACK,
                "rollback": event.summary,
                "rollback_command_id": event.command_id,
                "rolled_back_at": at,
            }
        case Failed():
            return {"status": RemediationStatus.FAILED, "error": event.reason, "failed_at": at}
        case _:
            return {}


def _outdated() -> dict[str, Any]:
    """As before the question; what was decided about a plan that is not so any more is in the history."""
    decision = {"approved": None, "decided_by": "", "decision": "", "decided_at": None}
    return {"status": RemediationStatus.PROPOSED, "digest": "", "plan": None, "planned_at": None, **decision}


def _decided(status: RemediationStatus, by: str, text: str, at: datetime) -> dict[str, Any]:
    return {
        "status": status,
        "approved": status is RemediationStatus.APPROVED,
        "decided_by": by,
        "decision": text,
        "decided_at": at,
    }


def _checked(status: RemediationStatus, text: str, command_id: UUID | None, at: datetime) -> dict[str, Any]:
    return {
        "status": status,
        "verified": status is RemediationStatus.VERIFIED,
        "verification": text,
        "verification_command_id": command_id,
        "verified_at": at,
    }
