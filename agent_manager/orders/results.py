"""Results: what agents answer to commands, into the log. A result that comes twice changes nothing."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec
from nats.aio.msg import Msg

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.intake.admission import traceparent
from aetherius.domain.command import Command, CommandStatus, answer_of
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Recorded
from aetherius.domain.wire.command import MAX_INLINE_OUTPUT, ResultMessage
from aetherius.domain.wire.subjects import AGENT_RESULTS, cluster_of
from aetherius.event_store.errors import VersionConflictError
from aetherius.runtime.jetstream.consumer import Durable
from aetherius.runtime.jetstream.queue import Queue
from aetherius.runtime.jetstream.streams import CONTROL

CONSUMER: Final = "results"
_MAX_ERROR: Final = 16 * 1024
_AT_ONCE: Final = 32
"""Results handled side by side: enough to share the log's group commits."""
_ATTEMPTS: Final = 10
"""Other writers of one command's stream are the dispatcher and the expiry, once each."""


class Results:
    """One replica's share of the results."""

    def __init__(self, context: Context) -> None:
        self._context = context
        settings = context.settings
        self.queue = Queue(
            context.nats,
            Durable(stream=CONTROL, name=CONSUMER, subject=AGENT_RESULTS, ack_wait=settings.ack_wait),
            self._take,
            context.dead_letters,
            at_once=_AT_ONCE,
            drain=settings.drain_timeout,
            retry_delay=settings.retry_delay,
        )

    async def _take(self, message: Msg) -> None:
        cluster_id = cluster_of(message.subject)
        result = decode_result(message.data)
        trace = traceparent(message.headers or {})
        for _ in range(_ATTEMPTS):
            try:
                return await self._finish(cluster_id, result, trace)
            except VersionConflictError:
                continue
        raise InvalidMessageError("result", f"the stream of command {result.command_id} keeps changing")

    async def _finish(self, cluster_id: str, result: ResultMessage, trace: str | None) -> None:
        context = self._context
        history = await context.blocking(context.log.stream, UUID(result.command_id))
        command = _command(history, cluster_id, result)
        if command.status is CommandStatus.LOST:
            raise InvalidMessageError("result", f"command {command.id} was given up before it came")
        if not command.finish(answer_of(result), min(result.timestamp, context.now())):
            return
        last = history[-1]
        cause = last.cause.then(f"agent:{cluster_id}", last.id)
        cause = msgspec.structs.replace(cause, traceparent=trace or cause.traceparent)
        await context.blocking(context.log.save, command, cause)


def decode_result(payload: bytes) -> ResultMessage:
    """The result in a message, cut to what a result may hold, without U+0000 (a log may have it, PostgreSQL's `text` may not).

    Raises:
        InvalidMessageError: not a result, or the id is no UUID, or the time has no zone.
    """
    try:
        result = msgspec.json.decode(payload, type=ResultMessage)
        UUID(result.command_id)
    except (msgspec.DecodeError, ValueError) as exc:
        raise InvalidMessageError("result", str(exc)) from exc
    if result.timestamp.tzinfo is None:
        raise InvalidMessageError("result", "timestamp has no time zone")
    output, cut = _cut(result.output, MAX_INLINE_OUTPUT)
    return msgspec.structs.replace(
        result,
        output=output,
        truncated=result.truncated or cut,
        error=_cut(result.error, _MAX_ERROR)[0],
        rejected_by=_cut(result.rejected_by, _MAX_ERROR)[0],
    )


def _cut(text: str, limit: int) -> tuple[str, bool]:
    """At most `limit` bytes of a text, and whether there were more."""
    encoded = text.encode()
    kept = text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore")
    return kept.replace("\0", "\N{REPLACEMENT CHARACTER}"), len(encoded) > limit


def _command(history: list[Recorded], cluster_id: str, result: ResultMessage) -> Command:
    command = Command.replay(UUID(result.command_id), (each.event for each in history))
    if command.issued is None:
        raise InvalidMessageError("result", f"command {result.command_id} is not known")
    if not command.issued.cluster_id == cluster_id == result.cluster_id:
        raise InvalidMessageError("result", f"command {result.command_id} is not of cluster {cluster_id}")
    return command
