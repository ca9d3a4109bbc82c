"""Following the log: a signal that it has grown, and a subscription that catches up from a position and then follows.

One LISTEN connection per process wakes any number of readers in it (each listener costs every commit); a poll every second is the net below it, so a
lost notification or connection delays, and never loses. Positions become visible in order, so reading on after the last position seen misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

import anyio.to_thread
import psycopg
from anyio import CapacityLimiter
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from aetherius.event_store.connections import CONNECT
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.metrics import note_reader
from aetherius.event_store.pending import Page
from aetherius.event_store.ports import Pages
from aetherius.event_store.tables import LOG
from aetherius.runtime.in_words import in_words

logger = logging.getLogger(__name__)

POLL_INTERVAL = 1.0
"""Seconds after which readers look even if nothing was heard."""
READERS = 4
"""Subscriptions of one process that read at the same time: below the log's pool, so that appends find a connection."""


class LogSignal:
    """Wakes the readers of this process when the log has grown. Use as `async with LogSignal(dsn) as signal`."""

    def __init__(self, dsn: str, *, poll_interval: float = POLL_INTERVAL, readers: int = READERS) -> None:
        self._dsn = dsn
        self.poll_interval = poll_interval
        self._count = 0
        self._changed = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self.readers = CapacityLimiter(readers)

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._run(), name="log-signal")
        self._listening.add_done_callback(lambda _: self.wake())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    @property
    def count(self) -> int:
        """Rises with each wake-up. Note it before reading, then `wait` for a higher one: none is lost between."""
        return self._count

    async def wait(self, seen: int) -> int:
        """Return the count once it is not `seen` any more; within about the poll interval in any case. Raises what ended the signal, if it has ended."""
        while self._count == seen:
            await self._changed.wait()
        if self._listening and self._listening.done():
            self._listening.result()
        return self._count

    def wake(self) -> None:
        """Wake every reader."""
        self._count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as exc:
                logger.warning("the log's notifications are away, polling: %s", in_words(exc))
            self.wake()
            await asyncio.sleep(self.poll_interval)

    async def _listen(self) -> None:
        async with await _connect(self._dsn) as connection:
            await connection.execute(SQL("LISTEN {}").format(Identifier(LOG.channel)))
            self.wake()  # for what was appended before we listened
            while not connection.closed:
                async for _ in connection.notifies(timeout=self.poll_interval, stop_after=1):
                    pass
                self.wake()


async def _connect(dsn: str) -> AsyncConnection:
    """Connect, to the end even when cancelled: psycopg would leave the half-made connection open, and PostgreSQL waits a minute for its password."""
    connecting = asyncio.create_task(
        AsyncConnection.connect(dsn, autocommit=True, **CONNECT), name="log-signal-connect"
    )
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        with contextlib.suppress(psycopg.Error):
            await (await connecting).close()
        raise


class Subscription:
    """Events after a position, page by page, for ever: `async for page in subscription`. Pages are never empty.

    While PostgreSQL is away it waits. Should the log have been restored to an earlier point meanwhile, it ends with ``PositionAheadError`` or
    ``AnotherTimelineError``.
    """

    def __init__(
        self,
        log: Pages,
        signal: LogSignal,
        *,
        after: int | datetime = 0,
        topics: Sequence[str] = (),
        clusters: Sequence[str] = (),
        limit: int = 500,
        name: str | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            log: to read from.
            signal: shared by the subscriptions of the process.
            after: start behind this position, or behind what was recorded by this time (aware).
            topics: with version, as `domain.event.topics_of` gives them; all if none.
            clusters: only events of these, and those that concern every cluster; of all if none.
            limit: events in a page at most.
            name: under which metrics tell where it stands; none if not given.
        """
        self._log = log
        self._signal = signal
        self._topics = tuple(topics)
        self._clusters = tuple(clusters)
        self._limit = limit
        self._name = name
        self._incarnation = -1
        self._timeline: UUID | None = None
        self._since = after if isinstance(after, datetime) else None
        self.position = 0 if isinstance(after, datetime) else after
        """Everything up to here was looked at; also moves past what the filter leaves out."""

    async def __aiter__(self) -> AsyncIterator[Page]:
        while True:
            seen = self._signal.count
            page = await self._read()
            caught_up = len(page) < self._limit
            self.position = page.next_position
            if self._name:
                note_reader(self._name, self.position)
            if len(page):
                yield page
            if caught_up:
                await self._signal.wait(seen)

    async def _read(self) -> Page:
        while True:
            try:
                page = await anyio.to_thread.run_sync(self._page, limiter=self._signal.readers)
                if self._log.incarnation == self._incarnation:
                    return page
                incarnation = self._log.incarnation
                self._timeline = await anyio.to_thread.run_sync(
                    self._log.check, self.position, self._timeline, limiter=self._signal.readers
                )
                self._incarnation = incarnation
            except LogUnavailableError as exc:  # following means waiting for its return
                logger.warning("cannot read on after position %d: %s", self.position, exc)
                await asyncio.sleep(self._signal.poll_interval)

    def _page(self) -> Page:
        if self._since is not None:
            self.position = self._log.position_at(self._since)
            self._since = None
        return self._log.read_page(self.position, self._limit, self._topics, clusters=self._clusters)
