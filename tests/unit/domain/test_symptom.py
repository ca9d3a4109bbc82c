"""Which reports are signs of trouble, and of whose."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.domain.symptom import Symptom, end_told_by, recoveries_of, subject_of, symptom_of
from aetherius.domain.wire.event import Labels, Severity


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
        ("OOMKilled", "", Symptom.CRASH_LOOP),
        ("CrashLoopBackOff", "", Symptom.CRASH_LOOP),
        ("BackOff", "Back-off restarting failed container app", Symptom.CRASH_LOOP),
        ("BackOff", 'Back-off pulling image "shop/web:v2"', Symptom.IMAGE_PULL),
        ("Failed", 'Failed to pull image "shop/web:v2": not found', Symptom.IMAGE_PULL),
        ("Failed", "Error: ErrImagePull", Symptom.IMAGE_PULL),
        ("ImagePullBackOff", "", Symptom.IMAGE_PULL),
        ("CreateContainerConfigError", 'configmap "settings" not found', Symptom.CONFIG_ERROR),
        ("Failed", 'Error: configmap "settings" not found', Symptom.CONFIG_ERROR),
        ("FailedMount", 'MountVolume.SetUp failed for volume "c": configmap "c" not found', Symptom.CONFIG_ERROR),
        ("NodeNotReady", "Node is not ready", Symptom.NODE_NOT_READY),
        ("FailedMount", "timed out waiting for the condition", None),
        ("Pulling", 'Pulling image "shop/web:v2"', None),
        ("Unhealthy", "Liveness probe failed", None),
        ("Killing", "Stopping container app", None),
        ("Scheduled", "", None),
    ],
)
def test_a_report_shows_its_symptom(reason: str, message: str, symptom: Symptom | None) -> None:
    assert symptom_of(a_report(reason, message)) is symptom


def test_a_pods_trouble_is_its_owners() -> None:
    subject = subject_of(a_report("OOMKilled"), Symptom.CRASH_LOOP)
    assert subject.key == "north/shop/Deployment/web/crash_loop"


def test_a_bare_pods_trouble_is_its_own() -> None:
    subject = subject_of(a_report("OOMKilled", owner_kind="", owner_name=""), Symptom.CRASH_LOOP)
    assert (subject.kind, subject.name) == ("Pod", "web-1")


def test_a_pod_on_a_lost_node_speaks_of_the_node() -> None:
    subject = subject_of(a_report("NodeNotReady"), Symptom.NODE_NOT_READY)
    assert subject.key == "north//Node/n1/node_not_ready"


def test_a_pod_whose_node_is_not_known_opens_no_incident_of_a_nameless_node() -> None:
    assert symptom_of(a_report("NodeNotReady", node="")) is None


def test_a_pod_that_is_ready_again_does_not_end_a_crash_loop() -> None:
    symptoms = {subject.symptom for subject in recoveries_of(a_report("PodRecovered"))}
    assert symptoms == {Symptom.IMAGE_PULL, Symptom.CONFIG_ERROR}


def test_a_pod_that_was_replaced_ends_every_trouble_of_pods_and_one_that_was_removed_too() -> None:
    for reason, how in (("PodReplaced", "recovered"), ("PodRemoved", "gone")):
        report = a_report(reason)
        symptoms = {subject.symptom for subject in recoveries_of(report)}
        assert symptoms == {Symptom.CRASH_LOOP, Symptom.IMAGE_PULL, Symptom.CONFIG_ERROR}
        assert end_told_by(report) == how


def test_a_ready_node_ends_its_loss() -> None:
    report = a_report("NodeReady", kind="Node", name="n1", owner_kind="", owner_name="")
    assert [subject.key for subject in recoveries_of(report)] == ["north//Node/n1/node_not_ready"]
