"""One queue of the WORK stream: taken by whichever replica is free, given again when a replica dies, answered for message by message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext as JetStream
from nats.js.errors import NotFoundError

from aetherius.domain.errors import DomainError, InfrastructureError
from aetherius.event_store.errors import VersionConflictError
from aetherius.runtime.jetstream.streams import WORK, ensure_streams

logger = logging.getLogger(__name__)

_FETCH = 16
_IDLE = 5.0
"""Seconds that one fetch waits for work; only how often the loop turns."""
_RETRY = 2.0
"""Seconds until work comes again that the world, or another writer, was in the way of."""


class WorkQueue:
    """Takes messages of a subject and hands each to a handler.

    The handler returns when the work is done for good. On an ``InfrastructureError`` or a lost race the work comes again; on a ``DomainError`` it never
    can be done: it is logged and taken off.
    """

    def __init__(
        self,
        js: JetStreamContext,
        durable: str,
        subject: str,
        handle: Callable[[bytes], Awaitable[None]],
        *,
        ack_wait: float = 60.0,
        refill: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """
        Args:
            ack_wait: seconds until work that a replica took and did not answer for goes to another one.
            refill: queues again all that is known to be undone: awaited whenever the queue is opened, as what it held may be lost. The queue must bear
                what is in it twice. It may raise what the broker and the log raise: then the queue is opened again.
        """
        self._js, self._durable, self._subject, self._handle, self._ack_wait = js, durable, subject, handle, ack_wait
        self._refill = refill

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; what was taken is finished."""
        while not stop.is_set():
            try:
                await self._drain(await self._open(), stop)
            except (NatsError, InfrastructureError, TimeoutError) as exc:
                logger.warning("%s waits: %s", self._durable, exc or repr(exc))
                await asyncio.sleep(1.0)

    async def _open(self) -> JetStream.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._durable,
            filter_subject=self._subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait,
            max_ack_pending=100,
        )
        try:
            await self._js.add_consumer(WORK, config)
        except NotFoundError:
            logger.error("%s: the stream %s is lost, making it anew", self._durable, WORK)
            await ensure_streams(self._js)
            await self._js.add_consumer(WORK, config)
        queue = await self._js.pull_subscribe_bind(self._durable, WORK)
        if self._refill:
            await self._refill()
        return queue

    async def _drain(self, queue: JetStream.PullSubscription, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait(), name=f"{self._durable} stop")
        try:
            while not stop.is_set():
                fetching = asyncio.create_task(_fetch(queue), name=f"{self._durable} fetch")
                await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not fetching.done():
                    fetching.cancel()  # what the broker sends after this is given again
                    return
                await asyncio.gather(*(self._work(message) for message in fetching.result()))
        finally:
            stopping.cancel()

    async def _work(self, message: Msg) -> None:
        try:
            await self._handle(message.data)
        except (InfrastructureError, VersionConflictError) as exc:
            logger.info("%s: %s; again in %g s", self._durable, exc, _RETRY)
            await message.nak(delay=_RETRY)
        except DomainError as exc:
            logger.error("%s: given up: %s", self._durable, exc)
            await message.term()
        else:
            await message.ack()


async def _fetch(queue: JetStream.PullSubscription) -> list[Msg]:
    try:
        return await queue.fetch(_FETCH, timeout=_IDLE)
    except TimeoutError:
        return []
