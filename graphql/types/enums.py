"""The domain's enumerations, as the schema names them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import strawberry

from aetherius.domain.agent import AgentStatus
from aetherius.domain.command import CommandStatus
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.incident import IncidentStatus
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.risk import RiskLevel
from aetherius.domain.wire.command import CommandType
from aetherius.domain.wire.event import Severity
from aetherius.domain.workflow.state import StepStatus, WorkflowStatus


def _named(values: Iterable[str]) -> dict[str, str]:
    """Members by the names that the schema gives them: `NodeLost` is NODE_LOST."""
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value).upper(): value for value in values}


CauseCode = enum.StrEnum("CauseCode", _named(shipped_faults().codes))  # type: ignore[misc]  # the faults say which there are
Symptom = enum.StrEnum("Symptom", _named(fault.symptom for fault in shipped_faults()))  # type: ignore[misc]
NAMED_TEXTS: Final[Mapping[str, Any]] = {"symptom": Symptom, "root_cause": CauseCode}
"""Fields that hold texts, of which the schema names those that there are."""

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
