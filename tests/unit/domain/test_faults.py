"""Which reports are signs of trouble, and of whose."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict, unknown
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.faults import end_told_by, shipped_faults
from aetherius.domain.fault.subject import Subject
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import RootCause
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
    assert symptoms == {"image_pull", "config_error", "start_error"}


def test_a_pod_that_was_replaced_ends_every_trouble_of_pods_and_one_that_was_removed_too() -> None:
    for reason, how in (("PodReplaced", "recovered"), ("PodRemoved", "gone")):
        report = a_report(reason)
        symptoms = {subject.symptom for subject in FAULTS.recoveries_of(report)}
        assert symptoms == {"crash_loop", "image_pull", "config_error", "start_error", "run_failure"}
        assert end_told_by(report) == how


def test_a_ready_node_ends_its_loss() -> None:
    report = a_report("NodeReady", kind="Node", name="n1", owner_kind="", owner_name="")
    assert [subject.key for subject in FAULTS.recoveries_of(report)] == ["north//Node/n1/node_not_ready"]


@pytest.mark.parametrize("reason", ["OOMKilled", "ImagePullBackOff", "CreateContainerConfigError", "Failed"])
def test_only_a_pod_shows_what_pods_show(reason: str) -> None:
    assert FAULTS.shown_by(a_report(reason, "ErrImagePull", kind="Job")) is None


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"])
def test_every_reason_of_a_failed_pull_shows_it(reason: str) -> None:
    shown = FAULTS.shown_by(a_report(reason))
    assert shown is not None
    assert shown.symptom == "image_pull"


@pytest.mark.parametrize(
    "message",
    [
        'configmaps "settings" not found',
        'secret "token" not found',
        "references non-existent config key: x",
        "couldn't find key x in ConfigMap",
    ],
)
def test_a_missing_object_or_key_is_told_by_the_message(message: str) -> None:
    shown = FAULTS.shown_by(a_report("Failed", message))
    assert shown is not None
    assert shown.symptom == "config_error"


def test_a_message_that_speaks_of_both_is_of_the_missing_object() -> None:
    message = 'Failed to pull image "web:v2": secret "registry" not found'
    shown = FAULTS.shown_by(a_report("Failed", message))
    assert shown is not None
    assert shown.symptom == "config_error"


def test_whose_recovery_is_awaited_is_the_pod_or_the_node() -> None:
    assert [each.failing_of(a_report("x")) for each in FAULTS if not each.told_to_end] == ["web-1"] * 5
    lost = FAULTS.of("node_not_ready")
    assert lost is not None
    assert lost.failing_of(a_report("NodeNotReady")) == "n1"
    assert lost.failing_of(a_report("NodeNotReady", kind="Node", name="n2")) == "n2"


def test_a_lost_node_and_what_many_have_in_common_are_told_to_end() -> None:
    assert [each.symptom for each in FAULTS if each.told_to_end] == ["node_not_ready", "shared_cause"]
    assert FAULTS.told_to_end("node_not_ready")
    assert not FAULTS.told_to_end("crash_loop")
    assert not FAULTS.told_to_end("of a newer version")
    assert not FAULTS.told_to_end(None)


@pytest.mark.parametrize(
    ("symptom", "strategy", "workflow"),
    [
        ("crash_loop", "crash-loop", "diagnose_pod_crashloop"),
        ("image_pull", "image-pull", "diagnose_image_pull"),
        ("config_error", "missing-config", "diagnose_missing_config"),
        ("node_not_ready", "lost-node", "diagnose_lost_node"),
    ],
)
def test_every_fault_has_a_strategy(symptom: str, strategy: str, workflow: str) -> None:
    found = FAULTS.strategy_of(symptom)
    assert found is not None
    assert (found.id, found.workflow) == (strategy, workflow)
    assert found.about


def test_a_symptom_that_this_version_does_not_know_has_neither_fault_nor_strategy() -> None:
    assert FAULTS.of("clock_skew") is None
    assert FAULTS.strategy_of("clock_skew") is None


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("OOMKiller", "OOM"),
        ("OOMKilled", "OOM"),
        ("MemoryLimitTooLow", "OOM"),
        ("ImageNotFound", "Image"),
        ("BadImageRollout", "Image"),
        ("MissingConfig", "Config"),
        ("MissingConfigRollout", "Config"),
        ("NodeUnreachable", "NodeLost"),
        ("NodeNotReady", "NodeLost"),
        ("Gremlins", "unknown"),
        ("Recovered", "unknown"),
    ],
)
def test_a_reasoners_word_has_a_code(word: str, code: str) -> None:
    assert FAULTS.code_of(RootCause(type=word, confidence=0.6), 0.6) == code
    assert FAULTS.code_of(RootCause(type=word, confidence=0.59), 0.6) == "unknown"


def test_all_codes_and_none_are_listed() -> None:
    assert {"Config", "Image", "NodeLost", "OOM", "Registry", "RateLimit"} < set(FAULTS.codes)
    assert FAULTS.codes == [*sorted(set(FAULTS.codes) - {"unknown"}), "unknown"]


class ClockSkew(Fault):
    symptom = "clock_skew"
    strategy = Strategy(id="clock-skew", workflow="none", about="")
    causes = {"Clock": frozenset({"NoTimeServer"})}
    recoveries = frozenset({"NodeReady"})

    def is_sign(self, report: Reported) -> bool:
        return report.reason == "ClockSkew"

    def judge(self, file: EvidenceFile) -> Verdict:
        return unknown()


def test_a_set_with_more_entries_leaves_the_first_as_it_was() -> None:
    more = FAULTS.with_entries(ClockSkew())
    shown = more.shown_by(a_report("ClockSkew"))
    assert shown is not None
    assert shown.symptom == "clock_skew"
    assert set(more.codes) - set(FAULTS.codes) == {"Clock"}
    over = more.recoveries_of(a_report("NodeReady", kind="Node", name="n1", owner_kind="", owner_name=""))
    assert [each.symptom for each in over] == ["clock_skew", "node_not_ready"]
    assert FAULTS.shown_by(a_report("ClockSkew")) is None
