"""What the agent reports of a cluster's life."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from aetherius.domain.wire import headers
from aetherius.domain.wire.event import Severity
from agent_platform import AgentPlatform, soon
from cluster_probe import ClusterProbe

pytestmark = pytest.mark.anyio
StartAgent = Callable[[], AbstractAsyncContextManager[None]]


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


async def test_a_failed_rollout_and_its_recovery_are_told_once(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web", labels={"aetherius.test/config": "missing"}, container=NEEDS_SETTINGS)
    failed = await soon(lambda: agent.seen(reason="CreateContainerConfigError", namespace=probe.namespace))
    assert failed[0].message == 'configmap "settings" not found'
    probe.kind("ConfigMap").create(namespace=probe.namespace, body={"metadata": {"name": "settings"}})
    pod = probe.pods("web")[0]["metadata"]["name"]
    probe.patch("Pod", pod, {"metadata": {"labels": {"aetherius.test/config": None}}})
    recovered = await soon(lambda: agent.seen(reason="PodRecovered", namespace=probe.namespace))
    assert (recovered[0].severity, recovered[0].labels.name, recovered[0].uid) == (Severity.LOW, pod, failed[0].uid)
    probe.deploy("well")  # a pod that never failed does not recover
    await soon(lambda: probe.is_complete("well"))
    await soon(lambda: agent.seen(reason="Started", owner_name="well", namespace=probe.namespace))
    assert len(agent.seen(reason="PodRecovered", namespace=probe.namespace)) == 1
    assert len(agent.seen(reason="CreateContainerConfigError", namespace=probe.namespace)) == 1


NEEDS_SETTINGS = {"envFrom": [{"configMapRef": {"name": "settings"}}]}


async def test_a_pod_that_a_persons_fix_replaced_is_told_once(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web", image=BAD_IMAGE)
    failed = await soon(lambda: agent.seen(reason="ErrImagePull", source="container_status", namespace=probe.namespace))
    probe.patch("Deployment", "web", with_image("registry.test/app:v2"))
    (replaced,) = await soon(lambda: agent.seen(reason="PodReplaced", namespace=probe.namespace))
    assert (replaced.uid, replaced.labels.name) == (failed[0].uid, failed[0].labels.name)
    assert (replaced.labels.owner_kind, replaced.labels.owner_name) == ("Deployment", "web")
    assert "Deployment web is complete (1 of 1 available" in replaced.message


async def test_what_was_fixed_while_the_agent_was_away_is_told_when_it_is_back(
    start_agent: StartAgent, platform: AgentPlatform, probe: ClusterProbe
) -> None:
    async with start_agent():
        probe.deploy("fixed", image=BAD_IMAGE)
        probe.deploy("removed", image=BAD_IMAGE)
        await soon(lambda: platform.seen(reason="ErrImagePull", owner_name="fixed", source="container_status"))
        await soon(lambda: platform.seen(reason="ErrImagePull", owner_name="removed", source="container_status"))
    probe.patch("Deployment", "fixed", with_image("registry.test/app:v2"))
    probe.kind("Deployment").delete(name="removed", namespace=probe.namespace)
    await soon(lambda: probe.is_complete("fixed") and not probe.pods("removed"))
    async with start_agent():
        await soon(lambda: platform.seen(reason="PodReplaced", owner_name="fixed", namespace=probe.namespace))
        await soon(lambda: platform.seen(reason="PodRemoved", owner_name="removed", namespace=probe.namespace))


BAD_IMAGE = "registry.test/app:missing"


def with_image(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}


async def test_near_misses_are_not_called_by_the_faults_names(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("probe-fails", annotations={"aetherius.test/liveness": "fails"})
    probe.deploy("slow-pull", annotations={"aetherius.test/pull-seconds": "3"})
    killed = await soon(lambda: agent.seen(reason="Error", owner_name="probe-fails", namespace=probe.namespace))
    assert killed[0].raw_data.exit_code == 137
    await soon(lambda: probe.is_complete("slow-pull"))
    reasons = {each.reason for each in agent.seen(namespace=probe.namespace)}
    assert not reasons & {"OOMKilled", "ErrImagePull", "ImagePullBackOff"}


async def test_a_node_that_is_lost_and_comes_back_is_told(agent: AgentPlatform, probe: ClusterProbe) -> None:
    node = probe.kind("Node").get().to_dict()["items"][0]["metadata"]["name"]
    label = "aetherius.test/fault"
    probe.patch("Node", node, {"metadata": {"labels": {label: "not-ready"}}})
    lost = await soon(lambda: agent.seen(reason="NodeNotReady", source="node_status", name=node))
    probe.patch("Node", node, {"metadata": {"labels": {label: None}}})
    back = await soon(lambda: agent.seen(reason="NodeReady", source="node_status", name=node))
    assert (lost[-1].severity, back[-1].severity) == (Severity.CRITICAL, Severity.LOW)
    assert back[-1].labels.node == node


async def test_batches_say_what_they_are(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web")
    await soon(lambda: agent.seen(reason="Started", owner_name="web", namespace=probe.namespace))
    first = agent.batches[0]
    found = first.headers or {}
    agent_id, epoch = agent.events[0].agent_id, agent.events[0].epoch
    count = int(found[headers.BATCH])
    assert found[headers.MESSAGE_ID] == f"{agent.cluster_id}:{agent_id}:{epoch}:1-{count}"
    assert found[headers.CE_TYPE] == "aetherius.agent.event"
    assert found[headers.CE_SOURCE] == f"/aetherius/clusters/{agent.cluster_id}/agents/{agent_id}"
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", found[headers.TRACEPARENT])
    assert {headers.CE_ID, headers.CE_TIME} <= set(found)
