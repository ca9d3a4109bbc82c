"""A reader of the log behind a checkpoint, for what leaves the log: pages of the events it wants, in order, each until it is done.

The checkpoint moves in the transaction that stores what a page led to. A crash before it repeats the page, so what is done with one must bear repeating.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.event import Unreadable
from aetherius.event_store.errors import CheckpointConflictError, ServerChangedError
from aetherius.event_store.metrics import note_reader
from aetherius.event_store.pending import Page, Pending
from aetherius.readers.open_log import OpenLog

logger = logging.getLogger(__name__)

_SKIPPED: Final = 10_000
"""Positions without a wanted event after which the checkpoint moves on its own, so that a restart does not read them all again."""


class Follower:
    """Reads on from a checkpoint. One reader at a time; a second one is refused at `done` and reads on from where the first is."""

    def __init__(self, opened: OpenLog, name: str, topics: Sequence[str], limit: int = 200) -> None:
        """`name` names the checkpoint: never rename it."""
        self._opened = opened
        self._name = name
        self._topics = topics
        self._limit = limit
        self._saved: int | None = None
        self._position = 0
        self._incarnation = 0

    async def page(self) -> Page | None:
        """The next events; None when there were none, after waiting for the log to grow (a second at most).

        Raises:
            LogUnavailableError: call again; when another server answers, from the checkpoint.
            PositionAheadError: the checkpoint is past the log's end.
        """
        opened = self._opened
        seen = opened.signal.count
        if self._saved is None:
            self._incarnation = opened.log.incarnation
            self._saved = self._position = await opened.blocking(opened.log.checkpoint, self._name)
            await opened.blocking(opened.log.check, self._position)
        page = await opened.blocking(opened.log.read_page, self._position, self._limit, self._topics)
        if opened.log.incarnation != self._incarnation:
            self._saved = None  # what we read ahead of the checkpoint may be gone from this server
            raise ServerChangedError
        note_reader(self._name, self._position)
        if page.events:
            return self._without_unreadable(page)
        if page.next_position == self._position:
            await opened.signal.wait(seen)
        self._position = page.next_position
        if self._position - self._saved >= _SKIPPED:
            await self.done(page)
        return None

    def _without_unreadable(self, page: Page) -> Page:
        """The page without what this version cannot read: it holds nothing up, and a newer version is not told of it again."""
        for recorded in page:
            if isinstance(event := recorded.event, Unreadable):
                logger.error("%s passes over position %d: %s", self._name, recorded.position, event.error)
        return Page(page.readable, page.next_position)

    async def done(
        self,
        page: Page,
        pending: Sequence[Pending] = (),
        rows: Callable[[Cursor[TupleRow]], None] | None = None,
    ) -> bool:
        """Store what a page led to, with the checkpoint. False, and nothing is stored, if another replica has done the page.

        Raises:
            VersionConflictError: nothing was stored; decide again, and call again.
        """
        position = page.next_position
        try:
            await self._opened.blocking(self._opened.log.transact, self._name, position, pending, rows)
        except CheckpointConflictError:
            logger.info("%s: done by another replica", self._name)
            self._saved = None
            return False
        self._saved = self._position = position
        return True
