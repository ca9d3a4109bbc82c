"""Draining a node: simulated, done, refused, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aetherius.edge_agent.errors import RepairRefusedError
from cluster_probe import ClusterProbe, eventually
from cluster_under_test import ClusterUnderTest
from repair_acts import Act

NOT_READY = {"metadata": {"labels": {"aetherius.test/fault": "not-ready"}}}


WELL = {"metadata": {"labels": {"aetherius.test/fault": None}}}


class TestDrainNode:
    PATIENT = {
        "tolerations": [
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
        ]
    }
    """Pods that wait on a lost node, so that it is the drain that moves them."""

    @pytest.fixture
    def node(self, probe: ClusterProbe, act: Act) -> Iterator[str]:
        """The node of a Deployment's first pod; put right again after the test."""
        probe.deploy("web", replicas=3, spec=self.PATIENT)
        eventually(lambda: probe.is_complete("web"))
        name: str = probe.pods("web")[0]["spec"]["nodeName"]
        yield name
        probe.patch("Node", name, WELL)
        eventually(lambda: is_ready(probe, name))
        on(probe, name)
        act("DrainNode", node=name, mode="restore")
        eventually(lambda: is_ready(probe, name))

    def test_simulating_changes_nothing_and_names_the_targets(self, act: Act, probe: ClusterProbe, node: str) -> None:
        before = pods_on(probe, node)
        answer = act("DrainNode", node=node, mode="simulate")
        ours = [each for each in answer["placements"] if each["namespace"] == probe.namespace]
        assert {each["pod"] for each in ours} == before
        assert all(each["decision"] == "evict" and each["target"] != node for each in ours)
        assert (answer["ready"], answer["feasible"], answer["cordoned"]) == ("True", True, False)
        assert {"kind": "Deployment", "namespace": probe.namespace, "name": "web"} in answer["workloads"]
        assert pods_on(probe, node) == before
        assert not probe.get("Node", node)["spec"].get("unschedulable")

    def test_draining_moves_the_pods_and_restoring_takes_the_cordon_back(
        self, act: Act, probe: ClusterProbe, node: str
    ) -> None:
        answer = act("DrainNode", node=node, mode="execute")
        assert (answer["cordoned"], answer["tainted"]) == (True, False)
        assert not pods_on(probe, node)
        workload = {"kind": "Deployment", "namespace": probe.namespace, "name": "web"}
        verified = act("VerifyEvacuation", node=node, workloads=[workload], deadline_seconds=20)
        assert verified["verified"], verified["summary"]
        left = act("VerifyEvacuation", node=node, workloads=[], only_left=True, deadline_seconds=20)
        assert left["verified"], left["summary"]
        assert "not known" in left["summary"], "no more is claimed than was seen"
        act("DrainNode", node=node, mode="execute")  # a repeat has nothing left to do
        assert not act("DrainNode", node=node, mode="restore")["cordoned"]

    def test_a_lost_node_is_let_go_of_by_the_taint(
        self, act: Act, probe: ClusterProbe, cluster: ClusterUnderTest, node: str
    ) -> None:
        probe.patch("Node", node, NOT_READY)
        eventually(lambda: not is_ready(probe, node))
        off(probe, node)
        simulated = act("DrainNode", node=node, mode="simulate")
        assert simulated["ready"] == "Unknown"
        assert "web-" in simulated["taint"]
        answer = act("DrainNode", node=node, mode="execute", only_lost=True, seconds=90, deadline_seconds=90)
        assert (answer["cordoned"], answer["tainted"]) == (True, True)
        workload = {"kind": "Deployment", "namespace": probe.namespace, "name": "web"}
        assert act("VerifyEvacuation", node=node, workloads=[workload], deadline_seconds=20)["verified"]
        restored = act("DrainNode", node=node, mode="restore")
        assert (restored["cordoned"], restored["tainted"]) == (False, False)

    def test_a_silent_node_that_may_only_be_cut_off_is_emptied_without_the_taint(
        self, act: Act, probe: ClusterProbe, cluster: ClusterUnderTest, node: str
    ) -> None:
        fault = "not-ready" if cluster.name == "real" else "cut-off"
        probe.patch("Node", node, {"metadata": {"labels": {"aetherius.test/fault": fault}}})
        eventually(lambda: not is_ready(probe, node))
        eventually(lambda: act("DrainNode", node=node, mode="simulate")["taint"].count("nobody has confirmed"))
        answer = act("DrainNode", node=node, mode="execute", only_lost=True, deadline_seconds=3)
        assert (answer["cordoned"], answer["tainted"], answer["moved"]) == (True, False, 0)
        ours = [each for each in answer["left"] if each.startswith(f"{probe.namespace}/")]
        assert len(ours) == len(pods_on(probe, node)) > 0
        workload = {"kind": "Deployment", "namespace": probe.namespace, "name": "web"}
        assert act("VerifyEvacuation", node=node, workloads=[workload], deadline_seconds=20)["verified"]

    def test_a_node_that_came_back_is_not_drained_as_a_lost_one(self, act: Act, probe: ClusterProbe, node: str) -> None:
        before = pods_on(probe, node)
        with pytest.raises(RepairRefusedError, match="came back"):
            act("DrainNode", node=node, mode="execute", only_lost=True)
        assert pods_on(probe, node) == before
        assert not probe.get("Node", node)["spec"].get("unschedulable")

    def test_a_budget_forbids(self, act: Act, probe: ClusterProbe, node: str) -> None:
        budget = {"metadata": {"name": "web"}, "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}}}
        probe.kind("PodDisruptionBudget").create(namespace=probe.namespace, body=budget)
        eventually(lambda: (probe.get("PodDisruptionBudget", "web").get("status") or {}).get("currentHealthy") == 3)
        answer = act("DrainNode", node=node, mode="simulate")
        assert not answer["feasible"]
        assert "forbidden" in {each["decision"] for each in answer["placements"]}
        with pytest.raises(RepairRefusedError, match="must not be evicted"):
            act("DrainNode", node=node, mode="execute")
        assert not probe.get("Node", node)["spec"].get("unschedulable")
        probe.kind("PodDisruptionBudget").delete(name="web", namespace=probe.namespace)

    def test_the_only_ready_node_is_kept(self, act: Act, probe: ClusterProbe, node: str) -> None:
        others = [each["metadata"]["name"] for each in nodes(probe) if each["metadata"]["name"] != node]
        try:
            for other in others:
                probe.patch("Node", other, {"spec": {"unschedulable": True}})
            with pytest.raises(RepairRefusedError, match="only ready node"):
                act("DrainNode", node=node, mode="execute")
        finally:
            for other in others:
                probe.patch("Node", other, {"spec": {"unschedulable": None}})

    def test_a_foreign_cordon_stays(self, act: Act, probe: ClusterProbe, node: str) -> None:
        probe.patch("Node", node, {"spec": {"unschedulable": True}})
        try:
            with pytest.raises(RepairRefusedError, match="cordoned by somebody else"):
                act("DrainNode", node=node, mode="execute")
            act("DrainNode", node=node, mode="execute", over_cordon=True)
            assert act("DrainNode", node=node, mode="restore")["cordoned"]
        finally:
            probe.patch("Node", node, {"spec": {"unschedulable": None}})

    def test_there_must_be_such_a_node(self, act: Act) -> None:
        with pytest.raises(RepairRefusedError, match="there is no node nowhere"):
            act("DrainNode", node="nowhere", mode="simulate")


def off(probe: ClusterProbe, node: str) -> None:
    """The machine is off, says the cloud: the simulator's own, or this test for a cluster that has none."""
    taints = probe.get("Node", node)["spec"].get("taints") or []
    if not any("shutdown" in each["key"] for each in taints):
        taints.append({"key": "node.cloudprovider.kubernetes.io/shutdown", "effect": "NoSchedule"})
        probe.patch("Node", node, {"spec": {"taints": taints}})


def on(probe: ClusterProbe, node: str) -> None:
    """The machine is on again."""
    taints = probe.get("Node", node)["spec"].get("taints") or []
    probe.patch("Node", node, {"spec": {"taints": [each for each in taints if "shutdown" not in each["key"]]}})


def is_ready(probe: ClusterProbe, node: str) -> bool:
    conditions = probe.get("Node", node)["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def nodes(probe: ClusterProbe) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = probe.kind("Node").get().to_dict()["items"]
    return found


def pods_on(probe: ClusterProbe, node: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in probe.listed("Pod", field_selector=f"spec.nodeName={node}")}
