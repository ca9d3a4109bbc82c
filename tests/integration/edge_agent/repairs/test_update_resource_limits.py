"""Raising a memory limit: what it does, what it refuses, and that a repeat changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.edge_agent.errors import RepairRefusedError
from cluster_probe import ClusterProbe
from repair_acts import Act, undo


def memory_of(limit: str) -> dict[str, Any]:
    """A merge patch of the probe's own Deployments."""
    container = {"name": "app", "image": "registry.test/app:v1", "resources": {"limits": {"memory": limit}}}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


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
