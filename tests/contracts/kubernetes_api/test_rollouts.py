"""Deployments: ReplicaSets and their revisions, the status of a rollout, and the way back."""

from __future__ import annotations

from typing import Any

from cluster_probe import ClusterProbe, eventually

REVISION = "deployment.kubernetes.io/revision"


def condition(probe: ClusterProbe, kind: str) -> dict[str, Any]:
    conditions = probe.get("Deployment", "web").get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def revisions(probe: ClusterProbe) -> dict[int, str]:
    sets = probe.listed("ReplicaSet", label_selector="app=web")
    return {
        int(rs["metadata"]["annotations"][REVISION]): rs["spec"]["template"]["spec"]["containers"][0]["image"]
        for rs in sets
    }


def set_image(probe: ClusterProbe, image: str) -> None:
    containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = image
    probe.patch("Deployment", "web", {"spec": {"template": {"spec": {"containers": containers}}}})


def test_a_rollout_makes_a_replica_set_with_the_next_revision(probe: ClusterProbe) -> None:
    probe.deploy("web", replicas=3)
    eventually(lambda: probe.is_complete("web"))
    owner = probe.listed("ReplicaSet")[0]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Deployment", "web", True)
    assert len({pod["spec"]["nodeName"] for pod in probe.pods("web")}) > 1
    set_image(probe, "registry.test/app:v2")
    eventually(lambda: probe.is_complete("web"))
    assert revisions(probe) == {1: "registry.test/app:v1", 2: "registry.test/app:v2"}
    assert probe.get("Deployment", "web")["metadata"]["annotations"][REVISION] == "2"
    assert condition(probe, "Available")["status"] == "True"
    assert condition(probe, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert all("pod-template-hash" in pod["metadata"]["labels"] for pod in probe.pods("web"))
    assert "successfully rolled out" in probe.kubectl("rollout", "status", "deployment/web", "--timeout=10s")
    assert [line.split()[0] for line in probe.kubectl("rollout", "history", "deployment/web").splitlines()[2:4]] == [
        "1",
        "2",
    ]


def test_a_bad_image_stops_the_rollout_and_the_old_template_ends_it(probe: ClusterProbe) -> None:
    probe.deploy("web", replicas=3)
    eventually(lambda: probe.is_complete("web"))
    probe.patch("Deployment", "web", {"spec": {"progressDeadlineSeconds": 2}})
    set_image(probe, "registry.test/app:missing")
    eventually(lambda: probe.waiting("web", "ImagePullBackOff"))
    eventually(lambda: condition(probe, "Progressing").get("reason") == "ProgressDeadlineExceeded")
    deployment = probe.get("Deployment", "web")
    assert deployment["status"]["updatedReplicas"] == 1
    assert deployment["status"]["availableReplicas"] == 3
    old = next(rs for rs in probe.listed("ReplicaSet") if rs["metadata"]["annotations"][REVISION] == "1")
    template = old["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    probe.patch("Deployment", "web", {"spec": {"template": template}})
    eventually(lambda: probe.is_complete("web"))
    assert revisions(probe) == {2: "registry.test/app:missing", 3: "registry.test/app:v1"}
    back = next(rs for rs in probe.listed("ReplicaSet") if rs["metadata"]["uid"] == old["metadata"]["uid"])
    assert back["metadata"]["annotations"][f"{REVISION}-history"] == "1"
    assert not probe.waiting("web", "ImagePullBackOff")


def test_describe_tells_the_story(probe: ClusterProbe) -> None:
    probe.deploy("web")
    eventually(lambda: probe.is_complete("web"))
    assert "ScalingReplicaSet" in probe.kubectl("describe", "deployment", "web")
    pod = probe.pods("web")[0]
    assert "Scheduled" in probe.kubectl("describe", "pod", pod["metadata"]["name"])
    assert pod["metadata"]["name"] in probe.kubectl("describe", "node", pod["spec"]["nodeName"])
