"""A durable pull consumer, shared by all replicas: each message goes to one of them, and to another if that one does not answer."""

from __future__ import annotations

from collections.abc import Iterable

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

_FETCH_WAIT = 1.0
"""Seconds that an empty consumer is listened to before it is asked again: what a stop may have to wait for."""


class Intake:
    """Takes messages; whoever took one must `ack` it, `nak` it, or leave it for redelivery after `ack_wait`."""

    def __init__(self, subscription: JetStreamContext.PullSubscription) -> None:
        self._subscription = subscription

    @classmethod
    async def open(
        cls, js: JetStreamContext, stream: str, durable: str, subject: str, *, ack_wait: float, max_ack_pending: int
    ) -> Intake:
        """Create the consumer, or join it. Raises nats.errors.Error: safe to repeat."""
        await ensure_consumer(js, stream, durable, subject, ack_wait=ack_wait, max_ack_pending=max_ack_pending)
        return cls(await js.pull_subscribe_bind(durable, stream))

    async def fetch(self, limit: int) -> list[Msg]:
        """Up to `limit` messages, as soon as there are any; none after a second without."""
        try:
            return await self._subscription.fetch(limit, timeout=_FETCH_WAIT)
        except TimeoutError:  # the library raises its own, and sometimes the plain one
            return []


async def ensure_consumer(
    js: JetStreamContext, stream: str, durable: str, subject: str, *, ack_wait: float, max_ack_pending: int
) -> None:
    """Create a durable consumer, or bring an existing one to this configuration. Raises nats.errors.Error: safe to repeat."""
    config = ConsumerConfig(
        durable_name=durable,
        filter_subject=subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait,
        max_ack_pending=max_ack_pending,
    )
    await js.add_consumer(stream, config)


async def ack(messages: Iterable[Msg]) -> None:
    """Done: never again. Not confirmed; a lost one only brings the message again."""
    for message in messages:
        await message.ack()


async def nak(messages: Iterable[Msg], delay: float) -> None:
    """Not done: again after `delay` seconds, here or at another replica."""
    for message in messages:
        await message.nak(delay=delay or None)
