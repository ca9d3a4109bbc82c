"""Every event there is, imported: whoever decodes events from the log imports this, so that no topic is unknown for want of an import.

A new module with events is added here; a test compares.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final

from aetherius.domain import agent, analysis, cluster, cluster_event, command, freeze, incident, remediation, strategy
from aetherius.domain.workflow import definition as workflow_definition
from aetherius.domain.workflow import events as workflow_events

MODULES: Final[tuple[ModuleType, ...]] = (
    agent,
    analysis,
    cluster,
    cluster_event,
    command,
    freeze,
    incident,
    remediation,
    strategy,
    workflow_definition,
    workflow_events,
)
