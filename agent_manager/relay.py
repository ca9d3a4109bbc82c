"""The relay: what happened, from the log to the internal bus, for whoever listens beside the log.

Severe events go to `internal.event.critical`, answers to commands to `internal.command.result`; each at least once, under a deterministic message id.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import msgspec

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.envelope import envelope
from aetherius.agent_manager.follower import Follower
from aetherius.agent_manager.steady import steadily
from aetherius.domain.catalogue.event_reasons import Surface, event_reasons
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import (
    ANSWERS,
    Cancelled,
    Failed,
    Issued,
    Lost,
    Refused,
    Succeeded,
    TimedOut,
)
from aetherius.domain.event import Event, Recorded, topics_of
from aetherius.domain.wire import subjects
from aetherius.domain.wire.command import ResultMessage, ResultStatus
from aetherius.domain.wire.critical_event import CriticalEventMessage, ResourceRef
from aetherius.domain.wire.event import Severity
from aetherius.runtime.jetstream import INTERNAL

CHECKPOINT: Final = "internal_bus"
_SURFACES: Final[dict[str, Surface]] = {"container_status": "container_status", "node_status": "condition"}
_STATUS: Final[dict[type[Event], ResultStatus]] = {
    Succeeded: ResultStatus.SUCCESS,
    Failed: ResultStatus.FAILED,
    Refused: ResultStatus.REJECTED,
    TimedOut: ResultStatus.TIMEOUT,
    Cancelled: ResultStatus.CANCELLED,
    Lost: ResultStatus.UNKNOWN,
}


class Relay:
    """Publishes what others may want to hear of."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._follower = Follower(context, CHECKPOINT, topics_of([Reported, *ANSWERS]), limit=500)

    async def run(self) -> None:
        """Relay, for ever."""
        await steadily("relay", self._step)

    async def _step(self) -> None:
        page = await self._follower.page()
        if page is not None:
            await asyncio.gather(*(self._publish(recorded) for recorded in page if _is_told(recorded.event)))
            await self._follower.done(page)

    async def _publish(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, Reported):
            subject, kind = subjects.CRITICAL_EVENT, "event.critical"
            payload = msgspec.json.encode(critical_event(recorded))
        else:
            subject, kind = subjects.COMMAND_RESULT, "command.result"
            payload = msgspec.json.encode(await self._result(recorded))
        sent = envelope(str(recorded.id), kind, recorded.occurred_at, recorded.cause.traceparent)
        await self._context.js.publish(subject, payload, stream=INTERNAL, headers=sent)

    async def _result(self, recorded: Recorded) -> ResultMessage:
        log = self._context.log
        (first,) = await self._context.blocking(log.stream, recorded.stream_id, 1, 1)
        return result_of(cast(Issued, first.event), recorded)


def _is_told(event: Event) -> bool:
    return not isinstance(event, Reported) or event.severity in (Severity.HIGH, Severity.CRITICAL)


def critical_event(recorded: Recorded) -> CriticalEventMessage:
    """The message of a `ClusterEvent.Reported`; the category is the catalogue's."""
    event = recorded.event
    assert isinstance(event, Reported)
    labels = event.labels
    classified = event_reasons().lookup(
        event.reason,
        kind=labels.kind,
        source=event.source,
        message=event.message,
        surface=_SURFACES.get(event.source, "event"),
    )
    return CriticalEventMessage(
        event_id=str(recorded.stream_id),
        cluster_id=event.cluster_id,
        severity=event.severity,
        category=classified.category,
        resource=ResourceRef(kind=labels.kind, name=labels.name, namespace=event.namespace),
        details={
            "reason": event.reason,
            "message": event.message,
            "timestamp": recorded.occurred_at,
            "position": recorded.position,
            "labels": labels,
            "raw_data": event.raw_data,
        },
    )


def result_of(issued: Issued, recorded: Recorded) -> ResultMessage:
    """The message of a command's answer."""
    answer = recorded.event
    return ResultMessage(
        command_id=str(recorded.stream_id),
        cluster_id=issued.cluster_id,
        status=_STATUS[type(answer)],
        exit_code=getattr(answer, "exit_code", None),
        output=getattr(answer, "output", ""),
        error=answer.reason if isinstance(answer, Lost) else getattr(answer, "error", ""),
        execution_time=getattr(answer, "execution_time", "0s"),
        timestamp=recorded.occurred_at,
        truncated=getattr(answer, "truncated", False),
        output_sha256=getattr(answer, "output_sha256", ""),
        rejected_by=getattr(answer, "rejected_by", ""),
        output_object=getattr(answer, "output_object", ""),
    )
