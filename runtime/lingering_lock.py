"""Advisory locks of a session outlive it for a moment: the server notices later that it was closed, or that its process died. So a lock that is held is asked for again
for a little while, before somebody is told that another process works.

It is asked for again and again, never waited for in one statement: such a wait would keep an index from being made concurrently.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

LINGERS: Final = 3.0
"""Seconds: longer than a server on the same network takes to notice."""
_PAUSE: Final = 0.05


def taken_within(ask: Callable[[], bool], seconds: float = LINGERS) -> bool:
    """Ask (`pg_try_advisory_lock`) until the lock is ours, or these seconds are over. At least once."""
    until = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE)
    return True


async def taken_within_async(ask: Callable[[], Awaitable[bool]], seconds: float = LINGERS) -> bool:
    """The same without blocking."""
    until = time.monotonic() + seconds
    while not await ask():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_PAUSE)
    return True
