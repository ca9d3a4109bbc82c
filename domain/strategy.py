"""A strategy: which workflow looks into which symptom, and with what parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Event
from aetherius.domain.symptom import Symptom, symptom_of
from aetherius.domain.workflow.definition import WorkflowDefinition


class Selected(Event, stream="Strategy", frozen=True, kw_only=True):
    """A strategy was chosen for an incident (one such stream an incident and start of its workflow)."""

    incident_id: UUID
    workflow_id: UUID
    strategy: str
    workflow: str
    because: str


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """For one symptom: the workflow that collects evidence, analyses and repairs."""

    id: str
    symptom: Symptom
    workflow: str
    about: str
    parameters: dict[str, str] = {}


STRATEGIES: Final = (
    Strategy(
        id="crash-loop",
        symptom=Symptom.CRASH_LOOP,
        workflow="diagnose_pod_crashloop",
        about="Read the last logs and the pod's state; raise the memory limit if it was the OOM killer",
    ),
    Strategy(
        id="image-pull",
        symptom=Symptom.IMAGE_PULL,
        workflow="diagnose_image_pull",
        about="Compare the rollout's revisions; go back if the latest brought the image in",
    ),
    Strategy(
        id="missing-config",
        symptom=Symptom.CONFIG_ERROR,
        workflow="diagnose_missing_config",
        about="Wait for a late object; go back if the latest revision brought the reference in, else tell the owner",
    ),
    Strategy(
        id="lost-node",
        symptom=Symptom.NODE_NOT_READY,
        workflow="diagnose_lost_node",
        about="Wait out a flap; simulate the drain, ask, and move the pods elsewhere",
    ),
)


def strategy_of(symptom: Symptom) -> Strategy | None:
    """The strategy of a symptom; None when there is none."""
    return next((strategy for strategy in STRATEGIES if strategy.symptom is symptom), None)


def suggested_workflow(report: Reported, definitions: Mapping[str, WorkflowDefinition]) -> str:
    """The workflow that an incident of this report alone would start, of the definitions in force by name; empty for none."""
    symptom = symptom_of(report)
    strategy = strategy_of(symptom) if symptom else None
    definition = definitions.get(strategy.workflow) if strategy else None
    return definition.name if definition and report.reason in definition.triggers else ""
