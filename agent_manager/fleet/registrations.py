"""The fleet: agents introduce themselves, one collector per cluster, and get their configuration and their queue of commands.

A repeated registration gets the same answer and writes nothing. The order is: log, queue, reply, acknowledge; a crash anywhere repeats it.
"""

from __future__ import annotations

import logging
import re
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from nats.aio.msg import Msg

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.fleet.roster import Roster
from aetherius.agent_manager.intake.admission import traceparent
from aetherius.domain.agent import Agent, AgentStatus, Registered
from aetherius.domain.aggregate import Aggregate
from aetherius.domain.cluster import Cluster, Repairs
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Cause
from aetherius.domain.identity import agent_stream, cluster_stream
from aetherius.domain.wire import headers
from aetherius.domain.wire.agent import RegisterMessage, RegisterReply
from aetherius.domain.wire.subjects import AGENT_REGISTRATIONS, checked_cluster_id, cluster_of
from aetherius.event_store.errors import VersionConflictError
from aetherius.event_store.pending import Pending
from aetherius.runtime.jetstream.consumer import Durable
from aetherius.runtime.jetstream.queue import Queue
from aetherius.runtime.jetstream.streams import CONTROL, ensure_command_consumer

logger = logging.getLogger(__name__)

CONSUMER: Final = "fleet"
_MAX_EPOCH: Final = 2**31 - 1

A = TypeVar("A", bound=Aggregate)


class Fleet:
    """Takes registrations. Runs at the leader, one at a time: two agents of one cluster must not both be the first."""

    def __init__(self, context: Context, roster: Roster) -> None:
        self._context = context
        self._roster = roster
        settings = context.settings
        self.queue = Queue(
            context.nats,
            Durable(stream=CONTROL, name=CONSUMER, subject=AGENT_REGISTRATIONS, ack_wait=settings.ack_wait),
            self._take,
            context.dead_letters,
            at_once=1,
            drain=settings.drain_timeout,
            retry_delay=settings.retry_delay,
            races=(VersionConflictError,),
        )

    async def _take(self, message: Msg) -> None:
        register = decode_registration(message.subject, message.data)
        await self._roster.catch_up()
        reply = self._verdict(register)
        if reply.accepted:
            await self._admit(register, traceparent(message.headers or {}))
            await ensure_command_consumer(
                self._context.js, register.cluster_id, self._context.settings.command_ack_wait
            )
        await self._reply(register, message, reply)

    def _verdict(self, register: RegisterMessage) -> RegisterReply:
        settings = self._context.settings
        holder = self._roster.collector(register.cluster_id)
        if holder and holder.agent_id != register.agent_id and self._roster.is_alive(holder):
            reason = f"cluster {register.cluster_id} has a living agent already, {holder.agent_id}"
            logger.warning("refused agent %s: %s", register.agent_id, reason)
            return RegisterReply(accepted=False, reason=reason)
        return RegisterReply(
            accepted=True,
            heartbeat_interval=settings.heartbeat_interval,
            batch_size=settings.batch_size,
            batch_wait=settings.batch_wait,
        )

    async def _admit(self, register: RegisterMessage, trace: str | None) -> None:
        """Store what is new: the cluster, the agent, and the end of the agent whose place it takes; together or not at all."""
        context = self._context
        now = context.now()
        cluster = await self._load(Cluster, cluster_stream(register.cluster_id))
        repairs = Repairs.ON if register.repairs else Repairs.DRY_RUN
        cluster.join(register.cluster_id, register.kubernetes_version, now, repairs)
        agent = await self._load(Agent, agent_stream(register.cluster_id, register.agent_id))
        agent.register(_registered(register), now)
        changed: list[Aggregate] = [cluster, agent]
        holder = self._roster.collector(register.cluster_id)
        if holder and holder.id != agent.id and holder.status is AgentStatus.ONLINE:
            gone = await self._load(Agent, holder.id)
            gone.go_offline(self._roster.last_heard(holder), now)
            changed.insert(0, gone)
        cause = Cause(actor=f"agent:{register.cluster_id}", traceparent=trace)
        pending = [Pending(each.id, *decided, cause) for each in changed for decided in each.collect()]
        if pending:
            await context.blocking(context.log.append, pending)
            await self._roster.catch_up()
        self._roster.hear(agent.id, now)

    async def _load(self, kind: type[A], id: UUID) -> A:
        history = await self._context.blocking(self._context.log.stream, id)
        return kind.replay(id, (recorded.event for recorded in history))

    async def _reply(self, register: RegisterMessage, message: Msg, reply: RegisterReply) -> None:
        inbox = (message.headers or {}).get(headers.REPLY, "")
        if not is_own_inbox(inbox, register.cluster_id):
            logger.warning("no reply to %s: its inbox is not its own", register.cluster_id)
            return
        await self._context.nats.publish(inbox, msgspec.json.encode(reply))


def _registered(register: RegisterMessage) -> Registered:
    return Registered(
        cluster_id=register.cluster_id,
        agent_id=register.agent_id,
        epoch=register.epoch,
        agent_version=register.agent_version,
        kubernetes_version=register.kubernetes_version,
        capabilities=register.capabilities,
    )


def decode_registration(subject: str, payload: bytes) -> RegisterMessage:
    """The registration in a message.

    Raises:
        InvalidMessageError: malformed, or of another cluster than its subject.
    """
    cluster_id = checked_cluster_id(cluster_of(subject))
    try:
        register = msgspec.json.decode(payload, type=RegisterMessage)
    except msgspec.DecodeError as exc:
        raise InvalidMessageError("registration", str(exc)) from exc
    if register.cluster_id != cluster_id:
        raise InvalidMessageError("registration", f"cluster_id {register.cluster_id!r} is not the subject's")
    if not register.agent_id or register.epoch > _MAX_EPOCH:
        raise InvalidMessageError("registration", "agent_id is empty, or epoch too large")
    if "\0" in "".join(
        (register.agent_id, register.agent_version, register.kubernetes_version, *register.capabilities)
    ):
        raise InvalidMessageError("registration", "a text holds U+0000")
    return register


def is_own_inbox(inbox: str, cluster_id: str) -> bool:
    """Whether a reply may go there: one plain subject below the cluster's own prefix."""
    return re.fullmatch(rf"_INBOX\.{re.escape(cluster_id)}(\.[A-Za-z0-9_-]+)+", inbox) is not None
