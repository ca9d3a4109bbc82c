"""How control messages (registrations, results) are worked through: each is answered for, and none can block the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.msg import Msg

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.letters.dead_letters import DeadLetters
from aetherius.domain.errors import InvalidMessageError
from aetherius.event_store.errors import VersionConflictError
from aetherius.runtime.jetstream.consumer import Intake, ack, nak
from aetherius.runtime.jetstream.streams import CONTROL
from aetherius.runtime.steady import UNAVAILABLE, steadily

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 32
"""Messages handled side by side: enough to share the log's group commits."""


class ControlQueue:
    """One kind of control message, taken by all replicas that run this."""

    def __init__(
        self,
        context: Context,
        durable: str,
        subject: str,
        handle: Callable[[Msg], Awaitable[None]],
        at_once: int = _AT_ONCE,
    ) -> None:
        """`handle` returns when the message is done for good; it raises ``InvalidMessageError`` for one that never will be."""
        self._context = context
        self._durable = durable
        self._subject = subject
        self._handle = handle
        self._at_once = at_once
        self._dead_letters = DeadLetters(context.js)
        self._intake: Intake | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take and handle, for ever. Cancelled, it first finishes what was taken, or gives up after the drain timeout: then it comes again."""
        try:
            await steadily(self._durable, self._step)
        finally:
            await self._finish()

    async def _finish(self) -> None:
        if not self._busy:
            return
        _, late = await asyncio.wait(self._busy, timeout=self._context.settings.drain_timeout)
        for task in late:
            task.cancel()

    async def _step(self) -> None:
        if self._intake is None:
            self._intake = await Intake.open(
                self._context.js,
                CONTROL,
                self._durable,
                self._subject,
                ack_wait=self._context.settings.ack_wait,
                max_ack_pending=1000,
            )
        for message in await self._intake.fetch(self._at_once - len(self._busy)):
            task = asyncio.create_task(self._attend(message), name=f"{self._durable} {message.subject}")
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        if len(self._busy) >= self._at_once:
            await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)

    async def _attend(self, message: Msg) -> None:
        try:
            await self._handle(message)
        except InvalidMessageError as exc:
            await self._refuse(message, str(exc))
        except (*UNAVAILABLE, VersionConflictError) as exc:
            logger.warning("%s: will try a message again: %r", self._durable, exc)
            await self._again(message)
        except Exception as exc:  # our own mistake: keep the message for people, and go on with the others
            logger.exception("%s: cannot handle a message", self._durable)
            await self._refuse(message, f"not handled: {exc!r}")
        else:
            await self._quietly(ack([message]))

    async def _refuse(self, message: Msg, reason: str) -> None:
        try:
            await self._dead_letters.bury(message, reason)
        except UNAVAILABLE:
            await self._again(message)
        else:
            await self._quietly(ack([message]))

    async def _again(self, message: Msg) -> None:
        await self._quietly(nak([message], self._context.settings.retry_delay))

    async def _quietly(self, answer: Awaitable[None]) -> None:
        """An answer that does not reach the broker brings the message again, which is handled as a repeat."""
        try:
            await answer
        except UNAVAILABLE as exc:
            logger.warning("%s: a message stays unanswered: %r", self._durable, exc)
