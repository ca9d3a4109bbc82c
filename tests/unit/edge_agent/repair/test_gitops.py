"""What something else holds to its source is left alone, and the person is told what to change there."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.repair.gitops import FieldChange, managed_by, refuse_reconciled

MEMORY = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"app"}', "f:resources", "f:limits", "f:memory")
CHANGE = FieldChange(field="memory limit of container app", old="64Mi", new="128Mi", path=MEMORY)


def workload(**metadata: Any) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", **metadata}}


def owner(kind: str, version: str, *, controller: bool = True) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "apiVersion": version, "name": "web", "controller": controller}]}


def owned(path: tuple[str, ...]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for step in reversed(path):
        tree = {step: tree}
    return tree


def fields(manager: str, operation: str, path: tuple[str, ...] = MEMORY) -> dict[str, Any]:
    return {"managedFields": [{"manager": manager, "operation": operation, "fieldsV1": owned(path)}]}


KEPT = [
    ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}, "argocd", "shop"),
    ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "argocd", "shop"),
    (
        {"labels": {"app.kubernetes.io/instance": "shop"}} | fields("argocd-controller", "Update"),
        "argocd",
        "shop",
    ),
    ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "flux", "kustomize shop"),
    (
        {"labels": {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "flux-system"}},
        "flux",
        "helm flux-system/shop",
    ),
    ({"labels": {"objectset.rio.cattle.io/hash": "abc"}}, "fleet", ""),
    ({"annotations": {"objectset.rio.cattle.io/id": "default-shop"}}, "fleet", "default-shop"),
    ({"annotations": {"configmanagement.gke.io/managed": "enabled"}}, "config sync", ""),
    ({"annotations": {"configsync.gke.io/resource-id": "apps_deployment_shop_web"}}, "config sync", ""),
    ({"labels": {"olm.owner": "etcdoperator.v0.9"}}, "olm", "etcdoperator.v0.9"),
    ({"labels": {"addonmanager.kubernetes.io/mode": "Reconcile"}}, "addon-manager", ""),
    ({"labels": {"kapp.k14s.io/app": "1583354"}}, "kapp", "1583354"),
    ({"labels": {"crossplane.io/claim-name": "shop"}}, "crossplane", "shop"),
    ({"labels": {"app.kubernetes.io/managed-by": "strimzi-cluster-operator"}}, "strimzi-cluster-operator", ""),
    (owner("Canary", "flagger.app/v1beta1"), "Canary web", "flagger.app"),
    (owner("Rollout", "argoproj.io/v1alpha1"), "Rollout web", "argoproj.io"),
    (
        owner("ClusterServiceVersion", "operators.coreos.com/v1alpha1", controller=False),
        "ClusterServiceVersion web",
        "",
    ),
    (owner("Jenkins", "jenkins.io/v1alpha2"), "Jenkins web", "jenkins.io"),
    (fields("kustomize-controller", "Apply"), "flux", ""),
    (fields("our-platform", "Apply"), "our-platform", "server-side apply"),
    (fields("our-platform", "Apply", MEMORY[:6]), "our-platform", "server-side apply"),
]
FREE = [
    {},
    {"labels": {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "shop"}},
    {"labels": {"app.kubernetes.io/instance": "shop"}},
    {"labels": {"addonmanager.kubernetes.io/mode": "EnsureExists"}},
    {"annotations": {"configmanagement.gke.io/managed": "disabled"}},
    {"ownerReferences": [{"kind": "ConfigMap", "apiVersion": "v1", "name": "web"}]},
    fields("kubectl", "Apply"),
    fields("aetherius", "Apply"),
    fields("our-platform", "Update"),
    fields("our-platform", "Apply", ("f:spec", "f:replicas")),
]


@pytest.mark.parametrize(("metadata", "tool", "app"), KEPT)
def test_a_kept_object_is_refused_with_the_change_to_make_at_its_source(
    metadata: dict[str, Any], tool: str, app: str
) -> None:
    with pytest.raises(RepairRefusedError) as refused:
        refuse_reconciled(workload(**metadata), [CHANGE])
    said = refused.value.reason
    assert f"web is managed by {tool}" in said
    assert app in said
    assert "Deployment shop/web" in said
    assert "memory limit of container app from 64Mi to 128Mi" in said


@pytest.mark.parametrize("metadata", FREE)
def test_what_nobody_keeps_may_be_repaired(metadata: dict[str, Any]) -> None:
    refuse_reconciled(workload(**metadata), [CHANGE])


def test_the_history_names_the_keeper_or_helm() -> None:
    assert managed_by(workload(labels={"kapp.k14s.io/app": "1"})) == "kapp"
    assert managed_by(workload(annotations={"meta.helm.sh/release-name": "shop"})) == "helm"
    assert managed_by(workload()) == ""
