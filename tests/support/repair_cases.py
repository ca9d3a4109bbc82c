"""For each repair a case in which it should be done: what the safety suite runs every rule on. A new repair needs one here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster_probe import ClusterProbe, eventually
from fake_cluster import LEASES, NODES, FakeApi, a_lease, a_node, a_pod, a_workload, stamp
from repair_acts import a_bad_rollout

Document = dict[str, Any]
APPS, SHOP = "/apis/apps/v1/namespaces/shop", "/api/v1/namespaces/shop"
WEB = f"{APPS}/deployments/web"
REVISION = "deployment.kubernetes.io/revision"
ARGO = {"labels": {"argocd.argoproj.io/instance": "shop"}}


@dataclass(frozen=True)
class RepairCase:
    """A cluster in memory that wants the repair, and the same on the simulator."""

    parameters: Document
    target: str
    """Path of the object that is changed."""
    furnish: Callable[[FakeApi], None]
    on_simulator: Callable[[ClusterProbe], Document]
    """Makes the scene and returns the parameters."""
    kept: Document = field(default_factory=lambda: ARGO)
    """Metadata by which somebody else claims the object."""


def _limits(api: FakeApi) -> None:
    api.put(f"{NODES}/n1", a_node("n1"))
    api.put(WEB, a_workload())


def _replica_set(number: int, image: str, available: int) -> Document:
    owners = [{"kind": "Deployment", "name": "web", "uid": "uid-web", "controller": True}]
    metadata = {"namespace": "shop", "labels": {"app": "web"}, "annotations": {REVISION: str(number)}}
    template = a_workload(image=image)["spec"]["template"]
    spec = {"replicas": available, "template": template}
    return {
        "metadata": {**metadata, "ownerReferences": owners},
        "spec": spec,
        "status": {"availableReplicas": available},
    }


def _rollout(api: FakeApi) -> None:
    bad = "registry.test/app:missing"
    api.put(WEB, a_workload(image=bad, metadata={"annotations": {REVISION: "2"}}))
    api.put(f"{APPS}/replicasets/web-1", _replica_set(1, "registry.test/app:v1", 2))
    api.put(f"{APPS}/replicasets/web-2", _replica_set(2, bad, 0))
    old = api.put(f"{SHOP}/pods/web-1-a", a_pod("web-1-a", "n1", "web-1"))
    old["status"]["conditions"][0]["lastTransitionTime"] = stamp(300)
    new = api.put(f"{SHOP}/pods/web-2-a", a_pod("web-2-a", "n1", "web-2", ready=False))
    new["status"]["containerStatuses"] = [{"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]
    for each in (old, new):
        each["metadata"]["labels"] = {"app": "web"}


def _lost_node(api: FakeApi) -> None:
    off = {"key": "node.cloudprovider.kubernetes.io/shutdown", "effect": "NoSchedule"}
    api.put(f"{NODES}/n1", a_node("n1", "Unknown", taints=[off]))
    for name in ("n2", "n3"):
        api.put(f"{NODES}/{name}", a_node(name))
    api.put(f"{LEASES}/n1", a_lease(600))
    api.put(f"{SHOP}/pods/web-1", a_pod("web-1", "n1", ready=False))


def _on_simulator_limits(probe: ClusterProbe) -> Document:
    probe.deploy("web", memory="64Mi")
    eventually(lambda: probe.is_complete("web"))
    return LIMITS


def _on_simulator_rollout(probe: ClusterProbe) -> Document:
    a_bad_rollout(probe)
    return ROLLBACK


def _on_simulator_node(probe: ClusterProbe) -> Document:
    probe.deploy("web")
    eventually(lambda: probe.is_complete("web"))
    return {"node": probe.pods("web")[0]["spec"]["nodeName"]}


LIMITS: Document = {"kind": "Deployment", "name": "web", "container": "app", "memory_limit": "128Mi"}
LIMITS |= {"expected_memory_limit": "64Mi"}
ROLLBACK: Document = {"name": "web", "to_revision": 1, "expected_revision": 2}
CASES = {
    "UpdateResourceLimits": RepairCase(LIMITS, WEB, _limits, _on_simulator_limits),
    "RollbackDeployment": RepairCase(ROLLBACK, WEB, _rollout, _on_simulator_rollout),
    "DrainNode": RepairCase(
        {"node": "n1", "deadline_seconds": 1.0},
        f"{NODES}/n1",
        _lost_node,
        _on_simulator_node,
        kept={"annotations": {"karpenter.sh/disruption": "true"}},
    ),
}
