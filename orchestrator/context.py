"""What every part of the orchestrator works with: the log, its own state rows, and the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.js import JetStreamContext

from aetherius.event_store.log import Log
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.readers.open_log import OpenLog, open_log
from aetherius.readers.state_rows import StateRows
from aetherius.runtime.jetstream.dead_letters import DeadLetters
from aetherius.runtime.jetstream.metrics import PUT_ASIDE
from aetherius.runtime.jetstream.streams import ensure_streams
from aetherius.runtime.nats_connection import connect


class Context(OpenLog):
    """The connections of one replica."""

    def __init__(
        self,
        settings: OrchestratorSettings,
        log: Log,
        signal: LogSignal,
        rows: StateRows,
        nats: Client,
    ) -> None:
        super().__init__(log, signal, settings.postgres_connections)
        self.settings, self.rows, self.nats = settings, rows, nats
        self.js: JetStreamContext = nats.jetstream(timeout=5)
        self.dead_letters = DeadLetters(self.js, PUT_ASIDE.inc)


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
        async with (
            connect(settings.nats_url, "orchestrator") as nats,
            open_log(settings.postgres_dsn, settings.postgres_connections, sealing) as opened,
        ):
            context = Context(settings, opened.log, opened.signal, rows, nats)
            await ensure_streams(context.js)
            yield context
    finally:
        rows.close()
