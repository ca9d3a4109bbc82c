"""Going back to an earlier revision: what it does, what it refuses, and that a repeat changes nothing."""

from __future__ import annotations

import pytest

from aetherius.edge_agent.errors import RepairRefusedError
from cluster_probe import ClusterProbe, eventually
from repair_acts import Act, a_bad_rollout, undo


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
