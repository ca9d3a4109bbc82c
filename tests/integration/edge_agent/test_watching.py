"""What the agent reports of a cluster's life."""

from __future__ import annotations

import pytest

from aetherius.domain.wire.event import Severity
from agent_platform import AgentPlatform, soon
from cluster_probe import ClusterProbe

pytestmark = pytest.mark.anyio


async def test_an_oom_kill_is_reported_with_its_owner_and_limit(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web", annotations={"aetherius.test/working-set": "96Mi"}, memory="64Mi")
    event = (await soon(lambda: agent.seen(reason="OOMKilled", namespace=probe.namespace)))[0]
    assert (event.source, event.severity) == ("container_status", Severity.HIGH)
    assert (event.labels.owner_kind, event.labels.owner_name) == ("Deployment", "web")
    assert (event.raw_data.container, event.raw_data.exit_code) == ("app", 137)
    assert event.raw_data.memory_limit == "64Mi"
    assert event.labels.node.startswith("simulated")
    await soon(lambda: agent.seen(reason="CrashLoopBackOff", namespace=probe.namespace))
    changes = await soon(lambda: agent.seen(reason="ScalingReplicaSet", owner_name="web", namespace=probe.namespace))
    assert changes[0].severity is Severity.LOW
    ids = [each.id for each in agent.events]
    assert len(ids) == len(set(ids))
    assert [each.sequence for each in agent.events] == list(range(1, len(agent.events) + 1))
