"""Says that the agent lives: core NATS, a lost one does no harm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import anyio.to_thread
import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from aetherius.domain.wire import subjects
from aetherius.domain.wire.agent import HeartbeatMessage
from aetherius.edge_agent.telling.spool import Spool
from aetherius.runtime.clock import Clock, utc_now
from aetherius.runtime.envelope import agent_source, envelope
from aetherius.runtime.in_words import in_words
from aetherius.runtime.telemetry import new_traceparent

logger = logging.getLogger(__name__)


async def beat(
    client: Client,
    cluster_id: str,
    spool: Spool,
    interval: float,
    published: Callable[[], int],
    clock: Clock = utc_now,
) -> None:
    """A heartbeat every `interval` seconds, for ever; none while NATS is away (they would all arrive at once later)."""
    while True:
        if client.is_connected:
            await _beat_once(client, cluster_id, spool, published(), clock)
        await asyncio.sleep(interval)


async def _beat_once(client: Client, cluster_id: str, spool: Spool, published: int, clock: Clock) -> None:
    now = clock()
    message = HeartbeatMessage(
        cluster_id=cluster_id,
        agent_id=spool.agent_id,
        epoch=spool.epoch,
        timestamp=now,
        sequence=published,
        spooled=await anyio.to_thread.run_sync(spool.waiting),
    )
    message_id = f"{cluster_id}:{spool.agent_id}:{spool.epoch}:heartbeat:{int(now.timestamp() * 1000)}"
    source = agent_source(cluster_id, spool.agent_id)
    fields = envelope(message_id, "agent.heartbeat", source, now, new_traceparent())
    try:
        await client.publish(subjects.heartbeat(cluster_id), msgspec.json.encode(message), headers=fields)
    except NatsError as exc:
        logger.warning("no heartbeat", extra={"error": in_words(exc)})
