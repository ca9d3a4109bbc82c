"""One operation as server-sent events: `next` for each answer, `complete` at the end.

Each event's `id` is its position in the log, and so is that of the heartbeats in between: a client that gives the last one it saw as `Last-Event-ID` goes on
there, near the log's end, even if its filter found nothing since.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from aetherius.access.errors import InvalidArgumentError
from aetherius.graphql.context import Context
from aetherius.graphql.heard import HEARD, Heard
from aetherius.graphql.question import Question
from aetherius.graphql.replies import Answer, answered
from aetherius.graphql.schema import ReadSchema

HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # or a proxy may keep heartbeats back
}
_COMPLETE: Final = b"event: complete\ndata:\n\n"


def last_event_id(header: bytes) -> int | None:
    """The position after which a client goes on. Raises ``InvalidArgumentError``."""
    text = header.strip()
    if not text:
        return None
    if not text.isdigit() or len(text) > 18:
        raise InvalidArgumentError("Last-Event-ID", "is no position, as events here have it for their id")
    return int(text)


async def only(answer: Answer) -> AsyncGenerator[bytes, None]:
    """A stream of one answer."""
    yield _next(answer, None)
    yield _COMPLETE


async def events(
    schema: ReadSchema, context: Context, text: str, question: Question, interval: float
) -> AsyncGenerator[bytes, None]:
    """The stream of an operation. `interval`: seconds between heartbeats while there is nothing else to send."""
    told = Heard()
    HEARD.set(told)
    results = await schema.stream(
        text,
        variable_values=question.variables,
        context_value=context,
        operation_name=question.operation_name or None,
        operation_extensions=question.extensions,
    )
    async with aclosing(results):
        waiting = _awaited(results)
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=interval)
                if not done:
                    yield _heartbeat(told.passed)
                    continue
                result = waiting.result()
                if result is None:
                    break
                yield _next(answered(result.data, result.errors), told.payload)
                waiting = _awaited(results)
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})
    yield _COMPLETE


def _awaited(results: Any) -> asyncio.Task[Any]:
    async def following() -> Any:
        return await anext(results, None)

    return asyncio.create_task(following(), name="next event")


def _next(answer: Answer, position: int | None) -> bytes:
    return b"event: next\n" + _id(position) + b"data: " + answer.body + b"\n\n"


def _heartbeat(position: int | None) -> bytes:
    """Clients dispatch nothing of it, as it has no data; they only keep its id."""
    return b": heartbeat\n" + _id(position) + b"\n"


def _id(position: int | None) -> bytes:
    return b"" if position is None else b"id: %d\n" % position
