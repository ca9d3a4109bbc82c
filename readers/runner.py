"""The batched runner: drives one reader over the log, and commits what it makes of a batch together with its checkpoint.

It promises: every event of the reader's topics is applied once, in order, however often the process dies and however many replicas run (the
checkpoint is moved from where the batch was read, or nothing is written). What fails for the world's sake is tried again for ever; an event that the
reader cannot take parks this reader where it is, and no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import anyio
import anyio.to_thread

from aetherius.domain.errors import InfrastructureError
from aetherius.domain.event import Recorded
from aetherius.event_store.errors import CheckpointConflictError, PositionAheadError, VersionConflictError
from aetherius.event_store.log import Log
from aetherius.event_store.metrics import note_reader
from aetherius.event_store.pending import Page
from aetherius.event_store.reading.subscription import LogSignal
from aetherius.readers.control import Order, ReaderControl
from aetherius.readers.errors import UnsavedDecisionsError
from aetherius.readers.reader import Exporter, ProcessManager, Projector
from aetherius.readers.state import Committed, ReaderState, ReaderStatus
from aetherius.readers.state_rows import StateRows
from aetherius.readers.unit import Unit

logger = logging.getLogger(__name__)

MAX_BATCH = 2000
"""Events in one transaction: enough that the commit's fsync no longer counts, few enough that others are not kept waiting."""
IDLE_GAP = 10_000
"""Positions without an event for this reader after which its checkpoint is moved all the same, so that a restart does not read them again."""
_BACKOFF = (0.05, 10.0)
_MAX_CONFLICTS = 100
_LOOK_AGAIN = 2.0

AfterCommit = Callable[[Committed], Awaitable[None]]


class Runner:
    """One reader, one task. Replicas of the same reader may run elsewhere."""

    def __init__(
        self,
        log: Log,
        reader: Projector | ProcessManager | Exporter,
        signal: LogSignal,
        *,
        max_batch: int = MAX_BATCH,
        state_rows: StateRows | None = None,
        after_commit: AfterCommit | None = None,
        control: ReaderControl | None = None,
    ) -> None:
        """
        Args:
            signal: wakes it when the log has grown; one a process.
            max_batch: events in one transaction at most.
            state_rows: where a process manager's ``unit.select`` reads; not needed by one that never does.
            after_commit: awaited after each commit that had events. A hint: a crash between commit and call loses it, and an error is only logged;
                whatever must happen follows from the log.
            control: brings orders to pause and resume, and tells other processes where the reader stands; without it a parked reader waits for a restart.
        """
        self._log = log
        self._reader = reader
        self._signal = signal
        self._max_batch = max_batch
        self._limit = max_batch
        self._state_rows = state_rows
        self._after_commit = after_commit
        self._thread = anyio.CapacityLimiter(1)
        self._reading = ThreadPoolExecutor(1, f"{reader.name}-read")
        self._ahead_of_use: tuple[tuple[int, int], Future[Page]] | None = None
        """After which position and how many events, and the page."""
        self._checkpoint: int | None = None
        self._seen = 0
        self._conflicts = 0
        self._incarnation = 0
        self._stored = 0
        """The checkpoint when it was last read or moved."""
        self._ahead = 0
        """A checkpoint that was past the log's end: it stays wrong when the log has grown past it."""
        self._control = control
        self._resumes = 0
        """Orders to go on that were obeyed, or came before it was parked."""
        self.state = ReaderState(name=reader.name)
        if control:
            control.register(reader.name, lambda: self.state)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set; the batch under way is finished first. A reader that is parked or paused waits for an order to go on."""
        stopping = asyncio.create_task(stop.wait(), name=f"{self._reader.name} stop")
        failures = 0
        try:
            while not stop.is_set():
                if self._stands_still():
                    await _first(stopping, self._order_or_progress())
                    continue
                woken = self._signal.count
                if await self._attempt():
                    failures = 0
                    continue
                if self.state.status in (ReaderStatus.BACKING_OFF, ReaderStatus.AHEAD):
                    failures += 1
                    await _first(stopping, asyncio.sleep(min(_BACKOFF[0] * 2 ** min(failures, 10), _BACKOFF[1])))
                else:
                    failures = 0
                    await _first(stopping, self._signal.wait(woken))
        finally:
            stopping.cancel()
            self._reading.shutdown(wait=False, cancel_futures=True)

    def _stands_still(self) -> bool:
        """Obey the last order; whether it is to stand still, or parked."""
        if self._control and not self._control.is_known:
            return True
        order = self._control.order(self._reader.name) if self._control else Order()
        parked, paused = (self.state.status is status for status in (ReaderStatus.PARKED, ReaderStatus.PAUSED))
        if parked and (order.resumes == self._resumes or order.paused):
            return True
        if order.paused and not paused:
            self._note(ReaderStatus.PAUSED)
        elif not order.paused and (parked or paused):
            logger.info("%s goes on after %d", self._reader.name, self._seen)
            self._start_again()
        self._resumes = order.resumes
        return order.paused

    def _start_again(self) -> None:
        self._checkpoint, self._limit = None, self._max_batch
        self._note(ReaderStatus.STARTING)

    async def _order_or_progress(self) -> None:
        """Wait for another order. A parked reader also looks whether a replica, of a newer version perhaps, came past the event that it cannot take."""
        waiting = self._control.changed() if self._control else asyncio.Event().wait()
        try:
            async with asyncio.timeout(_LOOK_AGAIN):
                await waiting
        except TimeoutError:
            if self.state.status is ReaderStatus.PARKED and await anyio.to_thread.run_sync(self._was_passed):
                logger.info("%s was parked, and another replica went on: so does it", self._reader.name)
                self._start_again()

    def _was_passed(self) -> bool:
        poison = self.state.poison_position
        return poison is not None and self._log.checkpoint(self._reader.name) >= poison

    async def _attempt(self) -> bool:
        """One step in the thread; True when another should follow at once."""
        try:
            committed = await anyio.to_thread.run_sync(self.step, limiter=self._thread)
        except PositionAheadError as exc:
            self._note_ahead(exc)
            return False
        except InfrastructureError as exc:
            self._note(ReaderStatus.BACKING_OFF, str(exc))
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
        if self.state.status is ReaderStatus.PARKED:
            return None
        page: Page | None = None
        try:
            if self._checkpoint is None:
                self._checkpoint = self._seen = self._recalled()
            page = self._read()
            if self._log.incarnation != self._incarnation:
                self._checkpoint = None  # what we read ahead of the checkpoint may be gone from this server
                return Committed(position=self._seen)
            return self._commit(page)
        except InfrastructureError:
            self._checkpoint = None
            raise
        except CheckpointConflictError:
            logger.debug("%s: another replica was faster", self._reader.name)
            self._checkpoint = None
            return Committed(position=self._seen)
        except VersionConflictError as exc:
            return self._conflict(page, exc)
        except Exception as exc:  # noqa: BLE001  # a reader's edge: its fault must not stop the others
            return self._narrow(page, exc)

    def _read(self) -> Page:
        """The next page: as a rule it was read while the one before was applied."""
        wanted = (self._seen, self._limit)
        ahead, self._ahead_of_use = self._ahead_of_use, None
        if ahead and ahead[0] == wanted:
            return ahead[1].result()
        return self._log.read_page(*wanted, self._reader.topics)

    def _read_ahead(self, after: int) -> None:
        limit = min(self._limit * 2, self._max_batch)
        coming = self._reading.submit(self._log.read_page, after, limit, self._reader.topics)
        self._ahead_of_use = ((after, limit), coming)

    def _recalled(self) -> int:
        """The stored checkpoint, if the log reaches as far."""
        checkpoint, head = self._place()
        if checkpoint > head or checkpoint == self._ahead > 0:
            self._ahead = checkpoint
            raise PositionAheadError(checkpoint, head)
        if checkpoint < self._stored:
            reason = "it was reset, or the log was restored to an earlier point"
            logger.warning("%s was at %d and goes on after %d: %s", self._reader.name, self._stored, checkpoint, reason)
        self._ahead, self._stored = 0, checkpoint
        return checkpoint

    def _place(self) -> tuple[int, int]:
        """The checkpoint and the log's end, both of one server."""
        while True:
            self._incarnation = self._log.incarnation
            checkpoint, head = self._log.checkpoint(self._reader.name), self._log.head()
            if self._log.incarnation == self._incarnation:
                return checkpoint, head

    def _commit(self, page: Page) -> Committed | None:
        assert self._checkpoint is not None
        if not page.events and page.next_position - self._checkpoint < IDLE_GAP:
            self._seen = page.next_position
            self._note(ReaderStatus.WAITING)
            return None
        if len(page) == self._limit:
            self._read_ahead(page.next_position)
        committed = self._apply(page, self._checkpoint)
        self._checkpoint = self._stored = self._seen = page.next_position
        self._limit = min(self._limit * 2, self._max_batch)
        self._conflicts = 0
        self._note(ReaderStatus.RUNNING)
        return committed

    def _apply(self, page: Page, after: int) -> Committed:
        name, batch = self._reader.name, page.events
        if isinstance(self._reader, Projector):
            fold = self._reader.apply
            self._log.transact(
                name, page.next_position, rows=(lambda rows: fold(batch, rows)) if batch else None, after=after
            )
            return Committed(position=page.next_position, batch=batch)
        if isinstance(self._reader, Exporter):
            stored = self._reader.export(batch, page.next_position)
            self._log.transact(name, page.next_position, rows=stored, after=after)
            return Committed(position=page.next_position, batch=batch)
        unit = Unit(self._log, self._select)
        if batch:
            self._reader.react(batch, unit)
        if unsaved := unit.unsaved:
            raise UnsavedDecisionsError(name, [f"{each.stream} {each.id}" for each in unsaved])
        self._log.transact(name, page.next_position, unit.pending, unit.write, after=after)
        return Committed(position=page.next_position, batch=batch, decided=unit.pending)

    def _select(self, *query: object) -> list[tuple[object, ...]]:
        if self._state_rows is None:
            raise RuntimeError(f"{self._reader.name} reads state rows: give its runner `state_rows`")
        return self._state_rows.select(*query)  # type: ignore[arg-type]

    def _conflict(self, page: Page | None, exc: VersionConflictError) -> Committed | None:
        """Another writer changed a stream in between: do the batch again from what is stored now."""
        self._conflicts += 1
        if self._conflicts < _MAX_CONFLICTS:
            logger.info("%s: %s; doing the batch again", self._reader.name, exc)
            return Committed(position=self._seen)
        return self._narrow(page, exc)

    def _narrow(self, page: Page | None, exc: Exception) -> Committed | None:
        """Halve the batch until the one event that fails stands alone, then park."""
        count = self._limit if page is None else len(page)
        if count > 1:
            self._limit = max(1, count // 2)
            logger.warning("%s: a batch of %d failed (%r), trying %d", self._reader.name, count, exc, self._limit)
            return Committed(position=self._seen)
        recorded = page.events[0] if page and page.events else None
        self._park(recorded, exc)
        return None

    def _park(self, recorded: Recorded | None, exc: Exception) -> None:
        where = (
            f"position {recorded.position} ({recorded.event.topic})" if recorded else f"the event after {self._seen}"
        )
        error = f"{type(exc).__name__}: {exc}"
        logger.error(
            "%s is PARKED at %s: %s. It reads no further until it is resumed or restarted",
            self._reader.name,
            where,
            error,
            exc_info=exc,
        )
        if self._control:
            self._resumes = self._control.order(self._reader.name).resumes
        self._note(ReaderStatus.PARKED, f"{where}: {error}", recorded)

    def _note_ahead(self, exc: PositionAheadError) -> None:
        if self.state.status is not ReaderStatus.AHEAD:
            logger.error("%s is AHEAD of the log: %s. It waits for: aetherius log restored", self._reader.name, exc)
        self._seen = exc.position
        self._note(ReaderStatus.AHEAD, str(exc))

    def _note(self, status: ReaderStatus, error: str = "", poison: Recorded | None = None) -> None:
        if status is ReaderStatus.BACKING_OFF and self.state.status is not status:
            logger.warning("%s: %s; trying again", self._reader.name, error)
        self.state = ReaderState(
            name=self._reader.name,
            status=status,
            position=self._seen,
            error=error,
            poison_position=poison.position if poison else None,
            poison_topic=poison.event.topic if poison else "",
        )
        note_reader(
            self._reader.name,
            self._seen,
            parked=status is ReaderStatus.PARKED,
            ahead=status is ReaderStatus.AHEAD,
        )


async def _first(stopping: asyncio.Task[bool], other: Awaitable[object]) -> None:
    """Wait for either; `other` is cancelled when the stop comes first. Its failure is only a wait that ended early."""
    waiting = asyncio.ensure_future(other)
    await asyncio.wait({stopping, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    with suppress(asyncio.CancelledError, InfrastructureError):
        await waiting
