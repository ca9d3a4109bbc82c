"""Which reports are signs of trouble, and of whose."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.domain.fault.faults import end_told_by, shipped_faults
from aetherius.domain.fault.subject import Subject
from aetherius.domain.wire.event import Labels, Severity

FAULTS = shipped_faults()


def subject_of(report: Reported) -> Subject:
    shown = FAULTS.shown_by(report)
    assert shown is not None
    return shown.subject_of(report)


def a_report(reason: str, message: str = "", **labels: Any) -> Reported:
    given = {"kind": "Pod", "name": "web-1", "node": "n1", "owner_kind": "Deployment", "owner_name": "web", **labels}
    return Reported(
        cluster_id="north",
        source="kubelet",
        severity=Severity.HIGH,
        reason=reason,
        message=message,
        namespace="shop",
        labels=Labels(**given),
        agent_id="a",
        epoch=1,
        sequence=1,
    )


@pytest.mark.parametrize(
    ("reason", "message", "symptom"),
    [
        ("OOMKilled", "", "crash_loop"),
        ("CrashLoopBackOff", "", "crash_loop"),
        ("BackOff", "Back-off restarting failed container app", "crash_loop"),
        ("BackOff", 'Back-off pulling image "shop/web:v2"', "image_pull"),
        ("Failed", 'Failed to pull image "shop/web:v2": not found', "image_pull"),
        ("Failed", "Error: ErrImagePull", "image_pull"),
        ("ImagePullBackOff", "", "image_pull"),
        ("CreateContainerConfigError", 'configmap "settings" not found', "config_error"),
        ("Failed", 'Error: configmap "settings" not found', "config_error"),
        ("FailedMount", 'MountVolume.SetUp failed for volume "c": configmap "c" not found', "config_error"),
        ("NodeNotReady", "Node is not ready", "node_not_ready"),
        ("FailedMount", "timed out waiting for the condition", None),
        ("Pulling", 'Pulling image "shop/web:v2"', None),
        ("Unhealthy", "Liveness probe failed", None),
        ("Killing", "Stopping container app", None),
        ("Scheduled", "", None),
    ],
)
def test_a_report_shows_its_symptom(reason: str, message: str, symptom: str | None) -> None:
    shown = FAULTS.shown_by(a_report(reason, message))
    assert (shown.symptom if shown else None) == symptom


def test_a_pods_trouble_is_its_owners() -> None:
    subject = subject_of(a_report("OOMKilled"))
    assert subject.key == "north/shop/Deployment/web/crash_loop"


def test_a_bare_pods_trouble_is_its_own() -> None:
    subject = subject_of(a_report("OOMKilled", owner_kind="", owner_name=""))
    assert (subject.kind, subject.name) == ("Pod", "web-1")


def test_a_pod_on_a_lost_node_speaks_of_the_node() -> None:
    subject = subject_of(a_report("NodeNotReady"))
    assert subject.key == "north//Node/n1/node_not_ready"


def test_a_pod_whose_node_is_not_known_opens_no_incident_of_a_nameless_node() -> None:
    assert FAULTS.shown_by(a_report("NodeNotReady", node="")) is None


def test_a_pod_that_is_ready_again_does_not_end_a_crash_loop() -> None:
    symptoms = {subject.symptom for subject in FAULTS.recoveries_of(a_report("PodRecovered"))}
    assert symptoms == {"image_pull", "config_error"}


def test_a_pod_that_was_replaced_ends_every_trouble_of_pods_and_one_that_was_removed_too() -> None:
    for reason, how in (("PodReplaced", "recovered"), ("PodRemoved", "gone")):
        report = a_report(reason)
        symptoms = {subject.symptom for subject in FAULTS.recoveries_of(report)}
        assert symptoms == {"crash_loop", "image_pull", "config_error"}
        assert end_told_by(report) == how


def test_a_ready_node_ends_its_loss() -> None:
    report = a_report("NodeReady", kind="Node", name="n1", owner_kind="", owner_name="")
    assert [subject.key for subject in FAULTS.recoveries_of(report)] == ["north//Node/n1/node_not_ready"]
