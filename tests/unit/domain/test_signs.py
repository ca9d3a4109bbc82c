"""Which reports each fault takes for its signs, at the edges; and how long after its end one is still the same story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.wire.event import Labels, RawData, Severity


def a_report(reason: str, message: str = "", *, kind: str = "Pod", source: str = "kubelet", **raw: Any) -> Reported:
    return Reported(
        cluster_id="north",
        source=source,
        severity=Severity.HIGH,
        reason=reason,
        message=message,
        namespace="shop",
        labels=Labels(kind=kind, name="web-1", node="n1"),
        raw_data=RawData(**raw),
        agent_id="a",
        epoch=1,
        sequence=1,
    )


def fault(symptom: str) -> Fault:
    found = shipped_faults().of(symptom)
    assert found is not None
    return found


WAITING = {"source": "container_status", "container": "app"}


class TestContainerStart:
    @pytest.mark.parametrize(
        ("report", "shown"),
        [
            (a_report("SomethingNewError", **WAITING), True),
            (a_report("SomethingNewBackOff", **WAITING), True),
            (a_report("DeviceFailed", **WAITING), True),
            (a_report("DeviceUnavailable", **WAITING), True),
            (a_report("ContainerCreating", **WAITING), False),
            (a_report("Error", **WAITING), False),
            (a_report("SomethingNewError", **WAITING, exit_code=1), False),
            (a_report("SomethingNewError", source="container_status"), False),
            (a_report("SomethingNewError", container="app"), False),
            (a_report("Failed", "Error: failed to create containerd task"), True),
            (a_report("Failed", "Error: CreateContainerError"), True),
            (a_report("Failed", "nothing of the kind"), False),
            (a_report("Warned", "Error: failed to create containerd task"), False),
            (a_report("StartError"), True),
            (a_report("FailedPostStartHook"), True),
            (a_report("StartError", kind="Job"), False),
        ],
    )
    def test_a_container_that_waits_for_what_no_other_fault_knows_or_an_event_that_says_so(
        self, report: Reported, shown: bool
    ) -> None:
        assert fault("start_error").is_sign(report) is shown


class TestRunFailure:
    @pytest.mark.parametrize(
        ("report", "shown"),
        [
            (a_report("BackoffLimitExceeded", kind="Job"), True),
            (a_report("PodFailurePolicy", kind="Job"), True),
            (a_report("Completed", kind="Job"), False),
            (a_report("Evicted", source="pod_status"), True),
            (a_report("Evicted"), False),
            (a_report("Completed", source="pod_status"), False),
            (a_report("PodRemoved", source="pod_status"), False),
            (a_report("Evicted", source="pod_status", kind="Node"), False),
        ],
    )
    def test_a_job_that_gave_up_or_a_pod_that_failed_as_a_whole(self, report: Reported, shown: bool) -> None:
        assert fault("run_failure").is_sign(report) is shown

    def test_the_pod_is_awaited_and_of_a_job_its_own_word(self) -> None:
        assert fault("run_failure").failing_of(a_report("Evicted")) == "web-1"
        assert fault("run_failure").failing_of(a_report("BackoffLimitExceeded", kind="Job")) == ""
        assert fault("run_failure").ends_all(a_report("Completed", kind="Job"))
        assert not fault("run_failure").ends_all(a_report("PodRemoved"))
        assert not fault("crash_loop").ends_all(a_report("PodRemoved"))


class TestCrashLoop:
    @pytest.mark.parametrize(
        ("report", "shown"),
        [
            (a_report("OOMKilled", exit_code=137), True),
            (a_report("OOMKilled"), True),
            (a_report("OOMKilled", exit_code=1), False),
            (a_report("CrashLoopBackOff"), True),
            (a_report("BackOff", "Back-off restarting failed container"), True),
            (a_report("BackOff", "Back-off pulling image"), False),
            (a_report("Other", "Back-off restarting failed container"), False),
            (a_report("CrashLoopBackOff", kind="Job"), False),
        ],
    )
    def test_a_kill_of_the_main_process_or_restarts_that_are_backed_off(self, report: Reported, shown: bool) -> None:
        assert fault("crash_loop").is_sign(report) is shown

    @pytest.mark.parametrize(
        ("reason", "seen", "how", "within"),
        [
            ("OOMKilled", ["OOMKilled", "BackOff"], "recovered", timedelta(days=2)),
            ("OOMKilled", ["BackOff"], "recovered", timedelta(minutes=10)),
            ("BackOff", ["OOMKilled"], "recovered", timedelta(minutes=10)),
            ("OOMKilled", ["OOMKilled"], "repaired", timedelta(minutes=10)),
        ],
    )
    def test_a_kill_after_a_kill_is_the_same_story_for_days_where_nothing_was_done(
        self, reason: str, seen: list[str], how: str, within: timedelta
    ) -> None:
        assert fault("crash_loop").reopens_within(a_report(reason), seen, how) == within
        assert fault("image_pull").reopens_within(a_report(reason), seen, how) == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("symptom", "report", "shown"),
    [
        ("image_pull", a_report("Failed", 'Failed to pull image "x"'), True),
        ("image_pull", a_report("BackOff", 'Back-off pulling image "x"'), True),
        ("image_pull", a_report("Other", 'Failed to pull image "x"'), False),
        ("image_pull", a_report("Failed", "nothing of the kind"), False),
        ("image_pull", a_report("ErrImagePull", kind="Job"), False),
        ("config_error", a_report("Failed", 'secret "x" not found'), True),
        ("config_error", a_report("FailedMount", 'configmap "x" not found'), True),
        ("config_error", a_report("Other", 'configmap "x" not found'), False),
        ("config_error", a_report("Failed", "nothing of the kind"), False),
        ("config_error", a_report("CreateContainerConfigError"), True),
        ("config_error", a_report("CreateContainerConfigError", kind="Job"), False),
        ("node_not_ready", a_report("NodeNotReady"), True),
        ("node_not_ready", a_report("NodeReady", kind="Node"), False),
    ],
)
def test_reasons_and_messages_are_told_apart(symptom: str, report: Reported, shown: bool) -> None:
    assert fault(symptom).is_sign(report) is shown
