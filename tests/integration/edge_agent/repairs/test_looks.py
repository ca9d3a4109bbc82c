"""Actions that only look: a workload's history, and whether a repair helped."""

from __future__ import annotations

import threading
from typing import Any

from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.performers import shipped_performers
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from cluster_probe import ClusterProbe, eventually
from repair_acts import Act, a_bad_rollout


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
        answer = self.verify(act, deadline_seconds=100)
        assert answer["verified"]
        assert answer["observed"]["available_replicas"] == 2
        assert answer["observed"]["seconds"] >= 1.0

    def test_gives_up_at_the_deadline_and_says_what_lacks(self, act: Act, probe: ClusterProbe) -> None:
        probe.deploy("web", image="registry.test/app:missing")
        eventually(lambda: probe.get("Deployment", "web").get("status", {}).get("updatedReplicas") == 1)
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
        performers = shipped_performers()
        typed = performers.parse("VerifyWorkload", look)
        watch = Stopwatch(60)
        working = threading.Thread(target=performers.perform, args=(typed, probe.namespace, hands, watch))
        working.start()
        watch.cancel()
        working.join(5)
        assert not working.is_alive()


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


def test_an_empty_node_is_no_proof_while_a_workload_waits_for_room(act: Act, probe: ClusterProbe) -> None:
    probe.deploy("web", spec={"nodeSelector": {"no": "such-node"}})
    eventually(lambda: len(probe.pods("web")) == 1)
    answer = act("VerifyEvacuation", node="gone", workloads=[], only_left=True, deadline_seconds=0.5)
    assert not answer["verified"], "what ran on the node may be what waits"
    assert f"Deployment {probe.namespace}/web: 0 of 1 replicas are Ready" in answer["summary"]
