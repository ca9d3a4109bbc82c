"""What a real control plane's quotas, ranges, autoscalers and appliers say to a higher limit. The simulator has none of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.kubernetes_api import connect
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.performers import shipped_performers
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from cluster_probe import ClusterProbe, a_deployment, eventually
from real_cluster import RealCluster

pytestmark = pytest.mark.kubernetes

ORDER = {"kind": "Deployment", "name": "web", "container": "app", "memory_limit": "128Mi"}
ORDER |= {"expected_memory_limit": "64Mi"}


@pytest.fixture
def shop(real_cluster: RealCluster) -> Iterator[ClusterProbe]:
    probe = ClusterProbe(real_cluster.kubeconfig, "default")
    made = probe.request("POST", "/api/v1/namespaces", {"metadata": {"generateName": "bounds-"}})[1]
    yield probe.within(made["metadata"]["name"])
    probe.kind("Namespace").delete(name=made["metadata"]["name"])
    probe.close()


def repaired(shop: ClusterProbe, revisions: AvailableRevisions, **more: Any) -> dict[str, Any]:
    api = connect(shop.kubeconfig)
    performers = shipped_performers()
    try:
        typed = performers.parse("UpdateResourceLimits", {**ORDER, **more})
        done = performers.perform(typed, shop.namespace, Cluster(api, revisions), Stopwatch(20))
    finally:
        api.close()
    answer: dict[str, Any] = msgspec.json.decode(done)
    return answer


def deployed(shop: ClusterProbe) -> None:
    shop.deploy("web", memory="64Mi")
    eventually(lambda: shop.is_complete("web"))


def made(shop: ClusterProbe, path: str, body: dict[str, Any]) -> None:
    status, answer = shop.request("POST", path.format(shop.namespace), body)
    assert status == 201, answer


CORE, SCALERS = "/api/v1/namespaces/{}", "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
QUOTA = {"metadata": {"name": "all"}, "spec": {"hard": {"limits.memory": "100Mi"}}}
RANGE = {"metadata": {"name": "all"}, "spec": {"limits": [{"type": "Container", "max": {"memory": "100Mi"}}]}}
METRIC = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 50}},
}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
SCALER = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": TARGET, "maxReplicas": 3, "metrics": [METRIC]}}


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        (f"{CORE}/resourcequotas", QUOTA, "ResourceQuota all allows 100Mi of limits.memory"),
        (f"{CORE}/limitranges", RANGE, "LimitRange all allows a Container no more memory than 100Mi"),
        (SCALERS, SCALER, "HorizontalPodAutoscaler web scales web by memory"),
    ],
)
def test_what_forbids_it(
    shop: ClusterProbe, revisions: AvailableRevisions, path: str, body: dict[str, Any], why: str
) -> None:
    deployed(shop)
    made(shop, path, body)
    with pytest.raises(RepairRefusedError, match=why):
        repaired(shop, revisions)
    assert shop.get("Deployment", "web")["metadata"]["generation"] == 1


def test_a_pod_that_admission_refuses_is_found_by_trying_one(shop: ClusterProbe, revisions: AvailableRevisions) -> None:
    deployed(shop)
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    shop.patch("Namespace", shop.namespace, label)
    with pytest.raises(RepairRefusedError, match=r"no pod of it would be admitted.*PodSecurity"):
        repaired(shop, revisions)


def test_a_field_that_a_controller_applies_is_its_own(shop: ClusterProbe, revisions: AvailableRevisions) -> None:
    path = f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/web?fieldManager=our-platform"
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **a_deployment("web", memory="64Mi")}
    status, answer = shop.request("PATCH", path, body, "application/apply-patch+yaml")
    assert status == 201, answer
    with pytest.raises(RepairRefusedError, match=r"managed by our-platform.*from 64Mi to 128Mi"):
        repaired(shop, revisions)


def test_a_sidecar_can_be_the_one(shop: ClusterProbe, revisions: AvailableRevisions) -> None:
    sidecar: dict[str, Any] = {"name": "proxy", "image": "registry.test/proxy:v1", "restartPolicy": "Always"}
    sidecar |= {"resources": {"limits": {"memory": "64Mi"}}}
    shop.deploy("web", spec={"initContainers": [sidecar]})
    assert repaired(shop, revisions, container="proxy")["changed"]
    spec = shop.get("Deployment", "web")["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["resources"]["limits"] == {"memory": "128Mi"}
