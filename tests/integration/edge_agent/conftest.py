"""An agent under test: a real NATS, a simulated cluster, and the platform's side of the conversation."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from aetherius.edge_agent.settings import AgentSettings
from aetherius.runtime.embedded_nats import EmbeddedNats
from agent_platform import AgentPlatform, agent_platform, running_agent
from cluster_probe import ClusterProbe
from simulated_cluster import SimulatedCluster

StartAgent = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture(scope="session")
def probe_of_simulated(simulated_cluster: SimulatedCluster) -> Iterator[ClusterProbe]:
    """One client for the session: discovery is asked once."""
    probe = ClusterProbe(simulated_cluster.kubeconfig, "default")
    yield probe
    probe.close()


@pytest.fixture
def probe(probe_of_simulated: ClusterProbe) -> Iterator[ClusterProbe]:
    """A client with a namespace of the test's own."""
    name = f"agent-{uuid.uuid4().hex[:8]}"
    probe_of_simulated.kind("Namespace").create(body={"metadata": {"name": name}})
    yield probe_of_simulated.within(name)
    probe_of_simulated.kind("Namespace").delete(name=name)


@pytest.fixture
async def platform(nats_server: EmbeddedNats, tmp_path: Path) -> AsyncIterator[AgentPlatform]:
    """The platform's side, for a new cluster."""
    async with agent_platform(nats_server, tmp_path, f"c-{uuid.uuid4().hex[:8]}") as platform:
        yield platform


@pytest.fixture
def settings(tmp_path: Path, simulated_cluster: SimulatedCluster, platform: AgentPlatform) -> AgentSettings:
    """An agent of that cluster."""
    return AgentSettings(
        credentials=tmp_path / "credentials.json",
        state_folder=tmp_path / "state",
        kubeconfig=simulated_cluster.kubeconfig,
        registration_pause=0.5,
        recovery_soak=1.0,
        aftermath_soak=1.0,
    )


@pytest.fixture
def start_agent(settings: AgentSettings) -> StartAgent:
    """Starts the agent for a block; as often as one likes."""
    return lambda: running_agent(settings)


@pytest.fixture
async def agent(start_agent: StartAgent, platform: AgentPlatform) -> AsyncIterator[AgentPlatform]:
    """The platform, with the agent running."""
    async with start_agent():
        yield platform
