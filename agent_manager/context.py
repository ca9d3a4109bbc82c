"""What every part of the agent manager works with: the log, the broker, the clock, and how to call what blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread
from nats.aio.client import Client
from nats.js import JetStreamContext

from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.event_store.log import Log
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.runtime.jetstream import ensure_streams
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.signing_key import SigningKey

P = ParamSpec("P")
R = TypeVar("R")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Context:
    """The connections of one replica, and its clock."""

    def __init__(
        self,
        settings: AgentManagerSettings,
        log: Log,
        signal: LogSignal,
        nats: Client,
        signing_key: SigningKey,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings
        self.log = log
        self.signal = signal
        self.nats = nats
        self.js: JetStreamContext = nats.jetstream(timeout=5)
        self.signing_key = signing_key
        self.now = clock
        self._limiter = anyio.CapacityLimiter(settings.postgres_connections)

    async def blocking(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call something that blocks, such as the log, in a thread; as many at once as the log has connections."""
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._limiter)


@asynccontextmanager
async def open_context(
    settings: AgentManagerSettings, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Context]:
    """Connect, make sure that the streams exist, and let everything go at the end.

    Raises:
        CredentialsError: the file of the signing key, or of the state's keys, cannot be used.
        SettingError: the state's keys are malformed.
        TimeoutError: no NATS server within half a minute. Safe to repeat.
    """
    key, sealing = SigningKey.load_or_create(settings.signing_key_file), sealing_of(settings)
    async with connect(settings.nats_url, "agent_manager") as nats:
        with Log(settings.postgres_dsn, pool_size=settings.postgres_connections, sealing=sealing) as log:
            async with LogSignal(settings.postgres_dsn) as signal:
                context = Context(settings, log, signal, nats, key, clock)
                await ensure_streams(context.js)
                yield context
