"""What meets in the middle: reports that come late, incidents that end and begin again, repairs that nobody saw the end of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aetherius.domain.command import Command, Failed, Issued, Lost, TimedOut
from aetherius.domain.event import Cause
from aetherius.domain.incident import Incident, IncidentStatus, Opened, Resolved
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.repair.answers import RepairAnswer, VerificationAnswer, WorkloadRef
from aetherius.domain.repair.drain_node import DrainNodeAnswer, PodPlacement
from aetherius.domain.wire.event import Severity
from aetherius.domain.workflow.state import WorkflowStatus
from aetherius.domain.workflow.workflow import Cancel
from aetherius.orchestrator.correlation.correlator import MAX_FAILING
from aetherius.orchestrator.workflow.starter import workflow_of

KEY = {"kind": "Deployment", "name": "web", "container": "app"}
RAISED = RepairAnswer(
    action="UpdateResourceLimits",
    changed=True,
    summary="64Mi -> 128Mi",
    undo_action="UpdateResourceLimits",
    undo_parameters={**KEY, "memory_limit": "64Mi", "expected_memory_limit": "128Mi"},
)
WELL = VerificationAnswer(verified=True, summary="well")


def node(stage: Any, reason: str, **changes: Any) -> None:
    low = Severity.LOW if reason == "NodeReady" else Severity.CRITICAL
    stage.report(reason, kind="Node", name="n1", source="node_status", severity=low, **changes)


def drain(mode: str) -> DrainNodeAnswer:
    web = WorkloadRef(kind="Deployment", namespace="shop", name="web")
    pod = PodPlacement(namespace="shop", pod="web-1", owner_kind="Deployment", owner_name="web", decision="evict")
    return DrainNodeAnswer(
        node="n1", mode=mode, ready="Unknown", not_ready_seconds=45, placements=[pod], feasible=True, workloads=[web]
    )


def drain_asked(stage: Any) -> None:
    node(stage, "NodeNotReady")
    stage.pass_time(31)
    stage.answer("describe", "Ready Unknown")
    stage.answer("DrainNode", drain("simulate"))


def oom(stage: Any, description: str, **changes: Any) -> None:
    stage.report("OOMKilled", raw={"exit_code": 137, "memory_limit": "64Mi"}, **changes)
    stage.report("CrashLoopBackOff", **changes)
    stage.answer("logs", "allocating")
    stage.answer("describe", description)


def restores(stage: Any) -> list[Command]:
    orders = [c for c in stage.all(Command, Issued) if c.issued.action == "DrainNode"]
    return [c for c in orders if c.issued.parameters["mode"] == "restore"]


def test_a_node_that_was_lost_again_while_nobody_read_is_lost(stage: Any) -> None:
    begin = stage.now
    for seconds, reason in ((0, "NodeNotReady"), (20, "NodeReady"), (60, "NodeNotReady")):
        stage.now = begin + timedelta(seconds=seconds)
        node(stage, reason, settle=False)
    stage.now = begin + timedelta(seconds=300)
    stage.settle()
    assert stage.incident.status is IncidentStatus.OPEN
    assert stage.incident.reopened == 1


def test_a_node_that_is_lost_again_within_seconds_is_lost(stage: Any) -> None:
    node(stage, "NodeNotReady")
    stage.now += timedelta(seconds=30)
    node(stage, "NodeReady")
    stage.now += timedelta(seconds=5)
    node(stage, "NodeNotReady")
    assert stage.incident.status is IncidentStatus.OPEN
    assert stage.workflow.state.status is WorkflowStatus.RUNNING


def test_the_end_of_the_first_time_does_not_end_the_workflow_of_the_second(stage: Any) -> None:
    correlator, starter, *_ = stage.runners
    node(stage, "NodeNotReady")
    for reason in ("NodeReady", "NodeNotReady"):
        stage.now += timedelta(seconds=40)
        node(stage, reason, settle=False)
        while correlator.step() is not None or starter.step() is not None:
            pass
    first = stage.workflow.id  # the driver has seen neither the end nor the return
    stage.settle()
    assert first == workflow_of(stage.incident)
    assert stage.workflow.state.status is WorkflowStatus.RUNNING


def test_a_yes_to_what_was_asked_before_the_incident_began_again_does_nothing(stage: Any) -> None:
    drain_asked(stage)
    correlator = stage.runners[0]
    remediation = stage.yes()
    stage.log.save(remediation, Cause(actor="user:ada"))
    for reason in ("NodeReady", "NodeNotReady"):
        stage.now += timedelta(seconds=40)
        node(stage, reason, settle=False)
    while correlator.step() is not None:
        pass
    stage.settle()
    assert stage.incident.reopened == 1
    assert stage.log.load(type(remediation), remediation.id).status is RemediationStatus.REJECTED
    assert stage.open_commands() == []


def test_trouble_that_is_back_is_judged_by_what_is_seen_now(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", RAISED)
    stage.answer("VerifyWorkload", WELL)
    stage.pass_time(60)
    stage.report("CrashLoopBackOff", name="web-2")
    assert stage.incident.reopened == 1
    (look,) = stage.open_commands()
    assert look.issued.args[0] == "web-2", "not the pod that is long gone"
    stage.fail("logs", "gone")
    stage.fail("describe", "gone")
    assert stage.incident.root_cause == "unknown", "the old OOM kill is no evidence for this crash"
    assert stage.remediation.proposal.action == "Notify"


def test_the_sign_that_opens_an_incident_again_is_counted_and_is_evidence(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", RAISED)
    stage.answer("VerifyWorkload", WELL)
    stage.pass_time(60)
    count = stage.incident.event_count
    stage.report("OOMKilled", name="web-2", raw={"exit_code": 137, "memory_limit": "128Mi"})
    assert stage.incident.event_count == count + 1
    stage.report("CrashLoopBackOff", name="web-2")
    stage.fail("logs", "gone")
    stage.fail("describe", "gone")
    assert stage.remediation.proposal.parameters["memory_limit"] == "256Mi"


def test_a_repair_that_nobody_could_look_at_is_looked_at_once_more(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", RAISED)
    stage.answer("VerifyWorkload", answer=Lost(reason="expired"))
    stage.answer("VerifyWorkload", WELL)
    assert stage.remediation.status is RemediationStatus.VERIFIED
    assert stage.incident.status is IncidentStatus.RESOLVED


def test_a_repair_that_nobody_could_look_at_is_not_taken_back(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", RAISED)
    stage.answer("VerifyWorkload", answer=Lost(reason="expired"))
    stage.answer("VerifyWorkload", answer=Lost(reason="expired"))
    assert stage.remediation.status is RemediationStatus.FAILED
    assert stage.open_commands() == []
    assert "nobody could see" in stage.error_of("remediate")


def test_an_undo_that_makes_no_sense_fails_its_remediation_and_stops_nobody(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    nonsense = RepairAnswer(action="x", changed=True, summary="", undo_action="Format", undo_parameters={"disk": 1})
    stage.answer("UpdateResourceLimits", nonsense)
    stage.answer("VerifyWorkload", VerificationAnswer(verified=False, summary="still killed"))
    assert stage.remediation.status is RemediationStatus.FAILED
    assert stage.workflow.state.status is WorkflowStatus.FAILED


def test_a_drain_that_failed_half_way_leaves_no_cordon_on_a_node_that_is_back(stage: Any) -> None:
    drain_asked(stage)
    stage.approve()
    stage.answer("DrainNode", answer=Failed(exit_code=1, error="3 pods have not left; n1 stays cordoned"))
    assert stage.remediation.status is RemediationStatus.FAILED
    assert restores(stage) == []
    stage.pass_time(60)
    node(stage, "NodeReady")
    assert len(restores(stage)) == 1


def test_a_drain_that_fails_after_the_node_is_back_leaves_no_cordon(stage: Any) -> None:
    drain_asked(stage)
    stage.approve()
    stage.pass_time(20)
    node(stage, "NodeReady")
    assert restores(stage) == [], "not while it may still be draining"
    stage.answer("DrainNode", answer=TimedOut(error="stopped after 30 s"))
    assert "look at what is done" in stage.error_of("remediate")
    assert len(restores(stage)) == 1


def test_a_late_yes_drains_only_a_node_that_is_still_lost(stage: Any) -> None:
    drain_asked(stage)
    stage.pass_time(7200)
    stage.approve()
    (order,) = stage.open_commands()
    assert order.issued.parameters["only_lost"], "the agent looks again"


def test_a_node_that_nobody_drained_is_not_touched_when_it_is_back(stage: Any) -> None:
    drain_asked(stage)
    node(stage, "NodeReady")
    assert restores(stage) == []
    assert len(stage.all(Incident, Opened)) == 1


def test_a_limit_that_was_raised_once_is_raised_again_only_by_a_person(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", RAISED)
    stage.answer("VerifyWorkload", WELL)
    for known in (2, 3):
        stage.pass_time(7200)
        oom(stage, oom_description, name=f"web-{known}")
        assert len(stage.all(Incident, Opened)) == known
        assert stage.remediation.proposal.action == "UpdateResourceLimits"
        assert stage.remediation.status is RemediationStatus.AWAITING_APPROVAL
        refused = stage.remediation
        refused.reject("user:ada", "look for the leak", stage.now)
        stage.log.save(refused, Cause(actor="user:ada"))
        stage.settle()


def test_a_crash_that_nobody_could_explain_does_not_hide_the_next_one(stage: Any, oom_description: str) -> None:
    stage.report("CrashLoopBackOff")
    stage.answer("logs", "")
    stage.answer("describe", oom_description.replace("OOMKilled", "Error"))
    stage.pass_time(1800)
    stage.report("CrashLoopBackOff")
    assert stage.incident.status is IncidentStatus.DIAGNOSED, "it goes on: the same incident"
    stage.pass_time(86_400)
    oom(stage, oom_description, name="web-9")
    first, second = stage.all(Incident, Opened)
    assert (first.status, second.root_cause) == (IncidentStatus.RESOLVED, "OOM")
    assert len(stage.open_commands()) == 1, "the limit is raised"


def test_a_lost_node_is_silent_and_lost_all_the_same(stage: Any) -> None:
    drain_asked(stage)
    stage.pass_time(7200)
    stage.report("NodeNotReady", kind="Pod", name="web-1", source="node-controller")
    assert stage.incident.active
    assert stage.remediation.status is RemediationStatus.AWAITING_APPROVAL


def test_more_failing_pods_than_are_remembered_never_end_an_incident_by_a_guess(stage: Any) -> None:
    for number in range(MAX_FAILING + 2):
        stage.report("CrashLoopBackOff", name=f"web-{number}", settle=False)
    stage.settle()
    rows = stage.rows.select("SELECT cardinality(failing) FROM aetherius.correlated_subjects")
    assert rows == [(MAX_FAILING + 1,)]
    for number in range(MAX_FAILING + 2):
        stage.report("PodReplaced", name=f"web-{number}", severity=Severity.LOW, settle=False)
    stage.settle()
    assert stage.incident.active


def test_a_crash_loop_ends_when_the_last_pod_that_showed_it_was_replaced(stage: Any) -> None:
    for number in (1, 2):
        stage.report("CrashLoopBackOff", name=f"web-{number}")
    stage.report("PodRecovered", name="web-1", severity=Severity.LOW)
    stage.report("PodReplaced", name="web-1", severity=Severity.LOW)
    assert stage.incident.active, "the other one still crashes, for all that is known"
    stage.report(
        "PodReplaced", name="web-2", severity=Severity.LOW, message="web-2 is gone; Deployment web is complete"
    )
    (end,) = [each.event for each in stage.log.stream(stage.incident.id) if isinstance(each.event, Resolved)]
    assert (end.how, end.summary) == ("recovered", "web-2 is gone; Deployment web is complete")
    assert stage.workflow.state.status is WorkflowStatus.CANCELLED


def test_what_was_deleted_with_its_workload_is_gone(stage: Any) -> None:
    stage.report("ErrImagePull")
    stage.report("PodRemoved", severity=Severity.LOW)
    (end,) = [each.event for each in stage.log.stream(stage.incident.id) if isinstance(each.event, Resolved)]
    assert end.how == "gone"


def test_a_node_that_was_removed_ends_its_loss(stage: Any) -> None:
    node(stage, "NodeNotReady")
    node(stage, "NodeRemoved")
    assert stage.incident.status is IncidentStatus.RESOLVED


def test_pods_that_a_repair_replaced_do_not_end_it_before_it_is_verified(stage: Any, oom_description: str) -> None:
    oom(stage, oom_description)
    stage.answer("UpdateResourceLimits", RAISED)
    stage.report("PodReplaced", severity=Severity.LOW)
    assert stage.incident.active
    stage.answer("VerifyWorkload", WELL)
    assert stage.events_of(stage.incident.id)[-2:] == ["Mitigated", "Resolved"]


def test_a_fix_by_hand_withdraws_the_question_that_nobody_answered(stage: Any) -> None:
    drain_asked(stage)
    stage.report("NodeRemoved", kind="Node", name="n1", source="node_status", severity=Severity.LOW)
    assert stage.remediation.status is RemediationStatus.REJECTED


def test_a_workflow_that_a_person_cancels_takes_its_question_along(stage: Any) -> None:
    drain_asked(stage)
    cancel(stage)
    stage.settle()
    assert stage.remediation.status is RemediationStatus.REJECTED


def test_a_yes_that_crosses_a_cancellation_does_nothing(stage: Any) -> None:
    drain_asked(stage)
    remediation = stage.yes()
    cancel(stage)
    stage.log.save(remediation, Cause(actor="user:ada"))
    stage.settle()
    assert stage.remediation.status is RemediationStatus.REJECTED
    assert stage.open_commands() == []


def cancel(stage: Any) -> None:
    workflow = stage.workflow
    workflow.handle(Cancel(by="user:bob", reason="by hand"), stage.now)
    stage.log.save(workflow, Cause(actor="user:bob"))
