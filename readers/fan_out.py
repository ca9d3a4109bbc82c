"""Fan-out in memory: one reader of the log for the whole process, and any number of followers with filters of their own, none of whom can slow another.

A follower reads the log by itself up to where the one reader is, and takes what it wants from it from there on, through a small queue. When the queue is full
the follower is dropped: its queue is emptied, it is told (`Batch.live` is false), and it reads the log again from its own position until it has caught up. So a
slow follower costs reads, not memory, and loses nothing.

Each event is decoded once, and offered only to followers who want its topic and cluster: a thousand followers of a thousand clusters cost as much as one
follower of all of them. Followers with the same filter share their batches.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar
from uuid import UUID

import anyio.to_thread
import msgspec

from aetherius.domain.errors import InfrastructureError
from aetherius.domain.event import Recorded
from aetherius.event_store.errors import (
    AnotherTimelineError,
    LogUnavailableError,
)
from aetherius.event_store.metrics import note_reader
from aetherius.event_store.pending import Page
from aetherius.event_store.ports import EventLog
from aetherius.event_store.reading.clusters import NO_CLUSTER, named_cluster
from aetherius.event_store.reading.filtered import Wanted
from aetherius.event_store.subscription import LogSignal, Subscription
from aetherius.readers.errors import FanOutClosedError
from aetherius.readers.metrics import DROPPED, FOLLOWERS, QUEUED

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAGE: Final = 500
"""Events in a batch at most."""
QUEUE: Final = 5000
"""Events that wait for one follower at most."""
WINDOW: Final = 20_000
"""Positions that a follower may fall behind the one reader. All queues together hold no events but these, as they share them: some 40 MB of reports."""
_RETRY: Final = 0.5
_NAME: Final = "fan_out"
EVERYTHING: Final = Wanted()


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Events that a follower wants, in order; empty only for who wants to be told how far it has come."""

    events: list[Recorded]
    position: int
    """Everything up to here was looked at: the position to go on after."""
    live: bool
    """False while the follower reads the log by itself: it has not caught up yet, or was too slow."""


class _Follower:
    """A queue of batches that can be full only once."""

    def __init__(self, position: int) -> None:
        self.position = position
        """Everything up to here was taken, or is not wanted."""
        self.dropped = False
        self._parts: deque[Batch] = deque()
        self._queued = 0
        self._some = asyncio.Event()

    def offer(self, batch: Batch, before: int) -> None:
        """Take a batch that follows position `before`, or drop all."""
        if self.dropped:
            return
        if not self._parts:
            self.position = max(self.position, before)
        if self._queued + len(batch.events) > QUEUE:
            self.drop()
            return
        self._parts.append(batch)
        self._queued += len(batch.events)
        self._some.set()

    def drop(self) -> None:
        """Take no more, and forget what was not taken."""
        self.dropped = True
        self._parts.clear()
        self._queued = 0
        self._some.set()

    @property
    def has_news(self) -> bool:
        """Whether something waits, or it was dropped."""
        return self._some.is_set()

    @property
    def queued(self) -> int:
        """Events that wait."""
        return self._queued

    def is_behind(self, position: int) -> bool:
        """Whether events from before a position wait."""
        return bool(self._parts) and self._parts[0].events[0].position <= position

    async def take(self) -> Batch | None:
        """What waits, as far as it fits into one batch, once there is any; None when it was dropped."""
        await self._some.wait()
        if not self._parts:
            return None
        batch = self._parts.popleft()
        events = batch.events
        while self._parts and len(events) + len(self._parts[0].events) <= PAGE:
            batch = self._parts.popleft()
            events = events + batch.events  # never `+=`: the list is shared
        self._queued -= len(events)
        self.position = batch.position
        if not self._parts and not self.dropped:
            self._some.clear()
        return Batch(events, batch.position, True)


class _Groups:
    """The followers by what they want, so that a page finds those that it concerns."""

    def __init__(self) -> None:
        self._followers: dict[Wanted, set[_Follower]] = {}
        self._by_key: dict[tuple[str, str], set[Wanted]] = defaultdict(set)
        """Filters by (topic, cluster) as they name them; "" for any."""

    def add(self, filter: Wanted, follower: _Follower) -> None:
        if filter not in self._followers:
            self._followers[filter] = set()
            for key in _keys(filter):
                self._by_key[key].add(filter)
        self._followers[filter].add(follower)

    def remove(self, filter: Wanted, follower: _Follower) -> None:
        followers = self._followers.get(filter, set())
        followers.discard(follower)
        if not followers and self._followers.pop(filter, None) is not None:
            for key in _keys(filter):
                self._by_key[key].discard(filter)
                if not self._by_key[key]:
                    del self._by_key[key]

    def each(self) -> list[tuple[Wanted, _Follower]]:
        """Every follower with what it wants."""
        return [(filter, follower) for filter, followers in self._followers.items() for follower in followers]

    def __bool__(self) -> bool:
        return bool(self._followers)

    @property
    def by_cluster(self) -> bool:
        """Whether anybody asks for clusters."""
        return any(cluster for _, cluster in self._by_key)

    def concerned(self, events: Sequence[Recorded], clusters: Sequence[str]) -> dict[Wanted, list[Recorded]]:
        """What of a page each filter wants; those that want nothing of it are not named."""
        found: dict[Wanted, list[Recorded]] = {}
        filters: dict[tuple[str, str], set[Wanted]] = {}
        for event, cluster in zip(events, clusters, strict=True):
            key = event.event.topic, cluster
            if key not in filters:
                filters[key] = self._filters(*key)
            for filter in filters[key]:
                found.setdefault(filter, []).append(event)
        return found

    def _filters(self, topic: str, cluster: str) -> set[Wanted]:
        by_key = self._by_key
        if cluster == NO_CLUSTER:  # concerns all
            return {each for (of, _), filters in by_key.items() if of in (topic, "") for each in filters}
        keys = ((topic, cluster), (topic, ""), ("", cluster), ("", ""))
        return {each for key in keys if key in by_key for each in by_key[key]}

    def followers(self, filter: Wanted) -> list[_Follower]:
        """Those of one filter."""
        return list(self._followers.get(filter, ()))


def _keys(filter: Wanted) -> list[tuple[str, str]]:
    return [(topic, cluster) for topic in filter.topics or ("",) for cluster in filter.clusters or ("",)]


class FanOut:
    """Follows the log while anybody follows it. `run` is a task of the process."""

    def __init__(self, log: EventLog, signal: LogSignal) -> None:
        self._log = log
        self._signal = signal
        self._groups = _Groups()
        self._wanted = asyncio.Event()
        self._closed = False
        self._count = 0
        self._live = 0
        self._position = 0
        """Followers get every page behind this position, or an earlier one."""

    async def run(self) -> None:
        """Read the log for the followers there are; for ever."""
        while True:
            await self._wanted.wait()
            try:
                await self._read()
            except (InfrastructureError, AnotherTimelineError) as exc:
                logger.warning("the log cannot be followed, trying again: %s", exc)
                self._restart()
                await asyncio.sleep(_RETRY)

    async def _read(self) -> None:
        async for page in Subscription(self._log, self._signal, after=self._position, limit=PAGE, name=_NAME):
            if not self._groups:
                self._wanted.clear()
                return
            clusters = await self._clusters(page.events)
            before, self._position = self._position, page.next_position
            for filter, events in self._groups.concerned(page.events, clusters).items():
                batch = Batch(events, page.next_position, True)
                for follower in self._groups.followers(filter):
                    follower.offer(batch, before)
            self._drop_slow()

    async def _clusters(self, events: list[Recorded]) -> list[str]:
        """The cluster of each event; without looking, if nobody asks for one."""
        if not self._groups.by_cluster:
            return [NO_CLUSTER] * len(events)
        named = [cluster for recorded in events if (cluster := named_cluster(recorded.event))]
        if len(named) == len(events):
            return named
        return await anyio.to_thread.run_sync(self._log.clusters_of, events, limiter=self._signal.readers)

    def _drop_slow(self) -> None:
        deepest = dropped = 0
        for filter, follower in self._groups.each():
            if follower.is_behind(self._position - WINDOW):
                follower.drop()
            if follower.dropped:
                self._groups.remove(filter, follower)
                dropped += 1
            deepest = max(deepest, follower.queued)
        QUEUED.set(deepest)
        if dropped:
            DROPPED.inc(dropped)
            logger.info("%d followers are too slow: they read the log by themselves until they have caught up", dropped)

    def _restart(self) -> None:
        """Let every follower read the log by itself again: whether its place still holds is its own question."""
        for _, follower in self._groups.each():
            follower.drop()
        self._groups = _Groups()
        self._position = 0

    def close(self) -> None:
        """End every follower with ``FanOutClosedError``, now and from now on."""
        self._closed = True
        self._restart()

    async def follow(
        self, after: int, filter: Wanted = EVERYTHING, timeline: UUID | None = None, idle: float | None = None
    ) -> AsyncGenerator[Batch, None]:
        """Batches of what a filter wants after a position, each event once, for ever. Reads on while the log is away. Close it.

        Args:
            timeline: that `after` was read on; the present one if not given.
            idle: seconds after which an empty batch tells the position, if nothing came; by default none does.

        Raises:
            AnotherTimelineError: the log was restored to before the position, now or while it was followed.
            PositionAheadError: it was restored, and nobody has begun a new timeline yet.
            FanOutClosedError: the process ends; another one goes on after the last position seen.
        """
        self._count += 1
        self._note()
        position = after
        try:
            while True:
                incarnation = self._log.incarnation
                timeline = await self._patiently(self._log.check, position, timeline)
                async with aclosing(self._batches(position, filter, incarnation, idle)) as batches:
                    async for batch in batches:
                        position = batch.position
                        if batch.events or idle is not None:
                            yield batch
        finally:
            self._count -= 1
            self._note()

    async def _batches(
        self, position: int, filter: Wanted, incarnation: int, idle: float | None
    ) -> AsyncGenerator[Batch, None]:
        """From the log up to its end, then from the one reader until we are too slow for it, or another server answers. An empty batch only tells the position."""
        while not self._closed:
            page = await self._page(position, filter)
            if self._log.incarnation != incarnation:
                return
            yield Batch(page.events, page.next_position, False)
            position = page.next_position
            if len(page) < PAGE:
                break
        follower, joint = await self._join(filter, position)
        try:
            while position < joint and not follower.dropped:
                page = await self._page(position, filter, joint)
                if self._log.incarnation != incarnation:
                    return
                yield Batch(page.events, page.next_position, False)
                position = page.next_position
            follower.position = max(follower.position, position)
            async with aclosing(self._live_batches(follower, position, idle)) as batches:
                async for batch in batches:
                    yield batch
        finally:
            self._groups.remove(filter, follower)
        if self._closed:
            raise FanOutClosedError

    async def _live_batches(self, follower: _Follower, after: int, idle: float | None) -> AsyncGenerator[Batch, None]:
        self._live += 1
        self._note()
        try:
            while batch := await self._taken(follower, idle):
                if (
                    batch.position > after or not batch.events
                ):  # what stands before was read from the log, when we joined
                    yield _behind(batch, after)
            yield Batch([], max(follower.position, after), False)
        finally:
            self._live -= 1
            self._note()

    async def _taken(self, follower: _Follower, idle: float | None) -> Batch | None:
        """What a follower takes; nothing but the position, if nothing came for a while: every page up to there was offered."""
        try:
            async with asyncio.timeout(idle):
                return await follower.take()
        except TimeoutError:
            if follower.has_news:  # it came in the same moment: its position must not be told before it is given
                return await follower.take()
            follower.position = max(follower.position, self._position)
            return Batch([], follower.position, True)

    async def _join(self, filter: Wanted, position: int) -> tuple[_Follower, int]:
        """A new follower, and the position from which on it gets every page."""
        if not self._groups:
            head = await self._patiently(self._log.head)
            if not self._groups:  # nobody needs what the reader has not read yet
                self._position = max(self._position, head)
        if self._closed:
            raise FanOutClosedError
        follower = _Follower(position)
        self._groups.add(filter, follower)
        self._wanted.set()
        return follower, self._position

    async def _page(self, position: int, filter: Wanted, upto: int | None = None) -> Page:
        def read() -> Page:
            return self._log.read_page(position, PAGE, filter.topics, upto, clusters=filter.clusters)

        return await self._patiently(read)

    async def _patiently(self, read: Callable[..., T], *args: object) -> T:
        """Read the log; while it is away, try again."""
        while True:
            try:
                return await anyio.to_thread.run_sync(read, *args, limiter=self._signal.readers)
            except LogUnavailableError:
                if self._closed:
                    raise FanOutClosedError from None
                await asyncio.sleep(_RETRY)

    def _note(self) -> None:
        FOLLOWERS.labels("live").set(self._live)
        FOLLOWERS.labels("catching_up").set(self._count - self._live)
        if not self._count:
            note_reader(_NAME, self._position)


def _behind(batch: Batch, after: int) -> Batch:
    if not batch.events or batch.events[0].position > after:
        return batch
    return Batch([event for event in batch.events if event.position > after], batch.position, batch.live)
