"""A memory limit is raised only where it can stand and is ours to set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from fake_cluster import NODES, FakeApi, a_node, a_workload

Act = Callable[..., dict[str, Any]]
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
SHOP = "/api/v1/namespaces/shop"
SCALERS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
ORDER = {
    "kind": "Deployment",
    "name": "web",
    "container": "app",
    "memory_limit": "128Mi",
    "expected_memory_limit": "64Mi",
}


@pytest.fixture
def api(api: FakeApi) -> FakeApi:
    api.put(f"{NODES}/n1", a_node("n1"))
    api.put(WEB, a_workload())
    return api


def quota(hard: str, used: str, resource: str = "limits.memory", **spec: Any) -> dict[str, Any]:
    return {"metadata": {}, "spec": {"hard": {resource: hard}, **spec}, "status": {"used": {resource: used}}}


def bounds(kind: str, **rule: Any) -> dict[str, Any]:
    return {"metadata": {}, "spec": {"limits": [{"type": kind, **rule}]}}


def scaler(resource: str) -> dict[str, Any]:
    metrics = [{"type": "Resource", "resource": {"name": resource}}]
    return {"metadata": {}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": metrics}}


def vertical(mode: str) -> dict[str, Any]:
    target = {"kind": "Deployment", "name": "web"}
    return {"metadata": {}, "spec": {"targetRef": target, "updatePolicy": {"updateMode": mode}}}


VERTICAL = "/apis/autoscaling.k8s.io/v1/namespaces/shop/verticalpodautoscalers"


def test_it_is_raised_and_a_pod_of_it_was_tried(api: FakeApi, act: Act) -> None:
    answer = act("UpdateResourceLimits", **ORDER)
    assert (answer["changed"], answer.get("warnings", [])) == (True, [])
    (tried,) = api.tried
    assert tried["spec"]["containers"][0]["resources"]["limits"] == {"memory": "128Mi"}
    assert len(api.writes) == 1


def test_without_the_right_no_pod_is_tried_and_the_answer_says_so(api: FakeApi, act: Act) -> None:
    api.forbidden.add("create pods")
    assert "was not tried" in act("UpdateResourceLimits", **ORDER)["warnings"][0]
    assert api.tried == []


def test_a_pod_that_nobody_would_admit_stops_it(api: FakeApi, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    create = api.create

    def refuse(path: str, body: dict[str, Any], **options: Any) -> dict[str, Any]:
        if path.endswith("/pods"):
            raise ClusterRefusedError("POST", 403, "Forbidden", "violates PodSecurity")
        return create(path, body, **options)

    monkeypatch.setattr(api, "create", refuse)
    with pytest.raises(RepairRefusedError, match="no pod of it would be admitted: violates PodSecurity"):
        act("UpdateResourceLimits", **ORDER)
    assert api.writes == []


@pytest.mark.parametrize(
    ("path", "found", "why"),
    [
        (f"{SHOP}/resourcequotas/all", quota("256Mi", "128Mi"), "ResourceQuota all allows 256Mi of limits.memory"),
        (f"{SHOP}/resourcequotas/all", quota("200Mi", "0", "requests.memory"), "ResourceQuota all"),
        (f"{SHOP}/limitranges/all", bounds("Container", max={"memory": "100Mi"}), "allows a Container no more memory"),
        (f"{SHOP}/limitranges/all", bounds("Pod", max={"memory": "100Mi"}), "allows a Pod no more memory"),
        (f"{SHOP}/limitranges/all", bounds("Container", min={"memory": "1Gi"}), "no less memory than 1Gi"),
        (f"{SCALERS}/web", scaler("memory"), "scales web by memory"),
        (f"{VERTICAL}/web", vertical("Auto"), "VerticalPodAutoscaler web sets the memory"),
    ],
)
def test_what_forbids_it(api: FakeApi, act: Act, path: str, found: dict[str, Any], why: str) -> None:
    api.put(path, found)
    with pytest.raises(RepairRefusedError, match=why):
        act("UpdateResourceLimits", **ORDER)
    with pytest.raises(RepairRefusedError, match=why):
        act("UpdateResourceLimits", **ORDER, mode="simulate")
    assert api.writes == []


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{SHOP}/resourcequotas/all", quota("1Gi", "128Mi")),
        (f"{SHOP}/resourcequotas/jobs", quota("1Mi", "0", scopes=["Terminating"])),
        (f"{SHOP}/limitranges/all", bounds("Container", max={"memory": "1Gi"})),
        (f"{SHOP}/limitranges/all", bounds("PersistentVolumeClaim", max={"storage": "1Gi"})),
        (f"{SCALERS}/web", scaler("cpu")),
        (f"{VERTICAL}/web", vertical("Off")),
    ],
)
def test_what_does_not(api: FakeApi, act: Act, path: str, found: dict[str, Any]) -> None:
    api.put(path, found)
    assert act("UpdateResourceLimits", **ORDER)["changed"]


def test_no_node_is_large_enough(api: FakeApi, act: Act) -> None:
    api.put(f"{NODES}/n1", a_node("n1", allocatable={"memory": "100Mi"}))
    with pytest.raises(RepairRefusedError, match="no ready node has the memory for it: the largest gives 100Mi"):
        act("UpdateResourceLimits", **ORDER)


def test_what_may_not_be_seen_forbids(api: FakeApi, act: Act) -> None:
    api.forbidden.add(f"{SHOP}/resourcequotas")
    with pytest.raises(RepairRefusedError, match="the right to list them is missing"):
        act("UpdateResourceLimits", **ORDER)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"spec": {"paused": True}}, "paused"),
        ({"spec": {"strategy": {"type": "Recreate"}}}, "stops all replicas"),
        ({"metadata": {"labels": {"kapp.k14s.io/app": "1"}}}, "memory limit of container app from 64Mi to 128Mi"),
        ({"metadata": {"annotations": {"aetherius.io/protected": "true"}}}, "a person must approve"),
    ],
)
def test_what_the_deployment_says_against_it(api: FakeApi, act: Act, change: dict[str, Any], why: str) -> None:
    api.put(WEB, a_workload(**change))
    with pytest.raises(RepairRefusedError, match=why):
        act("UpdateResourceLimits", **ORDER)


def test_a_person_may_let_all_replicas_stop(api: FakeApi, act: Act) -> None:
    api.put(WEB, a_workload(spec={"strategy": {"type": "Recreate"}}))
    answer = act("UpdateResourceLimits", **ORDER, approved_by_person=True)
    assert "all replicas stop before new ones start" in answer["warnings"][0]


@pytest.mark.parametrize("policy", [{}, {"restartPolicy": "Always"}])
def test_an_init_container_or_a_sidecar_can_be_the_one(api: FakeApi, act: Act, policy: dict[str, str]) -> None:
    proxy = {"name": "proxy", "resources": {"limits": {"memory": "64Mi"}}, **policy}
    api.put(WEB, a_workload(pod={"initContainers": [proxy]}))
    assert act("UpdateResourceLimits", **{**ORDER, "container": "proxy"})["changed"]
    spec = api.objects[WEB]["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["resources"]["limits"]["memory"] == "128Mi"
    assert spec["containers"][0]["resources"]["limits"]["memory"] == "64Mi"
