"""The orchestrator's work: a mistake on one piece of it stops nobody, and stopping in the middle of an analysis is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from aetherius.agent_manager.letters.dead_letter_box import DeadLetterBox
from aetherius.domain.analysis import Analysis, AnalysisStatus, Requested
from aetherius.domain.event import Cause
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse, RootCause
from aetherius.event_store.subscription import LogSignal
from aetherius.orchestrator import work
from aetherius.orchestrator.analysis import desk as desks
from aetherius.orchestrator.analysis.desk import AnalysisDesk
from aetherius.orchestrator.analysis.request import request_of
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.service import run
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.orchestrator.workflow.timers import WorkflowTimers
from aetherius.runtime.clock import utc_now
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.consumer import Durable
from aetherius.runtime.jetstream.streams import INTERNAL, WORK, ensure_streams
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.process import cancelled_by
from agent_platform import soon
from sealed_state import KEYS_TEXT

pytestmark = pytest.mark.anyio


class Slow:
    """A reasoner that answers when its gate is opened."""

    name = "slow/1"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    async def analyze(self, request: AnalysisRequest) -> AnalysisResponse:
        self.asked.set()
        await self.gate.wait()
        nobody = RootCause(type="unknown", confidence=0.0)
        return AnalysisResponse(request_id=request.request_id, status="completed", root_cause=nobody)


@pytest.fixture
async def broker(open_folder: Path) -> AsyncIterator[EmbeddedNats]:
    """A broker of the test's own: the orchestrator's consumers have fixed names."""
    server = EmbeddedNats(open_folder / f"nats-{uuid4().hex[:8]}")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def context(stage: Any, dsn: str, broker: EmbeddedNats) -> AsyncIterator[Context]:
    async with connect(broker.url, "orchestrator") as nats, LogSignal(dsn) as signal:
        await ensure_streams(nats.jetstream())
        yield Context(OrchestratorSettings("", ""), stage.log, signal, stage.rows, nats)


def asked(stage: Any) -> Analysis:
    """An analysis that is requested, of an incident that the log does not know."""
    analysis = Analysis(uuid4())
    analysis.ask(
        Requested(incident_id=uuid4(), workflow_id=uuid4(), step_id="analyze", cluster_id="north", inputs={}), stage.now
    )
    stage.log.save(analysis, Cause(actor="user:test"))
    return analysis


def status(stage: Any, analysis: Analysis) -> AnalysisStatus:
    found: Analysis = stage.log.load(Analysis, analysis.id)
    return found.status


async def test_a_request_that_cannot_be_made_fails_its_analysis_and_the_next_is_answered(
    stage: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, plain = asked(stage), asked(stage)
    make = request_of

    def breaking(log: Any, analysis_id: UUID, *given: Any) -> AnalysisRequest:
        if analysis_id == odd.id:
            raise ZeroDivisionError
        return make(log, analysis_id, *given)

    monkeypatch.setattr(desks, "request_of", breaking)
    stop, reasoner = asyncio.Event(), Slow()
    reasoner.gate.set()
    desk = AnalysisDesk(context, reasoner)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(cancelled_by(stop, desk.enqueue()))
        tasks.create_task(cancelled_by(stop, desk.queue.run()))
        await soon(lambda: status(stage, odd) is AnalysisStatus.FAILED)
        await soon(lambda: status(stage, plain) is AnalysisStatus.COMPLETED)
        stop.set()


async def test_work_that_nobody_can_do_goes_to_the_dead_letters_and_is_found_there(
    stage: Any, context: Context
) -> None:
    stop, reasoner = asyncio.Event(), Slow()
    reasoner.gate.set()
    desk, timers = AnalysisDesk(context, reasoner), WorkflowTimers(context)
    await context.js.publish("work.analysis.normal.north", b"no id")
    await context.js.publish("work.due.workflow", b"no ring")
    plain = asked(stage)
    async with asyncio.TaskGroup() as tasks:
        for work in (desk.enqueue(), desk.queue.run(), timers.queue.run()):
            tasks.create_task(cancelled_by(stop, work))
        await soon(lambda: status(stage, plain) is AnalysisStatus.COMPLETED)
        box = DeadLetterBox(context.js)
        async with asyncio.timeout(30):
            while len(letters := await box.first(10)) < 2:  # noqa: ASYNC110  # the queues' work
                await asyncio.sleep(0.05)
        stop.set()
    told = {(letter.subject, letter.cluster, letter.source.split()[0]) for letter in letters}
    assert told == {("work.analysis.normal.north", "north", WORK), ("work.due.workflow", "", WORK)}
    assert [letter.subject for letter in await box.first(10, cluster="north")] == ["work.analysis.normal.north"]
    assert (await context.js.stream_info(WORK)).state.messages == 0


async def test_each_of_its_consumers_and_streams_that_is_deleted_is_made_again(
    stage: Any, dsn: str, broker: EmbeddedNats
) -> None:
    settings = OrchestratorSettings(dsn, broker.url, state_keys=KEYS_TEXT)
    reasoner, ready, stop = Slow(), asyncio.Event(), asyncio.Event()
    reasoner.gate.set()
    async with connect(broker.url, "test") as nats, asyncio.TaskGroup() as tasks:
        js = nats.jetstream()
        tasks.create_task(run(settings, stop, ready.set, reasoner))
        await asyncio.wait_for(ready.wait(), 60)
        for consumer in ("analyses", "workflow-timers", "approval-timers"):
            await until_there(js, consumer)
            assert await js.delete_consumer(WORK, consumer)
            await until_there(js, consumer)
        await js.delete_stream(INTERNAL)  # nobody here takes from it
        await js.delete_stream(WORK)
        for consumer in ("analyses", "workflow-timers", "approval-timers"):
            await until_there(js, consumer)
        async with asyncio.timeout(10):
            while INTERNAL not in [stream.config.name for stream in await js.streams_info()]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        analysis = asked(stage)
        await soon(lambda: status(stage, analysis) is AnalysisStatus.COMPLETED)
        stop.set()


async def until_there(js: JetStreamContext, consumer: str) -> None:
    async with asyncio.timeout(10):
        while not await is_there(js, consumer):  # noqa: ASYNC110  # the orchestrator's work
            await asyncio.sleep(0.05)


async def is_there(js: JetStreamContext, consumer: str) -> bool:
    try:
        await js.consumer_info(WORK, consumer)
    except NotFoundError:
        return False
    return True


async def test_a_timer_that_was_purged_rings_all_the_same(stage: Any, context: Context) -> None:
    timers, stop = WorkflowTimers(context), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for work in (timers.queue.run(), timers.keep_ringing()):
            tasks.create_task(cancelled_by(stop, work))
        await until_there(context.js, "workflow-timers")
        stage.now = utc_now() - timedelta(hours=1)
        stage.report("CreateContainerConfigError", message='configmap "settings" not found')
        step = (
            stage.workflow.state.current().id
        )  # it waits, by a clock that is an hour behind, and nobody has set its timer

        def has_rung() -> bool:
            stage.settle()
            return bool(stage.workflow.state.current().id != step)

        await soon(has_rung, 60)
        stop.set()


async def test_stopping_in_the_middle_of_an_analysis_is_bounded_and_another_replica_has_it_at_once(
    stage: Any, dsn: str, broker: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "Durable", partial(Durable, ack_wait=600.0))  # else it would come again by itself
    settings = OrchestratorSettings(dsn, broker.url, drain_timeout=0.5, analysis_timeout=600.0, state_keys=KEYS_TEXT)
    analysis = asked(stage)

    async def orchestrate(reasoner: Slow, stop: asyncio.Event) -> None:
        await run(settings, stop, reasoner=reasoner)

    stuck, free, stop = Slow(), Slow(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(orchestrate(stuck, stop))
        await asyncio.wait_for(stuck.asked.wait(), 60)
        stop.set()
        await asyncio.wait_for(stopping, 60)
    assert status(stage, analysis) is AnalysisStatus.REQUESTED
    free.gate.set()
    stop.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(orchestrate(free, stop))
        await soon(lambda: status(stage, analysis) is AnalysisStatus.COMPLETED, 60)
        stop.set()
