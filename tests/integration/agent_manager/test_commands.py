"""Commands out and results in, on real servers."""

from __future__ import annotations

import asyncio
import base64
import uuid
from datetime import UTC, datetime

import msgspec
import pytest
from nats.aio.msg import Msg

from aetherius.agent_manager.orders.dispatcher import CHECKPOINT
from aetherius.domain.command import CommandStatus, Dispatched, Refused, Succeeded
from aetherius.domain.event import Cause
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.command import MAX_INLINE_OUTPUT, CommandMessage
from aetherius.runtime.jetstream.streams import COMMANDS, CONTROL, ensure_command_consumer
from aetherius.runtime.signing_key import SigningKey
from manager_site import PATIENCE, Site, headers_of

pytestmark = pytest.mark.anyio


async def queued(site: Site, count: int, cluster: str = "c1") -> list[Msg]:
    """The messages in an agent's queue, once there are `count`; a moment later there are no more."""
    await ensure_command_consumer(site.js, cluster)
    queue = await site.js.pull_subscribe_bind(f"agent-{cluster}", COMMANDS)
    taken: list[Msg] = []
    async with asyncio.timeout(PATIENCE):
        while len(taken) < count:
            taken += await queue.fetch(count - len(taken), timeout=PATIENCE)
    for message in taken:
        await message.ack()
    return taken


async def test_a_command_is_sent_signed_and_noted(site: Site) -> None:
    async with site.manager():
        command = site.issue()
        (message,) = await queued(site, 1)
        await site.until(lambda: site.status(command) is CommandStatus.DISPATCHED)
    key = SigningKey.load_or_create(site.settings().signing_key_file).public
    order = msgspec.json.decode(message.data, type=CommandMessage)
    issued = site.order(command)
    assert (order.id, order.cluster_id, order.tool, order.action) == (str(command), "c1", "kubectl", "logs")
    assert order.expires_at == issued.expires_at
    assert order.correlation_id == str(site.log.stream(command)[0].cause.correlation_id)
    assert headers_of(message)[headers.MESSAGE_ID] == str(command)
    assert headers_of(message)[headers.KEY_ID] == key.key_id
    signature = base64.b64decode(headers_of(message)[headers.SIGNATURE])
    assert key.verify(signature, headers.signed_bytes(subjects.command("c1"), message.data))
    (note,) = site.recorded(Dispatched)
    assert note.cause.causation_id == command
    assert note.cause.correlation_id == site.log.stream(command)[0].cause.correlation_id


async def test_commands_of_a_cluster_keep_their_order(site: Site) -> None:
    issued = [str(site.issue()) for _ in range(30)]
    async with site.manager():
        messages = await queued(site, 30)
    assert [msgspec.json.decode(message.data)["id"] for message in messages] == issued


async def test_a_command_sent_before_a_crash_is_not_queued_twice(site: Site) -> None:
    command = site.issue()
    async with site.manager():
        await site.until(lambda: site.status(command) is CommandStatus.DISPATCHED)
    with site.forgotten(command, CHECKPOINT):  # as if it had died between sending and noting
        assert site.status(command) is CommandStatus.ISSUED
        async with site.manager():
            await site.until(lambda: site.status(command) is CommandStatus.DISPATCHED)
            assert await site.waiting(COMMANDS) == 1


async def test_an_expired_command_is_not_sent(site: Site) -> None:
    site.issue(lives=-1)
    alive = site.issue()
    async with site.manager():
        (message,) = await queued(site, 1)
        await site.until(lambda: site.status(alive) is CommandStatus.DISPATCHED)
        assert await site.waiting(COMMANDS) == 0
    assert msgspec.json.decode(message.data)["id"] == str(alive)


async def test_a_command_that_cannot_be_said_is_refused_and_the_next_is_sent(site: Site) -> None:
    bad = site.issue(timeout="3h")
    good = site.issue()
    async with site.manager():
        await queued(site, 1)
        await site.until(lambda: site.status(good) is CommandStatus.DISPATCHED)
    assert site.status(bad) is CommandStatus.REFUSED
    assert "timeout" in site.events(Refused)[0].error


async def test_a_full_queue_refuses_the_command_and_leaves_other_clusters_alone(site: Site) -> None:
    for number in range(1000):
        await site.js.publish_async(subjects.command("c1"), str(number).encode())
    await site.js.publish_async_completed()
    full, other = site.issue("c1"), site.issue("c2")
    async with site.manager():
        await site.until(lambda: site.status(other) is CommandStatus.DISPATCHED)
    assert site.status(full) is CommandStatus.REFUSED


async def test_a_cancellation_follows_its_command(site: Site) -> None:
    async with site.manager():
        command = site.issue()
        await site.until(lambda: site.status(command) is CommandStatus.DISPATCHED)
        cancelled = site.command(command)
        cancelled.cancel("not needed any more", datetime.now(UTC))
        site.log.save(cancelled, Cause(actor="user:ann"))
        order, cancel = await queued(site, 2)
    sent, recalled = (msgspec.json.decode(each.data, type=CommandMessage) for each in (order, cancel))
    assert recalled.id == sent.id
    assert recalled.action == "cancel"
    assert recalled.nonce != sent.nonce
    assert headers_of(cancel)[headers.MESSAGE_ID] == f"{command}.cancel"


async def test_a_result_ends_its_command_once(site: Site) -> None:
    async with site.manager(), site.manager():
        command = site.issue()
        await site.until(lambda: site.status(command) is CommandStatus.DISPATCHED)
        for _ in range(3):
            await site.answer(command, output="nul \0 byte")
        await site.until(lambda: site.status(command) is CommandStatus.SUCCEEDED)
        await site.empty(CONTROL)
    (answer,) = site.recorded(Succeeded)
    assert site.events(Succeeded)[0].output == "nul \N{REPLACEMENT CHARACTER} byte"
    assert answer.cause.actor == "agent:c1"
    assert answer.cause.correlation_id == site.log.stream(command)[0].cause.correlation_id


async def test_a_result_before_the_note_of_dispatch_ends_the_command(site: Site) -> None:
    command = site.issue()
    async with site.manager():
        await queued(site, 1)
        await site.answer(command)
        await site.until(lambda: site.status(command) is CommandStatus.SUCCEEDED)


async def test_an_output_over_the_limit_is_cut(site: Site) -> None:
    async with site.manager():
        command = site.issue()
        await site.answer(command, output="x" * (MAX_INLINE_OUTPUT + 5))
        answer = (await site.until(lambda: site.events(Succeeded)))[0]
    assert len(answer.output) == MAX_INLINE_OUTPUT
    assert answer.truncated


@pytest.mark.parametrize("case", ["unknown command", "other cluster", "claimed cluster", "malformed"])
async def test_a_result_that_fits_no_command_goes_to_the_dead_letters(site: Site, case: str) -> None:
    async with site.manager():
        command = site.issue("c1")
        match case:
            case "unknown command":
                await site.answer(uuid.uuid4())
            case "other cluster":
                await site.answer(command, cluster="c2")
            case "claimed cluster":
                await site.answer(command, cluster="c2", of="c1")
            case "malformed":
                await site.js.publish(subjects.result("c1"), b"{}")
        (letter,) = await site.dead_letters(1)
        assert letter.reason.startswith("result")
    assert not site.recorded(Succeeded)
