"""The domain's enumerations, as the schema names them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import strawberry

from aetherius.domain.agent import AgentStatus
from aetherius.domain.cluster import Repairs
from aetherius.domain.command import CommandStatus
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.incident import IncidentStatus
from aetherius.domain.plan import DryRun
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.risk import RiskLevel
from aetherius.domain.wire.command import CommandType
from aetherius.domain.wire.event import Severity
from aetherius.domain.workflow.state import StepStatus, WorkflowStatus

OTHER: Final = "other"


def _named(values: Iterable[str]) -> dict[str, str]:
    """Members by the names that the schema gives them (`NodeLost` is NODE_LOST), and one for those that this version does not know."""
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", value).upper(): value for value in (*values, OTHER)}


CauseCode = enum.StrEnum("CauseCode", _named(shipped_faults().codes))  # type: ignore[misc]  # the faults say which there are
Symptom = enum.StrEnum("Symptom", _named(fault.symptom for fault in shipped_faults()))  # type: ignore[misc]
NAMED_TEXTS: Final[Mapping[str, Any]] = {"symptom": Symptom, "root_cause": CauseCode}
"""Fields that hold texts, of which the schema names those that there are."""


def named(field: str, text: Any) -> Any:
    """A field's text as the schema can name it: OTHER for a word of another version, as in a roll-out. Other fields' values as they are."""
    kind = NAMED_TEXTS.get(field)
    return text if kind is None or text is None or text in set(kind) else OTHER


for _enum, _about in (
    (AgentStatus, "Whether an agent's heartbeats arrive."),
    (CommandStatus, "Where a command is."),
    (DryRun, "What trying a repair said. UNKNOWN: nobody answered, or it cannot be read."),
    (IncidentStatus, "Where an incident is. MITIGATED: users are served again, the thing itself is still broken."),
    (RemediationStatus, "Where a remediation is."),
    (Repairs, "What is done with a repair that is approved. DRY_RUN: it is tried, and said what would have been done."),
    (RiskLevel, "How much could go wrong; MEDIUM and up wait for a person."),
    (CauseCode, "Short code of a root cause. OTHER: one that this version does not know."),
    (Symptom, "How a fault shows, before anyone knows its cause. OTHER: one that this version does not know."),
    (CommandType, "Diagnostic commands read, remediation commands change the cluster."),
    (Severity, "How bad it is."),
    (StepStatus, "Where a step is."),
    (WorkflowStatus, "Where a workflow is."),
):
    strawberry.enum(_enum, description=_about)
