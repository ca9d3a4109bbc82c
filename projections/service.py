"""The projections' process: every read model on a runner of its own, all over one log and one signal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import anyio.to_thread

from aetherius.event_store.health import health_of
from aetherius.event_store.log import Log
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import schema
from aetherius.projections.models import MODELS
from aetherius.projections.reader_control import ReaderControl
from aetherius.projections.runner import Runner
from aetherius.projections.settings import ProjectionsSettings
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.runtime.health import health_served


async def run(settings: ProjectionsSettings, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
    """Keep the read models until `stop` is set; batches under way are finished first. Replicas may run beside: each event is applied once.

    A read model that meets an event it cannot take is parked, with a log line, and the others go on. The log's tables exist already.

    Args:
        ready: called once, when the tables are there and reading begins.

    Raises:
        ReadModelUnavailableError: PostgreSQL does not answer at the start. Safe to repeat.
        PortTakenError: another program listens where health was to be told.
    """
    await anyio.to_thread.run_sync(schema.create, settings.postgres_dsn)
    log = Log(settings.postgres_dsn, pool_size=settings.postgres_connections, sealing=sealing_of(settings))
    try:
        async with (
            LogSignal(settings.postgres_dsn) as signal,
            health_served(settings.health_host, settings.projections_health_port, health_of(log)),
            asyncio.TaskGroup() as tasks,
        ):
            control = ReaderControl(settings.postgres_dsn)
            tasks.create_task(control.run(stop), name="reader-control")
            for runner in runners(log, signal, settings, control):
                tasks.create_task(runner.run(stop), name=runner.state.name)
            if ready:
                ready()
    finally:
        await anyio.to_thread.run_sync(log.close)


def runners(
    log: Log, signal: LogSignal, settings: ProjectionsSettings, control: ReaderControl | None = None
) -> Sequence[Runner]:
    """A runner for each read model."""
    return [
        Runner(log, VersionedRows(model), signal, max_batch=settings.projections_batch, control=control)
        for model in MODELS
    ]
