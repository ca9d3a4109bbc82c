"""A lost node: simulate, ask, drain, verify; mitigated when the pods run elsewhere, resolved when the node is back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aetherius.domain.errors import WrongStateError
from aetherius.domain.event import Cause
from aetherius.domain.incident import IncidentStatus, Opened
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.repair.answers import VerificationAnswer, WorkloadRef
from aetherius.domain.repair.drain_node import DrainNodeAnswer, PodPlacement
from aetherius.domain.wire.event import Severity
from aetherius.domain.words import UNKNOWN
from aetherius.domain.workflow.state import WorkflowStatus


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
    assert stage.incident.root_cause == "NodeLost"
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
    assert stage.incident.root_cause == UNKNOWN
    assert stage.open_commands() == []


def test_a_drain_that_a_budget_forbids_is_not_proposed(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate", decision="forbidden"))
    assert stage.incident.root_cause == "NodeLost"
    assert stage.remediation.proposal.action == "Notify"


def test_a_question_that_nobody_answers_in_time_is_rejected_and_a_late_yes_refused(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate"))
    asked = stage.remediation
    assert asked.deadline == stage.now + timedelta(hours=4)
    with pytest.raises(WrongStateError, match="expired"):
        asked.approve("user:ada", "go", asked.deadline + timedelta(seconds=1))
    assert not asked.expire(asked.deadline - timedelta(seconds=1))
    assert asked.expire(asked.deadline)
    stage.log.save(asked, Cause(actor="system:approval"))
    stage.settle()
    assert stage.events_of(asked.id)[-2:] == ["ApprovalExpired", "Rejected"]
    assert stage.workflow.state.status is WorkflowStatus.FAILED
    assert "nobody answered until" in stage.error_of("remediate")
    assert stage.incident.active
    assert stage.open_commands() == []
    assert stage.rows.select("SELECT count(*) FROM aetherius.approval_deadlines") == [(0,)]
    with pytest.raises(WrongStateError, match="rejected"):
        asked.approve("user:ada", "go", stage.now)


def test_a_yes_in_time_has_no_end(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate"))
    stage.pass_time(4 * 3600 - 1)
    stage.approve()
    assert not stage.remediation.expire(stage.now + timedelta(days=1))
    assert len(stage.open_commands()) == 1


def test_a_node_that_comes_back_while_a_person_thinks_withdraws_the_question(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate"))
    stage.report("NodeReady", kind="Node", name="n1", source="kubelet", severity=Severity.LOW)
    assert stage.remediation.status is RemediationStatus.REJECTED
    assert stage.workflow.state.status is WorkflowStatus.CANCELLED
    assert len(stage.all(type(stage.incident), Opened)) == 1


def test_after_a_drain_whose_answer_cannot_be_read_it_is_verified_that_nothing_is_left(stage: Any) -> None:
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate"))
    stage.approve()
    stage.answer("DrainNode", "unreadable")
    (look,) = stage.open_commands()
    assert (look.issued.parameters["workloads"], look.issued.parameters["only_left"]) == ([], True)
    stage.answer("VerifyEvacuation", VerificationAnswer(verified=True, summary="nothing is left"))
    assert stage.incident.status is IncidentStatus.MITIGATED


@pytest.mark.parametrize("answer", [drain("restore"), "unreadable"])
def test_a_drain_that_does_not_help_is_taken_back(stage: Any, answer: Any) -> None:
    """Also where the undo's own answer cannot be read: it was done all the same."""
    node_lost(stage)
    stage.answer("DrainNode", drain("simulate"))
    stage.approve()
    stage.answer("DrainNode", drain("execute"))
    stage.answer("VerifyEvacuation", VerificationAnswer(verified=False, summary="web waits"))
    (undo,) = stage.open_commands()
    assert undo.issued.parameters == {"node": "n1", "mode": "restore"}
    stage.answer("DrainNode", answer)
    assert stage.remediation.status is RemediationStatus.ROLLED_BACK
