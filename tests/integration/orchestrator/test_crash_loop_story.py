"""Crash loops: the memory limit is raised when it was the OOM killer, and nothing is touched when it was not."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.domain.command import Lost
from aetherius.domain.incident import IncidentStatus
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.repair.answers import RepairAnswer, VerificationAnswer
from aetherius.domain.wire.command import CommandType
from aetherius.domain.words import UNKNOWN
from aetherius.domain.workflow.state import StepStatus, WorkflowStatus

UNDO = {
    "kind": "Deployment",
    "name": "web",
    "container": "app",
    "memory_limit": "64Mi",
    "expected_memory_limit": "128Mi",
}
REPAIRED = RepairAnswer(
    action="UpdateResourceLimits",
    changed=True,
    summary="64Mi -> 128Mi",
    undo_action="UpdateResourceLimits",
    undo_parameters=UNDO,
)


def oom(stage: Any, description: str) -> None:
    stage.report("OOMKilled", raw={"exit_code": 137, "memory_limit": "64Mi"})
    stage.report("CrashLoopBackOff")
    stage.answer("logs", "allocating")
    stage.answer("describe", description)


def test_an_oom_kill_is_diagnosed_repaired_and_verified(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    assert stage.incident.root_cause == "OOM"
    (repair,) = stage.open_commands()
    assert (repair.issued.type, repair.issued.action) == (CommandType.REMEDIATION, "UpdateResourceLimits")
    assert repair.issued.parameters["memory_limit"] == "128Mi"

    stage.answer("UpdateResourceLimits", REPAIRED)
    assert stage.incident.status is IncidentStatus.DIAGNOSED, "not before it is verified"
    stage.answer("VerifyWorkload", VerificationAnswer(verified=True, summary="2 of 2 Ready for 5 s"))

    assert stage.events_of(stage.incident.id) == [
        "Opened",
        "EventsCorrelated",
        "Diagnosed",
        "Mitigated",
        "Resolved",
    ]
    assert stage.remediation.status is RemediationStatus.VERIFIED
    assert stage.workflow.state.status is WorkflowStatus.COMPLETED
    assert stage.open_commands() == []


def test_commands_without_a_target_act_on_the_incidents_pod(stage: Any) -> None:
    stage.report("CrashLoopBackOff")
    stage.answer("logs", "x")
    orders = [c.issued for c in stage.open_commands()]
    assert [(o.args, o.namespace) for o in orders] == [(["pod", "web-1"], "shop")]
    first = stage.log.load(type(stage.open_commands()[0]), stage.workflow.state.step("collect_logs").work_id)
    assert first.issued.args == ["web-1", "-c", "app", "--tail=100", "--previous"]


def test_exit_137_without_an_oom_kill_is_unknown_and_changes_nothing(stage: Any, oom_description: str) -> None:
    stage.report("Unhealthy", source="kubelet", message="Liveness probe failed: timeout")
    stage.report("CrashLoopBackOff")
    stage.answer("logs", "serving")
    stage.answer("describe", oom_description.replace("OOMKilled", "Error"))
    assert stage.incident.root_cause == UNKNOWN
    assert stage.remediation.proposal.action == "Notify"
    assert stage.remediation.status is RemediationStatus.VERIFIED
    assert stage.open_commands() == []
    assert stage.incident.status is IncidentStatus.DIAGNOSED, "it is not over: nobody repaired it"


def test_signs_of_the_same_trouble_fold_into_one_incident_with_one_workflow(stage: Any) -> None:
    repeated = stage.report("OOMKilled", settle=False)
    for pod in ("web-1", "web-2", "web-2"):
        stage.report("CrashLoopBackOff", name=pod, settle=False)
    stage.report("OOMKilled", id=repeated)
    stage.report("CrashLoopBackOff")
    assert stage.incident.event_count == 5
    assert set(stage.incident.pods) == {"web-1", "web-2"}
    assert stage.workflow.state.status is WorkflowStatus.RUNNING
    assert len(stage.open_commands()) == 1


def test_a_command_that_fails_is_evidence_too_and_the_workflow_goes_on(stage: Any, oom_description: str) -> None:
    stage.report("OOMKilled", raw={"exit_code": 137, "memory_limit": "64Mi"})
    stage.report("CrashLoopBackOff")
    stage.fail("logs", "previous terminated container not found")
    assert stage.workflow.state.step("collect_logs").status is StepStatus.FAILED
    stage.answer("describe", oom_description)
    assert stage.incident.root_cause == "OOM"


def test_a_limit_that_does_not_help_is_not_put_back_by_itself(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", REPAIRED)
    stage.answer("VerifyWorkload", VerificationAnswer(verified=False, summary="OOM kill of web-2 after 3 s"))
    assert stage.open_commands() == [], "under the old limit it ran out of memory"
    assert stage.remediation.status is RemediationStatus.FAILED
    assert stage.workflow.state.status is WorkflowStatus.FAILED
    assert stage.incident.status is IncidentStatus.DIAGNOSED


def test_a_repair_without_an_answer_is_not_tried_again(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", answer=Lost(reason="no answer"))
    assert stage.remediation.status is RemediationStatus.FAILED
    assert stage.open_commands() == []


def test_trouble_that_comes_back_after_a_repair_needs_a_person(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", REPAIRED)
    stage.answer("VerifyWorkload", VerificationAnswer(verified=True, summary="well"))
    stage.pass_time(5)
    stage.report("CrashLoopBackOff", settle=True)
    assert stage.incident.status is IncidentStatus.RESOLVED, "an echo of a pod on its way out"
    stage.pass_time(60)
    oom(stage, oom_description)
    assert stage.incident.reopened == 1
    assert stage.remediation.status is RemediationStatus.AWAITING_APPROVAL
    assert stage.open_commands() == []


def test_an_owner_that_is_no_deployment_is_notified(stage: Any, oom_description: str) -> None:
    stage.report("OOMKilled", kind="Pod", raw={"exit_code": 137})
    stage.report("CrashLoopBackOff")
    stage.answer("logs", "")
    stage.answer("describe", oom_description.split("    Limits")[0])
    assert stage.incident.root_cause == "OOM"
    assert stage.remediation.proposal.action == "Notify", "without a known limit there is nothing to raise"


@pytest.mark.parametrize("output", ["[sealed with key k1, which is not in the keyring]", '{"action": "Upd', ""])
def test_a_repair_whose_answer_cannot_be_read_is_verified_not_called_failed(
    stage: Any, oom_description: str, output: str
) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", output)
    assert stage.remediation_statuses() == ["executed"]
    assert "cannot be read" in stage.remediation.executed.summary
    stage.answer("VerifyWorkload", VerificationAnswer(verified=True, summary="2 of 2 Ready for 5 s"))
    assert stage.remediation_statuses() == ["verified"]
    assert stage.incident.status is IncidentStatus.RESOLVED


def test_what_cannot_be_read_and_did_not_help_is_not_taken_back_blindly(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", "unreadable")
    stage.answer("VerifyWorkload", VerificationAnswer(verified=False, summary="killed again"))
    assert stage.remediation_statuses() == ["failed"]
    assert stage.open_commands() == []
