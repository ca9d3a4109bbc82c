"""The health of a process that works on the log: ready while the log answers, and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread

from aetherius.domain.errors import InfrastructureError
from aetherius.event_store.log import Log
from aetherius.event_store.metrics import exposition
from aetherius.runtime.health import Health

_WITHIN: Final = 2.0
"""Seconds for the log's answer."""


def health_of(log: Log, also: Callable[[], bool] = lambda: True) -> Health:
    """What such a process answers; `also` says whether the rest of what it needs is there."""
    threads = anyio.CapacityLimiter(2)

    async def is_ready() -> bool:
        try:
            async with asyncio.timeout(_WITHIN):
                await anyio.to_thread.run_sync(log.head, limiter=threads, abandon_on_cancel=True)
        except (InfrastructureError, TimeoutError):
            return False
        return also()

    async def metrics() -> bytes:
        return await anyio.to_thread.run_sync(exposition, log, limiter=threads)

    return Health(is_ready, metrics)
