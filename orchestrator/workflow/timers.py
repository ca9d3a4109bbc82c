"""Timers of workflows: the ends of waits and of backoffs, as scheduled messages.

A timer is a hint. What is to wake, and when, stands in a table that the driver writes with each workflow's events; whenever the queue is opened all of it
is scheduled again, so a lost stream loses nothing. A timer that rings early, late, twice or in vain does no harm: the workflow's rules look at the time.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from uuid import UUID

import msgspec
from nats.errors import Error as NatsError

from aetherius.domain.workflow.events import StepScheduled, StepStarted
from aetherius.domain.workflow.workflow import Wake, Workflow, wakes_at
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.event_store.writing.change import change
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.statements import statement
from aetherius.orchestrator.work_queue import WorkQueue
from aetherius.readers.state import Committed
from aetherius.runtime.clock import utc_now
from aetherius.runtime.timers import schedule

logger = logging.getLogger(__name__)

ACTOR = "system:timer"
DUE = "work.due.workflow"
_ACK_WAIT = 20.0
"""Seconds: a ring takes milliseconds, but may wait ten for a connection to the log."""


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a timer."""

    workflow_id: UUID
    step_id: str


class WorkflowTimers:
    """Sets timers and answers them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queue = WorkQueue(
            context.js, "workflow-timers", DUE, self._ring, ack_wait=_ACK_WAIT, refill=self._set_all
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Answer timers until `stop` is set."""
        await self._queue.run(stop)

    async def after_commit(self, committed: Committed) -> None:
        """Set the timers of what the driver has just decided."""
        for pending in committed.decided:
            at = _wake_time(pending.event)
            if at is not None:
                await self._set(pending.stream_id, _step_id(pending.event), at)

    async def _set_all(self) -> None:
        rows = await self._context.blocking(self._context.rows.select, statement("select_workflow_wakeups"))
        for workflow_id, step_id, at in rows:
            await self._set(workflow_id, step_id, at)

    async def _set(self, workflow_id: UUID, step_id: str, at: datetime) -> None:
        ring = Ring(workflow_id=workflow_id, step_id=step_id)
        try:
            await schedule(self._context.js, f"workflow.{workflow_id}", at, DUE, msgspec.json.encode(ring))
        except (NatsError, TimeoutError) as exc:
            logger.warning("the timer of workflow %s is not set, until the next start: %r", workflow_id, exc)

    async def _ring(self, payload: bytes) -> None:
        ring = msgspec.json.decode(payload, type=Ring)
        again = await self._context.blocking(self._wake, ring)
        if again is not None:
            await self._set(ring.workflow_id, ring.step_id, again)

    def _wake(self, ring: Ring) -> datetime | None:
        """Wake the workflow; the time to ring again if it is not yet due."""
        now, woken = utc_now(), []

        def wake(workflow: Workflow) -> None:
            woken.append(workflow)
            workflow.handle(Wake(step_id=ring.step_id, now=now), now)

        try:
            change(self._context.log, Workflow, ring.workflow_id, ACTOR, wake)
        except StreamNotFoundError:
            return None
        state = woken[-1].state
        step, at = state.current(), wakes_at(state)
        return at if step is not None and step.id == ring.step_id else None


def _wake_time(event: object) -> datetime | None:
    match event:
        case StepStarted():
            return event.until
        case StepScheduled():
            return event.not_before
        case _:
            return None


def _step_id(event: object) -> str:
    assert isinstance(event, StepStarted | StepScheduled)
    return event.step_id
