"""A lost node: simulate, ask, drain, verify; mitigated when the pods run elsewhere, resolved when the node is back."""

from __future__ import annotations

from typing import Any

from aetherius.domain.incident import IncidentStatus, Opened
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.root_cause import CauseCode
from aetherius.domain.wire.event import Severity
from aetherius.domain.wire.repair import DrainNodeAnswer, PodPlacement, VerificationAnswer, WorkloadRef
from aetherius.domain.workflow_state import WorkflowStatus


def drain(mode: str, *, ready: str = "Unknown", decision: Any = "evict") -> DrainNodeAnswer:
    pod = PodPlacement(
        namespace="shop", pod="web-1", owner_kind="Deployment", owner_name="web", decision=decision, why="budget web"
    )
    return DrainNodeAnswer(
        node="n1",
        mode=mode,
        ready=ready,
        not_ready_seconds=45,
        placements=[pod],
        feasible=decision == "evict",
        workloads=[WorkloadRef(kind="Deployment", namespace="shop", name="web")],
    )


def node_lost(stage: Any) -> None:
    stage.report("NodeNotReady", kind="Node", name="n1", source="node-controller", severity=Severity.CRITICAL)
    stage.report("NodeNotReady", kind="Pod", name="web-1", source="node-controller")
    stage.pass_time(31)
    stage.answer("describe", "Ready Unknown")


def test_a_lost_node_is_drained_after_a_yes_and_restored_when_it_is_back(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate"))
    assert stage.incident.root_cause is CauseCode.NODE_LOST
    assert stage.remediation.status is RemediationStatus.AWAITING_APPROVAL
    stage.approve()
    stage.answer("DrainNode", drain("execute"))
    (look,) = stage.open_commands()
    assert look.issued.parameters["workloads"] == [{"kind": "Deployment", "namespace": "shop", "name": "web"}]
    stage.answer("VerifyEvacuation", VerificationAnswer(verified=True, summary="web runs on n2"))
    assert stage.incident.status is IncidentStatus.MITIGATED
    assert stage.workflow.state.status is WorkflowStatus.COMPLETED
    stage.pass_time(60)
    stage.report("NodeReady", kind="Node", name="n1", source="kubelet", severity=Severity.LOW)
    assert stage.events_of(stage.incident.id)[-2:] == ["Mitigated", "Resolved"]
    (restore,) = stage.open_commands()
    assert restore.issued.parameters == {"node": "n1", "mode": "restore"}


def test_the_pods_of_a_lost_node_belong_to_its_incident(stage: Any) -> None:
    node_lost(stage)
    assert (stage.incident.opened.kind, stage.incident.opened.name) == ("Node", "n1")
    assert stage.incident.event_count == 2


def test_a_flap_within_the_grace_is_left_alone(stage: Any) -> None:
    stage.report("NodeNotReady", kind="Node", name="n1", source="node-controller")
    stage.pass_time(5)
    stage.report("NodeReady", kind="Node", name="n1", source="kubelet", severity=Severity.LOW)
    stage.pass_time(60)
    assert stage.incident.status is IncidentStatus.RESOLVED
    assert stage.workflow.state.status is WorkflowStatus.CANCELLED
    assert stage.open_commands() == []


def test_a_node_that_is_back_at_the_simulation_is_not_drained(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate", ready="True"))
    assert stage.incident.root_cause is CauseCode.UNKNOWN
    assert stage.open_commands() == []


def test_a_drain_that_a_budget_forbids_is_not_proposed(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate", decision="forbidden"))
    assert stage.incident.root_cause is CauseCode.NODE_LOST
    assert stage.remediation.proposal.action == "Notify"


def test_a_node_that_comes_back_while_a_person_thinks_withdraws_the_question(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate"))
    stage.report("NodeReady", kind="Node", name="n1", source="kubelet", severity=Severity.LOW)
    assert stage.remediation.status is RemediationStatus.REJECTED
    assert stage.workflow.state.status is WorkflowStatus.CANCELLED
    assert len(stage.all(type(stage.incident), Opened)) == 1
