"""GraphQL in an application of others: /graphql over HTTP, WebSocket (graphql-transport-ws) and server-sent events, its page for browsers, its schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import FastAPI, Header
from fastapi.requests import HTTPConnection
from fastapi.responses import PlainTextResponse, Response
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from aetherius.access.signing_in import no_token
from aetherius.access.tokens import Tokens
from aetherius.graphql.context import Context, Services
from aetherius.graphql.endpoint import Endpoint
from aetherius.graphql.ide_page import file
from aetherius.graphql.persisted import PersistedDocuments
from aetherius.graphql.schema import ReadSchema, create_schema
from aetherius.graphql.socket import Adapter, Handler

SUBSCRIPTIONS_PER_CONNECTION = 50
_INIT_TIMEOUT = timedelta(seconds=10)


@dataclass(frozen=True)
class Limits:
    """Of one request."""

    depth: int = 15
    """Levels of a query."""
    cost: int = 50_000
    """Fields of a query, each times the rows around it."""
    body: int = 256 * 1024
    """Bytes."""


class Router(GraphQLRouter[Context, None]):
    """WebSockets only (`endpoint.py` is in front): asks each for a token in `connection_init`, as browsers cannot send a header with it."""

    websocket_adapter_class = Adapter
    graphql_transport_ws_handler_class = Handler

    def __init__(self, schema: ReadSchema, services: Services, tokens: Tokens, origins: Sequence[str]) -> None:
        self._tokens = tokens

        async def context(connection: HTTPConnection) -> Context:
            return Context(services, tokens.user(connection.headers.get("authorization")))

        super().__init__(
            schema,
            path="/graphql",
            graphql_ide=None,
            allow_queries_via_get=False,
            context_getter=context,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            allowed_origins=origins,
            connection_init_wait_timeout=_INIT_TIMEOUT,
            max_subscriptions_per_connection=SUBSCRIPTIONS_PER_CONNECTION,
        )

    def encode_json(self, data: object) -> str:
        """As all our answers are printed."""
        return msgspec.json.encode(data).decode()

    async def on_ws_connect(self, context: Context) -> dict[str, object] | None:
        """Let in who has a token, in the header or in the payload's `authorization`."""
        params = context.connection_params if isinstance(context.connection_params, dict) else {}
        given = params.get("authorization") or params.get("Authorization")
        context.user = context.user or self._tokens.user(given if isinstance(given, str) else None)
        if context.user is None:
            raise ConnectionRejectionError
        return {}


def mount_graphql(
    app: FastAPI,
    services: Services,
    tokens: Tokens,
    limits: Limits,
    persisted: PersistedDocuments | None = None,
    origins: Sequence[str] = (),
) -> None:
    """Put GraphQL into an application, over services that somebody else opens and closes.

    Args:
        origins: whose pages may open a WebSocket, besides our own.
        persisted: documents that clients may name by their hash; by default those that clients bring themselves.
    """
    persisted = persisted or PersistedDocuments()
    schema = create_schema(max_depth=limits.depth, max_cost=limits.cost, persisted=persisted)
    printed = schema.as_str() + "\n"
    app.include_router(Router(schema, services, tokens, origins), include_in_schema=False)
    app.add_middleware(
        Endpoint,
        schema=schema,
        persisted=persisted,
        services=services,
        tokens=tokens,
        max_body=limits.body,
    )

    @app.get("/graphql/ide/{name}", include_in_schema=False)
    async def ide(name: str) -> Response:
        return file(name)

    @app.get("/graphql/schema.graphql", tags=["graphql"])
    async def published(authorization: Annotated[str | None, Header()] = None) -> PlainTextResponse:
        """The schema in its definition language."""
        if tokens.user(authorization) is None:
            raise no_token()
        return PlainTextResponse(printed)
