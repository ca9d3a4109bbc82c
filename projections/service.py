"""The projections' process: every read model on a runner of its own, all over one log and one signal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import anyio.to_thread

from aetherius.domain.errors import InfrastructureError
from aetherius.event_store.contents_index import ContentsIndex
from aetherius.event_store.health import health_of
from aetherius.event_store.log import Log
from aetherius.event_store.schema import ROOM as LOG_ROOM
from aetherius.event_store.sealing import sealing_of
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import schema
from aetherius.projections.errors import ReadModelParkedError, ReadModelUnavailableError, RebuildRunsError
from aetherius.projections.models import MODELS
from aetherius.projections.rebuild import rebuild
from aetherius.projections.settings import ProjectionsSettings
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.control import ReaderControl
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from aetherius.readers.schema import ROOM as READERS
from aetherius.runtime.health import health_served
from aetherius.runtime.migrations.applied import require

logger = logging.getLogger(__name__)

_BUILD_AGAIN = 1.0


async def run(settings: ProjectionsSettings, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
    """Keep the read models until `stop` is set; batches under way are finished first. Replicas may run beside: each event is applied once.

    A read model that meets an event it cannot take is parked, with a log line, and the others go on. One whose tables are of another version is built again
    first, beside them. The tables exist already: `aetherius migrate` makes them.

    Args:
        ready: called once, when reading begins.

    Raises:
        TablesMissingError: `aetherius migrate` was not run.
        DatabaseUnavailableError: PostgreSQL does not answer at the start. Safe to repeat.
        PortTakenError: another program listens where health was to be told.
    """
    await anyio.to_thread.run_sync(require, settings.postgres_dsn, LOG_ROOM, READERS, schema.ROOM)
    old = await anyio.to_thread.run_sync(schema.outdated, settings.postgres_dsn)
    log = Log(settings.postgres_dsn, pool_size=settings.postgres_connections, sealing=sealing_of(settings))
    try:
        async with (
            LogSignal(settings.postgres_dsn) as signal,
            health_served(settings.health_host, settings.health_port, health_of(log)),
            asyncio.TaskGroup() as tasks,
        ):
            control = ReaderControl(settings.postgres_dsn)
            tasks.create_task(control.run(stop), name="reader-control")
            tasks.create_task(ContentsIndex(log).run(stop), name="log-contents")
            for runner in runners(log, signal, settings, control):
                driven = _driven(runner, settings.postgres_dsn, log, old, stop)
                tasks.create_task(driven, name=runner.state.name)
            if ready:
                ready()
    finally:
        await anyio.to_thread.run_sync(log.close)


def runners(
    log: Log, signal: LogSignal, settings: ProjectionsSettings, control: ReaderControl | None = None
) -> Sequence[Runner]:
    """A runner for each read model."""
    return [
        Runner(log, Projecting(VersionedRows(model)), signal, max_batch=settings.commit_events, control=control)
        for model in MODELS
    ]


async def _driven(runner: Runner, dsn: str, log: Log, old: Sequence[str], stop: asyncio.Event) -> None:
    """Run a reader, once its tables are of this version."""
    name = runner.state.name
    while name in old and not stop.is_set():
        try:
            logger.warning("%s is of another version: building it again beside", name)
            await _unless(stop, partial(rebuild, dsn, name, log=log))
        except RebuildRunsError:
            logger.info("%s is built by another process: waiting for it", name)
        except (InfrastructureError, ReadModelParkedError) as exc:
            logger.error("%s cannot be built again, trying again: %s", name, exc)
        with suppress(TimeoutError):
            async with asyncio.timeout(_BUILD_AGAIN):
                await stop.wait()
        with suppress(ReadModelUnavailableError):
            old = await anyio.to_thread.run_sync(schema.outdated, dsn)
    await runner.run(stop)


async def _unless(stop: asyncio.Event, build: Callable[[], object]) -> None:
    """Build in a thread, and leave it there when we are to stop: cut off, it is gone on with by the next process."""
    building = asyncio.create_task(anyio.to_thread.run_sync(build, abandon_on_cancel=True), name="rebuild")
    stopping = asyncio.create_task(stop.wait(), name="rebuild stop")
    try:
        await asyncio.wait({building, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if building.done():
            building.result()
    finally:
        building.cancel()
        stopping.cancel()
