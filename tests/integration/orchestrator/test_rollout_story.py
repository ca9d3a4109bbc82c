"""Images and configuration: back to the revision before, if that revision is known to be well and the latest brought the trouble in."""

from __future__ import annotations

from typing import Any

from aetherius.domain.incident import IncidentStatus
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.repair.answers import RepairAnswer, VerificationAnswer
from aetherius.domain.words import UNKNOWN
from aetherius.domain.workflow.state import WorkflowStatus

ROLLED_BACK = RepairAnswer(
    action="RollbackDeployment",
    changed=True,
    summary="revision 2 -> 1",
    undo_action="RollbackDeployment",
    undo_parameters={"name": "web", "to_revision": 2, "expected_revision": 3},
)
WELL = VerificationAnswer(verified=True, summary="rollout complete")
BAD_IMAGE = {"raw": {"image": "shop/web:missing"}, "message": "manifest unknown"}


def pull_fails(stage: Any, answer: Any) -> None:
    stage.report("ErrImagePull", **BAD_IMAGE)
    stage.report("ImagePullBackOff", **BAD_IMAGE)
    stage.answer("describe", "Waiting")
    stage.answer("WorkloadHistory", answer)


def config_missing(stage: Any, answer: Any) -> None:
    stage.report("CreateContainerConfigError", message='configmap "settings" not found')
    stage.pass_time(11)
    stage.answer("describe", "Waiting")
    stage.answer("WorkloadHistory", answer)


def test_a_bad_image_is_rolled_back_without_asking(stage: Any, make_history: Any, make_revision: Any) -> None:
    before = make_revision(1, "shop/web:v1", was_available=True, available=2)
    pull_fails(stage, make_history(before, make_revision(2, "shop/web:missing")))
    assert stage.incident.root_cause == "Image"
    (order,) = stage.open_commands()
    assert order.issued.parameters == {
        "name": "web",
        "to_revision": 1,
        "expected_revision": 2,
        "only_images": True,
        "seen": ["uid 1"],
    }
    stage.answer("RollbackDeployment", ROLLED_BACK)
    stage.answer("VerifyWorkload", WELL)
    assert stage.incident.status is IncidentStatus.RESOLVED


def test_an_image_that_ran_before_points_at_the_registry(stage: Any, make_history: Any, make_revision: Any) -> None:
    before = make_revision(1, "shop/web:missing", was_available=True)
    pull_fails(stage, make_history(before, make_revision(2, "shop/web:missing")))
    assert stage.incident.root_cause == UNKNOWN
    assert stage.remediation.proposal.action == "Notify"


def test_a_workload_owned_by_gitops_is_not_patched(stage: Any, make_history: Any, make_revision: Any) -> None:
    before = make_revision(1, "shop/web:v1", was_available=True)
    pull_fails(stage, make_history(before, make_revision(2, "shop/web:missing"), managed_by="argocd"))
    assert stage.incident.root_cause == "Image"
    assert stage.remediation.proposal.action == "Notify"


def test_a_slow_pull_opens_nothing(stage: Any) -> None:
    stage.report("Pulling", source="kubelet", message='Pulling image "shop/web:v2"')
    assert stage.all(object, _opened()) == []


def _opened() -> Any:
    from aetherius.domain.incident import Opened

    return Opened


def test_a_missing_config_map_is_rolled_back_after_a_yes(stage: Any, make_history: Any, make_revision: Any) -> None:
    before = make_revision(1, "shop/web:v1", was_available=True)
    after = make_revision(2, "shop/web:v1", config_maps=["settings"], missing_config=["settings"])
    config_missing(stage, make_history(before, after))
    assert stage.incident.root_cause == "Config"
    assert stage.remediation.status is RemediationStatus.AWAITING_APPROVAL
    assert stage.open_commands() == []
    stage.approve()
    stage.answer("RollbackDeployment", ROLLED_BACK)
    stage.answer("VerifyWorkload", WELL)
    assert stage.incident.status is IncidentStatus.RESOLVED


def test_a_map_that_never_was_there_is_told_to_the_owner(stage: Any, make_history: Any, make_revision: Any) -> None:
    only = make_revision(1, "shop/web:v1", config_maps=["settings"], missing_config=["settings"])
    config_missing(stage, make_history(only))
    assert stage.incident.root_cause == "Config"
    assert stage.remediation.proposal.action == "Notify"
    assert stage.open_commands() == []


def test_a_map_that_comes_late_ends_the_incident_by_itself(stage: Any) -> None:
    stage.report("CreateContainerConfigError", message='configmap "settings" not found')
    stage.pass_time(3)
    stage.report("PodRecovered", severity="low")
    assert stage.incident.status is IncidentStatus.RESOLVED
    assert stage.workflow.state.status is WorkflowStatus.CANCELLED
    stage.pass_time(60)
    assert stage.open_commands() == []


def test_a_pod_that_recovered_unseen_is_found_well(stage: Any, make_history: Any, make_revision: Any) -> None:
    well = make_revision(2, "shop/web:v1", config_maps=["settings"], available=2, was_available=True)
    config_missing(stage, make_history(well))
    assert stage.incident.status is IncidentStatus.RESOLVED
    assert stage.incident.root_cause == UNKNOWN
    assert stage.open_commands() == []
