"""Events of one incident's story, valid and with every field filled in; a test names only what it is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from aetherius.domain import analysis, remediation
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Issued
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import Incident, Opened
from aetherius.domain.wire.analysis import Evidence, Recommendation, RootCause
from aetherius.domain.wire.command import CommandType
from aetherius.domain.wire.event import Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.domain.workflow import events
from aetherius.domain.workflow.definition import (
    ActionStep,
    CommandStep,
    Condition,
    DecisionStep,
    ReasoningStep,
    Retry,
    Step,
    WaitStep,
    WorkflowDefinition,
)
from aetherius.readers.testing import START, ProcessCase

INCIDENT = UUID(int=0xA1)
WORKFLOW = stable_id("Workflow", INCIDENT, 0)
REMEDIATION = stable_id("Remediation", WORKFLOW, "remediate")
ANALYSIS = stable_id("Analysis", WORKFLOW, "analyze", 1)
LIMIT = {"kind": "Deployment", "name": "web", "container": "app", "memory_limit": "128Mi"}
RAISE = {**LIMIT, "expected_memory_limit": "64Mi"}
ADA = "user:ada"


def report(reason: str, **changes: Any) -> Reported:
    """Of a pod of the Deployment `web`, or of the node `n1`."""
    kind = changes.pop("kind", "Pod")
    name = changes.pop("name", "n1" if kind == "Node" else "web-1")
    owner = ("Deployment", "web") if kind == "Pod" else ("", "")
    fields: dict[str, Any] = {
        "cluster_id": "north",
        "source": "container_status",
        "severity": Severity.HIGH,
        "reason": reason,
        "message": reason,
        "namespace": "" if kind == "Node" else "shop",
        "labels": Labels(kind=kind, name=name, node="n1", owner_kind=owner[0], owner_name=owner[1]),
        "raw_data": RawData(container="app"),
        "agent_id": "a",
        "epoch": 1,
        "sequence": 1,
    }
    return Reported(**{**fields, **changes})


def reported(case: ProcessCase, reason: str, *, after: float = 0, **changes: Any) -> UUID:
    """A cluster reports, so many seconds after the start; the report waits to be read."""
    at = START + timedelta(seconds=after)
    id = UUID(observation_id("north", at, uuid4()))
    case.heard(id, report(reason, **changes), at=at)
    return id


def opened(**changes: Any) -> Opened:
    """A crash loop of the Deployment `web`."""
    fields: dict[str, Any] = {
        "cluster_id": "north",
        "namespace": "shop",
        "kind": "Deployment",
        "name": "web",
        "symptom": "crash_loop",
        "severity": Severity.HIGH,
        "reason": "CrashLoopBackOff",
        "message": "restarting",
        "onset": START,
        "event_id": UUID(int=0xE1),
        "pod": "web-1",
        "container": "app",
        "node": "n1",
    }
    return Opened(**{**fields, **changes})


def lost_node(**changes: Any) -> Opened:
    """A node that does not answer."""
    fields = {"namespace": "", "kind": "Node", "name": "n1", "symptom": "node_not_ready", "reason": "NodeNotReady"}
    return opened(**{**fields, "pod": "", "container": "", **changes})


def incident_of(opening: Opened, onset: datetime = START) -> UUID:
    """The stream that the correlator gives such an incident."""
    incident = Incident.replay(uuid4(), [opening])
    assert incident.subject is not None
    return Incident.id_of(incident.subject, onset)


LOOK = CommandStep(id="look", tool="kubectl", action="describe", retry=Retry(max_attempts=2, backoff=10))
PAUSE = WaitStep(id="settle", duration="settle")
ASK = ReasoningStep(id="analyze", input=["look.output"])
DECIDE = DecisionStep(
    id="decide",
    conditions=[
        Condition(expression="analysis.root_cause == 'OOM'", then="increase_memory"),
        Condition(expression="analysis.root_cause == 'NodeLost'", then="drain_node"),
    ],
)
FIX = ActionStep(id="remediate", action="apply_fix")


def started(*steps: Step, **changes: Any) -> events.Started:
    """A workflow of some steps, about the Deployment `web`."""
    target = events.Target(cluster_id="north", namespace="shop", kind="Deployment", name="web", pod="web-1")
    definition = WorkflowDefinition(
        name="story", triggers=["CrashLoopBackOff"], steps=list(steps), parameters={"settle": "10s"}
    )
    fields: dict[str, Any] = {
        "incident_id": INCIDENT,
        "definition": definition,
        "target": target,
        "strategy": "crash-loop",
        "parameters": definition.parameters,
        "trigger": "CrashLoopBackOff",
    }
    return events.Started(**{**fields, **changes})


def begun(step: Step, work_id: UUID | None = None, **changes: Any) -> tuple[events.StepScheduled, events.StepStarted]:
    """A step is under way."""
    return events.StepScheduled(step_id=step.id), events.StepStarted(step_id=step.id, work_id=work_id, **changes)


def concluded(cause: str = "OOM", *, word: str = "OOMKiller", **changes: Any) -> analysis.Completed:
    """The reasoner's answer; for OOM it recommends to raise the limit."""
    raise_it = Recommendation(action="UpdateResourceLimits", confidence=0.8, parameters=RAISE)
    fields: dict[str, Any] = {
        "incident_id": INCIDENT,
        "workflow_id": WORKFLOW,
        "step_id": "analyze",
        "root_cause": cause,
        "detail": RootCause(
            type=word, confidence=0.9, evidence=[Evidence(source="events", finding="killed twice", weight=0.5)]
        ),
        "recommendations": [raise_it] if cause == "OOM" else [],
        "reasoner": "rules/1",
    }
    return analysis.Completed(**{**fields, **changes})


def asked() -> analysis.Requested:
    """The question to it."""
    return analysis.Requested(
        incident_id=INCIDENT, workflow_id=WORKFLOW, step_id="analyze", cluster_id="north", inputs={}
    )


def proposed(action: str = "UpdateResourceLimits", **changes: Any) -> remediation.Proposed:
    """What the workflow's last step proposes."""
    parameters: dict[str, dict[str, Any]] = {
        "UpdateResourceLimits": RAISE,
        "DrainNode": {"node": "n1", "mode": "execute", "only_lost": True},
    }
    fields: dict[str, Any] = {
        "incident_id": INCIDENT,
        "workflow_id": WORKFLOW,
        "step_id": "remediate",
        "cluster_id": "north",
        "namespace": "shop",
        "kind": "Deployment",
        "name": "web",
        "action": action,
        "parameters": parameters.get(action, {}),
        "reason": "OOM",
    }
    return remediation.Proposed(**{**fields, **changes})


def ordered(**changes: Any) -> Issued:
    """A command of the workflow's first step."""
    fields: dict[str, Any] = {
        "cluster_id": "north",
        "type": CommandType.DIAGNOSTIC,
        "tool": "kubectl",
        "action": "describe",
        "issued_by": "system:workflow",
        "expires_at": START + timedelta(minutes=1),
        "workflow_id": WORKFLOW,
        "step_id": "look",
    }
    return Issued(**{**fields, **changes})
