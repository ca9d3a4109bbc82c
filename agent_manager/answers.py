"""Answers to commands, from the log to the internal bus as `internal.command.result`; each at least once, under a deterministic message id."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import msgspec

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.envelope import envelope
from aetherius.agent_manager.follower import Follower
from aetherius.agent_manager.steady import steadily
from aetherius.domain.command import ANSWERS, Cancelled, Failed, Issued, Lost, Refused, Succeeded, TimedOut
from aetherius.domain.event import Event, Recorded, topics_of
from aetherius.domain.wire.command import ResultMessage, ResultStatus
from aetherius.domain.wire.subjects import COMMAND_RESULT
from aetherius.runtime.jetstream import INTERNAL

CHECKPOINT: Final = "internal_command_results"
_STATUS: Final[dict[type[Event], ResultStatus]] = {
    Succeeded: ResultStatus.SUCCESS,
    Failed: ResultStatus.FAILED,
    Refused: ResultStatus.REJECTED,
    TimedOut: ResultStatus.TIMEOUT,
    Cancelled: ResultStatus.CANCELLED,
    Lost: ResultStatus.UNKNOWN,
}


class Answers:
    """Publishes how commands ended, however they did."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._follower = Follower(context, CHECKPOINT, topics_of(ANSWERS))

    async def run(self) -> None:
        """Publish, for ever."""
        await steadily("answers", self._step)

    async def _step(self) -> None:
        page = await self._follower.page()
        if page is not None:
            await asyncio.gather(*(self._publish(recorded) for recorded in page))
            await self._follower.done(page)

    async def _publish(self, recorded: Recorded) -> None:
        context = self._context
        (first,) = await context.blocking(context.log.stream, recorded.stream_id, 1, 1)
        payload = msgspec.json.encode(result_of(cast(Issued, first.event), recorded))
        sent = envelope(str(recorded.id), "command.result", recorded.occurred_at, recorded.cause.traceparent)
        await context.js.publish(COMMAND_RESULT, payload, stream=INTERNAL, headers=sent)


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
