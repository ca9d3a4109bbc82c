"""Answers to commands, from the log to the internal bus as `internal.command.result`; each at least once, under a deterministic message id.

All replicas share the work (`readers/competing_consumer.py`). An answer that cannot be sent is parked, and holds the later ones of its command only.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import msgspec
from nats.errors import (
    ConnectionClosedError,
    ConnectionReconnectingError,
    NoRespondersError,
    NoServersError,
    OutboundBufferLimitError,
)
from nats.js.errors import NoStreamResponseError, ServiceUnavailableError

from aetherius.agent_manager.context import Context
from aetherius.domain.command import ANSWERS, Cancelled, Failed, Issued, Lost, Refused, Succeeded, TimedOut
from aetherius.domain.event import Event, Recorded, Unreadable, topics_of
from aetherius.domain.wire.command import ResultMessage, ResultStatus
from aetherius.domain.wire.subjects import COMMAND_RESULT
from aetherius.readers.competing_consumer import CompetingConsumer, Delivery
from aetherius.readers.deliveries import Deliveries
from aetherius.readers.errors import DestinationAwayError
from aetherius.runtime.envelope import MANAGER_SOURCE, envelope
from aetherius.runtime.in_words import in_words
from aetherius.runtime.jetstream.streams import INTERNAL

CHECKPOINT: Final = "internal_command_results"
_AWAY: Final = (
    TimeoutError,
    ConnectionClosedError,
    ConnectionReconnectingError,
    NoRespondersError,
    NoServersError,
    NoStreamResponseError,
    OutboundBufferLimitError,
    ServiceUnavailableError,
)
"""NATS is away, whatever is sent: the library's own timeout is a ``TimeoutError`` too."""
_STATUS: Final[dict[type[Event], ResultStatus]] = {
    Succeeded: ResultStatus.SUCCESS,
    Failed: ResultStatus.FAILED,
    Refused: ResultStatus.REJECTED,
    TimedOut: ResultStatus.TIMEOUT,
    Cancelled: ResultStatus.CANCELLED,
    Lost: ResultStatus.UNKNOWN,
}


class CommandResults:
    """Publishes how commands ended, however they did."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set; what is under way is finished."""
        context = self._context
        deliveries = Deliveries(context.settings.postgres_dsn)
        try:
            consumer = CompetingConsumer(
                CHECKPOINT, context.log, context.signal, deliveries, self._publish, topics_of(ANSWERS)
            )
            await consumer.run(stop, drain=context.settings.drain_timeout)
        finally:
            deliveries.close()

    async def _publish(self, delivery: Delivery) -> None:
        context, recorded = self._context, delivery.event
        (first,) = await context.blocking(context.log.stream, recorded.stream_id, 1, 1)
        if isinstance(first.event, Unreadable):
            raise first.event.error
        payload = msgspec.json.encode(result_of(cast(Issued, first.event), recorded))
        trace = recorded.cause.traceparent
        sent = envelope(str(recorded.id), "command.result", MANAGER_SOURCE, recorded.occurred_at, trace)
        try:
            await context.js.publish(COMMAND_RESULT, payload, stream=INTERNAL, headers=sent)
        except _AWAY as exc:
            raise DestinationAwayError(f"NATS does not answer: {in_words(exc)}") from exc


def result_of(issued: Issued, recorded: Recorded) -> ResultMessage:
    """The message of a command's answer. What the command printed stays sealed: the stream is a file."""
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
