"""Drains the spool into JetStream, in order: an event leaves the spool when the stream has confirmed it, never before.

Batches go one after the other, so that order holds and a repeat is the same message with the same id. NATS away or its stream full: nothing is lost, the
spool waits, and so do we.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import anyio.to_thread
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from aetherius.domain.wire import headers, subjects
from aetherius.edge_agent.telling.spool import Spool, SpooledBatch
from aetherius.runtime.clock import Clock, utc_now
from aetherius.runtime.envelope import agent_source, envelope
from aetherius.runtime.in_words import in_words
from aetherius.runtime.telemetry import new_traceparent

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
"""Seconds between tries of a batch that was not confirmed."""
CONFIRM_WITHIN: Final = 5.0
"""Seconds for the stream to confirm a batch."""
IDLE: Final = 5.0
"""Seconds after which the spool is looked at without being told."""


class Publisher:
    """The one reader of the spool."""

    def __init__(
        self, client: Client, cluster_id: str, spool: Spool, batch_size: int, batch_wait: float, clock: Clock = utc_now
    ) -> None:
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=CONFIRM_WITHIN)
        self._cluster_id = cluster_id
        self._subject = subjects.event(cluster_id)
        self._spool = spool
        self._batch_size = batch_size
        self._batch_wait = batch_wait
        self._clock = clock
        self._news = asyncio.Event()
        self.published = 0
        """The sequence that was confirmed last."""

    def notify(self) -> None:
        """Something new is in the spool. For the loop's own thread."""
        self._news.set()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            self._news.clear()
            batch = await self._next()
            if batch is None:
                await self._wait_for_news()
            else:
                await self._deliver(batch)

    async def drain(self) -> None:
        """Publish what the spool holds now, and return. Bound it by a deadline: what is left goes out at the next start."""
        while batch := await anyio.to_thread.run_sync(self._spool.take, self._batch_size):
            await self._deliver(batch)

    async def _next(self) -> SpooledBatch | None:
        batch = await anyio.to_thread.run_sync(self._spool.take, self._batch_size)
        if batch is None or batch.count >= self._batch_size:
            return batch
        await asyncio.sleep(self._batch_wait)  # let it fill
        return await anyio.to_thread.run_sync(self._spool.take, self._batch_size)

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(IDLE):
                await self._news.wait()
        except TimeoutError:
            return

    async def _deliver(self, batch: SpooledBatch) -> None:
        pause = FIRST_PAUSE
        while not await self._publish(batch):
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        await anyio.to_thread.run_sync(self._spool.remove, batch)
        self.published = batch.last

    async def _publish(self, batch: SpooledBatch) -> bool:
        if not self._client.is_connected:  # do not fill the client's own buffer: it would send the batch once per try
            return False
        try:
            await self._js.publish(self._subject, batch.lines, timeout=CONFIRM_WITHIN, headers=self._headers(batch))
        except (NatsError, TimeoutError) as exc:
            logger.warning("a batch is not confirmed", extra={"first": batch.first, "error": in_words(exc)})
            return False
        return True

    def _headers(self, batch: SpooledBatch) -> dict[str, str]:
        agent = self._spool.agent_id
        message_id = f"{self._cluster_id}:{agent}:{batch.epoch}:{batch.first}-{batch.last}"
        source = agent_source(self._cluster_id, agent)
        fields = envelope(message_id, "agent.event", source, self._clock(), new_traceparent())
        return {**fields, headers.BATCH: str(batch.count)}
