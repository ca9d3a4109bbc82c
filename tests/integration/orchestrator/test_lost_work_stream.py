"""The stream WORK is lost: what it held is asked for and set again, from what the log's side knows."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from aetherius.domain.analysis import Analysis, AnalysisStatus, Requested
from aetherius.domain.fault import rules
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.remediation import Remediation, RemediationStatus
from aetherius.domain.repair.answers import WorkloadRef
from aetherius.domain.repair.drain_node import DrainNodeAnswer, PodPlacement
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse
from aetherius.domain.wire.event import Severity
from aetherius.event_store.subscription import LogSignal
from aetherius.orchestrator.analysis.desk import AnalysisDesk
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.remediation.approval_timers import ApprovalTimers
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.orchestrator.workflow.timers import WorkflowTimers
from aetherius.runtime.clock import utc_now
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.streams import WORK, ensure_streams
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.process import cancelled_by
from agent_platform import soon

pytestmark = pytest.mark.anyio


class Rules:
    """The rules, as the port wants them; `asked` counts, `gate` holds answers back."""

    name = rules.NAME

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()

    async def analyze(self, request: AnalysisRequest) -> AnalysisResponse:
        self.asked += 1
        await self.gate.wait()
        return rules.analyze(request, shipped_faults())


@contextmanager
def own_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
async def nats() -> AsyncIterator[Client]:
    """A broker of the test's own: it loses a stream."""
    with own_folder() as folder:
        server = EmbeddedNats(folder / "nats")
        await server.start()
        try:
            async with connect(server.url, "orchestrator") as client:
                await ensure_streams(client.jetstream(timeout=5))
                yield client
        finally:
            await server.stop()


@pytest.fixture
def js(nats: Client) -> JetStreamContext:
    return nats.jetstream(timeout=5)


@pytest.fixture
async def context(stage: Any, dsn: str, nats: Client) -> AsyncIterator[Context]:
    async with LogSignal(dsn) as signal:
        yield Context(OrchestratorSettings("", ""), stage.log, signal, stage.rows, nats)


def ask(stage: Any) -> Analysis:
    """A crash loop, as far as the question that its workflow asks: the real driver asks it, and nobody answers yet."""
    stage._analyse = lambda: False
    stage.report("CrashLoopBackOff")
    stage.answer("logs", "serving")
    stage.answer("describe", "Waiting")
    analysis = stage.all(Analysis, Requested)[-1]
    assert isinstance(analysis, Analysis)
    assert analysis.status is AnalysisStatus.REQUESTED
    return analysis


def is_answered(stage: Any, analysis: Analysis) -> Callable[[], bool]:
    return lambda: stage.log.load(Analysis, analysis.id).status is AnalysisStatus.COMPLETED


async def until_opened(js: JetStreamContext, durable: str) -> None:
    async with asyncio.timeout(120):
        while durable not in [each.name for each in await js.consumers_info(WORK)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_an_analysis_that_was_queued_in_a_lost_stream_is_asked_for_again(
    stage: Any, context: Context, js: JetStreamContext
) -> None:
    analysis, reasoner, stop = ask(stage), Rules(), asyncio.Event()
    reasoner.gate.set()
    desk = AnalysisDesk(context, reasoner)
    async with asyncio.TaskGroup() as tasks:
        enqueuing = tasks.create_task(desk.enqueue())
        await soon(lambda: stage.log.checkpoint("analysis_desk") > 0)
        enqueuing.cancel()  # the question is behind the checkpoint, and nobody has taken it
    assert (await js.stream_info(WORK)).state.messages == 1
    await js.delete_stream(WORK)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(cancelled_by(stop, desk.queue.run()))
        await soon(is_answered(stage, analysis))
        stop.set()
    stage.settle()
    rows = stage.rows.select("SELECT count(*) FROM aetherius.open_analyses")
    assert rows == [(0,)], "what is answered is not asked for again"
    assert stage.workflow.state.step("analyze").output["root_cause"] == "unknown"


async def test_a_stream_that_is_lost_under_a_desk_at_work_is_made_anew_and_filled_again(
    stage: Any, context: Context, js: JetStreamContext
) -> None:
    analysis, reasoner, stop = ask(stage), Rules(), asyncio.Event()
    desk = AnalysisDesk(context, reasoner)
    async with asyncio.TaskGroup() as tasks:
        enqueuing = tasks.create_task(desk.enqueue())
        tasks.create_task(cancelled_by(stop, desk.queue.run()))
        await soon(lambda: reasoner.asked == 1)
        await js.delete_stream(WORK)
        reasoner.gate.set()
        await soon(is_answered(stage, analysis))
        stage.settle()
        stage.pass_time(7200)
        later = ask(stage)
        assert later.id != analysis.id
        await soon(is_answered(stage, later), 60)
        stop.set()
        enqueuing.cancel()


async def test_a_timer_that_was_set_in_a_lost_stream_rings_all_the_same(
    stage: Any, context: Context, js: JetStreamContext
) -> None:
    timers, stop = WorkflowTimers(context), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(cancelled_by(stop, timers.queue.run()))
        await until_opened(js, "workflow-timers")
        await js.delete_stream(WORK)
        stage.now = utc_now() - timedelta(hours=1)
        stage.report("CreateContainerConfigError", message='configmap "settings" not found')
        step = (
            stage.workflow.state.current().id
        )  # it waits for seconds, by a clock that is an hour behind: its timer is due

        def has_rung() -> bool:
            stage.settle()
            return bool(stage.workflow.state.current().id != step)

        await soon(has_rung, 60)
        stop.set()


def ask_for_approval(stage: Any, node: str = "n1") -> UUID:
    """A lost node that could be drained: a person is asked."""
    stage.report("NodeNotReady", kind="Node", name=node, source="node_status", severity=Severity.CRITICAL)
    stage.pass_time(31)
    stage.answer("describe", "Ready Unknown")
    web = WorkloadRef(kind="Deployment", namespace="shop", name="web")
    pod = PodPlacement(namespace="shop", pod="web-1", owner_kind="Deployment", owner_name="web", decision="evict")
    found = DrainNodeAnswer(
        node=node,
        mode="simulate",
        ready="Unknown",
        not_ready_seconds=45,
        placements=[pod],
        feasible=True,
        workloads=[web],
    )
    stage.answer("DrainNode", found)
    remediation = stage.remediation
    assert remediation.status is RemediationStatus.AWAITING_APPROVAL
    id: UUID = remediation.id
    return id


async def test_a_deadline_is_kept_although_its_timer_was_lost(
    stage: Any, context: Context, js: JetStreamContext
) -> None:
    approvals, stop = ApprovalTimers(context), asyncio.Event()
    stage.now = utc_now() - timedelta(hours=3)
    remediation_id = ask_for_approval(stage)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(cancelled_by(stop, approvals.queue.run()))
        await until_opened(js, "approval-timers")
        await js.delete_stream(WORK)
        await approvals._ring(remediation_id)  # it has an hour left
        assert stage.remediation.status is RemediationStatus.AWAITING_APPROVAL
        stage.now = utc_now() - timedelta(hours=5)
        overdue = ask_for_approval(stage, node="n2")
        await soon(lambda: stage.log.load(Remediation, overdue).status is RemediationStatus.REJECTED, 60)
        assert stage.log.load(Remediation, remediation_id).status is RemediationStatus.AWAITING_APPROVAL
        stop.set()
