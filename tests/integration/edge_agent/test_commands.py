"""Which commands the agent obeys, and that it runs each once."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.command import CommandMessage, CommandType, ResultStatus
from aetherius.edge_agent.commanding import commands
from aetherius.edge_agent.commanding.runner import CommandRunner, Ending
from aetherius.edge_agent.settings import AgentSettings
from aetherius.runtime.jetstream.streams import COMMANDS, command_consumer, ensure_command_consumer
from agent_platform import AgentPlatform, running_agent, soon
from cluster_probe import ClusterProbe

pytestmark = pytest.mark.anyio


async def test_kubectl_runs_in_the_namespace_of_the_command(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web")
    command = agent.command(action="get", args=["deployments", "-o", "name"], namespace=probe.namespace)
    result = await agent.order(command)
    assert (result.status, result.exit_code, result.error) == (ResultStatus.SUCCESS, 0, "")
    assert result.output.strip() == "deployment.apps/web"
    assert result.output_sha256 == hashlib.sha256(result.output.encode()).hexdigest()
    assert not result.truncated


async def test_logs_and_descriptions_come_back(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web", container={"env": [{"name": "DB_PASSWORD", "value": "hunter2-and-more"}]})
    await soon(lambda: probe.is_complete("web"))
    pod = f"pod/{probe.pods('web')[0]['metadata']['name']}"
    logs = await agent.order(agent.command(action="logs", args=["--tail=5", pod], namespace=probe.namespace))
    assert logs.status is ResultStatus.SUCCESS
    assert logs.output
    description = await agent.order(agent.command(action="describe", args=[pod], namespace=probe.namespace))
    assert "DB_PASSWORD" in description.output
    assert "hunter2" not in description.output
    yaml = await agent.order(agent.command(args=[pod, "-o", "yaml"], namespace=probe.namespace))
    assert "kind: Pod" in yaml.output
    assert "hunter2" not in yaml.output


async def test_what_the_policy_forbids_is_rejected_with_layer_and_rule(agent: AgentPlatform) -> None:
    result = await agent.order(agent.command(action="exec", args=["web-0", "--", "id"], namespace="shop"))
    assert result.status is ResultStatus.REJECTED
    assert result.rejected_by == "grammar: exec is denied: arbitrary code in a container"


@pytest.mark.parametrize("args", [["pods", "-n", "other"], ["pods", "--namespace=other"], ["pods", "-A"]])
async def test_a_command_cannot_leave_its_namespace(agent: AgentPlatform, args: list[str]) -> None:
    result = await agent.order(agent.command(args=args, namespace="shop"))
    assert result.status is ResultStatus.REJECTED
    assert result.rejected_by.startswith("authority: ")


async def test_a_failing_kubectl_is_a_failure_with_its_words(agent: AgentPlatform) -> None:
    result = await agent.order(agent.command(args=["pod/nobody"], namespace="default"))
    assert (result.status, result.exit_code) == (ResultStatus.FAILED, 1)
    assert "not found" in result.error


async def test_a_redelivered_command_runs_once_and_is_answered_twice(agent: AgentPlatform, probe: ClusterProbe) -> None:
    command = agent.command(args=["pods", "-o", "name"], namespace=probe.namespace)
    first = await agent.order(command)
    probe.deploy("web")  # were it to run again, it would see another answer
    await soon(lambda: probe.is_complete("web"))
    await agent.send(command, message_id=f"{command.id}:again")
    await agent.send(agent.command(args=["nodes"]))
    await soon(lambda: len(agent.results) >= 2)
    again = [each for each in agent.results if each.command_id == command.id]
    assert all(each == first for each in again)


@pytest.mark.parametrize("flaw", ["unsigned", "tampered", "other key", "other subject"])
async def test_a_command_without_a_valid_signature_is_dropped_unanswered(agent: AgentPlatform, flaw: str) -> None:
    command = agent.command(args=["nodes"])
    payload, subject = msgspec.json.encode(command), subjects.command(agent.cluster_id)
    override = {
        "unsigned": {headers.SIGNATURE: ""},
        "tampered": {headers.SIGNATURE: agent.sign(subject, payload.replace(b"nodes", b"pods"))},
        "other key": {headers.KEY_ID: "0" * 16},
        "other subject": {headers.SIGNATURE: agent.sign(subjects.command("another"), payload)},
    }
    await agent.send(command, **override[flaw])
    honest = agent.command(args=["nodes"])
    await agent.order(honest)
    assert [each.command_id for each in agent.results] == [honest.id]
    await until_empty(agent)


async def until_empty(agent: AgentPlatform) -> None:
    """Wait until the agent's queue holds nothing, taken or not."""
    async with asyncio.timeout(120):
        while True:
            found = await agent.js.consumer_info(COMMANDS, command_consumer(agent.cluster_id))
            if not found.num_pending and not found.num_ack_pending:
                return
            await asyncio.sleep(0.05)


async def test_an_expired_a_foreign_and_a_replayed_command_are_rejected(agent: AgentPlatform) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = await agent.order(agent.command(args=["nodes"], expires_at=past))
    foreign = await agent.order(agent.command(args=["nodes"], cluster_id="another"))
    first = agent.command(args=["nodes"])
    await agent.order(first)
    replayed = await agent.order(msgspec.structs.replace(first, id=str(uuid.uuid4())))
    assert [each.status for each in (expired, foreign, replayed)] == [ResultStatus.REJECTED] * 3
    assert expired.rejected_by.startswith("authority: it expired")
    assert foreign.rejected_by == "authority: it is for cluster another"
    assert replayed.rejected_by == "authority: its nonce was used by another command"


async def test_a_cancelled_command_ends_and_says_so(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web", image="registry.test/app:missing")
    command = a_long_look(agent, probe.namespace, seconds=100.0)
    await agent.send(command)
    await agent.send(msgspec.structs.replace(command, action="cancel", nonce=uuid.uuid4().hex, parameters={}))
    result = await agent.result(command.id)
    assert result.status is ResultStatus.CANCELLED


async def test_a_command_cancelled_before_it_comes_never_runs(agent: AgentPlatform) -> None:
    command = agent.command(args=["nodes"])
    await agent.send(msgspec.structs.replace(command, action="cancel", nonce=uuid.uuid4().hex))
    await until_empty(agent)
    result = await agent.order(command)
    assert (result.status, result.error) == (ResultStatus.CANCELLED, "cancelled before it came")


async def test_four_commands_run_at_once_and_the_fifth_waits(agent: AgentPlatform, probe: ClusterProbe) -> None:
    probe.deploy("web", image="registry.test/app:missing")
    for _ in range(4):
        await agent.send(a_long_look(agent, probe.namespace))
    await asyncio.sleep(0.5)  # they are taken in order: by then all four hold a place
    waiting = agent.command(args=["nodes"], expires_at=datetime.now(UTC) + timedelta(seconds=1))
    result = await agent.order(waiting)
    assert result.status is ResultStatus.REJECTED  # it had expired when a place came free


def a_long_look(agent: AgentPlatform, namespace: str, seconds: float = 4.0) -> CommandMessage:
    parameters = {"kind": "Deployment", "name": "web", "soak_seconds": 0.0, "deadline_seconds": seconds}
    return agent.command(tool="repair", action="VerifyWorkload", parameters=parameters, namespace=namespace)


async def test_what_hangs_is_killed_with_its_children(
    platform: AgentPlatform, settings: AgentSettings, tmp_path: Path
) -> None:
    slow = dataclasses.replace(settings, kubectl=a_program(tmp_path, "sleep 61.25 &\nsleep 61.25\n"))
    async with running_agent(slow):
        result = await platform.order(platform.command(args=["nodes"], timeout="500ms"))
    assert (result.status, result.exit_code) == (ResultStatus.TIMEOUT, None)
    killed_after = re.fullmatch(r"killed after (0\.\d+) s", result.error)
    assert killed_after
    assert float(killed_after[1]) <= 0.5  # what was left of it when the program was started
    await soon(lambda: not any(b"61.25" in command_line for command_line in command_lines()))


def command_lines() -> Iterator[bytes]:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield entry.read_bytes()


async def test_output_is_capped_and_its_hash_is_over_all_of_it(
    platform: AgentPlatform, settings: AgentSettings, tmp_path: Path
) -> None:
    loud = dataclasses.replace(
        settings, kubectl=a_program(tmp_path, "seq 1 60000\necho secret: abcdefgh >&2\n"), output_limit=1000
    )
    everything = "".join(f"{number}\n" for number in range(1, 60001))
    async with running_agent(loud):
        head = await platform.order(platform.command(args=["nodes"]))
        tail = await platform.order(platform.command(action="logs", args=["web-0", "--tail=5"]))
    assert head.truncated
    assert head.output == everything[:1000]
    assert tail.output == everything[-1000:]
    assert head.output_sha256 == hashlib.sha256(everything.encode()).hexdigest()
    assert "abcdefgh" not in head.error


async def test_a_program_sees_nothing_of_our_environment(
    platform: AgentPlatform, settings: AgentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("KUBECONFIG", "/tmp/other")
    nosy = dataclasses.replace(settings, kubectl=a_program(tmp_path, "/usr/bin/env; pwd; cat\n"))
    async with running_agent(nosy):
        result = await platform.order(platform.command(args=["nodes"]))
    assert "production" not in result.output
    assert "KUBECONFIG" not in result.output
    assert "KUBERC=off" in result.output
    assert str(settings.state_folder / "home") in result.output


def a_program(folder: Path, script: str) -> Path:
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    return program


async def test_a_look_may_not_change_and_a_change_needs_its_type(agent: AgentPlatform, probe: ClusterProbe) -> None:
    parameters = {"name": "web", "to_revision": 1, "expected_revision": 2}
    order = {"tool": "repair", "action": "RollbackDeployment", "parameters": parameters, "namespace": probe.namespace}
    as_diagnostic = await agent.order(agent.command(**order))
    kubectl = await agent.order(agent.command(args=["nodes"], type=CommandType.REMEDIATION))
    odd = await agent.order(agent.command(**{**order, "parameters": {"name": "web"}}, type=CommandType.REMEDIATION))
    unknown = await agent.order(agent.command(tool="repair", action="DropTables"))
    host = await agent.order(agent.command(tool="free", action="-m"))
    assert {each.status for each in (as_diagnostic, kubectl, odd, unknown, host)} == {ResultStatus.REJECTED}
    assert "must come as a remediation" in as_diagnostic.rejected_by
    assert "to_revision" in odd.rejected_by
    assert host.rejected_by.startswith("authority: ")


async def test_a_deleted_queue_is_taken_from_again_once_the_platform_has_made_it(agent: AgentPlatform) -> None:
    first = await agent.order(agent.command(args=["nodes"]))
    assert await agent.js.delete_consumer(COMMANDS, command_consumer(agent.cluster_id))
    await asyncio.sleep(1.5)  # as long as it may take the agent to notice
    await ensure_command_consumer(agent.js, agent.cluster_id)
    second = await agent.order(agent.command(args=["nodes"]), seconds=10)
    assert [first.status, second.status] == [ResultStatus.SUCCESS] * 2


async def test_a_command_of_another_version_is_rejected_and_not_left_to_be_lost(agent: AgentPlatform) -> None:
    subject, command_id = subjects.command(agent.cluster_id), str(uuid.uuid4())
    payload = msgspec.json.encode({"id": command_id, "goal": "of a later version"})
    signed = {headers.KEY_ID: agent.key.public.key_id, headers.SIGNATURE: agent.sign(subject, payload)}
    await agent.js.publish(subject, payload, stream=COMMANDS, headers=signed)
    result = await agent.result(command_id)
    assert result.status is ResultStatus.REJECTED
    assert result.rejected_by.startswith("authority: this agent cannot read it: command: ")
    await until_empty(agent)


async def test_a_mistake_of_the_agent_on_one_command_is_answered_and_stops_no_other(
    platform: AgentPlatform, settings: AgentSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = CommandRunner.run

    async def breaking(runner: CommandRunner, command: CommandMessage, *given: Any) -> Ending:
        if command.args == ["odd"]:
            raise ZeroDivisionError
        return await run(runner, command, *given)

    monkeypatch.setattr(CommandRunner, "run", breaking)
    monkeypatch.setattr(commands, "RETRY_DELAY", 0.05)
    odd, plain = platform.command(args=["odd"]), platform.command(args=["nodes"])
    async with running_agent(settings):
        await platform.send(odd)
        assert (await platform.order(plain)).status is ResultStatus.SUCCESS
        result = await platform.result(odd.id)
        assert result.status is ResultStatus.FAILED
        assert "not handled: ZeroDivisionError" in result.error
        await until_empty(platform)
