"""The orchestrator's process: correlation, workflows, analyses and remediations, each a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aetherius.domain.keyring import Keyring
from aetherius.event_store.health import health_of
from aetherius.orchestrator import statements
from aetherius.orchestrator.analysis.desk import AnalysisDesk
from aetherius.orchestrator.analysis.reasoning import Reasoner, RuleReasoner
from aetherius.orchestrator.context import Context, open_context
from aetherius.orchestrator.correlation.correlator import Correlator
from aetherius.orchestrator.correlation.incident_process import IncidentProcess
from aetherius.orchestrator.remediation.approval_timers import ApprovalTimers
from aetherius.orchestrator.remediation.process import RemediationProcess
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.orchestrator.state_tables import on_postgres
from aetherius.orchestrator.workflow.driver import WorkflowDriver
from aetherius.orchestrator.workflow.publication import publish
from aetherius.orchestrator.workflow.shipped import Catalogue, shipped
from aetherius.orchestrator.workflow.starter import WorkflowStarter
from aetherius.orchestrator.workflow.timers import WorkflowTimers
from aetherius.readers.control import ReaderControl
from aetherius.readers.reader import ProcessManager
from aetherius.readers.runner import AfterCommit, Runner
from aetherius.readers.state import Committed
from aetherius.runtime.clock import utc_now
from aetherius.runtime.health import health_served
from aetherius.runtime.process import endless

logger = logging.getLogger(__name__)


async def run(
    settings: OrchestratorSettings,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    reasoner: Reasoner | None = None,
) -> None:
    """Orchestrate until `stop` is set; what was taken is finished first.

    Raises:
        DefinitionError: a shipped workflow does not load.
        SettingError: a parameter of a workflow is given that it does not have, or that is no duration.
        LogUnavailableError: PostgreSQL does not answer at the start. Safe to repeat.
        PortTakenError: another program listens where health was to be told.
    """
    catalogue = Catalogue(shipped(), settings.workflow_parameters)
    await asyncio.to_thread(statements.create, settings.postgres_dsn)
    async with open_context(settings) as context:
        await context.blocking(publish, context.log, catalogue)
        timers, approvals = WorkflowTimers(context), ApprovalTimers(context)
        desk = AnalysisDesk(context, reasoner or RuleReasoner())
        health = health_of(context.log, context.is_connected)
        async with (
            health_served(settings.health_host, settings.orchestrator_health_port, health),
            asyncio.TaskGroup() as tasks,
        ):
            enqueuing = tasks.create_task(endless("analysis queue", desk.enqueue()), name="analysis-queue")
            tasks.create_task(desk.answer(stop), name="analyses")
            tasks.create_task(timers.run(stop), name="workflow-timers")
            tasks.create_task(approvals.run(stop), name="approval-timers")
            control = ReaderControl(settings.postgres_dsn)
            tasks.create_task(control.run(stop), name="reader-control")
            for manager, after_commit in _managers(
                settings, catalogue, _each(timers, approvals), context.log.sealing.keys
            ):
                runner = _runner(context, manager, after_commit, control)
                tasks.create_task(runner.run(stop), name=manager.name)
            if ready:
                ready()
            await stop.wait()
            enqueuing.cancel()


def _each(timers: WorkflowTimers, approvals: ApprovalTimers) -> AfterCommit:
    async def after_commit(committed: Committed) -> None:
        await timers.after_commit(committed)
        await approvals.after_commit(committed)

    return after_commit


def _managers(
    settings: OrchestratorSettings, catalogue: Catalogue, set_timers: AfterCommit, keys: Keyring
) -> list[tuple[ProcessManager, AfterCommit | None]]:
    tables = on_postgres()
    return [
        (Correlator(utc_now, tables.subjects), None),
        (WorkflowStarter(catalogue, utc_now), None),
        (WorkflowDriver(utc_now, keys, tables.awaited, settings.approval_timeout), set_timers),
        (RemediationProcess(utc_now, settings.patience, keys), None),
        (IncidentProcess(utc_now), None),
    ]


def _runner(
    context: Context, manager: ProcessManager, after_commit: AfterCommit | None, control: ReaderControl
) -> Runner:
    return Runner(
        context.log, manager, context.signal, state_rows=context.rows, after_commit=after_commit, control=control
    )
