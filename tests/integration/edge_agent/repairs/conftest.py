"""Typed actions under test: on the simulator and, where it is built, on a real control plane."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.edge_agent.database import Database
from aetherius.edge_agent.kubernetes_api import connect
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch
from aetherius.edge_agent.repair.performers import shipped_performers
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from cluster_probe import ClusterProbe
from cluster_under_test import ClusterUnderTest
from repair_acts import Act

PERFORMERS = shipped_performers()


@pytest.fixture(
    scope="session", params=["simulated_cluster", pytest.param("real_cluster", marks=pytest.mark.kubernetes)]
)
def cluster(request: pytest.FixtureRequest) -> ClusterUnderTest:
    found: ClusterUnderTest = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def probe_of_cluster(cluster: ClusterUnderTest) -> Iterator[ClusterProbe]:
    probe = ClusterProbe(cluster.kubeconfig, "default")
    yield probe
    probe.close()


@pytest.fixture
def probe(probe_of_cluster: ClusterProbe) -> Iterator[ClusterProbe]:
    name = f"repair-{uuid.uuid4().hex[:8]}"
    probe_of_cluster.kind("Namespace").create(body={"metadata": {"name": name}})
    yield probe_of_cluster.within(name)
    probe_of_cluster.kind("Namespace").delete(name=name)


@pytest.fixture
def revisions(tmp_path: Path) -> AvailableRevisions:
    return AvailableRevisions(Database(tmp_path / "agent.db"))


@pytest.fixture
def hands(cluster: ClusterUnderTest, revisions: AvailableRevisions) -> Iterator[Cluster]:
    api = connect(cluster.kubeconfig)
    yield Cluster(api, revisions, proven_after=0.1)
    api.close()


@pytest.fixture
def act(hands: Cluster, probe: ClusterProbe) -> Act:
    """Does an action in the test's namespace and returns its answer."""

    def act(kind: str, /, *, seconds: float = 30.0, **parameters: Any) -> dict[str, Any]:
        typed = PERFORMERS.parse(kind, parameters)
        done = PERFORMERS.perform(typed, probe.namespace, hands, Stopwatch(seconds))
        answer: dict[str, Any] = msgspec.json.decode(done)
        return answer

    return act
