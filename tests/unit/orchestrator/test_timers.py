"""Timers of workflows and deadlines of approvals: set when something was decided, set again when the queue is opened, and harmless when they ring in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.remediation import ApprovalExpired, ApprovalRequested, Approved, Rejected
from aetherius.domain.workflow.events import StepScheduled, StepStarted, StepSucceeded
from aetherius.event_store.pending import Pending
from aetherius.orchestrator.remediation import approval_timers
from aetherius.orchestrator.remediation.approval_timers import ApprovalTimers
from aetherius.orchestrator.workflow import timers
from aetherius.orchestrator.workflow.timers import Ring, WorkflowTimers
from aetherius.readers.state import Committed
from event_builders import CAUSE, NOON
from memory_orchestrator import MemoryOrchestrator, MemoryQueue
from story_events import ADA, LOOK, PAUSE, REMEDIATION, WORKFLOW, begun, proposed, started

pytestmark = pytest.mark.anyio

PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2990, 1, 1, tzinfo=UTC)
RING = msgspec.json.encode(Ring(workflow_id=WORKFLOW, step_id="settle"))


@pytest.fixture
def orchestrator(monkeypatch: pytest.MonkeyPatch) -> MemoryOrchestrator:
    for module in (timers, approval_timers):
        monkeypatch.setattr(module, "work_queue", MemoryQueue)
    return MemoryOrchestrator()


def told(orchestrator: MemoryOrchestrator, stream: UUID, *events: Any) -> None:
    orchestrator.log.append([Pending(stream, n, event, NOON, CAUSE) for n, event in enumerate(events, 1)])


def decided(stream: UUID, *events: Any) -> Committed:
    pending = [Pending(stream, n, event, NOON, CAUSE) for n, event in enumerate(events, 1)]
    return Committed(position=1, decided=pending)


def scheduled(orchestrator: MemoryOrchestrator) -> list[tuple[str, str]]:
    """The timers that were set, and when they ring."""
    return [(subject, headers["Nats-Schedule"]) for subject, _, headers in orchestrator.broker.published]


def names(orchestrator: MemoryOrchestrator, stream: UUID) -> list[str]:
    return [type(recorded.event).__name__ for recorded in orchestrator.log.stream(stream)]


class TestWorkflows:
    @pytest.fixture
    def timers(self, orchestrator: MemoryOrchestrator) -> Any:
        return WorkflowTimers(orchestrator.context)

    async def test_waits_and_pauses_before_another_try_are_timed(
        self, orchestrator: MemoryOrchestrator, timers: WorkflowTimers
    ) -> None:
        later = NOON + timedelta(seconds=10)
        await timers.after_commit(
            decided(
                WORKFLOW,
                StepStarted(step_id="settle", until=NOON),
                StepScheduled(step_id="look", not_before=later),
                StepScheduled(step_id="look"),
                StepSucceeded(step_id="look"),
            )
        )
        subject = f"work.timer.workflow.{WORKFLOW}"
        assert scheduled(orchestrator) == [
            (subject, "@at 2026-11-23T12:00:00.000000Z"),
            (subject, "@at 2026-11-23T12:00:10.000000Z"),
        ]

    async def test_a_broker_that_is_away_stops_nobody(
        self, orchestrator: MemoryOrchestrator, timers: WorkflowTimers
    ) -> None:
        orchestrator.broker.is_away = True
        await timers.after_commit(decided(WORKFLOW, StepStarted(step_id="settle", until=NOON)))
        assert scheduled(orchestrator) == []

    async def test_what_is_to_wake_is_timed_again_when_the_queue_is_opened(
        self, orchestrator: MemoryOrchestrator, timers: Any
    ) -> None:
        orchestrator.rows.found = [(WORKFLOW, "settle", NOON)]
        await timers.queue.opened()
        assert len(scheduled(orchestrator)) == 1

    async def test_a_ring_ends_a_wait_that_is_over(self, orchestrator: MemoryOrchestrator, timers: Any) -> None:
        told(orchestrator, WORKFLOW, started(PAUSE, LOOK), *begun(PAUSE, until=PAST))
        await timers.queue.bring(RING)
        assert names(orchestrator, WORKFLOW)[3:] == ["StepSucceeded", "StepScheduled"]
        assert scheduled(orchestrator) == []

    async def test_a_ring_before_its_time_is_timed_again(self, orchestrator: MemoryOrchestrator, timers: Any) -> None:
        told(orchestrator, WORKFLOW, started(PAUSE, LOOK), *begun(PAUSE, until=FUTURE))
        await timers.queue.bring(RING)
        assert len(names(orchestrator, WORKFLOW)) == 3
        assert scheduled(orchestrator) == [(f"work.timer.workflow.{WORKFLOW}", "@at 2990-01-01T00:00:00.000000Z")]

    async def test_a_ring_in_vain_does_nothing(self, orchestrator: MemoryOrchestrator, timers: Any) -> None:
        await timers.queue.bring(RING)
        told(orchestrator, WORKFLOW, started(PAUSE, LOOK), *begun(PAUSE), StepSucceeded(step_id="settle"))
        await timers.queue.bring(RING)
        assert (orchestrator.log.head(), scheduled(orchestrator)) == (4, [])

    async def test_a_ring_that_is_none_is_refused(self, timers: Any) -> None:
        with pytest.raises(InvalidMessageError):
            await timers.queue.bring(b"?")


class TestApprovals:
    @pytest.fixture
    def timers(self, orchestrator: MemoryOrchestrator) -> Any:
        return ApprovalTimers(orchestrator.context)

    def question(self, deadline: datetime | None) -> ApprovalRequested:
        return ApprovalRequested(question="?", deadline=deadline)

    async def test_a_question_with_a_deadline_is_timed(self, orchestrator: MemoryOrchestrator, timers: Any) -> None:
        await timers.after_commit(decided(REMEDIATION, proposed(), self.question(NOON), self.question(None)))
        assert scheduled(orchestrator) == [(f"work.timer.approval.{REMEDIATION}", "@at 2026-11-23T12:00:00.000000Z")]

    async def test_questions_are_timed_again_when_the_queue_is_opened(
        self, orchestrator: MemoryOrchestrator, timers: Any
    ) -> None:
        orchestrator.rows.found = [(REMEDIATION, NOON)]
        await timers.queue.opened()
        assert len(scheduled(orchestrator)) == 1

    async def test_a_broker_that_is_away_stops_nobody(self, orchestrator: MemoryOrchestrator, timers: Any) -> None:
        orchestrator.broker.is_away = True
        await timers.after_commit(decided(REMEDIATION, self.question(NOON)))
        assert scheduled(orchestrator) == []

    async def test_a_question_that_nobody_answered_in_time_is_rejected(
        self, orchestrator: MemoryOrchestrator, timers: Any
    ) -> None:
        told(orchestrator, REMEDIATION, proposed(), self.question(PAST))
        await timers.queue.bring(REMEDIATION.bytes)
        *_, expired, rejected = [recorded.event for recorded in orchestrator.log.stream(REMEDIATION)]
        assert isinstance(expired, ApprovalExpired)
        assert isinstance(rejected, Rejected)

    async def test_a_ring_before_its_time_is_timed_again(self, orchestrator: MemoryOrchestrator, timers: Any) -> None:
        told(orchestrator, REMEDIATION, proposed(), self.question(FUTURE))
        await timers.queue.bring(REMEDIATION.bytes)
        assert len(scheduled(orchestrator)) == 1
        assert orchestrator.log.head() == 2

    async def test_a_ring_after_an_answer_or_of_nothing_does_nothing(
        self, orchestrator: MemoryOrchestrator, timers: Any
    ) -> None:
        await timers.queue.bring(REMEDIATION.bytes)
        told(orchestrator, REMEDIATION, proposed(), self.question(PAST), Approved(by=ADA))
        await timers.queue.bring(REMEDIATION.bytes)
        assert (orchestrator.log.head(), scheduled(orchestrator)) == (3, [])
