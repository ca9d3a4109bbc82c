"""The orchestrator's queues on the stream WORK: taken by whichever replica is free, given to another one when a replica dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, NoReturn
from uuid import UUID

from nats.aio.msg import Msg

from aetherius.domain.errors import InvalidMessageError
from aetherius.event_store.errors import VersionConflictError
from aetherius.orchestrator.context import Context
from aetherius.runtime.clock import utc_now
from aetherius.runtime.jetstream.consumer import Durable
from aetherius.runtime.jetstream.queue import Queue
from aetherius.runtime.jetstream.streams import WORK
from aetherius.runtime.steady import steadily

LATE: Final = timedelta(seconds=3)
"""After its time a timer counts as lost: it was purged, or never set as NATS was away."""
_LOOK: Final = 3.0
"""Seconds between two looks for lost timers: one row each is read."""


def work_queue(
    context: Context,
    name: str,
    subject: str,
    handle: Callable[[Msg], Awaitable[None]],
    refill: Callable[[], Awaitable[None]],
) -> Queue:
    """One of them; `refill` puts into it what is known to be undone (as `Queue` says)."""
    return Queue(
        context.nats,
        Durable(stream=WORK, name=name, subject=subject, max_ack_pending=100),
        handle,
        context.dead_letters,
        drain=context.settings.drain_timeout,
        races=(VersionConflictError,),
        refill=refill,
    )


def stream_id_in(message: Msg) -> UUID:
    """The stream that a message is about, of one that holds nothing else. Raises ``InvalidMessageError``."""
    try:
        return UUID(bytes=message.data)
    except ValueError as exc:
        raise InvalidMessageError(message.subject, f"not the 16 bytes of an id: {exc}") from exc


async def keep_ringing(name: str, set_those_before: Callable[[datetime], Awaitable[None]]) -> NoReturn:
    """Find timers that should have rung and did not, for ever. `set_those_before`: sets again the timers of what was due before a moment."""

    async def look() -> None:
        await asyncio.sleep(_LOOK)
        await set_those_before(utc_now() - LATE)

    await steadily(name, look)
