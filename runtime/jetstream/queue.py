"""A queue: the messages of one durable consumer, shared by all replicas, handled side by side, and each answered for (`answering.py`).

    closed ----- made if it is gone, listened to, filled again -----> taking
    taking ----- the consumer, its stream or NATS is gone ----------> closed: again after a pause that grows to five seconds
    taking ----- cancelled -----------------------------------------> leaving: nothing new is taken, what has come and waits is handed back
    leaving ---- all that was begun has ended -----------------------> ended
    leaving ---- `drain` seconds have passed ------------------------> what is left is cancelled and handed back -----> ended

While a message is handled the broker is told so again and again, so that no other replica gets it however long that takes; when this process dies, another
one has it after `ack_wait`. No message, and no mistake of ours in handling one, ends the queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from aetherius.runtime.errors import BrokerUnavailableError
from aetherius.runtime.jetstream.answering import ATTEMPTS, RETRY_DELAY, Answering, Letters
from aetherius.runtime.jetstream.consumer import Durable
from aetherius.runtime.jetstream.flow import Flow
from aetherius.runtime.steady import UNAVAILABLE, steadily

logger = logging.getLogger(__name__)

AT_ONCE: Final = 16
_SIGNS: Final = 3
"""Signs of life within one `ack_wait`: one may be late, and one lost."""
_LAST_WORDS: Final = 1.0
"""Seconds for what is cancelled to end. What sits in a thread may take longer, and is not waited for."""
_API_TIMEOUT: Final = 5.0
"""Seconds for the broker to answer."""


class Queue:
    """One replica's share of the messages."""

    def __init__(
        self,
        nats: Client,
        durable: Durable,
        handle: Callable[[Msg], Awaitable[None]],
        letters: Letters,
        *,
        at_once: int = AT_ONCE,
        drain: float = 8.0,
        retry_delay: float = RETRY_DELAY,
        attempts: int = ATTEMPTS,
        races: tuple[type[Exception], ...] = (),
        refill: Callable[[], Awaitable[None]] | None = None,
        may_make: bool = True,
    ) -> None:
        """
        Args:
            handle: returns when a message is done for good; what else it may do is told in `answering.py`. Cancelled, it ends soon.
            letters: where a message goes that nobody can handle.
            at_once: messages handled side by side, and taken at all, at most.
            drain: seconds that a stop may take to finish what was begun.
            refill: puts into the queue all that is known to be undone: awaited whenever it is opened, as what it held may be lost. The queue must bear
                what is in it twice.
            may_make: whether we may make the consumer; else we wait until somebody has.
        """
        self._nats = nats
        self._js: JetStreamContext = nats.jetstream(timeout=_API_TIMEOUT)
        self._durable = durable
        self._handle = handle
        self._answers = Answering(durable.name, letters, retry_delay=retry_delay, attempts=attempts, races=races)
        self._at_once = at_once
        self._drain = drain
        self._refill = refill
        self._may_make = may_make
        self._flow: Flow | None = None
        self._busy: dict[asyncio.Task[None], Msg] = {}

    async def run(self) -> NoReturn:
        """Take and handle, for ever; cancel it once to end it, and wait for that."""
        name = self._durable.name
        signs = asyncio.create_task(steadily(f"{name}, signs of life", self._give_signs), name=f"{name} signs")
        try:
            await steadily(name, self._step)
        finally:
            await self._leave()
            signs.cancel()

    async def _step(self) -> None:
        if len(self._busy) >= self._at_once:
            await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
            return
        flow = self._flow or await self._open()
        try:
            messages = await flow.take(held=len(self._busy))
        except BrokerUnavailableError:
            await self._close()
            raise
        for message in messages:
            self._begin(message)

    async def _open(self) -> Flow:
        if self._may_make:
            await self._durable.ensure(self._js)
        flow = Flow(self._nats, self._durable.stream, self._durable.name, self._at_once)
        await flow.open()
        self._flow = flow
        try:
            await self._fill()
        except BaseException:
            await self._close()
            raise
        return flow

    async def _fill(self) -> None:
        try:
            if self._refill:
                await self._refill()
        except UNAVAILABLE:
            raise
        except Exception:  # our own mistake: what the queue holds all the same must not wait for it
            logger.exception("%s: cannot be filled again", self._durable.name)

    async def _close(self) -> None:
        """Take nothing new, and hand back what had come and was not begun."""
        flow, self._flow = self._flow, None
        if flow is not None:
            await self._answers.hand_back(await flow.close())

    def _begin(self, message: Msg) -> None:
        task = asyncio.create_task(self._attend(message), name=f"{self._durable.name} {message.subject}")
        self._busy[task] = message
        task.add_done_callback(self._busy.pop)

    async def _attend(self, message: Msg) -> None:
        try:
            await self._handle(message)
        except asyncio.CancelledError as exc:
            if not _is_cancelled():  # something within was, and nobody told us to stop
                await self._answers.failed(message, exc)
                return
            await self._answers.hand_back([message])
            raise
        except Exception as exc:  # noqa: BLE001  # a task's edge
            await self._answers.failed(message, exc)
        else:
            await self._answers.done(message)

    async def _give_signs(self) -> None:
        await asyncio.sleep(self._durable.ack_wait / _SIGNS)
        for message in list(self._busy.values()):
            await self._answers.still_at_work(message)

    async def _leave(self) -> None:
        await self._close()
        if not self._busy:
            return
        _, late = await asyncio.wait(self._busy, timeout=self._drain)
        for task in late:
            task.cancel()
        if late:
            logger.warning(
                "%s: stopping before all is done: %d messages are handed back", self._durable.name, len(late)
            )
            await asyncio.wait(late, timeout=_LAST_WORDS)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
