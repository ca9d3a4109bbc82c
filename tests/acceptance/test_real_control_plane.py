"""The main job on a real control plane: each fault is found, explained, repaired and verified; and what only looks like one is left alone.

The agent runs with its own service account and the rights of `deploy/agent-rbac.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aetherius.domain import incident as incidents
from aetherius.domain import remediation as remediations
from aetherius.domain.words import UNKNOWN
from aetherius.domain.workflow.events import Cancelled, Completed, StepStarted
from agent_account import may, refusals
from cluster_probe import ClusterProbe, Document, eventually
from real_cluster import RealCluster
from real_site import RealSite

WORKING_SET = {"aetherius.test/working-set": "96Mi"}
FAULT = "aetherius.test/fault"
CONFIG = "aetherius.test/config"
SHUTDOWN = {"key": "node.cloudprovider.kubernetes.io/shutdown", "effect": "NoSchedule"}
"""What a cloud's controller sets on a node whose machine is off."""

NEVER = (
    "get secrets",
    "list secrets",
    "list configmaps",
    "create pods",
    "delete pods",
    "create pods/exec",
    "create pods/ephemeralcontainers",
    "get nodes/proxy",
    "create serviceaccounts/token",
    "patch daemonsets.apps",
    "update deployments.apps",
    "delete nodes",
    "impersonate users",
    "create clusterrolebindings.rbac.authorization.k8s.io",
)
"""Verb and resource of what no agent needs."""


@pytest.fixture(scope="module")
def site(alone: None, real_cluster: RealCluster, open_folder: Path) -> Iterator[RealSite]:
    """One platform and one agent for all tests of this file."""
    with RealSite(real_cluster, open_folder / "real-site").running() as found:
        yield found
        print("\nseconds from the fault:", {str(cause): times for cause, times in found.times.items()})


@pytest.fixture
def shop(site: RealSite) -> Iterator[ClusterProbe]:
    """An empty namespace."""
    with site.space() as probe:
        yield probe


def deployed(shop: ClusterProbe, name: str, **template: Any) -> None:
    """Create a Deployment, and wait until it is available."""
    shop.deploy(name, **template)
    eventually(lambda: shop.is_complete(name))


def changes(shop: ClusterProbe, name: str) -> int:
    """How often a Deployment was changed, with its creation."""
    found: int = shop.get("Deployment", name)["metadata"]["generation"]
    return found


def container(shop: ClusterProbe, name: str) -> Document:
    """The one container of a Deployment's template."""
    found: Document = shop.get("Deployment", name)["spec"]["template"]["spec"]["containers"][0]
    return found


def needs_settings(shop: ClusterProbe, name: str, by: str = "environment") -> None:
    """Roll out a template that needs a config map which is not there, by its environment or by a volume."""
    spec: Document = {"containers": [container(shop, name)]}
    if by == "environment":
        spec["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    else:
        spec["volumes"] = [{"name": "settings", "configMap": {"name": "settings"}}]
    template = {"metadata": {"labels": {CONFIG: "missing"}}, "spec": spec}
    shop.patch("Deployment", name, {"spec": {"template": template}})


def annotate(shop: ClusterProbe, name: str, **annotations: str) -> None:
    """Roll out a template with these annotations, named without their prefix."""
    marks = {f"aetherius.test/{key.replace('_', '-')}": value for key, value in annotations.items()}
    shop.patch("Deployment", name, {"spec": {"template": {"metadata": {"annotations": marks}}}})


def a_node_of(shop: ClusterProbe, name: str) -> str:
    """A node that a Deployment runs on, once the pods of earlier tests have left it: a namespace that ends keeps its Deployments until its pods are
    gone, and a drain would wait for replicas that nobody starts any more."""
    node: str = shop.pods(name)[0]["spec"]["nodeName"]
    path = f"/api/v1/pods?fieldSelector=spec.nodeName={node}"
    eventually(
        lambda: {pod["metadata"]["namespace"] for pod in shop.request("GET", path)[1]["items"]} == {shop.namespace}
    )
    return node


@contextmanager
def lost(probe: ClusterProbe, node: str) -> Iterator[None]:
    """A node whose kubelet is dead until the block ends."""
    probe.patch("Node", node, {"metadata": {"labels": {FAULT: "not-ready"}}})
    mark(probe, node, SHUTDOWN)
    try:
        yield
    finally:
        mark(probe, node)
        probe.patch("Node", node, {"metadata": {"labels": {FAULT: None}}})


def mark(probe: ClusterProbe, node: str, *more: Document) -> None:
    """Have the cloud's word on a node's machine, or take it back."""
    taints = probe.get("Node", node)["spec"].get("taints") or []
    others = [each for each in taints if each["key"] != SHUTDOWN["key"]]
    probe.patch("Node", node, {"spec": {"taints": [*others, *more]}})


def unmarked(probe: ClusterProbe, node: str) -> bool:
    """Whether a node takes pods: ready, not cordoned, without taints."""
    found = probe.get("Node", node)
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in found["status"]["conditions"])
    return ready and not found["spec"].get("unschedulable") and not found["spec"].get("taints")


class TestFaults:
    """Fault, diagnosis, repair, verification, end."""

    def test_a_memory_limit_that_is_too_low_is_raised(self, site: RealSite, shop: ClusterProbe) -> None:
        deployed(shop, "checkout", replicas=2, annotations=WORKING_SET)
        trouble = site.trouble(shop.namespace, "checkout")
        shop.kubectl("set", "resources", "deployment/checkout", "--limits=memory=64Mi")
        trouble.until(incidents.Resolved)
        trouble.ends_well("OOM", "UpdateResourceLimits")
        assert container(shop, "checkout")["resources"]["limits"] == {"memory": "128Mi"}
        assert changes(shop, "checkout") == 3
        assert shop.is_complete("checkout")

    def test_a_rollout_of_an_image_that_is_not_there_is_taken_back(self, site: RealSite, shop: ClusterProbe) -> None:
        deployed(shop, "catalog", replicas=2)
        trouble = site.trouble(shop.namespace, "catalog")
        shop.kubectl("set", "image", "deployment/catalog", "app=registry.test/app:missing-v2")
        trouble.until(incidents.Resolved)
        trouble.ends_well("Image", "RollbackDeployment")
        assert container(shop, "catalog")["image"] == "registry.test/app:v1"
        assert changes(shop, "catalog") == 3
        assert shop.is_complete("catalog")

    @pytest.mark.parametrize("by", ["environment", "volume"])
    def test_a_rollout_that_needs_a_missing_config_map_is_taken_back_once_approved(
        self, site: RealSite, shop: ClusterProbe, by: str
    ) -> None:
        deployed(shop, "payments", replicas=2)
        trouble = site.trouble(shop.namespace, "payments")
        needs_settings(shop, "payments", by)
        trouble.approve()
        trouble.until(incidents.Resolved)
        trouble.ends_well("Config", "RollbackDeployment")
        assert "envFrom" not in container(shop, "payments")
        assert not shop.get("Deployment", "payments")["spec"]["template"]["spec"].get("volumes")
        assert changes(shop, "payments") == 3
        assert shop.is_complete("payments")

    def test_a_lost_node_is_drained_once_approved_and_taken_back_into_service(
        self, site: RealSite, shop: ClusterProbe
    ) -> None:
        deployed(shop, "search", replicas=3)
        node = a_node_of(shop, "search")
        trouble = site.trouble("", node)
        with lost(shop, node):
            trouble.approve()
            trouble.until(incidents.Mitigated)
            assert node not in {pod["spec"]["nodeName"] for pod in shop.pods("search")}
            assert shop.is_complete("search")
            assert not unmarked(shop, node)
        trouble.until(incidents.Resolved)
        trouble.ends_well("NodeLost", "DrainNode")
        eventually(lambda: unmarked(shop, node))
        assert [order.parameters["mode"] for order in trouble.orders()] == ["execute", "restore"]
        assert changes(shop, "search") == 1


class TestNearMisses:
    """What looks like a fault and is none, or none that we know: nothing is changed."""

    def test_an_exit_code_of_137_without_an_oom_kill_is_not_explained(self, site: RealSite, shop: ClusterProbe) -> None:
        deployed(shop, "checkout", replicas=2)
        trouble = site.trouble(shop.namespace, "checkout")
        annotate(shop, "checkout", liveness="fails")
        trouble.until(Completed)
        diagnosis = trouble.the(incidents.Diagnosed)
        assert diagnosis.root_cause == UNKNOWN
        assert any("137" in each.finding for each in diagnosis.evidence)
        assert trouble.the(remediations.Proposed).action == "Notify"
        assert trouble.orders() == []
        assert changes(shop, "checkout") == 2

    def test_an_image_pull_that_is_only_slow_opens_nothing(self, site: RealSite, shop: ClusterProbe) -> None:
        deployed(shop, "catalog")
        trouble = site.trouble(shop.namespace, "catalog")
        annotate(shop, "catalog", pull_seconds="6")
        trouble.until_reported("Pulling")
        eventually(lambda: shop.is_complete("catalog"))
        trouble.until_reported("Killing")  # the last of the old revision: all that the pull has caused is told
        assert trouble.story.opened() == []
        assert trouble.orders() == []
        assert changes(shop, "catalog") == 2

    def test_a_config_map_that_comes_late_is_waited_for(self, site: RealSite, shop: ClusterProbe) -> None:
        deployed(shop, "payments")
        trouble = site.trouble(shop.namespace, "payments")
        needs_settings(shop, "payments")
        trouble.until(incidents.Opened)
        shop.create("ConfigMap", {"metadata": {"name": "settings"}, "data": {"currency": "EUR"}})
        for pod in shop.pods("payments"):  # kwok cannot look the map up: the label says that it is missing
            shop.patch("Pod", pod["metadata"]["name"], {"metadata": {"labels": {CONFIG: None}}})
        trouble.until(Completed)
        trouble.until(incidents.Resolved)
        assert trouble.the(incidents.Resolved).how == "recovered"
        assert trouble.orders() == []
        assert changes(shop, "payments") == 2
        assert shop.is_complete("payments")

    def test_a_node_that_flaps_is_left_alone(self, site: RealSite, shop: ClusterProbe) -> None:
        deployed(shop, "search", replicas=3)
        pods = {pod["metadata"]["uid"] for pod in shop.pods("search")}
        node = a_node_of(shop, "search")
        trouble = site.trouble("", node)
        with lost(shop, node):
            trouble.until(StepStarted)  # the workflow's own grace begins
        trouble.until(Cancelled)
        assert trouble.the(incidents.Resolved).how == "recovered"
        assert trouble.orders() == []
        eventually(lambda: unmarked(shop, node))
        assert {pod["metadata"]["uid"] for pod in shop.pods("search")} == pods
        assert changes(shop, "search") == 1


class TestRights:
    """The last of the file: by now the agent has used all that it has."""

    def test_the_agent_was_refused_nothing(self, site: RealSite) -> None:
        assert refusals(site.cluster.audit_log) == set()

    def test_what_it_never_does_it_may_not_do(self, site: RealSite) -> None:
        assert may(site.admin, "patch", "deployments.apps"), "the question is asked rightly"
        assert [act for act in NEVER if may(site.admin, *act.split())] == []
