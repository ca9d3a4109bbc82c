"""Persisted documents over GET, so that clients and caches in front can keep answers: `ETag`, and 304 for `If-None-Match`.

A GET is answered as the POST of the same question would be. It names its document by its hash only, and mutations are refused: a link must change nothing.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from graphql import GraphQLError, OperationType
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aetherius.domain.errors import DomainError
from aetherius.graphql.cost import operation_named
from aetherius.graphql.documents import Documents
from aetherius.graphql.persisted import PersistedDocuments, digest_asked

_KEPT_BY_CLIENT: Final = [(b"cache-control", b"private, no-cache"), (b"vary", b"authorization, accept")]
_DROPPED: Final = frozenset({b"content-type", b"content-length"})


class Cacheable:
    """Turns a GET into the POST that another application answers."""

    def __init__(self, post: ASGIApp, persisted: PersistedDocuments, documents: Documents) -> None:
        self._post = post
        self._persisted = persisted
        self._documents = documents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one GET; 400 without a hash, 405 for a mutation or subscription."""
        try:
            question = _question(scope)
        except ValueError:
            await PlainTextResponse("variables and extensions are JSON objects", 400)(scope, receive, send)
            return
        digest = digest_asked(question["extensions"])
        if digest is None:
            await PlainTextResponse("over GET a document is named by its hash", 400)(scope, receive, send)
        elif self._changes(digest, question["operationName"]):
            await PlainTextResponse("only queries are answered over GET", 405, {"Allow": "POST"})(scope, receive, send)
        else:
            await self._answer(question, scope, receive, send)

    def _changes(self, digest: str, name: str | None) -> bool:
        try:
            document = self._documents.get(self._persisted.text(digest, "")).node
        except (DomainError, GraphQLError):
            return False  # the POST says what is wrong
        operation = operation_named(document, name)
        return operation is not None and operation.operation is not OperationType.QUERY

    async def _answer(self, question: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
        body = msgspec.json.encode(question)
        kept = [(name, value) for name, value in scope["headers"] if name not in _DROPPED]
        headers = [*kept, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        sent: list[Message] = []

        async def receive_body() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._post({**scope, "method": "POST", "query_string": b"", "headers": headers}, receive_body, keep)
        await _send_tagged(sent, dict(scope["headers"]).get(b"if-none-match", b""), send)


async def _send_tagged(sent: list[Message], known: bytes, send: Send) -> None:
    start, content = sent[0], b"".join(message.get("body", b"") for message in sent[1:])
    if start["status"] == 200:
        tag = b'"' + sha256(content).hexdigest()[:32].encode() + b'"'
        start = {**start, "headers": [*start["headers"], *_KEPT_BY_CLIENT, (b"etag", tag)]}
        if tag in known:
            kept = [(name, value) for name, value in start["headers"] if name not in _DROPPED]
            start, content = {**start, "status": 304, "headers": kept}, b""
    await send(start)
    await send({"type": "http.response.body", "body": content})


def _question(scope: Scope) -> dict[str, Any]:
    given = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    variables, extensions = (
        msgspec.json.decode(given.get(name) or "{}", type=dict[str, Any]) for name in ("variables", "extensions")
    )
    return {"operationName": given.get("operationName"), "variables": variables, "extensions": extensions}
