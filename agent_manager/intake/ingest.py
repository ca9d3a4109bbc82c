"""Ingest: event messages from JetStream into the log, each event once.

Two tasks in a row keep the order of the stream: one takes and decodes, the other stores. A message is acknowledged after the commit, so a crash at any point brings it
again, and the log's primary key drops what is known. Nothing else de-duplicates: with two replicas on one consumer a stored stream sequence would
skip what the other one took.

What breaks a rule goes to the dead letters, line by line; what meets a mistake of ours is tried again and then goes there too (`runtime/jetstream/answering.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from eventsourcing.persistence import StoredEvent
from nats.aio.msg import Msg

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.intake.accepted_times import AcceptedTimes
from aetherius.agent_manager.intake.admission import RefusedLine, Window, admit
from aetherius.agent_manager.metrics import note_stored
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.wire import headers
from aetherius.domain.wire.event import MAX_BATCH
from aetherius.domain.wire.subjects import AGENT_EVENTS
from aetherius.event_store.errors import UnplaceableEventError
from aetherius.runtime.errors import BrokerUnavailableError
from aetherius.runtime.in_words import in_words
from aetherius.runtime.jetstream.answering import Answering
from aetherius.runtime.jetstream.consumer import Durable, ack, nak
from aetherius.runtime.jetstream.flow import Flow
from aetherius.runtime.jetstream.streams import EVENTS
from aetherius.runtime.steady import UNAVAILABLE, steadily

logger = logging.getLogger(__name__)

CONSUMER: Final = "ingest"
_QUEUED_LOADS: Final = 2
"""One is stored while the next is decoded; more would only hold messages that another replica could have."""


class Load(msgspec.Struct):
    """Decoded messages that are stored, and acknowledged, together."""

    messages: list[Msg]
    stored: list[StoredEvent]
    refused: list[tuple[Msg, str, RefusedLine | None]]
    """Message, reason, and the line if it is only one of them."""


class Ingest:
    """One replica's share of the events."""

    def __init__(self, context: Context, accepted_times: AcceptedTimes) -> None:
        self._context = context
        self._accepted_times = accepted_times
        self._settings = context.settings
        self._dead_letters = context.dead_letters
        self._answers = Answering(CONSUMER, context.dead_letters, retry_delay=self._settings.retry_delay)
        self._durable = Durable(
            stream=EVENTS,
            name=CONSUMER,
            subject=AGENT_EVENTS,
            ack_wait=self._settings.ack_wait,
            max_ack_pending=8 * self._settings.fetch_messages,
        )
        self._queue: asyncio.Queue[Load] = asyncio.Queue(_QUEUED_LOADS)
        self._flow: Flow | None = None
        self._at_hand: list[Msg] = []
        """Taken, and not yet in the queue."""

    async def take(self) -> None:
        """Take and decode, for ever. Cancel it first when stopping."""
        await steadily("ingest, taking", self._take_some)

    async def store(self) -> None:
        """Store and acknowledge, for ever. Cancel it when `drained` has returned."""
        await steadily("ingest, storing", self._store_some)

    async def drained(self) -> None:
        """Return once everything taken is stored and acknowledged. Bound it by a deadline."""
        await self._queue.join()

    async def give_back(self) -> int:
        """Hand back what was taken and is not stored, for another replica to take at once; how many messages that were."""
        left = [*self._at_hand, *(await self._flow.close() if self._flow else [])]
        while not self._queue.empty():
            left += self._queue.get_nowait().messages
        await nak(left, 0)
        return len(left)

    async def _take_some(self) -> None:
        settings = self._settings
        flow = self._flow or await self._open()
        try:
            self._at_hand = await flow.take()
        except BrokerUnavailableError:
            self._flow = None
            await self._answers.hand_back(await flow.close())
            raise
        for share in _shares(self._at_hand.copy(), settings.commit_events):
            await self._queue.put(await self._context.blocking(_decode, share, self._accepted_times.window()))
            del self._at_hand[: len(share)]

    async def _open(self) -> Flow:
        await self._durable.ensure(self._context.js)
        flow = Flow(self._context.nats, EVENTS, CONSUMER, self._settings.fetch_messages)
        await flow.open()
        self._flow = flow
        return flow

    async def _store_some(self) -> None:
        loads = [await self._queue.get()]
        try:
            size = len(loads[0].stored)
            while size < self._settings.commit_events and not self._queue.empty():
                loads.append(self._queue.get_nowait())
                size += len(loads[-1].stored)
            await self._store_or_put_aside(loads)
        finally:
            for _ in loads:
                self._queue.task_done()

    async def _store_or_put_aside(self, loads: list[Load]) -> None:
        try:
            await self._store(loads)
        except UNAVAILABLE:
            raise
        except Exception as exc:  # noqa: BLE001  # a task's edge: our mistake, or a value that PostgreSQL does not take
            await self._apart([message for load in loads for message in load.messages], exc)

    async def _apart(self, messages: list[Msg], exc: Exception) -> None:
        """Find the message that cannot be stored, so that the others do not share its end."""
        if len(messages) == 1:
            await self._answers.failed(messages[0], exc)
            return
        logger.error("storing %d messages one by one: %s", len(messages), in_words(exc))
        for message in messages:
            alone = await self._context.blocking(_decode, [message], self._accepted_times.window())
            await self._store_or_put_aside([alone])

    async def _store(self, loads: list[Load]) -> None:
        messages = [message for load in loads for message in load.messages]
        events = [event for load in loads for event in load.stored]
        try:
            new = await self._context.blocking(self._context.log.ingest, events)
        except UNAVAILABLE:
            await nak(messages, self._settings.retry_delay)
            raise
        except UnplaceableEventError as exc:
            # The archive's edge moved on since they were decoded: look, and decode them again.
            logger.warning("taking %d messages again: %s", len(messages), exc)
            await self._accepted_times.look()
            await nak(messages, self._settings.retry_delay)
            return
        for message, reason, line in (each for load in loads for each in load.refused):
            await self._dead_letters.bury(message, reason, (line.number, line.line) if line else None)
        await ack(messages)
        note_stored(len(messages), len(events), new)


def _shares(messages: Iterable[Msg], events: int) -> Iterator[list[Msg]]:
    """Runs of messages with about `events` events each, by what their headers say."""
    share: list[Msg] = []
    size = 0
    for message in messages:
        share.append(message)
        size += _claimed_size(message)
        if size >= events:
            yield share
            share, size = [], 0
    if share:
        yield share


def _claimed_size(message: Msg) -> int:
    claimed = (message.headers or {}).get(headers.BATCH, "")
    return min(int(claimed), MAX_BATCH) if claimed.isdecimal() and len(claimed) < 7 else 1


def _decode(messages: list[Msg], window: Window) -> Load:
    load = Load(messages, [], [])
    for message in messages:
        try:
            admitted = admit(message.subject, message.headers or {}, message.data, window)
        except InvalidMessageError as exc:
            load.refused.append((message, str(exc), None))
            continue
        except Exception as exc:  # our own mistake; nothing here may go otherwise the next time
            logger.exception("cannot decode a message of %s", message.subject)
            load.refused.append((message, f"not handled: {in_words(exc)}", None))
            continue
        load.stored += admitted.stored
        load.refused += [(message, line.reason, line) for line in admitted.refused]
    return load
