"""The live feed: one reader of the log for the whole process, fanned out to any number of followers, none of whom can slow another.

A follower reads the log by itself up to where the feed is, and then takes pages from it through a small queue. When the queue is full the follower is
dropped from the feed and reads the log again from its own position: a slow client costs reads, not memory, and loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar
from uuid import UUID

import anyio.to_thread

from aetherius.domain.event import Recorded
from aetherius.event_store.errors import AnotherTimelineError, LogUnavailableError, PositionAheadError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Page
from aetherius.event_store.subscription import LogSignal, Subscription
from aetherius.graphql.errors import StoppingError, TooManySubscriptionsError

logger = logging.getLogger(__name__)

T = TypeVar("T")
_PAGE = 500
_QUEUED_PAGES = 8
_RETRY = 0.5


class _Follower:
    """A queue of pages. Once it was full it takes no more, and ends when it is empty."""

    def __init__(self) -> None:
        self._pages: asyncio.Queue[Page | None] = asyncio.Queue(_QUEUED_PAGES)
        self._overflown = False

    def offer(self, page: Page) -> None:
        """Take a page, if there is room and always was."""
        self._overflown = self._overflown or self._pages.full()
        if not self._overflown:
            self._pages.put_nowait(page)

    async def pages(self) -> AsyncIterator[Page]:
        """The pages, without a gap from the first to the last."""
        while not (self._overflown and self._pages.empty()):
            if page := await self._pages.get():
                yield page

    def end(self) -> None:
        """Take no more, and end when empty."""
        if not self._pages.full():
            self._pages.put_nowait(None)
        self._overflown = True


class Feed:
    """Follows the log while anybody follows it. `run` is a task of the process."""

    def __init__(self, log: Log, signal: LogSignal, *, max_followers: int = 1000) -> None:
        self._log = log
        self._signal = signal
        self._max_followers = max_followers
        self._count = 0
        self._followers: set[_Follower] = set()
        self._wanted = asyncio.Event()
        self._closed = False
        self._position = 0
        """The feed's pages go on after this position, or an earlier one."""

    async def run(self) -> None:
        """Read the log for the followers there are; for ever."""
        while True:
            await self._wanted.wait()
            try:
                await self._read()
            except (LogUnavailableError, PositionAheadError, AnotherTimelineError) as exc:
                logger.warning("the feed cannot read the log, trying again: %s", exc)
                self._restart()
                await asyncio.sleep(_RETRY)

    async def _read(self) -> None:
        async for page in Subscription(self._log, self._signal, after=self._position, limit=_PAGE):
            if not self._followers:
                self._wanted.clear()
                return
            self._position = page.next_position
            for follower in self._followers:
                follower.offer(page)

    def _restart(self) -> None:
        """Let every follower read the log by itself again: whether its place still holds is its own question."""
        for follower in self._followers:
            follower.end()
        self._followers.clear()
        self._position = 0

    def close(self) -> None:
        """End every follower with ``StoppingError``, now and from now on."""
        self._closed = True
        for follower in self._followers:
            follower.end()

    async def head(self) -> int:
        """The last position of the log now."""
        return await anyio.to_thread.run_sync(self._log.head)

    async def follow(
        self, after: int, topics: Sequence[str] = (), timeline: UUID | None = None
    ) -> AsyncGenerator[Recorded, None]:
        """Events of some topics (all if none) after a position, in order, each once, for ever. Reads on while the log is away. Close it.

        Args:
            timeline: that `after` was read on; the present one if not given.

        Raises:
            AnotherTimelineError: the log was restored to before the position, now or while it was followed.
            PositionAheadError: it was restored, and nobody has begun a new timeline yet.
            TooManySubscriptionsError: as many as are allowed follow already.
            StoppingError: the process ends; another one goes on after the last position seen.
        """
        async with aclosing(self.follow_pages(after, topics, timeline)) as pages:
            async for page in pages:
                for recorded in page:
                    yield recorded

    async def follow_pages(
        self, after: int, topics: Sequence[str] = (), timeline: UUID | None = None
    ) -> AsyncGenerator[list[Recorded], None]:
        """The same, up to 500 events at a time: as many as were there. Never empty."""
        if self._count >= self._max_followers:
            raise TooManySubscriptionsError(self._max_followers)
        self._count += 1
        try:
            position, wanted = after, frozenset(topics)
            while True:
                incarnation = self._log.incarnation
                timeline = await self._patiently(self._log.check, position, timeline)
                async with aclosing(self._pages(position, topics, incarnation)) as pages:
                    async for page in pages:
                        if events := [event for event in page if _is_wanted(event, position, wanted)]:
                            yield events
                        position = max(position, page.next_position)
        finally:
            self._count -= 1

    async def _pages(self, position: int, topics: Sequence[str], incarnation: int) -> AsyncGenerator[Page, None]:
        """Pages from a position on: from the log up to its end, then from the feed until we are too slow for it, or another server answers."""
        while not self._closed:
            page = await self._page(position, topics)
            if self._log.incarnation != incarnation:
                return
            yield page
            position = page.next_position
            if len(page) < _PAGE:
                break
        follower, joint = await self._join()
        try:
            while position < joint and not self._closed:
                page = await self._page(position, topics)
                if self._log.incarnation != incarnation:
                    return
                yield page
                position = page.next_position
            async for page in follower.pages():
                yield page
        finally:
            self._followers.discard(follower)
        if self._closed:
            raise StoppingError

    async def _join(self) -> tuple[_Follower, int]:
        """A new follower, and the position from which on it gets every page."""
        if not self._followers:
            head = await self._patiently(self._log.head)
            if not self._followers:  # nobody needs what the feed has not read yet
                self._position = max(self._position, head)
        if self._closed:
            raise StoppingError
        follower = _Follower()
        self._followers.add(follower)
        self._wanted.set()
        return follower, self._position

    async def _page(self, position: int, topics: Sequence[str]) -> Page:
        return await self._patiently(self._log.read_page, position, _PAGE, topics)

    async def _patiently(self, read: Callable[..., T], *args: object) -> T:
        """Read the log; while it is away, try again."""
        while True:
            try:
                return await anyio.to_thread.run_sync(read, *args, limiter=self._signal.readers)
            except LogUnavailableError:
                await asyncio.sleep(_RETRY)


def _is_wanted(recorded: Recorded, after: int, topics: frozenset[str]) -> bool:
    return recorded.position > after and (not topics or recorded.event.topic in topics)
