"""The batched runner: drives one reader over the log, and has it commit what it makes of a batch together with its checkpoint.

It promises: every event of the reader's topics is applied once, in order, however often the process dies and however many replicas run (the
checkpoint is moved from where the batch was read, or nothing is written). What fails for the world's sake is tried again for ever; an event that the
reader cannot take parks this reader where it is, and no other. Which states it goes through is drawn in `course.py`; where it stands in the log
is kept by `place.py`; how each kind of reader commits, by itself (`reader.py`). The runner only loops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import anyio
import anyio.to_thread

from aetherius.domain.errors import InfrastructureError
from aetherius.domain.event import Recorded, Unreadable
from aetherius.event_store.errors import CheckpointConflictError, PositionAheadError, VersionConflictError
from aetherius.event_store.pending import Page
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.control import Order, ReaderControl
from aetherius.readers.course import Course
from aetherius.readers.followed_log import FollowedLog
from aetherius.readers.place import Place
from aetherius.readers.reader import Reader
from aetherius.readers.state import Committed, ReaderState
from aetherius.runtime.in_words import in_words

logger = logging.getLogger(__name__)

MAX_BATCH: Final = 2000
"""Events in one transaction: enough that the commit's fsync no longer counts, few enough that others are not kept waiting."""
_MAX_CONFLICTS: Final = 100
_LOOK_AGAIN: Final = 2.0

AfterCommit = Callable[[Committed], Awaitable[None]]


class Runner:
    """One reader, one task. Replicas of the same reader may run elsewhere."""

    def __init__(
        self,
        log: FollowedLog,
        reader: Reader,
        signal: LogSignal,
        *,
        max_batch: int = MAX_BATCH,
        after_commit: AfterCommit | None = None,
        control: ReaderControl | None = None,
    ) -> None:
        """
        Args:
            signal: wakes it when the log has grown; one a process.
            max_batch: events in one transaction at most.
            after_commit: awaited after each commit that had events. A hint: a crash between commit and call loses it, and an error is only logged;
                whatever must happen follows from the log.
            control: brings orders to pause and resume, and tells other processes where the reader stands; without it a parked reader waits for a restart.
        """
        self._log = log
        self._reader = reader
        self._signal = signal
        self._after_commit = after_commit
        self._control = control
        self._thread = anyio.CapacityLimiter(1)
        self._place = Place(log, reader.name, reader.topics, max_batch)
        self._course = Course(reader.name)
        self._conflicts = 0
        """In a row, of the batch in hand."""
        if control:
            control.register(reader.name, lambda: self.state)

    @property
    def state(self) -> ReaderState:
        """Where the reader is."""
        return self._course.state

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set; the batch under way is finished first. A reader that is parked or paused waits for an order to go on."""
        stopping = asyncio.create_task(stop.wait(), name=f"{self._reader.name} stop")
        try:
            while not stop.is_set():
                if self._stands_still():
                    await _first(stopping, self._order_or_progress())
                    continue
                woken = self._signal.count
                if await self._attempt():
                    continue
                pause = self._course.pause
                await _first(stopping, asyncio.sleep(pause) if pause else self._signal.wait(woken))
        finally:
            stopping.cancel()
            self._place.close()

    def _stands_still(self) -> bool:
        """Obey the last order; whether it is to stand still, or parked."""
        if self._control and not self._control.is_known:
            return True
        stood = self._course.is_still
        still = self._course.stands_still(self._order())
        if stood and not still:
            self._place.start_again()
        return still

    def _order(self) -> Order:
        return self._control.order(self._reader.name) if self._control else Order()

    async def _order_or_progress(self) -> None:
        """Wait for another order. A parked reader also looks whether a replica, of a newer version perhaps, came past the event that it cannot take."""
        waiting = self._control.changed() if self._control else asyncio.Event().wait()
        try:
            async with asyncio.timeout(_LOOK_AGAIN):
                await waiting
        except TimeoutError:
            if self._course.is_parked and await anyio.to_thread.run_sync(self._was_passed):
                logger.info("%s was parked, and another replica went on: so does it", self._reader.name)
                self._course.go_on()
                self._place.start_again()

    def _was_passed(self) -> bool:
        poison = self.state.poison_position
        return poison is not None and self._place.is_passed(poison)

    async def _attempt(self) -> bool:
        """One step in the thread; True when another should follow at once."""
        try:
            committed = await anyio.to_thread.run_sync(self.step, limiter=self._thread)
        except PositionAheadError as exc:
            self._course.is_ahead(exc)
            return False
        except InfrastructureError as exc:
            self._course.refused(self._place.seen, in_words(exc))
            return False
        if committed is None:
            return False
        if self._after_commit and committed.batch:
            await self._tell(self._after_commit, committed)
        return True

    async def _tell(self, after_commit: AfterCommit, committed: Committed) -> None:
        try:
            await after_commit(committed)
        except Exception:
            logger.exception("%s: what follows position %d failed, going on", self._reader.name, committed.position)

    def step(self) -> Committed | None:
        """Do one batch, in this thread; None when there is nothing to do now, or the reader is parked.

        Raises:
            LogUnavailableError: safe to repeat, as every ``InfrastructureError`` of the reader's own.
            PositionAheadError: its checkpoint is past the log's end.
        """
        if self._course.is_parked:
            return None
        page: Page | None = None
        try:
            page = self._place.next_page()
            return self._take(page)
        except InfrastructureError:
            self._place.forget()
            raise
        except CheckpointConflictError:
            logger.debug("%s: another replica was faster", self._reader.name)
            self._place.forget()
            return self._again()
        except VersionConflictError as exc:
            return self._conflict(page, exc)
        except Exception as exc:  # noqa: BLE001  # a reader's edge: its fault must not stop the others
            return self._narrow(page, exc)

    def _take(self, page: Page) -> Committed | None:
        if self._place.is_nothing(page):
            self._place.skim(page)
            self._course.found_nothing(page.next_position)
            return None
        if self._reader.topics:  # it asked for these: it cannot do without one that this version cannot read
            page = _before_unreadable(page)
            if isinstance(unreadable := page.events[0].event if page.events else None, Unreadable):
                self._park(page.events[0], unreadable.error)
                return None
        self._place.read_ahead(page)
        committed = self._reader.commit(self._log, page, self._place.checkpoint)
        self._place.move(page)
        self._conflicts = 0
        self._course.moved(page.next_position)
        return committed

    def _again(self) -> Committed:
        """Nothing came of a step, and another one follows at once."""
        return Committed(position=self._place.seen)

    def _conflict(self, page: Page | None, exc: VersionConflictError) -> Committed | None:
        """Another writer changed a stream in between: do the batch again from what is stored now."""
        self._conflicts += 1
        if self._conflicts < _MAX_CONFLICTS:
            logger.info("%s: %s; doing the batch again", self._reader.name, exc)
            return self._again()
        return self._narrow(page, exc)

    def _narrow(self, page: Page | None, exc: Exception) -> Committed | None:
        """Halve the batch until the one event that fails stands alone, then park."""
        count = self._place.limit if page is None else len(page)
        if count <= 1:
            self._park(page.events[0] if page and page.events else None, exc)
            return None
        self._place.narrow(count)
        logger.warning("%s: a batch of %d failed (%r), trying %d", self._reader.name, count, exc, self._place.limit)
        return self._again()

    def _park(self, poison: Recorded | None, exc: Exception) -> None:
        self._course.park(self._place.seen, poison, exc, self._order())


def _before_unreadable(page: Page) -> Page:
    """A page up to the first event that this version cannot read; with that one alone if it is the first."""
    for index, recorded in enumerate(page.events):
        if type(recorded.event) is Unreadable:
            return Page(page.events[:index], recorded.position - 1) if index else Page([recorded], recorded.position)
    return page


async def _first(stopping: asyncio.Task[bool], other: Awaitable[object]) -> None:
    """Wait for either; `other` is cancelled when the stop comes first. Its failure is only a wait that ended early."""
    waiting = asyncio.ensure_future(other)
    await asyncio.wait({stopping, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    with suppress(asyncio.CancelledError, InfrastructureError):
        await waiting
