"""How an agent introduces itself: again and again, until it is accepted or refused."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.agent import RegisterMessage, RegisterReply
from aetherius.edge_agent.errors import RegistrationRefusedError
from aetherius.runtime.envelope import agent_source, envelope
from aetherius.runtime.in_words import in_words
from aetherius.runtime.telemetry import new_traceparent

logger = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 30.0
"""Seconds between repeats while the platform is away."""


async def register(client: Client, message: RegisterMessage, pause: float) -> RegisterReply:
    """Return the accepted configuration; waits for ever for a platform that does not answer.

    Raises:
        RegistrationRefusedError: the platform says no. Repeating changes nothing until somebody acts on the reason.
    """
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox, pending_msgs_limit=16)
    try:
        attempt = 0
        while True:
            attempt += 1
            await _send(client, message, inbox, attempt)
            reply = await _answer(answers, pause)
            if reply is not None:
                return _accepted(message.cluster_id, reply)
            pause = min(pause * 2, LONGEST_PAUSE)
    finally:
        if client.is_connected:
            await answers.unsubscribe()


async def _send(client: Client, message: RegisterMessage, inbox: str, attempt: int) -> None:
    if not client.is_connected:
        return
    # An id of its own for every attempt: the stream would drop a repeat, and it is the answer that may have been lost.
    message_id = (
        f"{message.cluster_id}:{message.agent_id}:{message.epoch}:register:{inbox.rsplit('.', 1)[-1]}:{attempt}"
    )
    source = agent_source(message.cluster_id, message.agent_id)
    fields = envelope(message_id, "agent.register", source, message.timestamp, new_traceparent())
    try:
        await client.jetstream().publish(
            subjects.register(message.cluster_id),
            msgspec.json.encode(message),
            timeout=5,
            headers={**fields, headers.REPLY: inbox},
        )
    except (NatsError, TimeoutError) as exc:
        logger.warning("the registration is not confirmed", extra={"error": in_words(exc)})


async def _answer(answers: Subscription, within: float) -> RegisterReply | None:
    try:
        return msgspec.json.decode((await answers.next_msg(timeout=within)).data, type=RegisterReply)
    except (NatsError, TimeoutError):
        return None
    except msgspec.DecodeError as exc:
        logger.warning("an answer that is none", extra={"error": str(exc)})
        return None


def _accepted(cluster_id: str, reply: RegisterReply) -> RegisterReply:
    if not reply.accepted:
        raise RegistrationRefusedError(cluster_id, reply.reason)
    return reply
