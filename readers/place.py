"""A reader's place in the log: its checkpoint, how far it has read past it, and the pages to come, of which one is read ahead.

The checkpoint is read again whenever it is not known to hold: at the start, after a failure, after a lost race, and when another server answers, as the log
may have been restored to an earlier point. One thread at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

from aetherius.event_store.errors import PositionAheadError
from aetherius.event_store.pending import Page
from aetherius.readers.followed_log import FollowedLog

logger = logging.getLogger(__name__)

IDLE_GAP: Final = 10_000
"""Positions without an event for a reader after which its checkpoint is moved all the same, so that a restart does not read them again."""


class _Wanted(NamedTuple):
    after: int
    limit: int


class Place:
    """Of one reader."""

    def __init__(self, log: FollowedLog, name: str, topics: Sequence[str], max_batch: int) -> None:
        self._log = log
        self._name = name
        self._topics = topics
        self._max_batch = max_batch
        self._limit = max_batch
        self._checkpoint: int | None = None
        self._stored = 0
        """The checkpoint when it was last read or moved."""
        self._wrong = 0
        """A checkpoint that was past the log's end: it stays wrong when the log has grown past it."""
        self._incarnation = 0
        self._coming: tuple[_Wanted, Future[Page]] | None = None
        self._threads = ThreadPoolExecutor(1, f"{name}-read")
        self.seen = 0
        """Everything up to here was taken in, or is not wanted."""

    @property
    def limit(self) -> int:
        """Events in the next page at most."""
        return self._limit

    @property
    def checkpoint(self) -> int:
        """What the page in hand was read after."""
        assert self._checkpoint is not None, "there is a page"
        return self._checkpoint

    def next_page(self) -> Page:
        """The next page: as a rule it was read while the one before was applied.

        Raises:
            LogUnavailableError: safe to repeat.
            PositionAheadError: the checkpoint lies past the log's end.
        """
        while True:
            if self._checkpoint is None:
                self._checkpoint = self.seen = self._recalled()
            page = self._read()
            if self._log.incarnation == self._incarnation:
                return page
            self.forget()  # what we read ahead of the checkpoint may be gone from this server

    def is_nothing(self, page: Page) -> bool:
        """Whether a page is not worth a transaction: nothing in it, and the checkpoint is near."""
        return not page.events and page.next_position - self.checkpoint < IDLE_GAP

    def skim(self, page: Page) -> None:
        """Go past a page without moving the checkpoint."""
        self.seen = page.next_position

    def read_ahead(self, page: Page) -> None:
        """Begin to read what follows a page, if there is more."""
        if len(page) == self._limit:
            wanted = _Wanted(page.next_position, min(self._limit * 2, self._max_batch))
            self._coming = wanted, self._threads.submit(self._log.read_page, *wanted, self._topics)

    def move(self, page: Page) -> None:
        """Note that a page is committed."""
        self._checkpoint = self._stored = self.seen = page.next_position
        self._limit = min(self._limit * 2, self._max_batch)

    def forget(self) -> None:
        """Read the checkpoint again before the next page."""
        self._checkpoint = None

    def narrow(self, count: int) -> None:
        """Take half as many of `count` events the next time."""
        self._limit = max(1, count // 2)

    def start_again(self) -> None:
        """From the checkpoint, in whole batches."""
        self.forget()
        self._limit = self._max_batch

    def is_passed(self, position: int) -> bool:
        """Whether the checkpoint is at a position, or past it: a replica may have moved it. Raises ``LogUnavailableError``."""
        return self._log.checkpoint(self._name) >= position

    def close(self) -> None:
        """Let the thread go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _read(self) -> Page:
        wanted = _Wanted(self.seen, self._limit)
        coming, self._coming = self._coming, None
        if coming and coming[0] == wanted:
            return coming[1].result()
        return self._log.read_page(*wanted, self._topics)

    def _recalled(self) -> int:
        """The stored checkpoint, if the log reaches as far."""
        checkpoint, head = self._of_one_server()
        if checkpoint > head or checkpoint == self._wrong > 0:
            self._wrong = checkpoint
            self.seen = checkpoint
            raise PositionAheadError(checkpoint, head)
        if checkpoint < self._stored:
            reason = "it was reset, or the log was restored to an earlier point"
            logger.warning("%s was at %d and goes on after %d: %s", self._name, self._stored, checkpoint, reason)
        self._wrong, self._stored = 0, checkpoint
        return checkpoint

    def _of_one_server(self) -> tuple[int, int]:
        """The checkpoint and the log's end."""
        while True:
            self._incarnation = self._log.incarnation
            checkpoint, head = self._log.checkpoint(self._name), self._log.head()
            if self._log.incarnation == self._incarnation:
                return checkpoint, head
