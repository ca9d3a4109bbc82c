"""Durable timers, on the real server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from aetherius.runtime.jetstream.streams import WORK, ensure_streams
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.timers import cancel, schedule

pytestmark = pytest.mark.anyio


@pytest.fixture
async def js(nats_url: str) -> AsyncIterator[JetStreamContext]:
    async with connect(nats_url, "timers") as client:
        js = client.jetstream()
        await ensure_streams(js)
        yield js


@pytest.fixture
async def target(js: JetStreamContext) -> AsyncIterator[str]:
    subject = f"work.test.{uuid.uuid4().hex}"
    yield subject
    await js.purge_stream(WORK, subject=subject)


async def due(js: JetStreamContext, target: str) -> JetStreamContext.PullSubscription:
    return await js.pull_subscribe(
        target, stream=WORK, durable=target.rsplit(".", 1)[1], config=ConsumerConfig(inactive_threshold=60)
    )


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_timer_is_delivered_when_it_is_due_and_not_before(js: JetStreamContext, target: str) -> None:
    queue = await due(js, target)
    at = soon(1.5)
    await schedule(js, uuid.uuid4().hex, at, target, b"wake up", {"traceparent": "00-1-2-01"})
    [message] = await queue.fetch(1, timeout=60)
    assert datetime.now(UTC) >= at
    assert message.data == b"wake up"
    assert (message.headers or {})["traceparent"] == "00-1-2-01"
    await message.ack_sync()


async def test_a_timer_in_the_past_is_delivered_at_once(js: JetStreamContext, target: str) -> None:
    queue = await due(js, target)
    await schedule(js, uuid.uuid4().hex, soon(-60), target, b"late")
    [message] = await queue.fetch(1, timeout=60)
    await message.ack_sync()


async def test_a_cancelled_timer_is_never_delivered(js: JetStreamContext, target: str) -> None:
    queue, timer = await due(js, target), uuid.uuid4().hex
    await schedule(js, timer, soon(1), target, b"no")
    await cancel(js, timer)
    await schedule(js, uuid.uuid4().hex, soon(2), target, b"the one after it")
    [message] = await queue.fetch(1, timeout=60)
    assert message.data == b"the one after it"
    await message.ack_sync()


async def test_cancelling_an_unknown_timer_does_nothing(js: JetStreamContext) -> None:
    await cancel(js, uuid.uuid4().hex)


async def test_setting_a_timer_again_replaces_it(js: JetStreamContext, target: str) -> None:
    queue, timer = await due(js, target), uuid.uuid4().hex
    await schedule(js, timer, soon(1), target, b"first")
    await schedule(js, timer, soon(2), target, b"second")
    [message] = await queue.fetch(1, timeout=60)
    assert message.data == b"second"
    await message.ack_sync()
    with pytest.raises(NatsTimeoutError):
        await queue.fetch(1, timeout=0.5)


async def test_streams_may_be_ensured_again(js: JetStreamContext) -> None:
    await ensure_streams(js)
    assert (await js.stream_info(WORK)).config.allow_msg_schedules
