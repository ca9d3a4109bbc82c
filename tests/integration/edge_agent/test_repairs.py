"""Every typed action, on the simulator and on a real control plane: what it does, what it refuses, and that a repeat changes nothing."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.edge_agent.database import Database
from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.kubernetes_api import connect
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.performers import shipped_performers
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from cluster_probe import ClusterProbe, eventually
from cluster_under_test import ClusterUnderTest

Act = Callable[..., dict[str, Any]]
NOT_READY = {"metadata": {"labels": {"aetherius.test/fault": "not-ready"}}}
WELL = {"metadata": {"labels": {"aetherius.test/fault": None}}}


@pytest.fixture(
    scope="session", params=["simulated_cluster", pytest.param("real_cluster", marks=pytest.mark.kubernetes)]
)
def cluster(request: pytest.FixtureRequest) -> ClusterUnderTest:
    found: ClusterUnderTest = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def probe_of_cluster(cluster: ClusterUnderTest) -> Iterator[ClusterProbe]:
    probe = ClusterProbe(cluster.kubeconfig, "default")
    yield probe
    probe.close()


@pytest.fixture
def probe(probe_of_cluster: ClusterProbe) -> Iterator[ClusterProbe]:
    name = f"repair-{uuid.uuid4().hex[:8]}"
    probe_of_cluster.kind("Namespace").create(body={"metadata": {"name": name}})
    yield probe_of_cluster.within(name)
    probe_of_cluster.kind("Namespace").delete(name=name)


@pytest.fixture
def revisions(tmp_path: Path) -> AvailableRevisions:
    return AvailableRevisions(Database(tmp_path / "agent.db"))


PERFORMERS = shipped_performers()


@pytest.fixture
def hands(cluster: ClusterUnderTest, revisions: AvailableRevisions) -> Iterator[Cluster]:
    api = connect(cluster.kubeconfig)
    yield Cluster(api, revisions)
    api.close()


@pytest.fixture
def act(hands: Cluster, probe: ClusterProbe) -> Act:
    """Does an action in the test's namespace and returns its answer."""

    def act(kind: str, /, *, seconds: float = 30.0, **parameters: Any) -> dict[str, Any]:
        typed = PERFORMERS.parse(kind, parameters)
        done = PERFORMERS.perform(typed, probe.namespace, hands, Stopwatch(seconds))
        answer: dict[str, Any] = msgspec.json.decode(done)
        return answer

    return act


def memory_of(limit: str) -> dict[str, Any]:
    """A merge patch of the probe's own Deployments."""
    container = {"name": "app", "image": "registry.test/app:v1", "resources": {"limits": {"memory": limit}}}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def undo(act: Act, answer: dict[str, Any]) -> dict[str, Any]:
    return act(answer["undo_action"], **answer["undo_parameters"])


class TestUpdateResourceLimits:
    PARAMETERS = {
        "kind": "Deployment",
        "name": "web",
        "container": "app",
        "memory_limit": "128Mi",
        "expected_memory_limit": "64Mi",
    }

    def memory(self, probe: ClusterProbe, what: str = "limits") -> str | None:
        containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        found: str | None = containers[0]["resources"].get(what, {}).get("memory")
        return found

    def test_raises_the_limit_once_and_can_be_undone(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", memory="64Mi")
        first = act("UpdateResourceLimits", **self.PARAMETERS)
        again = act("UpdateResourceLimits", **self.PARAMETERS)
        assert (first["changed"], again["changed"]) == (True, False)
        assert self.memory(probe) == "128Mi"
        assert undo(act, first)["changed"]
        assert self.memory(probe) == "64Mi"

    def test_simulated_it_changes_nothing_and_refuses_what_would_be_refused(
        self, act: Act, probe: ClusterProbe
    ) -> None:
        probe.deploy("web", memory="64Mi")
        assert act("UpdateResourceLimits", **self.PARAMETERS, mode="simulate")["changed"]
        assert self.memory(probe) == "64Mi"
        with pytest.raises(RepairRefusedError, match="more than 4 times away"):
            act("UpdateResourceLimits", **{**self.PARAMETERS, "memory_limit": "1Gi"}, mode="simulate")

    def test_rolls_back_its_own_limit_and_nobody_elses(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", memory="64Mi")
        act("UpdateResourceLimits", **self.PARAMETERS)
        assert act("UpdateResourceLimits", **self.PARAMETERS, mode="restore")["changed"]
        assert self.memory(probe) == "64Mi"
        probe.patch("Deployment", "web", memory_of("100Mi"))
        with pytest.raises(RepairRefusedError, match="is 100Mi by now"):
            act("UpdateResourceLimits", **self.PARAMETERS, mode="restore")
        assert self.memory(probe) == "100Mi"

    def test_takes_a_request_that_equals_the_limit_along(self, act: Act, probe: ClusterProbe) -> None:
        both = {"resources": {"limits": {"memory": "64Mi"}, "requests": {"memory": "64Mi"}}}
        probe.deploy("web", container=both)
        act("UpdateResourceLimits", **self.PARAMETERS)
        assert self.memory(probe, "requests") == "128Mi"

    def test_says_who_changed_it(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", memory="64Mi")
        act("UpdateResourceLimits", **self.PARAMETERS)
        managers = probe.get("Deployment", "web")["metadata"].get("managedFields", [])
        assert "aetherius" in {each["manager"] for each in managers}

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"expected_memory_limit": "32Mi", "memory_limit": "100Mi"}, "is 64Mi by now, not 32Mi"),
            ({"memory_limit": "257Mi"}, "more than 4 times away"),
            ({"memory_limit": "1Mi"}, "more than 4 times away"),
            ({"memory_limit": "much"}, "not a number"),
            ({"expected_memory_limit": ""}, "without an expected limit"),
            ({"container": "sidecar"}, "has no container sidecar"),
            ({"name": "nobody"}, "there is no Deployment"),
        ],
    )
    def test_refuses(self, act: Act, probe: ClusterProbe, change: dict[str, str], why: str) -> None:
        probe.deploy("web", memory="64Mi")
        with pytest.raises(RepairRefusedError, match=why):
            act("UpdateResourceLimits", **{**self.PARAMETERS, **change})
        assert self.memory(probe) == "64Mi"

    def test_leaves_a_workload_of_a_reconciler_alone(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", memory="64Mi")
        mark = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}}
        probe.patch("Deployment", "web", mark)
        with pytest.raises(RepairRefusedError, match="managed by argocd"):
            act("UpdateResourceLimits", **self.PARAMETERS)


def a_bad_rollout(probe: ClusterProbe) -> None:
    """Revision 1 works, revision 2 cannot pull its image."""
    probe.deploy("web")
    eventually(lambda: probe.is_complete("web"))
    containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "registry.test/app:missing"
    probe.patch("Deployment", "web", {"spec": {"template": {"spec": {"containers": containers}}}})
    eventually(lambda: probe.waiting("web", "ImagePullBackOff"))


class TestRollbackDeployment:
    PARAMETERS = {"name": "web", "to_revision": 1, "expected_revision": 2}

    def test_brings_the_old_template_back_once(self, act: Act, probe: ClusterProbe) -> None:
        a_bad_rollout(probe)
        first = act("RollbackDeployment", **self.PARAMETERS)
        at_once = act("RollbackDeployment", **self.PARAMETERS)
        eventually(lambda: probe.is_complete("web"))
        later = act("RollbackDeployment", **self.PARAMETERS)
        assert [each["changed"] for each in (first, at_once, later)] == [True, False, False]
        template = probe.get("Deployment", "web")["spec"]["template"]
        assert template["spec"]["containers"][0]["image"] == "registry.test/app:v1"
        assert "pod-template-hash" not in template["metadata"]["labels"]
        assert act("VerifyWorkload", kind="Deployment", name="web", soak_seconds=0.5, deadline_seconds=20)["verified"]

    def test_can_be_undone(self, act: Act, probe: ClusterProbe) -> None:
        a_bad_rollout(probe)
        first = act("RollbackDeployment", **self.PARAMETERS)
        eventually(lambda: probe.is_complete("web"))
        assert undo(act, first)["changed"]
        containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert containers[0]["image"] == "registry.test/app:missing"

    def test_simulated_it_changes_nothing(self, act: Act, probe: ClusterProbe) -> None:
        a_bad_rollout(probe)
        assert act("RollbackDeployment", **self.PARAMETERS, mode="simulate")["changed"]
        containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert containers[0]["image"] == "registry.test/app:missing"

    def test_rolls_forward_again_what_it_rolled_back_and_nothing_else(self, act: Act, probe: ClusterProbe) -> None:
        a_bad_rollout(probe)
        with pytest.raises(RepairRefusedError, match="is not at the template of revision 1"):
            act("RollbackDeployment", **self.PARAMETERS, mode="restore")
        act("RollbackDeployment", **self.PARAMETERS)
        eventually(lambda: probe.is_complete("web"))
        assert act("RollbackDeployment", **self.PARAMETERS, mode="restore")["changed"]
        containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert containers[0]["image"] == "registry.test/app:missing"

    @pytest.mark.parametrize(
        ("change", "why"),
        [({"expected_revision": 7}, "at revision 2 by now, not 7"), ({"to_revision": 5}, "has no revision 5")],
    )
    def test_refuses(self, act: Act, probe: ClusterProbe, change: dict[str, int], why: str) -> None:
        a_bad_rollout(probe)
        with pytest.raises(RepairRefusedError, match=why):
            act("RollbackDeployment", **{**self.PARAMETERS, **change})

    def test_refuses_a_paused_deployment(self, act: Act, probe: ClusterProbe) -> None:
        a_bad_rollout(probe)
        probe.patch("Deployment", "web", {"spec": {"paused": True}})
        with pytest.raises(RepairRefusedError, match="paused"):
            act("RollbackDeployment", **self.PARAMETERS)


class TestWorkloadHistory:
    def test_tells_the_revisions_and_what_they_need(
        self, act: Act, probe: ClusterProbe, revisions: AvailableRevisions
    ) -> None:
        a_bad_rollout(probe)
        probe.kind("ConfigMap").create(namespace=probe.namespace, body={"metadata": {"name": "there"}})
        needs = [{"configMapRef": {"name": "there"}}, {"configMapRef": {"name": "gone"}}]
        optional = [{"configMapRef": {"name": "maybe", "optional": True}}, {"secretRef": {"name": "keys"}}]
        containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        containers[0]["envFrom"] = needs + optional
        probe.patch("Deployment", "web", {"spec": {"template": {"spec": {"containers": containers}}}})
        eventually(lambda: act("WorkloadHistory", kind="Deployment", name="web")["revision"] == 3)
        history = act("WorkloadHistory", kind="Deployment", name="web")
        assert [each["revision"] for each in history["revisions"]] == [1, 2, 3]
        assert [each["was_available"] for each in history["revisions"]] == [True, False, False]
        assert history["revisions"][1]["images"] == {"app": "registry.test/app:missing"}
        assert history["revisions"][2]["config_maps"] == ["gone", "secret/keys", "there"]
        assert history["revisions"][2]["missing_config"] == ["gone", "secret/keys"]
        assert (history["replicas"], history["managed_by"]) == (1, "")
        assert history["memory_limits"] == {"app": "128Mi"}

    def test_remembers_that_a_revision_was_available(
        self, act: Act, probe: ClusterProbe, revisions: AvailableRevisions
    ) -> None:
        a_bad_rollout(probe)
        for replica_set in probe.listed("ReplicaSet"):
            if (replica_set.get("status") or {}).get("availableReplicas"):
                revisions.note(replica_set["metadata"]["uid"])
        probe.patch("Deployment", "web", {"spec": {"replicas": 0}})
        eventually(lambda: not probe.pods("web"))
        history = act("WorkloadHistory", kind="Deployment", name="web")
        assert [each["was_available"] for each in history["revisions"]] == [True, False]


class TestVerifyWorkload:
    def verify(self, act: Act, **parameters: Any) -> dict[str, Any]:
        return act("VerifyWorkload", **{"kind": "Deployment", "name": "web", "soak_seconds": 1.0, **parameters})

    def test_is_content_with_a_workload_that_stays_well(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", replicas=2)
        answer = self.verify(act, deadline_seconds=20)
        assert answer["verified"]
        assert answer["observed"]["available_replicas"] == 2
        assert answer["observed"]["seconds"] >= 1.0

    def test_gives_up_at_the_deadline_and_says_what_lacks(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", image="registry.test/app:missing")
        answer = self.verify(act, deadline_seconds=1)
        assert not answer["verified"]
        assert "0 of 1 replicas are available" in answer["summary"]

    def test_an_oom_kill_fails_it_at_once(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", annotations={"aetherius.test/working-set": "96Mi"}, memory="64Mi")
        answer = self.verify(act, soak_seconds=60, deadline_seconds=60, watch_oom=True, seconds=60)
        assert not answer["verified"]
        assert "killed for memory again: web-" in answer["summary"]

    def test_ends_when_it_is_called_back(self, probe: ClusterProbe, hands: Cluster) -> None:
        probe.deploy("web", image="registry.test/app:missing")
        look = {"kind": "Deployment", "name": "web", "soak_seconds": 0, "deadline_seconds": 60}
        typed = PERFORMERS.parse("VerifyWorkload", look)
        watch = Stopwatch(60)
        working = threading.Thread(target=PERFORMERS.perform, args=(typed, probe.namespace, hands, watch))
        working.start()
        watch.cancel()
        working.join(5)
        assert not working.is_alive()


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
        simulated = act("DrainNode", node=node, mode="simulate")
        assert simulated["ready"] != "True"
        answer = act("DrainNode", node=node, mode="execute", only_lost=True, seconds=60, deadline_seconds=60)
        assert (answer["cordoned"], answer["tainted"]) == (True, True)
        workload = {"kind": "Deployment", "namespace": probe.namespace, "name": "web"}
        assert act("VerifyEvacuation", node=node, workloads=[workload], deadline_seconds=20)["verified"]
        restored = act("DrainNode", node=node, mode="restore")
        assert (restored["cordoned"], restored["tainted"]) == (False, False)

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
            act("DrainNode", node=node, mode="execute")
            assert act("DrainNode", node=node, mode="restore")["cordoned"]
        finally:
            probe.patch("Node", node, {"spec": {"unschedulable": None}})

    def test_there_must_be_such_a_node(self, act: Act) -> None:
        with pytest.raises(RepairRefusedError, match="there is no node nowhere"):
            act("DrainNode", node="nowhere", mode="simulate")


def test_an_evacuation_that_did_not_happen_is_not_verified(act: Act, probe: ClusterProbe) -> None:
    probe.deploy("web")
    eventually(lambda: probe.is_complete("web"))
    node = probe.pods("web")[0]["spec"]["nodeName"]
    workload = {"kind": "Deployment", "namespace": probe.namespace, "name": "web"}
    answer = act("VerifyEvacuation", node=node, workloads=[workload], deadline_seconds=0.5)
    assert not answer["verified"]
    assert "0 of 1 replicas are Ready elsewhere" in answer["summary"]
    answer = act("VerifyEvacuation", node=node, workloads=[], only_left=True, deadline_seconds=0.5)
    assert not answer["verified"]
    assert "is left" in answer["summary"]


def is_ready(probe: ClusterProbe, node: str) -> bool:
    conditions = probe.get("Node", node)["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def nodes(probe: ClusterProbe) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = probe.kind("Node").get().to_dict()["items"]
    return found


def pods_on(probe: ClusterProbe, node: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in probe.listed("Pod", field_selector=f"spec.nodeName={node}")}
