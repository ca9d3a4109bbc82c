"""The search process: the indexer on a runner of its own. Replicas may run beside; each document is stored once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio.to_thread

from aetherius.event_store.health import health_of
from aetherius.event_store.log import Log
from aetherius.event_store.schema import ROOM as LOG_ROOM
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import schema
from aetherius.projections.search.indexer import SearchIndexer
from aetherius.projections.search.opening import search_server
from aetherius.projections.search.renewing import renew
from aetherius.projections.settings import ProjectionsSettings
from aetherius.readers.control import ReaderControl
from aetherius.readers.exporting import Exporting
from aetherius.readers.runner import Runner
from aetherius.readers.schema import ROOM as READERS
from aetherius.runtime.health import health_served
from aetherius.runtime.migrations.applied import require
from aetherius.runtime.process import cancelled_by


async def run(settings: ProjectionsSettings, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
    """Keep the search index until `stop` is set; the batch under way is finished first. While the index is away, or takes no writes, it waits, with one batch in memory.

    Args:
        ready: called once, when reading begins.

    Raises:
        TablesMissingError: `aetherius migrate` was not run.
        DatabaseUnavailableError: PostgreSQL does not answer at the start. Safe to repeat.
        PortTakenError: another program listens where health was to be told.
        SettingError: the settings of the search server contradict each other.
        CredentialsError: a file of secrets cannot be read.
    """
    dsn = settings.postgres_dsn
    await anyio.to_thread.run_sync(require, dsn, LOG_ROOM, READERS, schema.ROOM)
    log = Log(dsn, pool_size=3, sealing=sealing_of(settings))
    try:
        async with (
            search_server(settings) as server,
            LogSignal(dsn) as signal,
            health_served(settings.health_host, settings.health_port, health_of(log)),
            asyncio.TaskGroup() as tasks,
        ):
            control = ReaderControl(dsn)
            indexer = SearchIndexer(log, dsn, server.backend, server.generations)
            tasks.create_task(control.run(stop), name="reader-control")
            runner = Runner(log, Exporting(indexer), signal, max_batch=settings.commit_events, control=control)
            tasks.create_task(runner.run(stop), name=indexer.name)
            tasks.create_task(cancelled_by(stop, renew(dsn, log, server)), name="search-words")
            if ready:
                ready()
        indexer.close()
    finally:
        await anyio.to_thread.run_sync(log.close)
