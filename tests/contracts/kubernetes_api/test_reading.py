"""get, list, pages, selectors, and what is answered to a bad request."""

from __future__ import annotations

import pytest
import urllib3
from kubernetes.client.exceptions import ApiException

from cluster_probe import ClusterProbe


def config_maps(probe: ClusterProbe, *names: str) -> None:
    for name in names:
        body = {"metadata": {"name": name, "labels": {"name": name, "all": "yes"}}, "data": {"a": "1"}}
        probe.kind("ConfigMap").create(namespace=probe.namespace, body=body)


def test_a_list_carries_a_resource_version_and_its_items_carry_older_ones(probe: ClusterProbe) -> None:
    config_maps(probe, "a")
    found = probe.kind("ConfigMap").get(namespace=probe.namespace, label_selector="all=yes").to_dict()
    assert found["kind"] == "ConfigMapList"
    assert int(found["metadata"]["resourceVersion"]) >= int(found["items"][0]["metadata"]["resourceVersion"])


def test_a_long_list_comes_in_pages(probe: ClusterProbe) -> None:
    config_maps(probe, "a", "b", "c")
    path = f"/api/v1/namespaces/{probe.namespace}/configmaps?labelSelector=all%3Dyes&limit=2"
    _, first = probe.request("GET", path)
    _, second = probe.request("GET", f"{path}&continue={first['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in first["items"] + second["items"]] == ["a", "b", "c"]
    assert not second["metadata"].get("continue")


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("name=a", ["a"]),
        ("name!=a,all", ["b", "c"]),
        ("name in (a,c)", ["a", "c"]),
        ("!name", []),
        ("name notin (a),all=yes", ["b", "c"]),
    ],
)
def test_label_selectors_choose(probe: ClusterProbe, selector: str, names: list[str]) -> None:
    config_maps(probe, "a", "b", "c")
    found = [item["metadata"]["name"] for item in probe.listed("ConfigMap", label_selector=selector)]
    assert [name for name in found if name in ("a", "b", "c")] == names


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("/api/v1/namespaces/default/configmaps/nothing", 404, "NotFound"),
        ("/apis/apps/v1/namespaces/default/deployments/nothing", 404, "NotFound"),
        ("/api/v1/namespaces/default/pods?labelSelector=%29%28", 400, "BadRequest"),
        ("/api/v1/namespaces/default/pods?fieldSelector=spec.colour%3Dred", 400, "BadRequest"),
        ("/api/v1/namespaces/default/pods?limit=2&continue=nonsense", 400, "BadRequest"),
        ("/api/v1/pods?resourceVersion=999999999&resourceVersionMatch=NotOlderThan", 504, "Timeout"),
    ],
)
def test_a_bad_request_is_answered_with_a_status(probe: ClusterProbe, path: str, code: int, reason: str) -> None:
    status, answer = probe.request("GET", path)
    assert (status, answer["kind"], answer["code"], answer["reason"]) == (code, "Status", code, reason)


def test_a_request_without_the_right_token_is_refused(probe: ClusterProbe) -> None:
    with urllib3.PoolManager(ca_certs=probe.api.configuration.ssl_ca_cert) as strangers:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = strangers.request("GET", f"{probe.api.configuration.host}/api/v1/pods", headers=headers)
            assert (answer.status, answer.json()["reason"]) == (401, "Unauthorized")


def test_the_agent_may_ask_what_it_may_do(probe: ClusterProbe) -> None:
    asked = {
        "resourceAttributes": {
            "namespace": probe.namespace,
            "verb": "patch",
            "group": "apps",
            "resource": "deployments",
        }
    }
    reviews = probe.dynamic.resources.get(api_version="authorization.k8s.io/v1", kind="SelfSubjectAccessReview")
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": asked}
    assert reviews.create(body=review).status.allowed is True


def test_kubectl_prints_tables_and_documents(probe: ClusterProbe) -> None:
    config_maps(probe, "a")
    assert probe.kubectl("get", "configmap", "a").split()[:3] == ["NAME", "DATA", "AGE"]
    assert '"a": "1"' in probe.kubectl("get", "configmap", "a", "-o", "json")
    assert "Ready" in probe.kubectl("get", "nodes", "-o", "wide")
    assert "gitVersion" in probe.kubectl("version", "-o", "json")


def test_an_object_that_is_gone_is_not_found(probe: ClusterProbe) -> None:
    config_maps(probe, "a")
    probe.kind("ConfigMap").delete(name="a", namespace=probe.namespace)
    with pytest.raises(ApiException) as refused:
        probe.get("ConfigMap", "a")
    assert refused.value.status == 404


def test_nodes_renew_leases(probe: ClusterProbe) -> None:
    leases = {lease["metadata"]["name"] for lease in probe.within("kube-node-lease").listed("Lease")}
    assert leases >= {node.metadata.name for node in probe.kind("Node").get().items}
