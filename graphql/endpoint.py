"""The front of /graphql over HTTP: questions by POST, persisted ones by GET too, subscriptions as server-sent events; WebSockets are left to the application behind it.

Queries of lists are answered with the bytes that PostgreSQL printed, everything else by the schema's engine. Whatever is wrong with a request is told in the
specification's shape, with a code.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from hashlib import sha256
from typing import Any, Final

from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from aetherius.access.bodies import BodyRefusedError, read_body
from aetherius.access.errors import InvalidArgumentError, NoTokenError
from aetherius.access.media_types import content_type
from aetherius.access.tokens import Tokens
from aetherius.domain.errors import AetheriusError, DomainError
from aetherius.graphql import event_stream
from aetherius.graphql.context import Context, Services
from aetherius.graphql.errors import BadRequestError
from aetherius.graphql.ide_page import page
from aetherius.graphql.metrics import REQUEST_SECONDS
from aetherius.graphql.operations import PLAIN
from aetherius.graphql.persisted import PersistedDocuments, digest_asked
from aetherius.graphql.question import Question, question_in, question_of
from aetherius.graphql.replies import Answer, Headers, media_type, refused, reply, wants_events
from aetherius.graphql.schema import ReadSchema

PATH: Final = "/graphql"
_COMPILED: Final = REQUEST_SECONDS.labels("compiled")
_RESOLVED: Final = REQUEST_SECONDS.labels("resolved")
_METHODS: Final = b"GET, POST, OPTIONS"
_BEARER: Final = [(b"www-authenticate", b"Bearer")]
_KEPT_BY_CLIENT: Final = [(b"cache-control", b"private, no-cache"), (b"vary", b"authorization, accept")]


class Endpoint:
    """An ASGI application in front of another."""

    def __init__(
        self,
        app: ASGIApp,
        schema: ReadSchema,
        persisted: PersistedDocuments,
        services: Services,
        tokens: Tokens,
        max_body: int,
    ) -> None:
        self._app = app
        self._schema = schema
        self._persisted = persisted
        self._services = services
        self._tokens = tokens
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        match scope["method"]:
            case "POST":
                await self._post(scope, headers, receive, send)
            case "GET" if b"text/html" in headers.get(b"accept", b""):
                await page()(scope, receive, send)
            case "GET":
                await self._get(scope, headers, send)
            case "OPTIONS":
                await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", _METHODS)]})
                await send({"type": "http.response.body", "body": b""})
            case _:
                cause = BadRequestError("method", "is none that is answered here")
                await reply(send, refused(cause), media_type(b""), 405, [(b"allow", _METHODS)])

    async def _post(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        kind = media_type(headers.get(b"accept", b""))
        try:
            context = self._context(headers)
            _check_type(headers.get(b"content-type", b""))
            body = await read_body(scope, receive, self._max_body)
            if body is None:
                return
            question = question_of(body)
            if wants_events(headers.get(b"accept", b"")):
                await self._stream(context, question, headers, scope, receive, send)
                return
            answer, watch = await self._answered(context, question)
        except NoTokenError as exc:
            await reply(send, refused(exc), kind, 401, _BEARER)
        except BodyRefusedError as exc:
            await reply(send, refused(exc), kind, exc.status)
        except InvalidArgumentError as exc:
            await reply(send, refused(exc), kind, 400)
        else:
            await reply(send, answer, kind)
            watch.observe(time.perf_counter() - begun)

    def _context(self, headers: dict[bytes, bytes]) -> Context:
        user = self._tokens.user(headers.get(b"authorization", b"").decode("latin-1"))
        if user is None:
            raise NoTokenError
        return Context(self._services, user)

    async def _answered(self, context: Context, question: Question) -> tuple[Answer, Any]:
        try:
            text = self._text(question)
        except BadRequestError:
            raise
        except DomainError as exc:
            return refused(exc), _RESOLVED
        name, variables = question.operation_name, question.variables
        printed = await self._schema.lists.answer(context, text, name, variables)
        if printed is not None:
            return Answer(printed), _COMPILED
        return await self._schema.answer(context, text, name, variables, PLAIN), _RESOLVED

    def _text(self, question: Question) -> str:
        """The document that a question brings or names."""
        digest = digest_asked(question.extensions)
        text = self._persisted.text(digest, question.query or "") if digest else question.query
        if not text:
            raise BadRequestError("query", "is missing: it is the document")
        return text

    async def _stream(
        self,
        context: Context,
        question: Question,
        headers: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        context.last_event_id = event_stream.last_event_id(headers.get(b"last-event-id", b""))
        try:
            text = self._text(question)
        except BadRequestError:
            raise
        except AetheriusError as exc:
            events: AsyncGenerator[bytes, None] = event_stream.only(refused(exc))
        else:
            events = event_stream.events(self._schema, context, text, question, self._services.heartbeat)
        await StreamingResponse(events, headers=event_stream.HEADERS)(scope, receive, send)

    async def _get(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
        """A persisted query, so that clients and caches in front can keep the answer. Nothing else: a link must change nothing."""
        kind = media_type(headers.get(b"accept", b""))
        try:
            context, question = self._context(headers), question_in(scope["query_string"])
            if digest_asked(question.extensions) is None:
                raise BadRequestError(
                    "extensions.persistedQuery", "is missing: over GET a document is named by its hash"
                )
            if not await self._is_query(question):
                cause = BadRequestError("query", "only queries are answered over GET")
                await reply(send, refused(cause), kind, 405, [(b"allow", b"POST")])
                return
            answer, _ = await self._answered(context, question)
        except NoTokenError as exc:
            await reply(send, refused(exc), kind, 401, _BEARER)
        except InvalidArgumentError as exc:
            await reply(send, refused(exc), kind, 400)
        else:
            await _reply_tagged(send, answer, kind, headers.get(b"if-none-match", b""))

    async def _is_query(self, question: Question) -> bool:
        try:
            return await self._schema.is_query(self._text(question), question.operation_name)
        except DomainError:
            return True  # the answer says what is wrong


def _check_type(header: bytes) -> None:
    if header == b"application/json":
        return
    named, charset = content_type(header.decode("latin-1"))
    if named != "application/json":
        raise BodyRefusedError(415, "Content-Type", "must be application/json")
    if charset not in ("", "utf-8", "utf8"):
        raise BodyRefusedError(415, "Content-Type", "must be in UTF-8")


async def _reply_tagged(send: Send, answer: Answer, kind: bytes, known: bytes) -> None:
    if not answer.executed:
        await reply(send, answer, kind)
        return
    tag = b'"' + sha256(answer.body).hexdigest()[:32].encode() + b'"'
    kept: Headers = [*_KEPT_BY_CLIENT, (b"etag", tag)]
    if tag in known:
        await send({"type": "http.response.start", "status": 304, "headers": kept})
        await send({"type": "http.response.body", "body": b""})
    else:
        await reply(send, answer, kind, headers=kept)
