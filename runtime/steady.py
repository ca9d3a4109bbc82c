"""A task that goes on for ever: it waits out a world that refuses, and lets every other error end the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from nats.errors import Error as NatsError

from aetherius.domain.errors import InfrastructureError
from aetherius.runtime.in_words import in_words

logger = logging.getLogger(__name__)

UNAVAILABLE = (InfrastructureError, NatsError, TimeoutError)
"""PostgreSQL or NATS is away: what was tried may be tried again."""

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


async def steadily(name: str, step: Callable[[], Awaitable[None]]) -> NoReturn:
    """Run `step` again and again; after a refusal wait, up to five seconds, and go on."""
    pause = _FIRST_PAUSE
    while True:
        try:
            await step()
            pause = _FIRST_PAUSE
        except UNAVAILABLE as exc:
            end_if_cancelled()
            logger.warning("%s waits: %s", name, in_words(exc))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        end_if_cancelled()


def end_if_cancelled() -> None:
    """Raise ``CancelledError`` if this task was cancelled, and the cancellation got lost.

    Python 3.11's `asyncio.wait_for`, which the NATS client is built on, loses one that comes in the moment of its answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
