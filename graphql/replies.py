"""How answers leave over HTTP: in the media type that the client takes, with the status that GraphQL over HTTP gives to it.

`application/json` says 200 to everything that was a question, as its clients expect; `application/graphql-response+json` says 400 to what was not executed. What
never was a question is refused with another status than 200 in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from graphql import GraphQLError
from starlette.types import Send

from aetherius.access.error_codes import extensions_of
from aetherius.access.media_types import accepted
from aetherius.domain.errors import AetheriusError
from aetherius.graphql.error_codes import coded

JSON: Final = b"application/json"
GRAPHQL: Final = b"application/graphql-response+json"
EVENTS: Final = "text/event-stream"
_PLAIN: Final = frozenset({b"", b"*/*", b"application/json", b"application/json, */*"})

Headers = Iterable[tuple[bytes, bytes]]


class Answer(msgspec.Struct, frozen=True):
    """The bytes of an answer, and whether anything was executed for it."""

    body: bytes
    executed: bool = True


def media_type(accept: bytes) -> bytes:
    """The media type of answers for a request's Accept: JSON's old one unless the client takes ours at least as gladly."""
    if accept in _PLAIN:
        return JSON
    wanted = accepted(accept.decode("latin-1"))
    ours = wanted.get(GRAPHQL.decode(), 0.0)
    return GRAPHQL if ours and ours >= wanted.get(JSON.decode(), 0.0) else JSON


def wants_events(accept: bytes) -> bool:
    """Whether a client asks for server-sent events."""
    return b"event-stream" in accept.lower() and EVENTS in accepted(accept.decode("latin-1"))


def refusal(*errors: GraphQLError) -> Answer:
    """The answer to what is not executed: errors, and no data."""
    return Answer(msgspec.json.encode({"errors": [error.formatted for error in errors]}), executed=False)


def refused(cause: AetheriusError) -> Answer:
    """The same for an error of ours."""
    return refusal(coded(GraphQLError(str(cause), original_error=cause, extensions=extensions_of(cause))))


def answered(data: Any, errors: list[GraphQLError] | None) -> Answer:
    """The answer of an execution; one that never began, as a variable was refused, has no data."""
    if not errors:
        return Answer(msgspec.json.encode({"data": data}))
    if data is None and all(error.path is None for error in errors):
        return refusal(*errors)
    return Answer(msgspec.json.encode({"data": data, "errors": [error.formatted for error in errors]}))


async def reply(send: Send, answer: Answer, kind: bytes, status: int | None = None, headers: Headers = ()) -> None:
    """Send an answer. `status`: of what was no question; by default the media type's own."""
    if status is None:
        status = 400 if kind is GRAPHQL and not answer.executed else 200
    typed = kind if kind is JSON else kind + b"; charset=utf-8"
    length = b"%d" % len(answer.body)
    start = [(b"content-type", typed), (b"content-length", length), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": answer.body})
