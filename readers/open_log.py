"""The log as one process has it open: the log, the signal that it has grown, and threads for calls that block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

from aetherius.event_store.log import Log
from aetherius.event_store.sealing import Sealing
from aetherius.event_store.subscription import LogSignal

P = ParamSpec("P")
R = TypeVar("R")


class OpenLog:
    """One process's."""

    def __init__(self, log: Log, signal: LogSignal, connections: int) -> None:
        """`connections`: that the log has; as many calls may block at once."""
        self.log, self.signal = log, signal
        self._limiter = anyio.CapacityLimiter(connections)

    async def blocking(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call something that blocks, such as the log, in a thread; as many at once as the log has connections."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._limiter)


@asynccontextmanager
async def open_log(dsn: str, connections: int, sealing: Sealing) -> AsyncIterator[OpenLog]:
    """Connect, and let go at the end. Nothing is asked of PostgreSQL before it is needed."""
    with Log(dsn, pool_size=connections, sealing=sealing) as log:
        async with LogSignal(dsn) as signal:
            yield OpenLog(log, signal, connections)
