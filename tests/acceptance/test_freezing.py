"""A freeze on a running platform: what is under way is called back within seconds, and nothing new is begun."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from aetherius.domain import remediation as remediations
from aetherius.domain.freeze import Set
from aetherius.domain.wire.command import CommandMessage, ResultStatus
from aetherius.domain.wire.event import EventMessage, Labels, RawData, Severity
from crash_site import CrashSite
from event_feed import an_event
from installation import aetherius
from played_agent import PlayedAgent

CLUSTER = "icy"
WITHIN = timedelta(seconds=5)
"""From the freeze in the log to the word at the agent."""


def signs(space: str, name: str, first: int) -> list[EventMessage]:
    """A container that is killed for memory and backs off."""
    at = datetime.now(UTC) - timedelta(seconds=5)
    told = (("OOMKilled", "killed", 137), ("CrashLoopBackOff", "back-off 10s", None))
    return [
        an_event(
            CLUSTER,
            first + place,
            timestamp=at + timedelta(milliseconds=place),
            severity=Severity.HIGH,
            reason=reason,
            message=message,
            namespace=space,
            labels=Labels(kind="Pod", name=f"{name}-1", owner_kind="Deployment", owner_name=name),
            raw_data=RawData(container="app", exit_code=code, memory_limit="64Mi"),
        )
        for place, (reason, message, code) in enumerate(told)
    ]


async def look_until(agent: PlayedAgent, wanted: str) -> CommandMessage:
    """Answer every look and every dry run; the first command of an action that is to be carried out, taken and not answered."""
    answers = {
        "NodePressure": {"node": "n1", "system_kills": [], "pressures": []},
        "UpdateResourceLimits": {"action": "UpdateResourceLimits", "changed": True, "summary": "64Mi -> 128Mi"},
    }
    async for command, message in agent.commands():
        await message.ack()
        if command.action == wanted and command.parameters.get("mode") != "simulate":
            return command
        seen = "Last State: Terminated, Reason: OOMKilled, Exit Code: 137"
        output = json.dumps(answers[command.action]) if command.action in answers else seen
        await agent.answer(agent.result(command, ResultStatus.SUCCESS, exit_code=0, output=output))
    raise AssertionError("the queue ended")


@pytest.mark.anyio
async def test_a_repair_under_way_is_called_back_and_the_next_is_not_begun(site: CrashSite, space: str) -> None:
    async with PlayedAgent.connected(site.enrolled(CLUSTER)) as agent, asyncio.timeout(240):
        await agent.register()
        await agent.report(signs(space, "web", 1))
        order = await look_until(agent, "UpdateResourceLimits")
        await asyncio.to_thread(
            aetherius,
            "freeze",
            "set",
            "--cluster",
            CLUSTER,
            "--reason",
            "stop",
            "--data",
            str(site.installation.folder.root),
        )
        recall = await look_until(agent, "cancel")
        came = datetime.now(UTC)
        assert recall.id == order.id

        await agent.report(signs(space, "shop", 10))
        late = site.witness.story(space, "shop")
        asking = asyncio.create_task(look_until(agent, "UpdateResourceLimits"))
        await asyncio.to_thread(late.until, remediations.Rejected)
        asking.cancel()
    site.witness.look()
    [(frozen, _)] = site.witness.all(Set)
    assert came - frozen.occurred_at < WITHIN
    story = site.witness.story(space, "web")
    assert [each.event.reason for each in story.events() if isinstance(each.event, remediations.Failed)]
    assert not late.happened(remediations.Executed)
