"""kubectl where the simulator differs from a cluster with machines, or where kwok plays no part: the contract suite has the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_probe import ClusterProbe, eventually
from simulated_cluster import SimulatedCluster


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[ClusterProbe]:
    """A client of a cluster of its own, with one running Deployment."""
    with SimulatedCluster(tmp_path).running() as cluster:
        found = ClusterProbe(cluster.kubeconfig, "default")
        found.deploy("web", replicas=3)
        eventually(lambda: found.is_complete("web"))
        yield found
        found.close()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(("exec", "deploy/web", "--", "ls"), "exec"), (("port-forward", "deploy/web", "8080"), "portforward")],
)
def test_what_needs_a_process_is_refused_in_words(probe: ClusterProbe, arguments: tuple[str, ...], what: str) -> None:
    done = probe.try_kubectl(*arguments)
    assert done.returncode != 0
    assert f"{what} needs a process in the container, and this cluster is simulated" in done.stderr


def test_a_node_is_drained_and_taken_back(probe: ClusterProbe) -> None:
    node = probe.pods("web")[0]["spec"]["nodeName"]
    probe.kubectl("drain", node, "--timeout=30s")
    eventually(lambda: probe.is_complete("web"))
    assert node not in {pod["spec"]["nodeName"] for pod in probe.pods("web")}
    probe.kubectl("uncordon", node)
    assert not probe.get("Node", node)["spec"].get("unschedulable")


def test_logs_events_and_descriptions_are_read(probe: ClusterProbe) -> None:
    assert "starting" in probe.kubectl("logs", "deploy/web")
    assert "SuccessfulCreate" in probe.kubectl("events")
    assert "3 desired" in probe.kubectl("describe", "deployment", "web")


def test_a_client_that_wants_only_openapi_v2_is_told_there_is_none(probe: ClusterProbe) -> None:
    assert probe.request("GET", "/openapi/v2")[0] == 404
    assert probe.request("GET", "/openapi/v3/apis/batch/v1")[0] == 404
