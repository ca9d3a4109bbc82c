"""The orchestrator's process: correlation, workflows, analyses and remediations, each a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aetherius.domain.keyring import Keyring
from aetherius.event_store.health import health_of
from aetherius.event_store.schema import ROOM as LOG_ROOM
from aetherius.orchestrator.analysis.desk import AnalysisDesk
from aetherius.orchestrator.analysis.reasoning import Reasoner, RuleReasoner
from aetherius.orchestrator.context import Context, open_context
from aetherius.orchestrator.correlation.correlator import Correlator
from aetherius.orchestrator.correlation.incident_process import IncidentProcess
from aetherius.orchestrator.remediation.approval_timers import ApprovalTimers
from aetherius.orchestrator.remediation.freeze_ends import keep_ending
from aetherius.orchestrator.remediation.planner import RepairPlanner
from aetherius.orchestrator.remediation.process import RemediationProcess
from aetherius.orchestrator.schema import ROOM
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.orchestrator.state_tables import on_postgres
from aetherius.orchestrator.workflow.driver import WorkflowDriver
from aetherius.orchestrator.workflow.publication import publish
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.orchestrator.workflow.starter import WorkflowStarter
from aetherius.orchestrator.workflow.timers import WorkflowTimers
from aetherius.readers.control import ReaderControl
from aetherius.readers.deciding import Deciding, ProcessManager
from aetherius.readers.runner import AfterCommit, Runner
from aetherius.readers.schema import ROOM as READERS
from aetherius.readers.state import Committed
from aetherius.runtime.clock import utc_now
from aetherius.runtime.health import health_served
from aetherius.runtime.jetstream.streams import keep_streams
from aetherius.runtime.migrations.applied import require
from aetherius.runtime.process import cancelled_by, endless

logger = logging.getLogger(__name__)


async def run(
    settings: OrchestratorSettings,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    reasoner: Reasoner | None = None,
) -> None:
    """Orchestrate until `stop` is set; what was taken is finished first, or handed back after `drain_timeout`.

    Raises:
        DefinitionError: a shipped workflow does not load.
        SettingError: a parameter of a workflow is given that it does not have, or that is no duration.
        TablesMissingError: `aetherius migrate` was not run.
        DatabaseUnavailableError: PostgreSQL does not answer at the start. Safe to repeat.
        PortTakenError: another program listens where health was to be told.
    """
    workflows = ShippedWorkflows(shipped(), settings.workflow_parameters)
    await asyncio.to_thread(require, settings.postgres_dsn, LOG_ROOM, READERS, ROOM)
    async with open_context(settings) as context:
        await context.blocking(publish, context.log, workflows)
        timers, approvals = WorkflowTimers(context), ApprovalTimers(context)
        desk = AnalysisDesk(context, reasoner or RuleReasoner())
        health = health_of(context.log, lambda: context.nats.is_connected)
        async with (
            health_served(settings.health_host, settings.health_port, health),
            asyncio.TaskGroup() as tasks,
        ):
            for name, work in (
                ("streams", keep_streams(context.js)),
                ("analysis-queue", desk.enqueue()),
                ("analyses", desk.queue.run()),
                ("workflow-timers", timers.queue.run()),
                ("late-workflow-timers", timers.keep_ringing()),
                ("approval-timers", approvals.queue.run()),
                ("late-approval-timers", approvals.keep_ringing()),
                ("freeze-ends", keep_ending(context)),
            ):
                tasks.create_task(cancelled_by(stop, endless(name, work)), name=name)
            control = ReaderControl(settings.postgres_dsn)
            tasks.create_task(control.run(stop), name="reader-control")
            for manager, after_commit in _managers(
                settings, workflows, _each(timers, approvals), context.log.sealing.keys
            ):
                runner = _runner(context, manager, after_commit, control)
                tasks.create_task(runner.run(stop), name=manager.name)
            if ready:
                ready()
            await stop.wait()


def _each(timers: WorkflowTimers, approvals: ApprovalTimers) -> AfterCommit:
    async def after_commit(committed: Committed) -> None:
        await timers.after_commit(committed)
        await approvals.after_commit(committed)

    return after_commit


def _managers(
    settings: OrchestratorSettings, workflows: ShippedWorkflows, set_timers: AfterCommit, keys: Keyring
) -> list[tuple[ProcessManager, AfterCommit | None]]:
    tables = on_postgres()
    return [
        (Correlator(utc_now, tables.subjects, tables.suspicions), None),
        (WorkflowStarter(workflows, utc_now), None),
        (
            WorkflowDriver(
                utc_now, keys, tables.awaited, settings.approval_timeout, protected=settings.protected_namespaces
            ),
            set_timers,
        ),
        (RepairPlanner(utc_now, settings.patience, keys, tables.records), None),
        (RemediationProcess(utc_now, settings.patience, keys, tables.admissions, settings.limits), None),
        (IncidentProcess(utc_now), None),
    ]


def _runner(
    context: Context, manager: ProcessManager, after_commit: AfterCommit | None, control: ReaderControl
) -> Runner:
    reader = Deciding(manager, context.rows.select)
    return Runner(context.log, reader, context.signal, after_commit=after_commit, control=control)
