"""The analysis desk: from the log to the queue, from the queue to a reasoner, from there to the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
import pytest

from aetherius.domain.analysis import Completed, Failed
from aetherius.domain.errors import InfrastructureError, InvalidMessageError
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse, RootCause
from aetherius.event_store.pending import Pending
from aetherius.orchestrator.analysis import desk
from aetherius.orchestrator.analysis.desk import CHECKPOINT, AnalysisDesk
from event_builders import CAUSE, NOON
from memory_orchestrator import MemoryOrchestrator, MemoryQueue
from story_events import ANALYSIS, asked

pytestmark = pytest.mark.anyio

OOM = AnalysisResponse(request_id="1", status="completed", root_cause=RootCause(type="OOMKiller", confidence=0.9))


class Oracle:
    """Answers as it is told to."""

    name = "oracle/1"

    def __init__(self) -> None:
        self.answers: Callable[[], Awaitable[AnalysisResponse]] = self.knows
        self.response = OOM

    async def knows(self) -> AnalysisResponse:
        return self.response

    async def analyze(self, request: AnalysisRequest) -> AnalysisResponse:
        return await self.answers()


@pytest.fixture
def orchestrator(monkeypatch: pytest.MonkeyPatch) -> MemoryOrchestrator:
    monkeypatch.setattr(desk, "work_queue", MemoryQueue)
    return MemoryOrchestrator(analysis_timeout=0.05)


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def at_desk(orchestrator: MemoryOrchestrator, oracle: Oracle) -> Any:
    orchestrator.log.append([Pending(ANALYSIS, 1, asked(), NOON, CAUSE)])
    return AnalysisDesk(orchestrator.context, oracle)


def answer(orchestrator: MemoryOrchestrator) -> Any:
    """What the log has as the answer; None for none."""
    events = [recorded.event for recorded in orchestrator.log.stream(ANALYSIS)][1:]
    return events[0] if events else None


async def test_an_answer_is_kept_with_its_short_code(orchestrator: MemoryOrchestrator, at_desk: Any) -> None:
    await at_desk.queue.bring(ANALYSIS.bytes)
    kept = answer(orchestrator)
    assert isinstance(kept, Completed)
    assert (kept.root_cause, kept.reasoner, kept.step_id) == ("OOM", "oracle/1", "analyze")


async def test_a_question_is_answered_once(orchestrator: MemoryOrchestrator, at_desk: Any) -> None:
    await at_desk.queue.bring(ANALYSIS.bytes)
    await at_desk.queue.bring(ANALYSIS.bytes)
    assert orchestrator.log.head() == 2


async def test_to_be_too_unsure_is_not_to_know(orchestrator: MemoryOrchestrator, at_desk: Any, oracle: Oracle) -> None:
    oracle.response = msgspec.structs.replace(OOM, root_cause=RootCause(type="OOMKiller", confidence=0.5))
    await at_desk.queue.bring(ANALYSIS.bytes)
    assert answer(orchestrator).root_cause == "unknown"


async def test_a_reasoner_that_cannot_says_so(orchestrator: MemoryOrchestrator, at_desk: Any, oracle: Oracle) -> None:
    oracle.response = msgspec.structs.replace(OOM, status="failed", error="no evidence")
    await at_desk.queue.bring(ANALYSIS.bytes)
    assert answer(orchestrator).error == "no evidence"


async def test_a_reasoner_that_is_too_slow_has_no_answer(
    orchestrator: MemoryOrchestrator, at_desk: Any, oracle: Oracle
) -> None:
    async def never() -> AnalysisResponse:
        await asyncio.Event().wait()
        return OOM

    oracle.answers = never
    await at_desk.queue.bring(ANALYSIS.bytes)
    assert answer(orchestrator).error == "no answer within 0.05 s"


async def test_a_reasoner_that_breaks_leaves_a_workflow_without_an_answer(
    orchestrator: MemoryOrchestrator, at_desk: Any, oracle: Oracle
) -> None:
    async def breaks() -> AnalysisResponse:
        raise ValueError("too odd")

    oracle.answers = breaks
    await at_desk.queue.bring(ANALYSIS.bytes)
    kept = answer(orchestrator)
    assert isinstance(kept, Failed)
    assert kept.error.startswith("the analysis broke: ")


async def test_a_reasoner_that_is_away_is_asked_again(
    orchestrator: MemoryOrchestrator, at_desk: Any, oracle: Oracle
) -> None:
    async def is_away() -> AnalysisResponse:
        raise InfrastructureError("away")

    oracle.answers = is_away
    with pytest.raises(InfrastructureError):
        await at_desk.queue.bring(ANALYSIS.bytes)
    assert answer(orchestrator) is None


async def test_a_message_that_names_no_analysis_is_refused(at_desk: Any) -> None:
    with pytest.raises(InvalidMessageError):
        await at_desk.queue.bring(b"short")


async def test_what_is_open_is_queued_again_when_the_queue_is_opened(
    orchestrator: MemoryOrchestrator, at_desk: Any
) -> None:
    orchestrator.rows.found = [(UUID(int=1), "north"), (UUID(int=2), "south")]
    await at_desk.queue.opened()
    assert [payload for _, payload, _ in orchestrator.broker.published] == [UUID(int=n).bytes for n in (1, 2)]


async def test_what_is_requested_is_queued_once(orchestrator: MemoryOrchestrator, at_desk: Any) -> None:
    queueing = asyncio.create_task(at_desk.enqueue())
    async with asyncio.timeout(20):
        while orchestrator.log.checkpoint(CHECKPOINT) < 1:  # noqa: ASYNC110  # a desk tells nobody how far it is
            await asyncio.sleep(0.001)
    queueing.cancel()
    with suppress(asyncio.CancelledError):
        await queueing
    ((_, payload, headers),) = orchestrator.broker.published
    assert (payload, headers) == (ANALYSIS.bytes, {"Nats-Msg-Id": f"analysis-{ANALYSIS}"})
