"""A queue on a real broker: each message is answered for, whatever its handling comes to, and nothing ends it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from aetherius.domain.errors import InfrastructureError, InvalidMessageError, WrongStateError
from aetherius.domain.wire import headers, subjects
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.consumer import Durable
from aetherius.runtime.jetstream.dead_letters import DeadLetters
from aetherius.runtime.jetstream.queue import Queue
from aetherius.runtime.jetstream.streams import WORK, ensure_streams
from aetherius.runtime.nats_connection import connect

pytestmark = pytest.mark.anyio

PATIENCE = 120.0
Handler = Callable[[Msg], Awaitable[None]]


class Desk:
    """A consumer and a subject of the test's own, and queues on them."""

    def __init__(self, nats: Client) -> None:
        self.nats = nats
        self.js = nats.jetstream()
        self.subject = f"work.test.{uuid.uuid4().hex}"
        self.durable = Durable(stream=WORK, name=uuid.uuid4().hex, subject=self.subject, ack_wait=600.0)
        self.done: list[bytes] = []

    async def put(self, *payloads: bytes) -> None:
        for payload in payloads:
            await self.js.publish(self.subject, payload)

    async def handle(self, message: Msg) -> None:
        self.done.append(message.data)

    @asynccontextmanager
    async def open(self, handle: Handler | None = None, **how: Any) -> AsyncIterator[asyncio.Task[Any]]:
        """A queue at work; stopped at the end of the block."""
        durable = how.pop("durable", self.durable)
        given = {"retry_delay": 0.05, "drain": 5.0, **how}
        queue = Queue(self.nats, durable, handle or self.handle, DeadLetters(self.js), **given)
        task = asyncio.create_task(queue.run())
        try:
            yield task
        finally:
            assert not task.done() or task.cancelled(), "a queue ends only when it is told to"
            task.cancel()
            await asyncio.wait({task}, timeout=PATIENCE)
            assert task.cancelled()

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110  # another task's work
                await asyncio.sleep(0.01)

    async def until_empty(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.waiting():  # noqa: ASYNC110  # the broker's work
                await asyncio.sleep(0.02)

    async def waiting(self) -> int:
        """Messages that nobody has answered for."""
        found = await self.js.stream_info(WORK, subjects_filter=self.subject)
        return (found.state.subjects or {}).get(self.subject, 0)

    async def reason(self) -> str:
        """Why the last message on our subject was put aside."""
        subject = f"{subjects.DEAD_LETTERS}.{self.subject}"
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    found = await self.js.get_last_msg("DEAD_LETTERS", subject)
                except NotFoundError:
                    await asyncio.sleep(0.02)
                else:
                    return str((found.headers or {})[headers.REASON])


@pytest.fixture
async def desk(nats_server: EmbeddedNats) -> AsyncIterator[Desk]:
    async with connect(nats_server.url, "test") as nats:
        await ensure_streams(nats.jetstream())
        desk = Desk(nats)
        yield desk
        await desk.js.purge_stream(WORK, subject=desk.subject)
        await desk.js.delete_consumer(WORK, desk.durable.name)


async def test_messages_are_handled_side_by_side_up_to_the_bound(desk: Desk) -> None:
    gate, at_work = asyncio.Event(), list[int]()
    busy = 0

    async def handle(message: Msg) -> None:
        nonlocal busy
        busy += 1
        at_work.append(busy)
        await gate.wait()
        busy -= 1
        await desk.handle(message)

    await desk.put(*(b"%d" % number for number in range(10)))
    async with desk.open(handle, at_once=4):
        await desk.until(lambda: len(at_work) == 4)
        await asyncio.sleep(0.2)
        assert busy == 4, "no more than the bound are taken"
        gate.set()
        await desk.until_empty()
    assert sorted(desk.done) == [b"%d" % number for number in range(10)]
    assert max(at_work) == 4


async def test_one_at_a_time_keeps_the_order(desk: Desk) -> None:
    await desk.put(*(b"%d" % number for number in range(9)))
    async with desk.open(at_once=1):
        await desk.until_empty()
    assert desk.done == [b"%d" % number for number in range(9)]


async def test_a_rules_no_puts_the_message_aside_at_once(desk: Desk) -> None:
    tries = 0

    async def handle(message: Msg) -> None:
        nonlocal tries
        if message.data == b"bad":
            tries += 1
            raise InvalidMessageError("message", "is bad")
        await desk.handle(message)

    await desk.put(b"bad", b"good")
    async with desk.open(handle):
        assert await desk.reason() == "message: is bad"
        await desk.until_empty()
    assert (tries, desk.done) == (1, [b"good"])


async def test_a_mistake_is_tried_again_and_then_put_aside_while_the_others_go_on(desk: Desk) -> None:
    tries = 0

    async def handle(message: Msg) -> None:
        nonlocal tries
        if message.data == b"bad":
            tries += 1
            raise ZeroDivisionError
        await desk.handle(message)

    await desk.put(b"bad", b"good")
    async with desk.open(handle, attempts=3):
        assert await desk.reason() == "not handled: ZeroDivisionError"
        await desk.until_empty()
        await desk.put(b"later")
        await desk.until_empty()
    assert (tries, desk.done) == (3, [b"good", b"later"])


async def test_a_mistake_that_was_luck_is_forgotten(desk: Desk) -> None:
    seen = set[bytes]()

    async def handle(message: Msg) -> None:
        if message.data not in seen:
            seen.add(message.data)
            raise asyncio.CancelledError  # something within was cancelled, and nobody told us to stop
        await desk.handle(message)

    async with desk.open(handle, attempts=2):
        await desk.put(b"first", b"second")
        await desk.until_empty()
    assert sorted(desk.done) == [b"first", b"second"]


async def test_what_the_world_or_a_race_refuses_comes_again_for_as_long_as_needed(desk: Desk) -> None:
    refusals: list[Exception] = [
        InfrastructureError("away"),
        TimeoutError(),
        WrongStateError("it", "taken", "take"),
    ] * 3

    async def handle(message: Msg) -> None:
        if refusals:
            raise refusals.pop()
        await desk.handle(message)

    await desk.put(b"patient")
    async with desk.open(handle, attempts=2, races=(WrongStateError,)):
        await desk.until_empty()
    assert desk.done == [b"patient"]


async def test_what_takes_longer_than_the_ack_wait_is_given_to_nobody_else(desk: Desk) -> None:
    begun = 0

    async def handle(message: Msg) -> None:
        nonlocal begun
        begun += 1
        await asyncio.sleep(7.0)
        await desk.handle(message)

    short = Durable(stream=WORK, name=desk.durable.name, subject=desk.subject, ack_wait=3.0)
    await desk.put(b"slow")
    async with desk.open(handle, durable=short), desk.open(handle, durable=short):
        await desk.until_empty()
    assert (begun, desk.done) == (1, [b"slow"])


async def test_stopping_finishes_what_was_begun_and_takes_nothing_new(desk: Desk) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def handle(message: Msg) -> None:
        begun.set()
        await gate.wait()
        await desk.handle(message)

    await desk.put(b"begun")
    async with desk.open(handle) as task:
        await asyncio.wait_for(begun.wait(), PATIENCE)
        task.cancel()
        await desk.put(b"new")
        gate.set()
        await asyncio.wait({task}, timeout=PATIENCE)
        assert desk.done == [b"begun"]
    async with desk.open():
        await desk.until_empty()
    assert desk.done == [b"begun", b"new"]


async def test_stopping_is_bounded_and_hands_back_what_is_not_done_for_another_to_have_at_once(desk: Desk) -> None:
    begun = asyncio.Event()

    async def hang(message: Msg) -> None:
        begun.set()
        await asyncio.Event().wait()

    await desk.put(b"heavy")
    async with desk.open(hang, drain=0.2):
        await asyncio.wait_for(begun.wait(), PATIENCE)
    async with desk.open():
        await desk.until(lambda: desk.done)


async def test_a_deleted_consumer_is_made_again_and_what_was_undone_is_put_in_again(desk: Desk) -> None:
    filled = 0

    async def refill() -> None:
        nonlocal filled
        filled += 1
        await desk.put(b"undone %d" % filled)

    async with desk.open(refill=refill):
        await desk.until(lambda: desk.done == [b"undone 1"])
        await desk.js.delete_consumer(WORK, desk.durable.name)
        await desk.until(lambda: desk.done == [b"undone 1", b"undone 2"])
        await desk.put(b"new")
        await desk.until_empty()


async def test_a_queue_that_may_not_make_its_consumer_waits_for_whoever_does(desk: Desk) -> None:
    async with desk.open(may_make=False):
        await desk.put(b"early")
        await asyncio.sleep(0.5)
        await desk.durable.ensure(desk.js)
        await desk.until(lambda: desk.done == [b"early"])


async def test_a_refill_that_the_world_refuses_is_repeated_and_one_that_breaks_stops_nobody(desk: Desk) -> None:
    faults: list[Exception] = [KeyError("a mistake"), InfrastructureError("away")]

    async def refill() -> None:
        if faults:
            raise faults.pop()

    async with desk.open(refill=refill):
        await desk.put(b"work")
        await desk.until(lambda: desk.done)
    assert faults == []
