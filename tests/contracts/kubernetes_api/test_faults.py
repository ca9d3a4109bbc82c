"""Each fault shows as it does on a real node, and heals. They are injected together, as each takes its time to show."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from cluster_probe import ClusterProbe, eventually

MISSING = {"aetherius.test/config": "missing"}
WORKING_SET = {"aetherius.test/working-set": "96Mi"}


@pytest.fixture(scope="session")
def faulty(shared_probe: ClusterProbe) -> ClusterProbe:
    """A namespace with one Deployment per fault."""
    probe = shared_probe
    probe.deploy("oom", annotations=WORKING_SET, memory="64Mi")
    probe.deploy("image", image="registry.test/app:missing")
    probe.deploy("slow", annotations={"aetherius.test/pull-seconds": "4"})
    probe.deploy("env", labels=MISSING, container={"envFrom": [{"configMapRef": {"name": "settings"}}]})
    volume = {"volumes": [{"name": "settings", "configMap": {"name": "settings"}}]}
    probe.deploy("mount", labels=MISSING, spec=volume)
    probe.deploy("liveness", annotations={"aetherius.test/liveness": "fails"})
    probe.deploy("healthy", annotations=WORKING_SET, memory="128Mi")
    return probe


def dead(probe: ClusterProbe, app: str) -> dict[str, Any] | None:
    """The last end of the app's container, once it waits in a crash loop."""
    ends = [c["lastState"]["terminated"] for c in probe.containers(app) if c.get("lastState") and c["restartCount"] > 0]
    return ends[0] if ends and probe.waiting(app, "CrashLoopBackOff") else None


def has_events(probe: ClusterProbe, app: str, *wanted: tuple[str, str]) -> bool:
    return set(wanted) <= probe.reasons(app)


def test_a_slow_pull_is_only_slow(faulty: ClusterProbe) -> None:
    eventually(lambda: has_events(faulty, "slow", ("Normal", "Pulling")))
    assert faulty.waiting("slow", "ContainerCreating")
    eventually(lambda: faulty.is_complete("slow"))
    assert not any(
        severity == "Warning" and reason in ("Failed", "BackOff") for severity, reason in faulty.reasons("slow")
    )


def test_a_container_over_its_memory_limit_is_killed_again_and_again(faulty: ClusterProbe) -> None:
    end = eventually(lambda: dead(faulty, "oom"))
    assert (end["reason"], end["exitCode"]) == ("OOMKilled", 137)
    assert eventually(lambda: has_events(faulty, "oom", ("Warning", "BackOff")))
    count = faulty.containers("oom")[0]["restartCount"]
    eventually(lambda: faulty.containers("oom")[0]["restartCount"] > count)
    assert all(pod["status"]["phase"] == "Running" for pod in faulty.pods("oom"))


def test_its_previous_log_is_kept(faulty: ClusterProbe) -> None:
    eventually(lambda: dead(faulty, "oom"))
    pod = faulty.pods("oom")[0]["metadata"]["name"]
    assert "heap_mib=64" in faulty.kubectl("logs", pod, "--previous", "--tail=2")
    assert len(faulty.kubectl("logs", pod, "--previous", "--tail=2").splitlines()) == 2


def test_it_runs_where_the_limit_is_high_enough(faulty: ClusterProbe) -> None:
    eventually(lambda: faulty.is_complete("healthy"))
    assert faulty.containers("healthy")[0]["restartCount"] == 0


def test_a_missing_image_backs_off(faulty: ClusterProbe) -> None:
    state = eventually(lambda: faulty.waiting("image", "ImagePullBackOff"))
    assert 'Back-off pulling image "registry.test/app:missing"' in state["message"]
    eventually(lambda: has_events(faulty, "image", ("Normal", "Pulling"), ("Warning", "Failed"), ("Normal", "BackOff")))
    messages = [event["message"] for event in faulty.events("image", reason="Failed")]
    assert any(m.startswith("Failed to pull image") for m in messages)
    assert "Error: ErrImagePull" in messages
    assert all(pod["status"]["phase"] == "Pending" for pod in faulty.pods("image"))


def test_a_failing_liveness_probe_ends_with_137_without_an_oom(faulty: ClusterProbe) -> None:
    end = eventually(lambda: dead(faulty, "liveness"))
    assert (end["reason"], end["exitCode"]) == ("Error", 137)
    eventually(lambda: has_events(faulty, "liveness", ("Warning", "Unhealthy"), ("Normal", "Killing")))
    assert faulty.events("liveness", reason="Unhealthy")[0]["message"].startswith("Liveness probe failed:")


def test_a_missing_config_map_is_named(faulty: ClusterProbe) -> None:
    state = eventually(lambda: faulty.waiting("env", "CreateContainerConfigError"))
    assert state["message"] == 'configmap "settings" not found'
    eventually(lambda: has_events(faulty, "env", ("Warning", "Failed")))
    assert eventually(lambda: faulty.waiting("mount", "ContainerCreating"))
    eventually(lambda: has_events(faulty, "mount", ("Warning", "FailedMount")))
    message = faulty.events("mount", reason="FailedMount")[0]["message"]
    assert message == 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'


def test_a_container_that_never_ran_has_no_log(faulty: ClusterProbe) -> None:
    eventually(lambda: faulty.waiting("env", "CreateContainerConfigError"))
    pod = faulty.pods("env")[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{faulty.namespace}/pods/{pod}/log?container=nobody"
    assert faulty.request("GET", path)[0] == 400


class TestHealing:
    """After the faults have been seen: these tests come last in the file, and change what the others look at."""

    def test_a_raised_limit_ends_the_oom_kills(self, faulty: ClusterProbe) -> None:
        eventually(lambda: dead(faulty, "oom"))
        containers = faulty.get("Deployment", "oom")["spec"]["template"]["spec"]["containers"]
        containers[0]["resources"]["limits"]["memory"] = "192Mi"
        faulty.patch("Deployment", "oom", {"spec": {"template": {"spec": {"containers": containers}}}})
        eventually(lambda: faulty.is_complete("oom"))
        assert [c["restartCount"] for c in faulty.containers("oom")] == [0]

    def test_the_config_map_that_appears_lets_the_containers_start(self, faulty: ClusterProbe) -> None:
        eventually(lambda: faulty.waiting("env", "CreateContainerConfigError"))
        faulty.kind("ConfigMap").create(
            namespace=faulty.namespace, body={"metadata": {"name": "settings"}, "data": {"a": "1"}}
        )
        for app in ("env", "mount"):  # kwok cannot look the map up: there the label says that it is missing
            for pod in faulty.pods(app):
                faulty.patch("Pod", pod["metadata"]["name"], {"metadata": {"labels": {"aetherius.test/config": None}}})
        eventually(lambda: faulty.is_complete("env") and faulty.is_complete("mount"))

    def test_a_running_container_logs_requests(self, faulty: ClusterProbe) -> None:
        eventually(lambda: faulty.is_complete("healthy"))
        pod = faulty.pods("healthy")[0]["metadata"]["name"]
        text = eventually(lambda: log(faulty, pod))
        assert 'msg="request"' in text
        assert len(faulty.kubectl("logs", pod, "--tail=1").splitlines()) == 1
        assert log(faulty, pod, since_seconds=3600) is not None


def log(probe: ClusterProbe, pod: str, **options: Any) -> str | None:
    try:
        answer: str = (
            probe.kind("Pod").log.get(name=pod, namespace=probe.namespace, serialize=False, **options).data.decode()
        )
        return answer
    except ApiException:
        return None
