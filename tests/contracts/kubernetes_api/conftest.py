"""Runs every test of this folder on the simulator and on a real control plane."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cluster_probe import ClusterProbe
from cluster_under_test import ClusterUnderTest


@pytest.fixture(
    scope="session", params=["simulated_cluster", pytest.param("real_cluster", marks=pytest.mark.kubernetes)]
)
def cluster(request: pytest.FixtureRequest) -> ClusterUnderTest:
    """The cluster under test."""
    found: ClusterUnderTest = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def client_of_cluster(cluster: ClusterUnderTest) -> Iterator[ClusterProbe]:
    """One client for the whole session: discovery is asked once."""
    probe = ClusterProbe(cluster.kubeconfig, "default")
    yield probe
    probe.close()


@pytest.fixture
def probe(client_of_cluster: ClusterProbe) -> Iterator[ClusterProbe]:
    """A client with an empty namespace of its own."""
    yield from _in_a_namespace(client_of_cluster)


@pytest.fixture(scope="session")
def shared_probe(client_of_cluster: ClusterProbe) -> Iterator[ClusterProbe]:
    """A client with a namespace for the whole session, for faults that are injected together and take their time."""
    yield from _in_a_namespace(client_of_cluster)


def _in_a_namespace(client: ClusterProbe) -> Iterator[ClusterProbe]:
    name = f"contract-{uuid.uuid4().hex[:8]}"
    client.kind("Namespace").create(body={"metadata": {"name": name}})
    yield client.within(name)
    client.kind("Namespace").delete(name=name)
