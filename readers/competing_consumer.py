"""Competing consumers: replicas share the side effects of a named subscription, each event at least once, the events of a key in order.

Every replica does the same: it puts wanted events of the log where deliveries wait (`deliveries.py`), one replica at a time; claims keys that are due; and has the
effect done. A replica that dies loses its claims when their lease ends, and others go on. An effect that fails is tried again after a growing pause; after the
last attempt it is parked with its error, and holds the later events of its key, and no others.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID, uuid5

import anyio
import anyio.to_thread
import msgspec

from aetherius.domain.errors import DomainError
from aetherius.domain.event import Recorded, Unreadable
from aetherius.event_store.errors import (
    CheckpointConflictError,
    LogUnavailableError,
    PositionAheadError,
)
from aetherius.event_store.metrics import note_reader
from aetherius.event_store.ports import EventLog
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.deliveries import Claim
from aetherius.readers.delivery_queue import DeliveryQueue
from aetherius.readers.errors import DestinationAwayError
from aetherius.readers.metrics import DELIVERIES, PARKED, WAITING

logger = logging.getLogger(__name__)

_PAGE: Final = 500
_BACKLOG: Final = 50_000
"""Events that wait for delivery at most; what comes after stays in the log for now."""
_IDLE_GAP: Final = 10_000
"""Positions without a wanted event after which the checkpoint is moved all the same."""
_POLL: Final = 1.0
"""Seconds after which a replica looks for keys that are due: another one may have put them there, or died."""
_RETRY: Final = 1.0
_COUNT_EVERY: Final = 2.0
"""Seconds between two looks at how much waits: many appends a second wake us."""
T = TypeVar("T")
_NAMESPACE: Final = UUID("7c0d4b0a-57a4-5bd5-9d0a-2f5e7f6b1c11")


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and after which pauses, an effect is tried."""

    first: float = 1.0
    """Seconds of the first pause; each is twice the one before, less a random part of up to half."""
    longest: float = 300.0
    """Seconds of a pause at most."""
    attempts: int = 15
    """Then it is parked: here after about an hour."""

    def pause(self, attempt: int) -> float:
        """Seconds to wait after a failed attempt."""
        longest = min(self.longest, self.first * 2.0 ** min(attempt - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, keeps no secret


class Delivery(msgspec.Struct, frozen=True):
    """One event to be delivered."""

    id: UUID
    """The same each time, for the receiver to know a repeat by."""
    event: Recorded
    attempt: int
    """From 1."""


Effect = Callable[[Delivery], Awaitable[None]]
"""Returns when it is done. May be called again for the same delivery. A ``DestinationAwayError`` makes all deliveries wait; a ``DomainError`` parks this one at
once, as it can never be done; any other error is tried again."""


def by_stream(recorded: Recorded) -> str:
    """A key for each stream: the events of one are delivered in order."""
    return str(recorded.stream_id)


class CompetingConsumer:
    """One subscription in one replica."""

    def __init__(
        self,
        name: str,
        log: EventLog,
        signal: LogSignal,
        deliveries: DeliveryQueue,
        effect: Effect,
        topics: Sequence[str],
        *,
        key: Callable[[Recorded], str] = by_stream,
        wants: Callable[[Recorded], bool] = lambda recorded: True,
        retry: Retry = Retry(),  # noqa: B008  # frozen
        keys: int = 16,
        events: int = 20,
        lease: float = 30.0,
    ) -> None:
        """
        Args:
            name: of the subscription and of its checkpoint: never rename it.
            key: what is delivered in order.
            wants: whether an event of the topics is to be delivered; of the event alone, always the same.
            keys: that this replica delivers for at the same time.
            events: of one key that are done with one claim.
            lease: seconds after which the keys of a replica that died go to others.
        """
        self._name = name
        self._log = log
        self._signal = signal
        self._deliveries = deliveries
        self._effect = effect
        self._topics = topics
        self._key = key
        self._wants = wants
        self._retry = retry
        self._keys = keys
        self._events = events
        self._lease = lease
        self._threads = anyio.CapacityLimiter(4)
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._due = asyncio.Event()
        self._away = 0
        self._checkpoint: int | None = None
        self._incarnation = -1
        self._counted, self._counted_at = 0, -_COUNT_EVERY

    async def run(self, stop: asyncio.Event, *, drain: float = 5.0) -> None:
        """Deliver until `stop` is set; then finish what is under way, within `drain` seconds, and let the rest go. Waits while PostgreSQL is away."""
        async with asyncio.TaskGroup() as tasks:
            endless = [
                tasks.create_task(self._patiently(step), name=f"{self._name} {word}")
                for step, word in ((self._put, "put"), (self._claim, "claim"), (self._extend, "extend"))
            ]
            await stop.wait()
            for task in endless:
                task.cancel()
            if self._running:
                await asyncio.wait(self._running, timeout=drain)
            await self._let_go()

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        registered = False
        while True:
            try:
                if not registered:
                    await self._blocking(self._deliveries.register, self._name)
                    registered = True
                await step()
            except (LogUnavailableError, PositionAheadError) as exc:
                logger.warning("%s waits: %s", self._name, exc)
                await asyncio.sleep(_RETRY)

    # Putting events where deliveries wait

    async def _put(self) -> None:
        seen = self._signal.count
        more = await self._blocking(self._put_page)
        if more:
            self._due.set()
        else:
            await self._signal.wait(seen)

    def _put_page(self) -> bool:
        """Take one page of the log; whether another should follow at once."""
        if self._count() >= _BACKLOG:
            return False
        if self._checkpoint is None or self._log.incarnation != self._incarnation:
            self._checkpoint = self._recalled()
        checkpoint, self._checkpoint = self._checkpoint, None  # until it is known to hold
        page = self._log.read_page(checkpoint, _PAGE, self._topics)
        wanted = [(self._key_of(each), each.position) for each in page if not each.is_readable or self._wants(each)]
        if not wanted and len(page) < _PAGE and page.next_position - checkpoint < _IDLE_GAP:
            self._checkpoint = checkpoint
            note_reader(self._name, page.next_position)
            return False
        try:
            self._log.transact(
                self._name,
                page.next_position,
                rows=lambda rows: self._deliveries.put(rows, self._name, wanted),
                after=checkpoint,
            )
        except CheckpointConflictError:
            logger.debug("%s: another replica was first", self._name)
        else:
            self._checkpoint = page.next_position
        return True

    def _key_of(self, recorded: Recorded) -> str:
        return self._key(recorded) if recorded.is_readable else by_stream(recorded)

    def _recalled(self) -> int:
        """The stored checkpoint, if the log reaches as far."""
        self._incarnation = self._log.incarnation
        checkpoint, head = self._log.checkpoint(self._name), self._log.head()
        note_reader(self._name, checkpoint, ahead=checkpoint > head)
        if checkpoint > head:
            raise PositionAheadError(checkpoint, head)
        return checkpoint

    def _count(self) -> int:
        """Events that wait, as of some seconds ago at most."""
        if time.monotonic() >= self._counted_at + _COUNT_EVERY:
            self._counted = self._deliveries.waiting(self._name, _BACKLOG)
            self._counted_at = time.monotonic()
            WAITING.labels(self._name).set(self._counted)
            PARKED.labels(self._name).set(len(self._deliveries.parked(self._name)))
        return self._counted

    # Claiming

    async def _claim(self) -> None:
        self._due.clear()
        free = self._keys - len(self._running)
        claims = await self._blocking(self._claimed, free) if free and not self._away else []
        for claim in claims:
            task = asyncio.create_task(self._deliver(claim), name=f"{self._name} {claim.key}")
            self._running[task] = claim
            task.add_done_callback(self._ended)
        if self._away:
            await asyncio.sleep(min(self._retry.pause(self._away), 2 * _POLL * self._away))
            self._away = 0
        elif len(claims) < free or not free:
            await self._wait_for_due()

    def _claimed(self, free: int) -> list[Claim]:
        return self._deliveries.claim(self._name, keys=free, events=self._events, lease=self._lease)

    async def _wait_for_due(self) -> None:
        due = await self._blocking(self._deliveries.next_due, self._name)
        pause = _POLL if due is None else min(_POLL, max(0.01, due))
        try:
            async with asyncio.timeout(pause):
                await self._due.wait()
        except TimeoutError:
            pass

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._due.set()
        if not task.cancelled() and (exc := task.exception()) is not None:
            logger.error("%s: a claim ended with an error; its lease will end too", self._name, exc_info=exc)

    async def _extend(self) -> None:
        await asyncio.sleep(self._lease / 3)
        if claims := {claim.id for claim in self._running.values()}:
            await self._blocking(self._deliveries.extend, self._name, claims, self._lease)

    async def _let_go(self) -> None:
        """What is still under way is tried again elsewhere."""
        left = list(self._running)
        for task in left:
            task.cancel()
        if left:
            logger.warning("%s: stopping before %d deliveries are done", self._name, len(left))
            await asyncio.wait(left)

    # Delivering

    async def _deliver(self, claim: Claim) -> None:
        """The events of a claimed key, one after the other, as far as they can be done."""
        done, attempt = 0, claim.attempt
        try:
            events = {each.position: each for each in await self._blocking(self._log.at, claim.positions)}
            for position in claim.positions:
                if position in events:
                    await self._effect(self._delivery(events[position], attempt))
                    DELIVERIES.labels(self._name, "delivered").inc()
                else:
                    logger.error("%s: position %d is not in the log any more", self._name, position)
                done, attempt = position, 1
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await self._settle(self._deliveries.failed, claim, done, "", attempts=attempt - 1, delay=0.0)
            raise
        except DestinationAwayError as exc:
            self._away += 1
            logger.warning("%s: deliveries wait: %s", self._name, exc)
            await self._settle(self._deliveries.failed, claim, done, str(exc), attempts=attempt - 1, delay=0.0)
        except LogUnavailableError as exc:
            logger.warning("%s: cannot read what to deliver: %s", self._name, exc)
            await self._settle(self._deliveries.failed, claim, done, str(exc), attempts=attempt - 1, delay=_RETRY)
        except DomainError as exc:
            await self._give_up(claim, done, attempt, exc)
        except Exception as exc:  # noqa: BLE001  # an effect's edge: what it raises concerns this delivery only
            await self._fail(claim, done, attempt, exc)
        else:
            await self._settle(self._deliveries.delivered, claim, done)

    def _delivery(self, recorded: Recorded, attempt: int) -> Delivery:
        if isinstance(recorded.event, Unreadable):
            raise recorded.event.error  # parked, until a newer version is told to try it again
        return Delivery(uuid5(_NAMESPACE, f"{self._name}/{recorded.id}"), recorded, attempt)

    async def _fail(self, claim: Claim, done: int, attempt: int, exc: Exception) -> None:
        if attempt >= self._retry.attempts:
            return await self._give_up(claim, done, attempt, exc)
        DELIVERIES.labels(self._name, "failed").inc()
        delay = self._retry.pause(attempt)
        logger.warning("%s: attempt %d for %s failed, again in %.1f s: %r", self._name, attempt, claim.key, delay, exc)
        await self._settle(self._deliveries.failed, claim, done, _text(exc), attempts=attempt, delay=delay)

    async def _give_up(self, claim: Claim, done: int, attempt: int, exc: Exception) -> None:
        DELIVERIES.labels(self._name, "parked").inc()
        position = next((each for each in claim.positions if each > done), 0)
        logger.error(
            "%s: position %d is PARKED after %d attempts, and what follows it of %s waits: %r. See: aetherius subscriptions parked",
            self._name,
            position,
            attempt,
            claim.key,
            exc,
        )
        await self._settle(self._deliveries.park, claim, done, _text(exc), attempts=attempt)

    async def _settle(
        self, settle: Callable[..., bool], claim: Claim, done: int, *values: object, **more: object
    ) -> None:
        """Note how a claim ended. If that cannot be noted, its lease ends, and it is done again."""
        try:
            if not await anyio.to_thread.run_sync(
                lambda: settle(self._name, claim, done, *values, **more), limiter=self._threads
            ):
                logger.warning("%s: the lease for %s had ended; another replica does it again", self._name, claim.key)
        except LogUnavailableError as exc:
            logger.warning("%s: not noted, and so done again: %s", self._name, exc)

    async def _blocking(self, call: Callable[..., T], *args: object) -> T:
        return await anyio.to_thread.run_sync(call, *args, limiter=self._threads)


def _text(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"
