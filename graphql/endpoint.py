"""The front of /graphql: answers queries of lists with the bytes that PostgreSQL printed, and leaves every other request to the application behind it.

What the application would refuse (no token, a body too large or malformed, another content type) it is given, and refuses: nothing is judged twice.
"""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aetherius.access.tokens import Tokens
from aetherius.domain.errors import DomainError
from aetherius.graphql.cacheable import Cacheable
from aetherius.graphql.context import Context, Services
from aetherius.graphql.documents import Documents
from aetherius.graphql.ide_page import page
from aetherius.graphql.lists.answer import CompiledLists
from aetherius.graphql.metrics import REQUEST_SECONDS
from aetherius.graphql.persisted import PersistedDocuments, digest_asked, refusal

PATH: Final = "/graphql"
_COMPILED: Final = REQUEST_SECONDS.labels("compiled")
_RESOLVED: Final = REQUEST_SECONDS.labels("resolved")
_JSON: Final = (b"content-type", b"application/json")


class _Question(msgspec.Struct, frozen=True, rename="camel"):
    """A request's body, as far as we look."""

    query: str = ""
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Question).decode


class Endpoint:
    """An ASGI application in front of another."""

    def __init__(
        self,
        app: ASGIApp,
        lists: CompiledLists,
        persisted: PersistedDocuments,
        documents: Documents,
        services: Services,
        tokens: Tokens,
        max_body: int,
    ) -> None:
        self._app = app
        self._persisted = persisted
        self._lists = lists
        self._services = services
        self._tokens = tokens
        self._max_body = max_body
        self._cacheable = Cacheable(self._post, persisted, documents)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        elif scope["method"] == "GET" and _is_browser(scope):
            await page()(scope, receive, send)
        elif scope["method"] == "GET" and scope["query_string"]:
            await self._cacheable(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        headers = dict(scope["headers"])
        if not self._is_plain(headers):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            return
        answer, body = await self._answer(headers, body)
        if answer is None:
            await self._app(_sized(scope, body), _again(body, receive), send)
            _RESOLVED.observe(time.perf_counter() - begun)
            return
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [_JSON, length]})
        await send({"type": "http.response.body", "body": answer})
        _COMPILED.observe(time.perf_counter() - begun)

    def _is_plain(self, headers: dict[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"")
        return (
            headers.get(b"content-type", b"").partition(b";")[0].strip() == b"application/json"
            and length.isdigit()
            and int(length) <= self._max_body
            and b"text/event-stream" not in headers.get(b"accept", b"")
            and b"multipart/" not in headers.get(b"accept", b"")
        )

    async def _answer(self, headers: dict[bytes, bytes], body: bytes) -> tuple[bytes | None, bytes]:
        """The answer, if it is given here, and the body for who gives it otherwise."""
        user = self._tokens.user(headers.get(b"authorization", b"").decode("latin-1"))
        if user is None:
            return None, body
        try:
            question = _decode(body)
        except msgspec.DecodeError:
            return None, body
        text = question.query
        if digest := digest_asked(question.extensions):
            try:
                text = self._persisted.text(digest, text)
            except DomainError as exc:
                return refusal(exc), body
            if not question.query:
                body = msgspec.json.encode({**msgspec.json.decode(body), "query": text})
        if not text:
            return None, body
        asker = Context(self._services, user)
        return await self._lists.answer(asker, text, question.operation_name, question.variables), body


def _is_browser(scope: Scope) -> bool:
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if the client went away."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The same request once more, for who did not read it yet."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again


def _sized(scope: Scope, body: bytes) -> Scope:
    """The request's scope for a body that may be longer than it was."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", b"%d" % len(body))]}
