"""What every part of the orchestrator works with: the log, the broker, and the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread
from nats.js import JetStreamContext

from aetherius.event_store.log import Log
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.projections.state_rows import StateRows
from aetherius.runtime.jetstream import ensure_streams
from aetherius.runtime.nats_connection import connect

P = ParamSpec("P")
R = TypeVar("R")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Context:
    """The connections of one replica."""

    def __init__(
        self,
        settings: OrchestratorSettings,
        log: Log,
        signal: LogSignal,
        rows: StateRows,
        js: JetStreamContext,
        is_connected: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_connected`: whether the broker answers."""
        self.settings, self.log, self.signal, self.rows, self.js = settings, log, signal, rows, js
        self.is_connected = is_connected
        self._limiter = anyio.CapacityLimiter(settings.postgres_connections)

    async def blocking(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call something that blocks in a thread."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._limiter)


@asynccontextmanager
async def open_context(settings: OrchestratorSettings) -> AsyncIterator[Context]:
    """Connect, make sure that the streams exist, and let everything go at the end.

    Raises:
        CredentialsError: the file of the state's keys cannot be used.
        SettingError: the state's keys are malformed.
        TimeoutError: no NATS server within half a minute. Safe to repeat.
    """
    sealing = sealing_of(settings)
    rows = StateRows(settings.postgres_dsn)
    try:
        async with connect(settings.nats_url, "orchestrator") as nats:
            with Log(settings.postgres_dsn, pool_size=settings.postgres_connections, sealing=sealing) as log:
                async with LogSignal(settings.postgres_dsn) as signal:
                    js = nats.jetstream(timeout=5)
                    await ensure_streams(js)
                    yield Context(settings, log, signal, rows, js, lambda: nats.is_connected)
    finally:
        rows.close()
