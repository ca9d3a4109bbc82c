"""Messages that come twice, in disorder, late, malformed or too large: what is good is stored once, and nothing happens twice."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from nats.errors import MaxPayloadError

from aetherius.domain import incident as incidents
from aetherius.domain.wire.command import CommandMessage, ResultStatus
from aetherius.domain.wire.event import EventMessage, Labels, RawData, Severity
from crash_site import CrashSite
from event_feed import an_event
from gate import Gate
from installation import SimulatedSite
from played_agent import PlayedAgent
from witness import numbers_of

AWAY = float(os.environ.get("AETHERIUS_TEST_AWAY", "20"))
"""Seconds that NATS is away; the full test has 60."""
BATCHES = 6
ACTIONS = [
    "logs",
    "describe",
    "NodePressure",
    "WorkloadHistory",
    "UpdateResourceLimits",
    "UpdateResourceLimits",
    "VerifyWorkload",
]
"""What is ordered for a container without enough memory: the repair first as a dry run."""


def signs(cluster: str, space: str, number: int) -> list[EventMessage]:
    """A container that is killed for memory and backs off, for the n-th time."""
    at = datetime.now(UTC) - timedelta(seconds=BATCHES - number)
    told = (
        (
            "OOMKilled",
            "container app was killed for memory",
            RawData(container="app", exit_code=137, memory_limit="64Mi"),
        ),
        ("CrashLoopBackOff", "back-off 10s", RawData(container="app", memory_limit="64Mi")),
        ("BackOff", "Back-off restarting failed container app", RawData(count=number)),
    )
    return [
        an_event(
            cluster,
            len(told) * number + place,
            timestamp=at + timedelta(milliseconds=place),
            severity=Severity.HIGH,
            reason=reason,
            message=message,
            namespace=space,
            labels=Labels(kind="Pod", name="web-1", owner_kind="Deployment", owner_name="web"),
            raw_data=raw,
        )
        for place, (reason, message, raw) in enumerate(told, start=1)
    ]


def output_of(command: CommandMessage) -> str:
    """What an agent would answer if all went well."""
    match command.action:
        case "UpdateResourceLimits":
            done = {"action": command.action, "changed": True, "summary": "limit raised", "undo_action": command.action}
            return json.dumps({**done, "undo_parameters": command.parameters})
        case "NodePressure":
            return json.dumps({"node": "n1", "system_kills": [], "pressures": []})
        case "VerifyWorkload":
            return json.dumps({"verified": True, "summary": "complete"})
        case _:
            return "Last State: Terminated, Reason: OOMKilled, Exit Code: 137"


async def obey(agent: PlayedAgent, count: int) -> list[CommandMessage]:
    """Answer so many commands, each twice; after each answer the one before comes again, and a contradiction of it."""
    taken: list[CommandMessage] = []
    async for command, message in agent.commands():
        answer = agent.result(command, ResultStatus.SUCCESS, exit_code=0, output=output_of(command))
        await asyncio.gather(agent.answer(answer), agent.answer(answer))
        for before in taken[-1:]:
            await agent.answer(agent.result(before, ResultStatus.SUCCESS, exit_code=0, output=output_of(before)))
            await agent.answer(agent.result(before, ResultStatus.FAILED, exit_code=1, error="a late contradiction"))
        await message.ack()
        taken.append(command)
        if len(taken) == count:
            break
    return taken


@pytest.mark.anyio
async def test_events_and_results_that_come_twice_and_in_disorder_happen_once(site: CrashSite, space: str) -> None:
    batches = [signs("echo", space, number) for number in range(1, BATCHES + 1)]
    deliveries = [*batches, *batches, *batches]
    random.Random(4).shuffle(deliveries)
    async with PlayedAgent.connected(site.enrolled("echo")) as agent, asyncio.timeout(120):
        await agent.register()
        await asyncio.gather(*(agent.report(batch) for batch in deliveries))
        commands = await obey(agent, len(ACTIONS))
        for batch in reversed(batches):
            await agent.report(batch)
        await site.until_all_is_taken()
    story = site.witness.story(space, "web")
    site.must_end_well([story])
    story.must_have_happened_once()
    assert [each.action for each in commands] == ACTIONS
    events = list(itertools.chain(*batches))
    stored = [str(each.stream_id) for each, _ in site.witness.reports_of("echo")]
    assert sorted(stored) == sorted(each.id for each in events)
    correlated = [each.event for each in story.events() if isinstance(each.event, incidents.EventsCorrelated)]
    assert sum(each.count for each in correlated) == len(events) - 1
    assert await site.dead_letters("echo") == []


@pytest.mark.anyio
async def test_malformed_and_oversized_messages_are_put_aside_and_the_good_ones_around_them_stored(
    site: CrashSite,
) -> None:
    good = [an_event("odd", number) for number in range(1, 8)]
    line = [msgspec.json.encode(each) for each in good]
    foreign = msgspec.structs.replace(an_event("odd", 90), cluster_id="north")
    large = msgspec.json.encode({**msgspec.to_builtins(an_event("odd", 91)), "message": "x" * 70_000})
    old = an_event("odd", 92, timestamp=datetime(2020, 1, 1, tzinfo=UTC))
    async with PlayedAgent.connected(site.enrolled("odd")) as agent, asyncio.timeout(120):
        await agent.report(good[:1])
        await agent.say("event", b"\xff{")
        await agent.say("event", line[1] + b"\n", 7)
        await agent.say("event", b"\n".join([line[1], b'{"id": 7}', line[2]]) + b"\n", 3)
        await agent.report([foreign])
        await agent.say("event", b"\n".join([line[3], large, line[4]]) + b"\n", 3)
        await agent.report([old, good[5]])
        with pytest.raises(MaxPayloadError):
            await agent.say("event", b"x" * (1024 * 1024 + 1))
        await agent.say("register", b"{}")
        await agent.say("result", b"[]")
        await agent.report(good[6:])
        await site.until_all_is_taken()
    wanted = {each.id for each in good}
    site.witness.until(lambda: len(site.witness.reports_of("odd")) >= len(wanted), "the good events")
    assert {str(each.stream_id) for each, _ in site.witness.reports_of("odd")} == wanted
    letters = await site.dead_letters("odd")
    assert all(letter.reason for letter in letters)
    assert [letter.subject.rpartition(".")[2] for letter in letters].count("event") == 6
    assert {letter.subject.rpartition(".")[2] for letter in letters} == {"event", "register", "result"}
    assert large in [letter.data for letter in letters]


@pytest.fixture
def far_cluster(site: CrashSite) -> Iterator[tuple[SimulatedSite, Gate]]:
    """A cluster whose agent reaches the platform through a gate."""
    given = site.enrolled("far")
    with Gate(given.nats_url).open() as gate:
        file = site.installation.root / "far" / "through-the-gate.json"
        msgspec.structs.replace(given, nats_url=gate.url).save(file)
        cluster = SimulatedSite("far", site.installation.root, file)
        cluster.start()
        yield cluster, gate
        cluster.stop()


def test_while_nats_is_away_the_agent_spools_and_then_all_arrives_in_order(
    site: CrashSite, far_cluster: tuple[SimulatedSite, Gate], space: str
) -> None:
    cluster, gate = far_cluster
    site.furnish(space, on=cluster)
    story = site.witness.story(space, "checkout-0")
    nats = site.installation.pid("nats")
    before = len(site.witness.reports_of("far"))
    gate.close()
    os.kill(nats, signal.SIGSTOP)
    try:
        site.break_limit(story, on=cluster)
        site.wait(AWAY)
        assert cluster.spooled() > 5
    finally:
        os.kill(nats, signal.SIGCONT)
    assert not story.happened("Incident.Opened")
    gate.reopen()
    site.must_end_well([story])
    story.must_have_happened_once()
    site.must_be_repaired_once(story, on=cluster)
    reports = site.witness.reports_of("far")
    assert len(reports) > before
    for numbers in numbers_of(reports).values():
        assert numbers == list(range(1, len(numbers) + 1))
    assert "intact" in site.installation.audit()
