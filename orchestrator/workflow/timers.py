"""Timers of workflows: the ends of waits and of backoffs, as scheduled messages.

A timer is a hint. What is to wake, and when, stands in a table that the driver writes with each workflow's events; whenever the queue is opened all of it
is scheduled again, and what is overdue is every few seconds, so a lost stream, or a lost timer, loses nothing. A timer that rings early, late, twice or in vain does no harm: the workflow's rules look at the time.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.wire.subjects import WORK_WAKEUPS
from aetherius.domain.workflow.events import StepScheduled, StepStarted
from aetherius.domain.workflow.workflow import Wake, Workflow, wakes_at
from aetherius.event_store.change import change
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.statements import statement
from aetherius.orchestrator.work import keep_ringing, work_queue
from aetherius.readers.state import Committed
from aetherius.runtime.clock import utc_now
from aetherius.runtime.in_words import in_words
from aetherius.runtime.timers import schedule

logger = logging.getLogger(__name__)

ACTOR = "system:timer"
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a timer."""

    workflow_id: UUID
    step_id: str


class WorkflowTimers:
    """Sets timers and answers them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.queue = work_queue(context, "workflow-timers", WORK_WAKEUPS, self._take, refill=self._set_all)

    async def keep_ringing(self) -> NoReturn:
        """Set lost timers again, for ever."""
        await keep_ringing("workflow timers, keeping", self._set_those_before)

    async def after_commit(self, committed: Committed) -> None:
        """Set the timers of what the driver has just decided."""
        for pending in committed.decided:
            at = _wake_time(pending.event)
            if at is not None:
                await self._set(pending.stream_id, _step_id(pending.event), at)

    async def _set_all(self) -> None:
        await self._set_those_before(_END_OF_TIME)

    async def _set_those_before(self, moment: datetime) -> None:
        rows = await self._context.blocking(self._context.rows.select, statement("select_workflow_wakeups"))
        for workflow_id, step_id, at in rows:
            if at < moment:
                await self._set(workflow_id, step_id, at)

    async def _set(self, workflow_id: UUID, step_id: str, at: datetime) -> None:
        ring = Ring(workflow_id=workflow_id, step_id=step_id)
        try:
            await schedule(self._context.js, f"workflow.{workflow_id}", at, WORK_WAKEUPS, msgspec.json.encode(ring))
        except (NatsError, TimeoutError) as exc:
            logger.warning("the timer of workflow %s is not set, until that is noticed: %s", workflow_id, in_words(exc))

    async def _take(self, message: Msg) -> None:
        await self._ring(decode_ring(message.data))

    async def _ring(self, ring: Ring) -> None:
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


def decode_ring(payload: bytes) -> Ring:
    """The ring in a message. Raises ``InvalidMessageError``."""
    try:
        return msgspec.json.decode(payload, type=Ring)
    except msgspec.DecodeError as exc:
        raise InvalidMessageError("timer", str(exc)) from exc


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
