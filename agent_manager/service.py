"""The agent manager's process: what runs, who owns it, and in which order it stops.

Every replica takes events and results; one of them, the leader, also keeps the fleet and carries out what leaves the log. Stopping: take nothing new, finish
what was taken, acknowledge it, close; what a deadline leaves undone is handed back, for another replica or the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from aetherius.agent_manager.context import Context, open_context
from aetherius.agent_manager.fleet.command_queues import CommandQueues
from aetherius.agent_manager.fleet.heartbeats import Heartbeats
from aetherius.agent_manager.fleet.registrations import Fleet
from aetherius.agent_manager.fleet.roster import Roster
from aetherius.agent_manager.intake.accepted_times import AcceptedTimes
from aetherius.agent_manager.intake.ingest import Ingest
from aetherius.agent_manager.metrics import LEADS
from aetherius.agent_manager.orders.dispatcher import Dispatcher
from aetherius.agent_manager.orders.expiry import Expiry
from aetherius.agent_manager.orders.results import Results
from aetherius.agent_manager.relays.command_results import CommandResults
from aetherius.agent_manager.relays.observations import Observations
from aetherius.agent_manager.schema import ROOM
from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.event_store.anchor_metrics import forget_anchors
from aetherius.event_store.archive.archiving import Archiving
from aetherius.event_store.audit.anchoring import Anchoring, anchorings
from aetherius.event_store.health import health_of
from aetherius.event_store.metrics import forget_readers
from aetherius.event_store.schema import ROOM as LOG_ROOM
from aetherius.event_store.upkeep.leadership import Leadership
from aetherius.readers.schema import ROOM as READERS
from aetherius.runtime.clock import utc_now
from aetherius.runtime.health import health_served
from aetherius.runtime.jetstream.streams import keep_streams
from aetherius.runtime.migrations.awaiting import require_once_there
from aetherius.runtime.steady import end_if_cancelled

logger = logging.getLogger(__name__)


async def run(
    settings: AgentManagerSettings,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Serve until `stop` is set. The tables exist already: `aetherius migrate` makes them.

    Args:
        ready: called once, when messages are taken.
        clock: for tests.

    Raises:
        CredentialsError: the signing key's file cannot be used.
        TablesMissingError: `aetherius migrate` was not run.
        TimeoutError: NATS does not answer at the start. Safe to repeat.
        ExceptionGroup: a task failed that should never end; the process must end too, and may be started again.
    """
    await require_once_there(settings.postgres_dsn, stop, LOG_ROOM, READERS, ROOM)
    async with open_context(settings, clock) as context:
        await _serve(context, stop, ready)


async def _serve(context: Context, stop: asyncio.Event, ready: Callable[[], None] | None) -> None:
    settings = context.settings
    accepted_times = AcceptedTimes(context)
    ingest, results = Ingest(context, accepted_times), Results(context)
    leadership = Leadership(settings.postgres_dsn, lambda: lead(context), settings.leader_interval)
    health = health_of(context.log, lambda: context.nats.is_connected)
    async with (
        health_served(settings.health_host, settings.health_port, health),
        asyncio.TaskGroup() as tasks,
    ):
        taking_events = tasks.create_task(ingest.take(), name="take events")
        taking = {
            taking_events,
            tasks.create_task(results.queue.run(), name="take results"),
            tasks.create_task(leadership.run(), name="lead"),
            tasks.create_task(accepted_times.run(), name="make partitions"),
            tasks.create_task(keep_streams(context.js), name="keep streams"),
        }
        storing = {tasks.create_task(ingest.store(), name="store events")}
        tasks.create_task(CommandResults(context).run(stop), name="tell command results")
        if ready:
            ready()
        await stop.wait()
        _cancel(taking)  # the queues among them finish what they took, in the same time as ingest
        await asyncio.wait({taking_events})
        try:
            async with asyncio.timeout(settings.drain_timeout):
                await ingest.drained()
        except TimeoutError:
            logger.warning("stopping before all that was taken is stored")
        _cancel(storing)
        await asyncio.wait(taking | storing)
        if left := await ingest.give_back():
            logger.warning("handed back %d messages", left)


async def lead(context: Context) -> None:
    """Do, for ever, what one replica alone does. Raises what its tasks raise, in an ``ExceptionGroup``."""
    LEADS.set(1)
    try:
        await _lead(context)
    finally:
        LEADS.set(0)
        forget_readers()
        forget_anchors()


async def _lead(context: Context) -> None:
    roster = Roster(context)
    fleet, heartbeats = Fleet(context, roster), Heartbeats(context, roster)
    await heartbeats.recall()
    end_if_cancelled()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(heartbeats.listen(), name="hear heartbeats")
        tasks.create_task(heartbeats.keep(), name="keep heartbeats")
        tasks.create_task(heartbeats.sweep(), name="judge silence")
        tasks.create_task(fleet.queue.run(), name="take registrations")
        tasks.create_task(CommandQueues(context, roster).run(), name="keep command queues")
        tasks.create_task(Dispatcher(context).run(), name="dispatch commands")
        tasks.create_task(Expiry(context).run(), name="give up commands")
        tasks.create_task(Observations(context, roster).run(), name="read observations")
        if context.settings.archive:
            tasks.create_task(_archiving(context).run(), name="archive observations")
        for anchoring in _anchorings(context):
            tasks.create_task(anchoring.run(), name="note heads")


def _archiving(context: Context) -> Archiving:
    settings = context.settings
    return Archiving(
        settings.postgres_dsn,
        settings.archive,
        retain_days=settings.retain_days,
        accept_age=settings.accept_age,
        interval=settings.archive_interval,
        now=context.now,
    )


def _anchorings(context: Context) -> Iterator[Anchoring]:
    settings = context.settings
    return anchorings(
        settings.postgres_dsn,
        context.signing_key,
        file=settings.anchor_file,
        bucket=settings.anchor_bucket,
        interval=settings.anchor_interval,
    )


def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
