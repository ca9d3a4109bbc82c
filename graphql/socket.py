"""WebSockets (graphql-transport-ws): what a client sends is looked at before it is believed, and heartbeats tell how far its subscriptions have come.

A message that is none ends the connection (4400); a question that breaks a rule ends with an `error` of its own, and the others go on. A heartbeat is a `ping`
of the protocol, with `{"positions": {"<operation's id>": <position>}}`: everything up to there was sent, or is not wanted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import msgspec
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonTextMessageReceived
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation

from aetherius.access.error_codes import extensions_of
from aetherius.access.errors import InvalidArgumentError
from aetherius.access.json_door import decode_json
from aetherius.domain.errors import AetheriusError
from aetherius.graphql.context import Context
from aetherius.graphql.error_codes import coded
from aetherius.graphql.errors import BadRequestError, TooManySubscriptionsError
from aetherius.graphql.heard import HEARD, Heard
from aetherius.graphql.question import of_value

_MAX_REASON = 120
"""Bytes of a close frame's text."""


class _Message(msgspec.Struct, frozen=True):
    """What every message has."""

    type: str
    id: str | None = None
    payload: dict[str, Any] | None = None


class Refused(msgspec.Struct, frozen=True):
    """A message that breaks a rule of the door."""

    cause: InvalidArgumentError
    id: str | None
    """Of the question that it asked, if that could be made out."""


class Adapter(ASGIWebSocketAdapter):
    """Reads messages as every other door reads JSON."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Messages, or what was wrong with them."""
        with suppress(WebSocketDisconnect):
            while self.ws.application_state != WebSocketState.DISCONNECTED:
                yield _read(await self._text())

    async def _text(self) -> str:
        try:
            return await self.ws.receive_text()
        except KeyError as exc:
            raise NonTextMessageReceived from exc


def _read(text: str) -> object:
    try:
        return decode_json(text.encode(), "message")
    except InvalidArgumentError as exc:
        place = exc.field.removeprefix("message.").removeprefix("payload.").removeprefix("variables.")
        return Refused(InvalidArgumentError(place, exc.rule), _id_in(text))


def _id_in(text: str) -> str | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    id = message.get("id") if isinstance(message, dict) and message.get("type") == "subscribe" else None
    return id if isinstance(id, str) and id.isprintable() else None


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    """One connection."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._heard: dict[str, Heard] = {}

    async def handle(self) -> None:
        """Serve it, with heartbeats."""
        beating = asyncio.create_task(self._beat(), name="heartbeats")
        try:
            await super().handle()
        finally:
            beating.cancel()
            await asyncio.wait({beating})

    async def handle_message(self, message: Any) -> None:
        """Take a message, if it is one."""
        if isinstance(message, Refused):
            await self._refuse(message.id, message.cause)
            return
        try:
            read = msgspec.convert(message, _Message)
            needs_id = read.type in ("subscribe", "complete")
            if needs_id and read.id is None:
                raise BadRequestError("id", "is missing")
        except (msgspec.ValidationError, BadRequestError) as exc:
            await self._close(str(exc))
            return
        if read.type == "subscribe" and self.connection_acknowledged and read.id not in self.operations:
            try:
                self._check(read)
            except AetheriusError as exc:
                await self._refuse(read.id, exc)
                return
        await super().handle_message(message)

    def _check(self, message: _Message) -> None:
        if not of_value(message.payload or {}).query:
            raise BadRequestError("query", "is missing: it is the document")
        limit = self.max_subscriptions_per_connection
        if limit is not None and len(self.operations) >= limit:
            raise TooManySubscriptionsError(limit)

    async def _refuse(self, id: str | None, cause: AetheriusError) -> None:
        if id is None or not self.connection_acknowledged:
            await self._close(str(cause))
            return
        error = coded(GraphQLError(str(cause), original_error=cause, extensions=extensions_of(cause)))
        await self.send_message({"id": id, "type": "error", "payload": [error.formatted]})

    async def _close(self, reason: str) -> None:
        await self.handle_invalid_message(reason.encode()[:_MAX_REASON].decode(errors="ignore"))

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Run one, in its own task: what it has heard is its own."""
        told = self._heard[operation.id] = Heard()
        HEARD.set(told)
        try:
            await super().run_operation(operation)
        finally:
            if self._heard.get(operation.id) is told:
                del self._heard[operation.id]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.context.services.heartbeat)
            positions = {id: told.passed for id, told in self._heard.items() if told.passed is not None}
            if positions:
                ping: Any = {"type": "ping", "payload": {"positions": positions}}
                await self.send_message(ping)
