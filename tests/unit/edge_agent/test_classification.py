"""From objects as Kubernetes sends them to observations; near misses stay what they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from aetherius.domain.catalogue.event_reasons import event_reasons
from aetherius.domain.wire.event import Severity
from aetherius.edge_agent.kubernetes_objects import Metadata, OwnerReference, Pod
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, Observation
from aetherius.edge_agent.watching.events import EventClassifier
from aetherius.edge_agent.watching.node_status import readiness
from aetherius.edge_agent.watching.owners import Owners
from aetherius.edge_agent.watching.pod_status import PodStatusClassifier
from aetherius.edge_agent.watching.recovery import RecoveryClassifier
from kubernetes_samples import DIED, a_node, a_pod, a_status, an_event, ended, waits

NOW = datetime(2026, 3, 1, 9, 16, tzinfo=UTC)


def owners() -> Owners:
    """Knows the pod of the samples and who owns it; nothing is asked of a server."""
    known = Owners(lambda path: None)
    known.learn("Pod", a_pod().metadata, "node-1")
    controller = OwnerReference(kind="Deployment", name="web", controller=True)
    known.learn("ReplicaSet", Metadata(name="web-7d9c", namespace="shop", owner_references=(controller,)))
    return known


def classify(**fields: Any) -> Observation:
    return EventClassifier("c1", event_reasons(), owners()).classify(an_event(**fields))


def failures(*statuses: dict[str, Any], **metadata: Any) -> list[Observation]:
    return PodStatusClassifier("c1", event_reasons(), owners()).failures(a_pod(*statuses, **metadata), NOW)


def recoveries(pod: Pod) -> list[Observation]:
    classifier = RecoveryClassifier("c1", owners(), soak=timedelta(seconds=10), calm=timedelta(minutes=15))
    return [each.observation for each in classifier.recoveries(pod, NOW)]


class TestEvents:
    def test_a_restart_backoff_is_high_and_carries_pod_container_and_owner(self) -> None:
        seen = classify()
        assert (seen.source, seen.severity, seen.reason) == ("kubelet", Severity.HIGH, "BackOff")
        assert (seen.namespace, seen.labels.kind, seen.labels.name) == ("shop", "Pod", "web-7d9c-x")
        assert (seen.labels.owner_kind, seen.labels.owner_name, seen.labels.node) == ("Deployment", "web", "node-1")
        assert (seen.raw_data.container, seen.raw_data.count) == ("app", 3)
        assert seen.timestamp == datetime(2026, 3, 1, 9, 15, 30, tzinfo=UTC)
        assert (seen.uid, seen.resource_version) == ("pod-uid", "4711")

    def test_an_image_backoff_is_serious_although_it_is_normal(self) -> None:
        assert classify(type="Normal", message='Back-off pulling image "shop/web:2"').severity is Severity.HIGH

    @pytest.mark.parametrize(
        ("reason", "kind", "source"),
        [
            ("Scheduled", "Pod", "default-scheduler"),
            ("Pulled", "Pod", "kubelet"),
            ("Created", "Pod", "kubelet"),
            ("Started", "Pod", "kubelet"),
            ("SuccessfulCreate", "ReplicaSet", "replicaset-controller"),
            ("ScalingReplicaSet", "Deployment", "deployment-controller"),
        ],
    )
    def test_signs_of_change_are_reported_and_low(self, reason: str, kind: str, source: str) -> None:
        seen = classify(reason=reason, type="Normal", source={"component": source}, involvedObject={"kind": kind})
        assert seen.severity is Severity.LOW

    def test_an_unknown_warning_is_medium_and_an_unknown_normal_event_low(self) -> None:
        assert classify(reason="FluxCapacitorEmpty").severity is Severity.MEDIUM
        assert classify(reason="FluxCapacitorFull", type="Normal").severity is Severity.LOW

    def test_a_node_is_its_own_node_and_has_no_namespace(self) -> None:
        about = {"kind": "Node", "name": "node-9", "namespace": "", "uid": "node-9", "fieldPath": ""}
        seen = classify(reason="NodeNotReady", type="Normal", source={"component": "kubelet"}, involvedObject=about)
        assert (seen.severity, seen.labels.node, seen.namespace) == (Severity.CRITICAL, "node-9", "")

    def test_the_new_way_of_events_is_understood(self) -> None:
        series = {"count": 7, "lastObservedTime": "2026-03-01T10:00:00.250000Z"}
        fields: dict[str, Any] = {"source": {}, "firstTimestamp": None, "lastTimestamp": None, "count": None}
        seen = classify(series=series, eventTime="2026-03-01T09:00:00Z", reportingComponent="node-controller", **fields)
        assert (seen.source, seen.raw_data.count) == ("node-controller", 7)
        assert seen.timestamp == datetime(2026, 3, 1, 10, 0, 0, 250000, tzinfo=UTC)

    def test_the_same_turn_has_the_same_id_and_the_next_another(self) -> None:
        changed = classify(metadata={"uid": "event-uid", "resourceVersion": "9999"})
        assert classify().id == changed.id
        assert classify(count=4).id != classify().id

    def test_events_without_a_count_differ_by_their_version(self) -> None:
        first = classify(count=None)
        second = classify(count=None, metadata={"uid": "event-uid", "resourceVersion": "4713"})
        assert first.id != second.id

    def test_the_id_sorts_by_time(self) -> None:
        seen = classify()
        assert UUID(seen.id).version == 7
        assert UUID(seen.id).int >> 80 == int(seen.timestamp.timestamp() * 1000)

    def test_secrets_and_floods_in_a_message_stay_here(self) -> None:
        seen = classify(message="login failed with password=hunter2hunter2 " + "x " * 9000)
        assert "hunter2" not in seen.message
        assert len(seen.message) <= MAX_MESSAGE


class TestPods:
    def test_an_oom_kill_carries_limit_image_and_exit_code(self) -> None:
        (seen,) = failures(a_status(lastState=ended("OOMKilled", 137), restartCount=2))
        assert (seen.reason, seen.severity, seen.source) == ("OOMKilled", Severity.HIGH, "container_status")
        raw = seen.raw_data
        assert (raw.container, raw.exit_code, raw.restart_count) == ("app", 137, 2)
        assert (raw.memory_limit, raw.image) == ("64Mi", "shop/web:1.4")
        assert (seen.labels.owner_kind, seen.labels.owner_name) == ("Deployment", "web")
        assert (seen.failing, seen.uid) == (True, "pod-uid")

    def test_exit_137_without_oom_is_an_error(self) -> None:
        (seen,) = failures(a_status(lastState=ended("Error", 137), restartCount=1))
        assert (seen.reason, seen.raw_data.exit_code) == ("Error", 137)

    def test_one_end_seen_as_state_and_then_as_last_state_is_one_observation(self) -> None:
        before = failures(a_status(state=ended("OOMKilled", 137), restartCount=0))
        after = failures(a_status(lastState=ended("OOMKilled", 137), restartCount=1))
        assert [each.id for each in before] == [each.id for each in after]

    def test_a_crash_loop_is_one_observation_a_restart(self) -> None:
        def loop(count: int) -> set[str]:
            status = a_status(state=waits("CrashLoopBackOff"), lastState=ended(), restartCount=count)
            return {each.id for each in failures(status) if each.reason == "CrashLoopBackOff"}

        assert loop(3) == loop(3)
        assert loop(3) != loop(4)

    @pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"])
    def test_a_container_that_cannot_start_says_why(self, reason: str) -> None:
        (seen,) = failures(a_status(state=waits(reason, 'configmap "settings" not found')))
        assert (seen.reason, seen.severity) == (reason, Severity.HIGH)
        assert seen.message == 'configmap "settings" not found'
        assert seen.raw_data.exit_code is None

    @pytest.mark.parametrize(
        "status",
        [
            a_status(state=waits("ContainerCreating")),
            a_status(state=waits("PodInitializing")),
            a_status(state={"running": {"startedAt": DIED}}),
            a_status(state=ended("Completed", 0)),
        ],
        ids=["slow start", "init", "running", "completed"],
    )
    def test_what_is_no_failure_is_not_reported(self, status: dict[str, Any]) -> None:
        assert failures(status) == []

    @pytest.mark.parametrize("end", [ended("Error", 143), ended("OOMKilled", 143), ended("OOMKilled", 137)])
    def test_a_pod_that_was_told_to_go_may_die_as_it_likes(self, end: dict[str, Any]) -> None:
        assert failures(a_status(state=end), deletionTimestamp=DIED) == []

    def test_a_ready_pod_is_a_recovery_and_an_unready_or_leaving_one_is_not(self) -> None:
        (seen,) = recoveries(a_pod(a_status(), ready=True))
        assert (seen.reason, seen.severity, seen.failing) == ("PodRecovered", Severity.LOW, False)
        assert recoveries(a_pod(a_status())) == []
        assert recoveries(a_pod(a_status(), ready=True, deletionTimestamp=DIED)) == []

    def test_a_pod_that_crashed_fails_until_it_was_calm_for_long(self) -> None:
        first, second = recoveries(a_pod(a_status(restartCount=4, lastState=ended()), ready=True))
        assert (first.reason, first.failing) == ("PodRecovered", None)
        assert (second.reason, second.failing) == ("PodStable", False)
        assert second.timestamp == datetime(2026, 3, 1, 9, 30, 30, tzinfo=UTC)


class TestNodes:
    @pytest.mark.parametrize("status", ["False", "Unknown"])
    def test_a_node_that_is_not_ready_is_critical(self, status: str) -> None:
        seen = readiness("c1", a_node(status), NOW)
        assert seen is not None
        assert (seen.reason, seen.severity, seen.failing) == ("NodeNotReady", Severity.CRITICAL, True)
        assert seen.message.startswith(f"Ready={status}")

    def test_each_turn_is_one_observation(self) -> None:
        first, same = readiness("c1", a_node("Unknown"), NOW), readiness("c1", a_node("Unknown"), NOW)
        later = readiness("c1", a_node("Unknown", "2026-03-01T11:00:00Z"), NOW)
        well = readiness("c1", a_node("True"), NOW)
        assert first and same and later and well  # noqa: PT018
        assert first.id == same.id
        assert len({first.id, later.id, well.id}) == 3


class TestOwners:
    def test_a_deleted_pod_keeps_its_owner_for_its_last_events(self) -> None:
        assert owners().top("Pod", "shop", "web-7d9c-x").name == "web"

    def test_a_cron_job_owns_through_its_job(self) -> None:
        documents = {
            "/api/v1/namespaces/shop/pods/night-1-x": {"kind": "Job", "name": "night-1"},
            "/apis/batch/v1/namespaces/shop/jobs/night-1": {"kind": "CronJob", "name": "night"},
        }

        def find(path: str) -> dict[str, Any] | None:
            owner = documents.get(path)
            return {"metadata": {"ownerReferences": [{**owner, "controller": True}]}} if owner else None

        found = Owners(find).top("Pod", "shop", "night-1-x")
        assert (found.kind, found.name) == ("CronJob", "night")

    def test_a_bare_pod_and_a_static_pod_have_none(self) -> None:
        known = Owners(lambda path: None)
        node = OwnerReference(kind="Node", name="node-1", controller=True)
        known.learn("Pod", Metadata(name="static", namespace="kube-system", owner_references=(node,)))
        assert known.top("Pod", "shop", "bare").kind == ""
        assert known.top("Pod", "kube-system", "static").kind == ""
        assert known.top("Deployment", "shop", "web").name == "web"
