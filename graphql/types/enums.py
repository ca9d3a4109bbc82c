"""The domain's enumerations, as the schema names them."""

from __future__ import annotations

import strawberry

from aetherius.domain.agent import AgentStatus
from aetherius.domain.command import CommandStatus
from aetherius.domain.incident import IncidentStatus
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.risk import RiskLevel
from aetherius.domain.root_cause import CauseCode
from aetherius.domain.symptom import Symptom
from aetherius.domain.wire.command import CommandType
from aetherius.domain.wire.event import Severity
from aetherius.domain.workflow.state import StepStatus, WorkflowStatus

for _enum, _about in (
    (AgentStatus, "Whether an agent's heartbeats arrive."),
    (CommandStatus, "Where a command is."),
    (IncidentStatus, "Where an incident is. MITIGATED: users are served again, the thing itself is still broken."),
    (RemediationStatus, "Where a remediation is."),
    (RiskLevel, "How much could go wrong; MEDIUM and up wait for a person."),
    (CauseCode, "Short code of a root cause."),
    (Symptom, "How a fault shows, before anyone knows its cause."),
    (CommandType, "Diagnostic commands read, remediation commands change the cluster."),
    (Severity, "How bad it is."),
    (StepStatus, "Where a step is."),
    (WorkflowStatus, "Where a workflow is."),
):
    strawberry.enum(_enum, description=_about)
