"""What every part of the agent manager works with: the log, the broker, the signing key, and the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from nats.aio.client import Client
from nats.js import JetStreamContext

from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.event_store.log import Log
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.open_log import OpenLog, open_log
from aetherius.runtime.clock import utc_now
from aetherius.runtime.jetstream.dead_letters import DeadLetters
from aetherius.runtime.jetstream.metrics import PUT_ASIDE
from aetherius.runtime.jetstream.streams import ensure_streams
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.signing_key import SigningKey


class Context(OpenLog):
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
        super().__init__(log, signal, settings.postgres_connections)
        self.settings = settings
        self.nats = nats
        self.js: JetStreamContext = nats.jetstream(timeout=5)
        self.dead_letters = DeadLetters(self.js, PUT_ASIDE.inc)
        self.signing_key = signing_key
        self.now = clock


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
    async with (
        connect(settings.nats_url, "agent_manager") as nats,
        open_log(settings.postgres_dsn, settings.postgres_connections, sealing) as opened,
    ):
        context = Context(settings, opened.log, opened.signal, nats, key, clock)
        await ensure_streams(context.js)
        yield context
