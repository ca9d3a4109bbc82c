"""The flow of messages from a consumer, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from nats.aio.msg import Msg

from aetherius.domain.wire import subjects
from aetherius.runtime.errors import BrokerUnavailableError
from aetherius.runtime.jetstream.consumer import Durable, ack, nak
from aetherius.runtime.jetstream.flow import Flow
from aetherius.runtime.jetstream.streams import EVENTS
from manager_site import Site

pytestmark = pytest.mark.anyio

Open = Callable[[int], Awaitable[Flow]]


@pytest.fixture
async def opened(site: Site) -> AsyncIterator[Open]:
    """Opens flows from one consumer."""
    flows: list[Flow] = []

    async def open(limit: int) -> Flow:
        await Durable(stream=EVENTS, name="tried", subject=subjects.AGENT_EVENTS, ack_wait=1.0).ensure(site.js)
        flows.append(Flow(site.nats, EVENTS, "tried", limit))
        await flows[-1].open()
        return flows[-1]

    yield open
    for flow in flows:
        await flow.close()


async def publish(site: Site, count: int, payload: bytes = b"x", **headers: str) -> None:
    for _ in range(count):
        await site.js.publish(subjects.event("c1"), payload, headers=headers or None)


async def taken(flow: Flow, count: int) -> list[Msg]:
    messages: list[Msg] = []
    async with asyncio.timeout(120):
        while len(messages) < count:
            messages += await flow.take()
    return messages


async def test_each_message_comes_once_in_order_and_never_more_than_the_limit_at_once(site: Site, opened: Open) -> None:
    await publish(site, 95)
    flow, sequences = await opened(10), list[int]()
    while len(sequences) < 95:
        messages = await flow.take()
        assert len(messages) <= 20
        sequences += [each.metadata.sequence.stream for each in messages]
        await ack(messages)
    assert sequences == list(range(1, 96))
    await site.empty(EVENTS)


async def test_it_waits_for_one_that_comes_later(site: Site, opened: Open) -> None:
    flow = await opened(10)
    waiting = asyncio.create_task(taken(flow, 1))
    await asyncio.sleep(0)
    await publish(site, 1)
    assert len(await waiting) == 1


async def test_what_looks_like_the_brokers_status_but_is_a_message_is_a_message(site: Site, opened: Open) -> None:
    flow = await opened(10)
    await publish(site, 3, b"", Status="503", Description="Consumer Deleted")
    await ack(await taken(flow, 3))
    await site.empty(EVENTS)


async def test_what_had_come_is_handed_back_at_the_end_and_goes_to_another(site: Site, opened: Open) -> None:
    first = await opened(50)
    await publish(site, 30)
    await ack((await taken(first, 1))[:1])
    await nak(await first.close(), 0)
    second = await opened(50)
    await publish(site, 5)
    await ack(await taken(second, 34))
    await site.empty(EVENTS)


async def test_a_deleted_consumer_is_told(site: Site, opened: Open) -> None:
    flow = await opened(10)
    assert await flow.take() == []
    await site.js.delete_consumer(EVENTS, "tried")
    with pytest.raises(BrokerUnavailableError):
        await taken(flow, 1)
