"""The HTTP application: /graphql over HTTP, WebSocket (graphql-transport-ws) and server-sent events, the audit's REST under /api/v1, /healthz and /readyz."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from aetherius.domain.errors import InfrastructureError
from aetherius.graphql.context import Context, Services
from aetherius.graphql.endpoint import Endpoint
from aetherius.graphql.ide_page import file
from aetherius.graphql.persisted import PersistedDocuments
from aetherius.graphql.schema import ReadSchema, create_schema
from aetherius.graphql.tokens import Tokens
from aetherius.projections.models import CLUSTERS

SUBSCRIPTIONS_PER_CONNECTION = 50
_INIT_TIMEOUT = timedelta(seconds=10)


class Router(GraphQLRouter[Context, None]):
    """Asks every WebSocket for a token in `connection_init`, as browsers cannot send a header with it."""

    def __init__(self, schema: ReadSchema, services: Services, tokens: Tokens) -> None:
        self._tokens = tokens

        async def context(connection: HTTPConnection) -> Context:
            user = tokens.user(connection.headers.get("authorization"))
            if user is None and connection.scope["type"] == "http":
                raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
            return Context(services, user)

        super().__init__(
            schema,
            path="/graphql",
            graphql_ide=None,
            allow_queries_via_get=False,
            context_getter=context,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=_INIT_TIMEOUT,
            max_subscriptions_per_connection=SUBSCRIPTIONS_PER_CONNECTION,
        )

    async def on_ws_connect(self, context: Context) -> dict[str, object] | None:
        """Let in who has a token, in the header or in the payload's `authorization`."""
        params = context.connection_params if isinstance(context.connection_params, dict) else {}
        given = params.get("authorization") or params.get("Authorization")
        context.user = context.user or self._tokens.user(given if isinstance(given, str) else None)
        if context.user is None:
            raise ConnectionRejectionError
        return {}


def create_app(
    services: Services,
    tokens: Tokens,
    *,
    audit: FastAPI | None = None,
    max_depth: int = 15,
    max_cost: int = 50_000,
    max_body: int = 256 * 1024,
    persisted: PersistedDocuments | None = None,
) -> FastAPI:
    """The application over services that somebody else opens and closes. Without a token everything but health answers 401.

    Args:
        audit: the REST routes of the audit, for /api/v1.
        max_depth: levels of a query.
        max_cost: fields of a query, each times the rows around it.
        max_body: bytes of a request.
        persisted: documents that clients may name by their hash; by default those that clients bring themselves.
    """
    app = FastAPI(title="Aetherius read API", docs_url=None, redoc_url=None, openapi_url=None, max_body_size=max_body)
    persisted = persisted or PersistedDocuments()
    schema = create_schema(max_depth=max_depth, max_cost=max_cost, persisted=persisted)
    app.include_router(Router(schema, services, tokens))
    app.add_middleware(
        Endpoint,
        lists=schema.lists,
        persisted=persisted,
        documents=schema.documents,
        services=services,
        tokens=tokens,
        max_body=max_body,
    )
    if audit:
        app.mount("/api/v1", audit)

    @app.get("/graphql/ide/{name}")
    async def ide(name: str) -> Response:
        return file(name)

    @app.get("/graphql/schema.graphql")
    async def published(authorization: Annotated[str | None, Header()] = None) -> PlainTextResponse:
        if tokens.user(authorization) is None:
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        return PlainTextResponse(schema.as_str() + "\n")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        try:
            head = await services.feed.head()
            await services.models.rows(CLUSTERS, [])
        except InfrastructureError as exc:
            return JSONResponse({"status": "unavailable", "reason": type(exc).__name__}, 503)
        return JSONResponse({"status": "ok", "head": head})

    return app
