"""Heartbeats: who lives. The last one of each cluster is kept in a bucket; only changes, offline and back, become events.

Runs at the leader alone, so one process decides; should two lead for a moment, the agent's stream takes one event and refuses the other. Silence counts only while we
listen: after a start or a reconnect every agent gets the full time again, so an outage of ours takes nobody offline.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from nats.aio.msg import Msg
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.fleet.roster import Roster
from aetherius.domain.agent import Agent, AgentStatus
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Cause
from aetherius.domain.wire.agent import HeartbeatMessage
from aetherius.domain.wire.subjects import AGENT_HEARTBEATS, cluster_of
from aetherius.event_store.errors import VersionConflictError
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

BUCKET: Final = "heartbeats"
ACTOR: Final = "system:heartbeats"
_KEEP_INTERVAL: Final = 1.0
"""Seconds between writes to the bucket: one write then serves several heartbeats of an agent that sends more than asked."""


class KeptHeartbeat(msgspec.Struct, frozen=True):
    """What the bucket holds for a cluster: the message, and when it came by our clock."""

    heartbeat: HeartbeatMessage
    received_at: datetime


class Heartbeats:
    """Hears agents, and judges their silence."""

    def __init__(self, context: Context, roster: Roster) -> None:
        self._context = context
        self._roster = roster
        self._unkept: dict[str, KeptHeartbeat] = {}

    async def listen(self) -> None:
        """Hear heartbeats, for ever."""
        subscription = await self._context.nats.subscribe(AGENT_HEARTBEATS, cb=self._hear)
        try:
            await asyncio.Event().wait()
        finally:
            await subscription.unsubscribe()

    async def _hear(self, message: Msg) -> None:
        try:
            heartbeat = decode_heartbeat(message.subject, message.data)
        except InvalidMessageError as exc:
            logger.debug("ignored a heartbeat: %s", exc)
            return
        agent = self._roster.collector(heartbeat.cluster_id)
        if agent is None or agent.agent_id != heartbeat.agent_id:
            return  # it is told to register, and refused there
        now = self._context.now()
        self._roster.hear(agent.id, now)
        self._unkept[heartbeat.cluster_id] = KeptHeartbeat(heartbeat, now)

    async def recall(self) -> None:
        """Take the heartbeats that were kept before. Raises nats.errors.Error: safe to repeat."""
        await self._roster.catch_up()
        bucket = await self._bucket()
        for agent in self._roster.collectors():
            try:
                entry = await bucket.get(agent.cluster_id)
                kept = msgspec.json.decode(entry.value or b"", type=KeptHeartbeat)
            except (KeyNotFoundError, msgspec.DecodeError):
                continue
            if kept.heartbeat.agent_id == agent.agent_id:
                self._roster.hear(agent.id, kept.received_at)
        self._roster.listen_anew()

    async def keep(self) -> None:
        """Write what was heard to the bucket, for ever."""
        await steadily("heartbeats, keeping", self._keep_some)

    async def _keep_some(self) -> None:
        await asyncio.sleep(_KEEP_INTERVAL)
        if not self._unkept:
            return
        bucket = await self._bucket()
        for cluster_id, kept in list(self._unkept.items()):
            await bucket.put(cluster_id, msgspec.json.encode(kept))
            if self._unkept[cluster_id] is kept:
                del self._unkept[cluster_id]

    async def _bucket(self) -> KeyValue:
        config = KeyValueConfig(bucket=BUCKET, history=1, storage=StorageType.FILE, max_bytes=64 * 2**20)
        return await self._context.js.create_key_value(config)

    async def sweep(self) -> None:
        """Judge, for ever."""
        await steadily("heartbeats, sweeping", self._sweep_once)

    async def _sweep_once(self) -> None:
        await asyncio.sleep(min(self._context.settings.heartbeat_interval / 3, 10.0))
        if not self._context.nats.is_connected:
            self._roster.listen_anew()
            return
        await self._roster.catch_up()
        now = self._context.now()
        for agent in self._roster.collectors():
            last = self._roster.last_heard(agent)
            if agent.status is AgentStatus.ONLINE and self._roster.is_silent(agent):
                await self._change(agent.id, lambda agent, last=last: agent.go_offline(last, now))  # type: ignore[misc]
            elif agent.status is AgentStatus.OFFLINE and self._roster.is_heard(agent):
                await self._change(agent.id, lambda agent: agent.come_back(now))

    async def _change(self, agent_id: UUID, decide: Callable[[Agent], None]) -> None:
        context = self._context
        agent = await context.blocking(context.log.load, Agent, agent_id)
        decide(agent)
        try:
            await context.blocking(context.log.save, agent, Cause(actor=ACTOR))
        except VersionConflictError:
            logger.info("agent %s changed meanwhile: looking again", agent.agent_id)


def decode_heartbeat(subject: str, payload: bytes) -> HeartbeatMessage:
    """The heartbeat in a message.

    Raises:
        InvalidMessageError: malformed, or of another cluster than its subject.
    """
    try:
        heartbeat = msgspec.json.decode(payload, type=HeartbeatMessage)
    except msgspec.DecodeError as exc:
        raise InvalidMessageError("heartbeat", str(exc)) from exc
    if heartbeat.cluster_id != cluster_of(subject):
        raise InvalidMessageError("heartbeat", "cluster_id is not the subject's")
    return heartbeat
