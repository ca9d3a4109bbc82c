"""create, merge patch, dry run, conflicts, validation, deletion, eviction."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from cluster_probe import ClusterProbe, a_deployment, eventually


def refusal(action: Any, *args: Any, **kwargs: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(ApiException) as refused:
        action(*args, **kwargs)
    return refused.value.status, json.loads(refused.value.body or "")


def a_map(name: str = "a", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data or {"a": "1"}}


@pytest.fixture
def maps(probe: ClusterProbe) -> Any:
    probe.kind("ConfigMap").create(namespace=probe.namespace, body=a_map())
    return probe.kind("ConfigMap")


def test_a_name_is_taken_once(probe: ClusterProbe, maps: Any) -> None:
    status, answer = refusal(maps.create, namespace=probe.namespace, body=a_map())
    assert (status, answer["reason"]) == (409, "AlreadyExists")


def test_an_object_needs_its_namespace(probe: ClusterProbe) -> None:
    status, answer = refusal(probe.kind("ConfigMap").create, namespace="nowhere", body=a_map())
    assert (status, answer["details"]["kind"]) == (404, "namespaces")


def test_a_merge_patch_changes_adds_and_removes(probe: ClusterProbe, maps: Any) -> None:
    assert probe.patch("ConfigMap", "a", {"data": {"b": "2"}})["data"] == {"a": "1", "b": "2"}
    assert probe.patch("ConfigMap", "a", {"data": {"a": None}})["data"] == {"b": "2"}


def test_a_dry_run_answers_the_outcome_and_stores_nothing(probe: ClusterProbe, maps: Any) -> None:
    assert probe.patch("ConfigMap", "a", {"data": {"a": "2"}}, dry_run="All")["data"] == {"a": "2"}
    assert probe.get("ConfigMap", "a")["data"] == {"a": "1"}
    made = maps.create(namespace=probe.namespace, body=a_map("b"), dry_run="All")
    assert made.metadata.name == "b"
    maps.delete(name="a", namespace=probe.namespace, query_params=[("dryRun", "All")])
    assert [m["metadata"]["name"] for m in probe.listed("ConfigMap") if m["metadata"]["name"] in "ab"] == ["a"]


def test_a_dry_run_is_validated(probe: ClusterProbe) -> None:
    probe.deploy("web", replicas=0)
    status, answer = refusal(probe.patch, "Deployment", "web", {"spec": {"replicas": -1}}, dry_run="All")
    assert (status, answer["reason"]) == (422, "Invalid")
    assert answer["details"]["causes"][0]["field"] == "spec.replicas"


def test_the_field_manager_is_noted(probe: ClusterProbe, maps: Any) -> None:
    probe.patch("ConfigMap", "a", {"data": {"b": "2"}}, field_manager="aetherius")
    entries = probe.get("ConfigMap", "a")["metadata"]["managedFields"]
    assert any(e["manager"] == "aetherius" and "f:b" in e["fieldsV1"].get("f:data", {}) for e in entries)


def test_a_write_from_an_old_version_conflicts(probe: ClusterProbe, maps: Any) -> None:
    old = probe.get("ConfigMap", "a")
    probe.patch("ConfigMap", "a", {"data": {"b": "2"}})
    version = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}}
    assert refusal(probe.patch, "ConfigMap", "a", version | {"data": {"c": "3"}})[0] == 409
    assert refusal(maps.replace, namespace=probe.namespace, body=old)[0] == 409


def test_a_patch_that_changes_nothing_makes_no_version(probe: ClusterProbe, maps: Any) -> None:
    before = probe.get("ConfigMap", "a")["metadata"]["resourceVersion"]
    assert probe.patch("ConfigMap", "a", {"data": {"a": "1"}})["metadata"]["resourceVersion"] == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "spec.template.metadata.labels"),
        ({"spec": {"template": {"spec": {"containers": []}}}}, "spec.template.spec.containers"),
        ({"spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}}, "spec.template.spec.containers[0].image"),
    ],
)
def test_a_rule_that_is_broken_is_named(probe: ClusterProbe, change: dict[str, Any], field: str) -> None:
    probe.deploy("web", replicas=0)
    status, answer = refusal(probe.patch, "Deployment", "web", change)
    assert status == 422
    assert field in [cause["field"] for cause in answer["details"]["causes"]]


def test_a_body_that_is_no_json_is_a_bad_request(probe: ClusterProbe) -> None:
    url = f"{probe.api.configuration.host}/api/v1/namespaces/{probe.namespace}/configmaps"
    headers = probe.credentials() | {"Content-Type": "application/json"}
    answer = probe.api.rest_client.pool_manager.request("POST", url, body=b"{", headers=headers)
    assert answer.status == 400


def test_a_patch_of_an_unknown_form_is_refused(probe: ClusterProbe, maps: Any) -> None:
    path = f"/api/v1/namespaces/{probe.namespace}/configmaps/a"
    assert probe.request("PATCH", path, {}, "text/plain")[0] == 415


def test_a_strategic_patch_merges_containers_by_name(probe: ClusterProbe) -> None:
    probe.deploy("web", replicas=0)
    limits = {"name": "app", "resources": {"limits": {"memory": "256Mi"}, "requests": {"memory": "256Mi"}}}
    path = f"/apis/apps/v1/namespaces/{probe.namespace}/deployments/web"
    patch = {"spec": {"template": {"spec": {"containers": [limits]}}}}
    _, answer = probe.request("PATCH", path, patch, "application/strategic-merge-patch+json")
    container = answer["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["resources"]["limits"]) == ("registry.test/app:v1", {"memory": "256Mi"})


def test_a_precondition_on_the_uid_protects_a_deletion(probe: ClusterProbe, maps: Any) -> None:
    orders = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    assert refusal(maps.delete, name="a", namespace=probe.namespace, body=orders)[0] == 409


def test_scale_is_read_and_written(probe: ClusterProbe) -> None:
    probe.deploy("web", replicas=0)
    path = f"/apis/apps/v1/namespaces/{probe.namespace}/deployments/web/scale"
    assert probe.request("PATCH", path, {"spec": {"replicas": 2}}, "application/merge-patch+json")[1]["spec"] == {
        "replicas": 2
    }
    assert probe.request("GET", path)[1]["kind"] == "Scale"
    eventually(lambda: probe.is_complete("web"))


def test_cordon_keeps_new_pods_away(probe: ClusterProbe) -> None:
    names = [node.metadata.name for node in probe.kind("Node").get().items]
    try:
        probe.patch("Node", names[0], {"spec": {"unschedulable": True}})
        eventually(
            lambda: any(
                t["key"].endswith("/unschedulable") for t in probe.get("Node", names[0])["spec"].get("taints", [])
            )
        )
        probe.deploy("web", replicas=4)
        eventually(lambda: probe.is_complete("web"))
        assert {pod["spec"]["nodeName"] for pod in probe.pods("web")} == set(names[1:])
    finally:
        probe.patch("Node", names[0], {"spec": {"unschedulable": False}})


class TestEviction:
    """An eviction asks the pod's budget, in a dry run, too."""

    @pytest.fixture
    def guarded(self, probe: ClusterProbe) -> ClusterProbe:
        probe.deploy("web", replicas=2)
        spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
        budget = {"metadata": {"name": "web"}, "spec": spec}
        probe.kind("PodDisruptionBudget").create(namespace=probe.namespace, body=budget)
        eventually(lambda: probe.is_complete("web"))
        eventually(lambda: probe.get("PodDisruptionBudget", "web").get("status", {}).get("currentHealthy") == 2)
        return probe

    def evict(self, probe: ClusterProbe, pod: str, **options: str) -> Any:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": probe.namespace}}
        return probe.kind("Pod").eviction.create(name=pod, namespace=probe.namespace, body=body, **options)

    def test_a_budget_that_is_used_up_refuses(self, guarded: ClusterProbe) -> None:
        pod = guarded.pods("web")[0]["metadata"]["name"]
        status, answer = refusal(self.evict, guarded, pod)
        assert (status, answer["reason"]) == (429, "TooManyRequests")
        assert answer["details"]["causes"][0]["reason"] == "DisruptionBudget"
        assert refusal(self.evict, guarded, pod, dry_run="All")[0] == 429

    def test_a_budget_with_room_allows_and_the_pod_is_replaced(self, guarded: ClusterProbe) -> None:
        guarded.patch("PodDisruptionBudget", "web", {"spec": {"minAvailable": 1}})
        eventually(lambda: guarded.get("PodDisruptionBudget", "web")["status"]["disruptionsAllowed"] == 1)
        pod = guarded.pods("web")[0]["metadata"]["name"]
        self.evict(guarded, pod, dry_run="All")
        assert "deletionTimestamp" not in guarded.get("Pod", pod)["metadata"]
        self.evict(guarded, pod)
        eventually(
            lambda: pod not in [p["metadata"]["name"] for p in guarded.pods("web")] and guarded.is_complete("web")
        )


def test_deleting_a_deployment_takes_its_pods_along(probe: ClusterProbe) -> None:
    probe.kind("Deployment").create(namespace=probe.namespace, body=a_deployment("web", replicas=2))
    eventually(lambda: probe.is_complete("web"))
    probe.kind("Deployment").delete(name="web", namespace=probe.namespace, body={"propagationPolicy": "Background"})
    eventually(lambda: not probe.listed("ReplicaSet") and not probe.listed("Pod"))
