"""Deadlines of approvals: a question that nobody answered in time is rejected, so that a late yes does nothing surprising.

The deadline stands in the question's event, and a yes after it is refused whether its timer has rung or not. The timer ends the waiting; as those of
workflows it is a hint, set again from a table whenever the queue is opened, or when it is overdue.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from aetherius.domain.remediation import ApprovalRequested, Remediation, RemediationStatus
from aetherius.domain.wire.subjects import WORK_DEADLINES
from aetherius.event_store.change import change
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.statements import statement
from aetherius.orchestrator.work import keep_ringing, stream_id_in, work_queue
from aetherius.readers.state import Committed
from aetherius.runtime.clock import utc_now
from aetherius.runtime.in_words import in_words
from aetherius.runtime.timers import schedule

logger = logging.getLogger(__name__)

ACTOR = "system:approval"
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class ApprovalTimers:
    """Sets deadlines and keeps them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.queue = work_queue(context, "approval-timers", WORK_DEADLINES, self._take, refill=self._set_all)

    async def keep_ringing(self) -> NoReturn:
        """Set lost timers again, for ever."""
        await keep_ringing("approval timers, keeping", self._set_those_before)

    async def after_commit(self, committed: Committed) -> None:
        """Set the timers of what the driver has just asked."""
        for pending in committed.decided:
            if isinstance(pending.event, ApprovalRequested) and pending.event.deadline:
                await self._set(pending.stream_id, pending.event.deadline)

    async def _set_all(self) -> None:
        await self._set_those_before(_END_OF_TIME)

    async def _set_those_before(self, moment: datetime) -> None:
        context = self._context
        for remediation_id, at in await context.blocking(context.rows.select, statement("select_approval_deadlines")):
            if at < moment:
                await self._set(remediation_id, at)

    async def _set(self, remediation_id: UUID, at: datetime) -> None:
        try:
            await schedule(self._context.js, f"approval.{remediation_id}", at, WORK_DEADLINES, remediation_id.bytes)
        except (NatsError, TimeoutError) as exc:
            logger.warning(
                "the deadline of remediation %s is not set, until that is noticed: %s", remediation_id, in_words(exc)
            )

    async def _take(self, message: Msg) -> None:
        await self._ring(stream_id_in(message))

    async def _ring(self, remediation_id: UUID) -> None:
        again = await self._context.blocking(self._expire, remediation_id)
        if again is not None:
            await self._set(remediation_id, again)

    def _expire(self, remediation_id: UUID) -> datetime | None:
        """Reject what is over; the time to ring again if it is not yet."""
        now, looked_at = utc_now(), list[Remediation]()

        def expire(remediation: Remediation) -> None:
            looked_at.append(remediation)
            remediation.expire(now)

        try:
            change(self._context.log, Remediation, remediation_id, ACTOR, expire)
        except StreamNotFoundError:
            return None
        remediation = looked_at[-1]
        return remediation.deadline if remediation.status is RemediationStatus.AWAITING_APPROVAL else None
