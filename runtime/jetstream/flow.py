"""A steady flow of messages from a durable pull consumer, which all replicas share: what comes while one load is worked on is there when the next is taken.

The library's `fetch` makes a task, a timer and a name for each message: twice the work of all the rest. Here a callback puts messages into a buffer, and the
next are asked for before the last have come. Whoever took a message must `ack` it, `nak` it, or leave it for redelivery after the consumer's `ack_wait`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from aetherius.runtime.errors import BrokerUnavailableError

_EXPIRES: Final = 1.0
"""Seconds that the broker keeps a request for messages. One that was lost is asked again after these, and after a reconnect at once."""
_SILENCE: Final = 1.0
"""Seconds that an empty consumer is listened to at once: what a stop may have to wait for."""
_FULL: Final = 1024 * 1024
"""Bytes that are worth a load of their own: some 1,500 events."""
_LINGER: Final = 0.02
"""Seconds that a load may wait to become full, if the broker says that it has more: another replica may get that."""
_LAST_WORDS: Final = 1.0
"""Seconds, at the end, for what the broker has sent already: a round trip."""
_SHORT: Final = 9
"""Words of such a subject without the broker's domain and account, which newer ones have before the numbers."""
_STATUS: Final = "Status"
_UNSERVED: Final = "Nats-Pending-Messages"
_ENDED: Final = ("404", "408", "409")
"""Of a request: nothing there, expired, or more was asked than the consumer gives at once."""
_GONE: Final = ("Consumer Deleted", "Consumer is push based", "Server Shutdown")


class Flow:
    """Takes from one consumer. Use `open`, then `take` again and again, then `close`."""

    def __init__(self, nats: Client, stream: str, durable: str, limit: int) -> None:
        """`limit`: messages asked for, or come and not yet taken, or held by whoever took them, at most."""
        self._nats = nats
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._limit = limit
        self._buffer: list[Msg] = []
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._bytes = 0
        self._coming = 0
        self._asked_at = 0.0
        self._reconnects = nats.stats["reconnects"]
        self._gone = ""
        self._inbox = nats.new_inbox()
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Listen. Raises nats.errors.Error: safe to repeat."""
        self._subscription = await self._nats.subscribe(
            self._inbox, cb=self._arrived, pending_msgs_limit=2 * self._limit, pending_bytes_limit=0
        )

    async def take(self, held: int | None = None) -> list[Msg]:
        """What has come, as soon as there is any and the broker has no more, or it is worth a load; none after a second without.

        `held`: messages that the caller took before and still works on: so many fewer are asked for, and none ahead. None: those do not count, and the
        next are on their way while it works.

        Raises:
            BrokerUnavailableError: the consumer is gone: make it again, and open another flow.
        """
        await self._ask(held)
        if await _within(_SILENCE, self._some):
            await _within(_LINGER, self._enough)
        if self._gone:
            raise BrokerUnavailableError(f"no more messages come: {self._gone}")
        taken, self._buffer, self._bytes = self._buffer, [], 0
        self._some.clear()
        self._enough.clear()
        if held is None:
            await self._ask(None)
        return taken

    async def close(self) -> list[Msg]:
        """Take nothing new; what had come, and must be handed back."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._nats.is_closed:
            await self._end(subscription)
        left, self._buffer = self._buffer, []
        return left

    async def _end(self, subscription: Subscription) -> None:
        """What the broker has sent already still comes: dropped, it would come to nobody before its `ack_wait` is over."""
        if not self._nats.is_connected:
            await subscription.unsubscribe()
            return
        with contextlib.suppress(NatsError, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await subscription.drain()  # type: ignore[no-untyped-call]

    async def _ask(self, held: int | None) -> None:
        """Keep on its way what the limit leaves room for: at least half of it, or, if it is told what is held, each one."""
        now, reconnects = time.monotonic(), self._nats.stats["reconnects"]
        if now > self._asked_at + _EXPIRES + _SILENCE or reconnects != self._reconnects:
            self._coming, self._reconnects = 0, reconnects
        wanted = self._limit - self._coming - len(self._buffer) - (held or 0)
        if wanted >= (self._limit + 1) // 2 if held is None else wanted > 0:
            request = {"batch": wanted, "expires": int(_EXPIRES * 1e9)}
            await self._nats.publish(self._next, msgspec.json.encode(request), reply=self._inbox)
            self._coming += wanted
            self._asked_at = now

    async def _arrived(self, message: Msg) -> None:
        if (
            message.reply
        ):  # a header that looks like the broker's may be the sender's; only what the consumer gives can be answered
            self._coming -= 1
            self._buffer.append(message)
            self._bytes += len(message.data)
            if self._bytes >= _FULL or self._coming <= 0 or _is_last(message.reply):
                self._enough.set()
        else:
            self._note(message.headers or {})
        self._some.set()

    def _note(self, told: dict[str, str]) -> None:
        status, why = told.get(_STATUS, ""), told.get("Description", "")
        if status == "503" or why in _GONE:
            self._gone = f"{status} {why}".strip()
            self._enough.set()
        elif status in _ENDED:
            self._coming = max(0, self._coming - int(told.get(_UNSERVED, self._coming)))


def _is_last(reply: str) -> bool:
    """Whether the broker had no more when it gave this message: one of the numbers in the subject that it is acknowledged on."""
    words = reply.split(".")
    return words[8 if len(words) == _SHORT else 10] == "0"


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
