"""Subscriptions for tests that are not async: they follow while they are driven, and stand still between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aetherius.domain.event import Recorded
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal, Subscription

PATIENCE = 120.0
"""Seconds."""


class Followers:
    """A loop, a signal, and any number of subscriptions on it. Use as `with Followers(dsn) as followers`."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._signal = LogSignal(dsn, poll_interval=0.05)
        self._all: list[Follower] = []

    def __enter__(self) -> Self:
        self._runner.run(self._signal.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._runner.run(self._signal.__aexit__(kind, exc, trace))
        self._runner.close()

    def follow(self, log: Log, after: int, topics: Sequence[str], limit: int) -> Follower:
        """Begin to follow behind a position."""
        follower = Follower(Subscription(log, self._signal, after=after, topics=topics, limit=limit))
        self._all.append(follower)
        return follower

    def catch_up(self, follower: Follower, head: int) -> None:
        """Have it look at everything up to a position. Raises what ended it."""
        self._runner.run(follower.reach(head))

    def stop(self) -> None:
        """End every subscription."""
        while self._all:
            self._runner.run(self._all.pop().stop())


class Follower:
    """What a subscription gave so far."""

    def __init__(self, subscription: Subscription) -> None:
        self.seen: list[Recorded] = []
        self.subscription = subscription
        self._following: asyncio.Task[None] | None = None

    async def reach(self, head: int) -> None:
        self._following = self._following or asyncio.create_task(self._follow(), name="follower")
        async with asyncio.timeout(PATIENCE):
            # a subscription tells of its pages, not of what it left out
            while self.subscription.position < head and not self._following.done():  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        if self._following.done():
            self._following.result()

    async def stop(self) -> None:
        if self._following:
            self._following.cancel()
            await asyncio.wait({self._following})

    async def _follow(self) -> None:
        async for page in self.subscription:
            self.seen += page.events
