"""What tests of typed actions share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster_probe import ClusterProbe, eventually

Act = Callable[..., dict[str, Any]]
"""Does an action in the test's namespace and returns its answer."""


def undo(act: Act, answer: dict[str, Any]) -> dict[str, Any]:
    return act(answer["undo_action"], **answer["undo_parameters"])


def a_bad_rollout(probe: ClusterProbe) -> None:
    """Revision 1 works, revision 2 cannot pull its image."""
    probe.deploy("web")
    eventually(lambda: probe.is_complete("web"))
    containers = probe.get("Deployment", "web")["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "registry.test/app:missing"
    probe.patch("Deployment", "web", {"spec": {"template": {"spec": {"containers": containers}}}})
    eventually(lambda: probe.waiting("web", "ImagePullBackOff"))
