"""Group commit: appends of many threads share one transaction, hence one lock and one fsync.

While one commit is under way the next callers queue up; a short wait lets the callers of the commit before return with their next append. A lone
caller never waits: it expects no company. Each append stands or falls alone: the outcome of one says nothing about its neighbours.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Lock, Thread

from eventsourcing.persistence import StoredEvent

from aetherius.event_store.errors import LogUnavailableError
from aetherius.runtime.in_words import in_words

logger = logging.getLogger(__name__)

Batch = Sequence[StoredEvent]
Outcome = int | Exception
"""The last position of a batch, or why it was not stored."""

LINGER = 0.002
"""Seconds a commit waits for as many callers as the one before had."""
MAX_EVENTS = 4000
"""Events in one transaction, roughly: bounds how long the log's lock is held."""
_MAX_WAITING = 4096
_DEADLINE = 60.0


class GroupCommit:
    """Gathers batches and commits them by `commit`, which answers each batch with its outcome, in order."""

    def __init__(self, commit: Callable[[Sequence[Batch]], Sequence[Outcome]]) -> None:
        self._commit = commit
        self._queue: Queue[tuple[Batch, Future[int]] | None] = Queue(_MAX_WAITING)
        self._expected = 1
        self._starting = Lock()
        self._thread: Thread | None = None
        self._closed = False

    def append(self, batch: Batch) -> int:
        """Store a batch; its last position.

        Raises:
            VersionConflictError: nothing of this batch was written.
            LogUnavailableError: it may have been written.
        """
        outcome: Future[int] = Future()
        self._start()
        try:
            self._queue.put((batch, outcome), timeout=_DEADLINE)
            return outcome.result(timeout=_DEADLINE)
        except (Full, TimeoutError) as exc:
            raise LogUnavailableError("the log does not keep up: an append waited a minute") from exc

    def close(self) -> None:
        """Commit what is queued, then stop."""
        with self._starting:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread:
            self._queue.put(None, timeout=_DEADLINE)
            thread.join(timeout=_DEADLINE)

    def _start(self) -> None:
        with self._starting:
            if self._closed:
                raise LogUnavailableError("the log is closed")
            if self._thread is None:
                self._thread = Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while item := self._queue.get():
            group, closing = self._gather(item)
            self._settle(group)
            if closing:
                break
        self._refuse_rest()

    def _gather(self, first: tuple[Batch, Future[int]]) -> tuple[list[tuple[Batch, Future[int]]], bool]:
        group, events = [first], len(first[0])
        until = time.monotonic() + LINGER
        while events < MAX_EVENTS:
            try:
                wait = until - time.monotonic() if len(group) < self._expected else 0
                item = self._queue.get(timeout=wait) if wait > 0 else self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                return group, True
            group.append(item)
            events += len(item[0])
        self._expected = len(group)
        return group, False

    def _settle(self, group: list[tuple[Batch, Future[int]]]) -> None:
        try:
            outcomes = self._commit([batch for batch, _ in group])
        except Exception as exc:  # noqa: BLE001  # the thread's edge: the callers raise it
            logger.warning("group commit of %d appends failed: %s", len(group), in_words(exc))
            outcomes = [exc] * len(group)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _refuse_rest(self) -> None:
        while not self._queue.empty():
            if item := self._queue.get_nowait():
                item[1].set_exception(LogUnavailableError("the log is closed"))
