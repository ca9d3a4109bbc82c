"""What is deleted on the broker under a running agent manager is made again within seconds, and traffic flows again: each stream, consumer and bucket."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from nats.errors import Error as NatsError

from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import CommandStatus
from aetherius.domain.wire import subjects
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.streams import COMMANDS, CONTROL, DEAD_LETTERS, EVENTS, INTERNAL, STREAMS
from manager_site import PATIENCE, Site, events_of

pytestmark = pytest.mark.anyio

WITHIN = 10.0
"""Seconds until what was deleted is there again."""
BUCKET = "KV_heartbeats"
Probe = Callable[[], Awaitable[None]]


class Traffic:
    """Everything that crosses the broker, once around."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._numbers = itertools.count(1)

    async def events(self) -> None:
        """A report is stored."""
        site, number = self._site, next(self._numbers)
        await site.report(*events_of([number]))
        await site.until(lambda: any(event.sequence == number for event in site.events(Reported)))

    async def registrations(self) -> None:
        """An agent introduces itself, and is answered."""
        assert (await self._site.register()).accepted

    async def heartbeats(self) -> None:
        """A heartbeat is kept."""
        async with asyncio.timeout(PATIENCE):
            while not await self._is_kept():
                await self._site.beat()
                await asyncio.sleep(0.1)

    async def _is_kept(self) -> bool:
        try:
            return (await self._site.js.stream_info(BUCKET)).state.messages > 0
        except NatsError:
            return False

    async def commands(self) -> None:
        """A command reaches its agent, the result is stored, and told on the internal bus."""
        site = self._site
        told = await self._messages(INTERNAL)
        command = site.issue()
        queue = await site.js.pull_subscribe_bind("agent-c1", COMMANDS)
        for message in await queue.fetch(1, timeout=PATIENCE):
            await message.ack()
        await queue.unsubscribe()
        await site.answer(command)
        await site.until(lambda: site.status(command) is CommandStatus.SUCCEEDED)
        async with asyncio.timeout(PATIENCE):
            while await self._messages(INTERNAL) <= told:  # noqa: ASYNC110  # the manager's work
                await asyncio.sleep(0.05)

    async def letters(self) -> None:
        """What breaks a rule is put aside."""
        kept = await self._messages(DEAD_LETTERS)
        await self._site.js.publish(subjects.event("c1"), uuid.uuid4().bytes)
        async with asyncio.timeout(PATIENCE):
            while await self._messages(DEAD_LETTERS) <= kept:  # noqa: ASYNC110  # the manager's work
                await asyncio.sleep(0.05)

    async def _messages(self, stream: str) -> int:
        return (await self._site.js.stream_info(stream)).state.last_seq

    async def flows(self) -> None:
        """All of it."""
        for probe in (self.registrations, self.events, self.heartbeats, self.commands, self.letters):
            await probe()


@pytest.fixture
async def traffic(site: Site) -> AsyncIterator[Traffic]:
    """An agent manager at work, over which everything has flown once."""
    async with site.manager(accept_age=86400.0):
        traffic = Traffic(site)
        await traffic.flows()
        yield traffic


async def until_there(site: Site, stream: str, consumer: str = "") -> None:
    async with asyncio.timeout(WITHIN):
        while not await is_there(site, stream, consumer):  # noqa: ASYNC110  # the agent manager's work
            await asyncio.sleep(0.05)


async def is_there(site: Site, stream: str, consumer: str) -> bool:
    try:
        await (site.js.consumer_info(stream, consumer) if consumer else site.js.stream_info(stream))
    except NatsError:
        return False
    return True


CONSUMERS = ((EVENTS, "ingest"), (CONTROL, "fleet"), (CONTROL, "results"), (COMMANDS, "agent-c1"))
NAMES = tuple(str(stream.name) for stream in STREAMS)


async def test_each_consumer_that_is_deleted_is_made_again(site: Site, traffic: Traffic) -> None:
    for stream, consumer in CONSUMERS:
        assert await site.js.delete_consumer(stream, consumer)
        await until_there(site, stream, consumer)
        await traffic.flows()


async def test_each_stream_that_is_deleted_is_made_again(site: Site, traffic: Traffic) -> None:
    for name in NAMES:
        assert await site.js.delete_stream(name)
        await until_there(site, name)
        await until_all_consumers(site)
        await traffic.flows()


async def test_the_bucket_of_heartbeats_is_made_again(site: Site, traffic: Traffic) -> None:
    assert await site.js.delete_key_value("heartbeats")
    async with asyncio.timeout(WITHIN):
        await traffic.heartbeats()


async def test_all_streams_are_deleted_at_once(site: Site, traffic: Traffic) -> None:
    for name in (*NAMES, BUCKET):
        assert await site.js.delete_stream(name)
    await until_everything(site)
    await traffic.flows()


async def test_the_brokers_whole_store_is_lost(site: Site, traffic: Traffic, broker: EmbeddedNats) -> None:
    await broker.stop()
    shutil.rmtree(broker.data_dir / "store")
    await broker.start()
    async with asyncio.timeout(PATIENCE):
        while not site.nats.is_connected:  # noqa: ASYNC110  # the client's own work
            await asyncio.sleep(0.05)
    await until_everything(site)
    await traffic.flows()


async def until_everything(site: Site) -> None:
    for name in NAMES:
        await until_there(site, name)
    await until_all_consumers(site)


async def until_all_consumers(site: Site) -> None:
    for stream, consumer in CONSUMERS:
        await until_there(site, stream, consumer)
