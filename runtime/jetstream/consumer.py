"""Durable pull consumers: what a queue or a flow takes from. All replicas share one, and whoever needs it makes it again when it is gone."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from aetherius.runtime.jetstream.streams import ensure_streams

logger = logging.getLogger(__name__)


class Durable(msgspec.Struct, frozen=True, kw_only=True):
    """One of them: each message goes to one replica, and to another if that one does not answer."""

    stream: str
    name: str
    subject: str
    ack_wait: float = 30.0
    """Seconds until a message goes to another replica, if the one that took it neither answers nor says that it is still at work."""
    max_ack_pending: int = 1000
    """Messages taken and not answered, by all replicas together, at most."""

    async def ensure(self, js: JetStreamContext) -> None:
        """Create it, or bring an existing one to this configuration; a stream that is lost is made first. Safe to repeat, also from several at once.

        Raises:
            nats.errors.Error: not confirmed. Safe to repeat.
        """
        try:
            await js.add_consumer(self.stream, self._config())
        except NotFoundError:
            logger.error("%s: the stream %s is lost, making it anew", self.name, self.stream)
            await ensure_streams(js)
            await js.add_consumer(self.stream, self._config())

    def _config(self) -> ConsumerConfig:
        return ConsumerConfig(
            durable_name=self.name,
            filter_subject=self.subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait,
            max_ack_pending=self.max_ack_pending,
        )


async def ack(messages: Iterable[Msg]) -> None:
    """Done: never again. Not confirmed; a lost one only brings the message again."""
    for message in messages:
        await message.ack()


async def nak(messages: Iterable[Msg], delay: float) -> None:
    """Not done: again after `delay` seconds, here or at another replica."""
    for message in messages:
        await message.nak(delay=delay or None)
