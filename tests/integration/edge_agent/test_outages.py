"""What the agent does when something is away: NATS, the API server, the platform, or the agent itself."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from aetherius.domain.wire.agent import RegisterReply
from aetherius.domain.wire.command import ResultStatus
from aetherius.edge_agent.errors import RegistrationRefusedError
from aetherius.edge_agent.settings import AgentSettings
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.errors import FolderInUseError
from aetherius.simulator.settings import SimulatorSettings
from agent_platform import AgentPlatform, agent_platform, running_agent, soon
from agent_process import agent_process
from cluster_probe import ClusterProbe
from simulated_cluster import SimulatedCluster

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def started(probe: ClusterProbe, platform: AgentPlatform) -> set[str]:
    """Deployments of this namespace whose scaling was reported."""
    return {each.labels.name for each in platform.seen(reason="ScalingReplicaSet", namespace=probe.namespace)}


def assert_each_once_and_in_order(platform: AgentPlatform) -> None:
    twice = [id for id, count in Counter(each.id for each in platform.events).items() if count > 1]
    assert not twice
    for epoch in {each.epoch for each in platform.events}:
        sequences = [each.sequence for each in platform.events if each.epoch == epoch]
        assert sequences == list(range(1, len(sequences) + 1))


async def test_what_happens_while_nats_is_away_comes_afterwards_in_order(
    own_folder: Path, settings: AgentSettings, probe: ClusterProbe
) -> None:
    nats = EmbeddedNats(own_folder / "nats")
    await nats.start()
    try:
        async with agent_platform(nats, own_folder, f"c-{uuid.uuid4().hex[:8]}") as platform:
            ours = dataclasses.replace(settings, credentials=own_folder / "credentials.json")
            async with running_agent(ours):
                probe.deploy("before")
                await soon(lambda: "before" in started(probe, platform))
                await nats.stop()
                for number in range(3):
                    probe.deploy(f"during-{number}")
                await soon(lambda: all(probe.is_complete(f"during-{number}") for number in range(3)))
                await nats.start()
                await soon(lambda: {"during-0", "during-1", "during-2"} <= started(probe, platform))
                probe.deploy("after")
                await soon(lambda: "after" in started(probe, platform))
        assert_each_once_and_in_order(platform)
    finally:
        await nats.stop()


async def test_an_agent_that_starts_without_nats_collects_at_once(
    own_folder: Path, settings: AgentSettings, probe: ClusterProbe
) -> None:
    nats = EmbeddedNats(own_folder / "nats")
    await nats.start()
    async with agent_platform(nats, own_folder, f"c-{uuid.uuid4().hex[:8]}"):
        pass
    credentials = own_folder / "credentials.json"
    await nats.stop()
    ours = dataclasses.replace(settings, credentials=credentials)
    async with running_agent(ours):
        probe.deploy("web")
        await soon(lambda: probe.is_complete("web"))
    # It left without ever having spoken; the next start has it all in its spool.
    await nats.start()
    try:
        cluster_id = msgspec.json.decode(credentials.read_bytes())["cluster_id"]
        async with agent_platform(nats, own_folder, cluster_id) as platform, running_agent(ours):
            await soon(lambda: "web" in started(probe, platform))
            assert {each.epoch for each in platform.events} == {1}
    finally:
        await nats.stop()


async def test_a_killed_agent_loses_nothing_and_says_nothing_twice(
    platform: AgentPlatform, settings: AgentSettings, probe: ClusterProbe, tmp_path: Path
) -> None:
    for number in range(4):
        with agent_process(settings, tmp_path / "agent.log") as process:
            probe.deploy(f"web-{number}", annotations={"aetherius.test/working-set": "96Mi"}, memory="64Mi")
            await soon(lambda: len(platform.registrations) > number)  # noqa: B023
            if number % 2:  # once in the middle of the first events, once after them
                await soon(lambda: f"web-{number}" in started(probe, platform))  # noqa: B023
            os.kill(process.pid, signal.SIGKILL)
    with agent_process(settings, tmp_path / "agent.log"):
        names = {f"web-{number}" for number in range(4)}
        await soon(lambda: names <= started(probe, platform))
        await soon(lambda: names <= {each.labels.owner_name for each in platform.seen(reason="OOMKilled")})
    ids = [each.id for each in platform.events]
    assert len(ids) == len(set(ids))


async def test_a_stopped_agent_ends_in_time_and_leaves_nothing_in_the_spool(
    platform: AgentPlatform, settings: AgentSettings, probe: ClusterProbe, tmp_path: Path
) -> None:
    with agent_process(settings, tmp_path / "agent.log") as process:
        probe.deploy("web")
        await soon(lambda: "web" in started(probe, platform))
        process.terminate()
        await soon(lambda: process.poll() is not None)
        assert process.returncode == 0, (tmp_path / "agent.log").read_text()
    assert_each_once_and_in_order(platform)


async def test_a_command_that_was_running_when_the_agent_died_is_answered_by_the_next(
    platform: AgentPlatform, settings: AgentSettings, probe: ClusterProbe, tmp_path: Path
) -> None:
    probe.deploy("web")
    parameters = {"kind": "Deployment", "name": "web", "soak_seconds": 3.0, "deadline_seconds": 100.0}
    command = platform.command(tool="repair", action="VerifyWorkload", parameters=parameters, namespace=probe.namespace)
    with agent_process(settings, tmp_path / "agent.log") as process:
        await soon(lambda: platform.registrations)
        await platform.send(command)
        await asyncio.sleep(1)
        os.kill(process.pid, signal.SIGKILL)
    with agent_process(settings, tmp_path / "agent.log"):
        await platform.send(command, message_id=f"{command.id}:again")  # the queue itself would wait for a minute
        result = await platform.result(command.id)
    assert result.status is ResultStatus.SUCCESS
    assert b'"verified":true' in result.output.encode()


async def test_forgotten_history_is_listed_again(
    platform: AgentPlatform, settings: AgentSettings, probe: ClusterProbe, simulated_cluster: SimulatedCluster
) -> None:
    async with running_agent(settings):
        probe.deploy("one")
        await soon(lambda: "one" in started(probe, platform))
        await asyncio.to_thread(simulated_cluster.forget_history)
        probe.deploy("two")
        await soon(lambda: "two" in started(probe, platform))
    assert_each_once_and_in_order(platform)


async def test_a_refused_agent_stops_and_says_why(platform: AgentPlatform, settings: AgentSettings) -> None:
    platform.reply = RegisterReply(accepted=False, reason="another agent of this cluster is alive")
    with pytest.raises(ExceptionGroup) as group:
        async with running_agent(settings):
            await asyncio.sleep(100)
    found = group.value.split(RegistrationRefusedError)[0]
    assert found is not None
    assert platform.events == []


async def test_two_agents_cannot_share_a_state_folder(agent: AgentPlatform, settings: AgentSettings) -> None:
    with pytest.raises(ExceptionGroup) as group:
        async with running_agent(settings):
            await asyncio.sleep(100)
    assert group.value.split(FolderInUseError)[0] is not None


async def test_heartbeats_tell_what_is_published_and_what_waits(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web")
    await soon(lambda: agent.heartbeats and agent.heartbeats[-1].sequence == len(agent.events) > 0)
    last = agent.heartbeats[-1]
    registered = agent.registrations[0]
    assert (last.agent_id, last.epoch, last.spooled) == (registered.agent_id, registered.epoch, 0)
    assert "UpdateResourceLimits" in registered.capabilities
    assert registered.kubernetes_version.startswith("v1.")


async def test_another_api_server_in_the_kubeconfig_is_found_and_listed_anew(
    platform: AgentPlatform, settings: AgentSettings, tmp_path: Path
) -> None:
    """It has another port, certificate and token, and a shorter history than the one before."""
    first = SimulatedCluster(tmp_path, SimulatorSettings(history_limit=300))
    second = SimulatedCluster(tmp_path)
    with contextlib.ExitStack() as life:
        life.enter_context(first.running())
        first.forget_history()  # hundreds of versions
        async with running_agent(dataclasses.replace(settings, kubeconfig=first.kubeconfig)):
            await soon(lambda: platform.registrations)
            life.pop_all().close()
            with second.running():
                probe = ClusterProbe(second.kubeconfig, "default")
                probe.deploy("web")
                await soon(lambda: "web" in started(probe, platform))
                probe.close()
