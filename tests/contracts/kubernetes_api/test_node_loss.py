"""A lost node: what is told about it, where its pods go, and how it comes back."""

from __future__ import annotations

from typing import Any

from cluster_probe import ClusterProbe, eventually
from cluster_under_test import ClusterUnderTest

LABEL = "aetherius.test/fault"
PATIENT = [
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
]
OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}


def ready(probe: ClusterProbe, node: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in probe.get("Node", node)["status"]["conditions"] if c["type"] == "Ready")
    return found


def taints(probe: ClusterProbe, node: str) -> set[tuple[str, str]]:
    return {
        (taint["key"].split("/")[1], taint["effect"]) for taint in probe.get("Node", node)["spec"].get("taints") or []
    }


def pods_on(probe: ClusterProbe, node: str) -> list[dict[str, Any]]:
    return probe.listed("Pod", field_selector=f"spec.nodeName={node}")


def node_events(probe: ClusterProbe, node: str, reason: str) -> list[dict[str, Any]]:
    fields = f"involvedObject.kind=Node,involvedObject.name={node},reason={reason}"
    return probe.within("default").listed("Event", field_selector=fields)


def test_a_lost_node_is_given_up_its_pods_are_replaced_and_it_comes_back(
    cluster: ClusterUnderTest, probe: ClusterProbe
) -> None:
    probe.deploy("web", replicas=3, spec={"tolerations": PATIENT})
    eventually(lambda: probe.is_complete("web"))
    node = probe.pods("web")[0]["spec"]["nodeName"]
    try:
        probe.patch("Node", node, {"metadata": {"labels": {LABEL: "not-ready"}}})
        _is_given_up(probe, node)
        _pods_are_replaced_and_stay_terminating(probe, node)
        probe.patch("Node", node, {"spec": {"taints": [*probe.get("Node", node)["spec"]["taints"], OUT_OF_SERVICE]}})
        eventually(lambda: not pods_on(probe, node), cluster.collector_seconds + 15)
    finally:
        kept = [
            taint
            for taint in probe.get("Node", node)["spec"].get("taints") or []
            if taint["key"] != OUT_OF_SERVICE["key"]
        ]
        probe.patch("Node", node, {"metadata": {"labels": {LABEL: None}}, "spec": {"taints": kept}})
    eventually(lambda: ready(probe, node)["status"] == "True" and not taints(probe, node))
    assert eventually(lambda: node_events(probe, node, "NodeReady"))


def _is_given_up(probe: ClusterProbe, node: str) -> None:
    eventually(lambda: ready(probe, node)["status"] == "Unknown")
    assert ready(probe, node)["reason"] == "NodeStatusUnknown"
    eventually(lambda: taints(probe, node) >= {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")})
    event = eventually(lambda: node_events(probe, node, "NodeNotReady"))[0]
    assert (event["type"], event["source"]["component"]) == ("Normal", "node-controller")
    assert eventually(lambda: [e for e in probe.events("web", reason="NodeNotReady") if e["type"] == "Warning"])


def _pods_are_replaced_and_stay_terminating(probe: ClusterProbe, node: str) -> None:
    eventually(lambda: all("deletionTimestamp" in pod["metadata"] for pod in pods_on(probe, node)))
    eventually(lambda: probe.is_complete("web"))
    assert node not in {pod["spec"]["nodeName"] for pod in probe.pods("web")}
    assert pods_on(probe, node), "nobody is there to end them"


def test_a_node_that_is_back_within_the_grace_period_loses_nothing(probe: ClusterProbe) -> None:
    probe.deploy("web", replicas=3)
    eventually(lambda: probe.is_complete("web"))
    node = probe.pods("web")[0]["spec"]["nodeName"]
    before = {pod["metadata"]["uid"] for pod in probe.pods("web")}
    probe.patch("Node", node, {"metadata": {"labels": {LABEL: "not-ready"}}})
    probe.patch("Node", node, {"metadata": {"labels": {LABEL: None}}})
    renewed = lease(probe, node)
    eventually(lambda: lease(probe, node) > renewed)
    assert ready(probe, node)["status"] == "True"
    assert {pod["metadata"]["uid"] for pod in probe.pods("web")} == before


def lease(probe: ClusterProbe, node: str) -> str:
    renewed: str = probe.within("kube-node-lease").get("Lease", node)["spec"]["renewTime"]
    return renewed
