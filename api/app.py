"""The one HTTP application: GraphQL, each room's routes below /api/v1, one OpenAPI document of all of them, /healthz and /readyz."""

from __future__ import annotations

from collections.abc import Sequence

import anyio.to_thread
from fastapi import Depends, FastAPI
from fastapi.responses import Response

from aetherius.access.answers import json_answer
from aetherius.access.cross_origin import allow_origins
from aetherius.access.door import Door
from aetherius.access.problems import explain_errors
from aetherius.access.routes import RoomRoutes
from aetherius.access.signing_in import signed_in
from aetherius.access.tokens import Tokens
from aetherius.access.user import User
from aetherius.api.health_routes import health_router
from aetherius.graphql.context import Services
from aetherius.graphql.persisted import PersistedDocuments
from aetherius.graphql.router import Limits, mount_graphql

REST = "/api/v1"


def create_app(
    services: Services,
    tokens: Tokens,
    rooms: Sequence[RoomRoutes] = (),
    limits: Limits | None = None,
    persisted: PersistedDocuments | None = None,
    origins: Sequence[str] = (),
) -> FastAPI:
    """The application over services that somebody else opens and closes. Without a token everything but health answers 401.

    Args:
        rooms: whose routes it has.
        origins: of pages in browsers that may ask, besides our own.
        persisted: documents that GraphQL's clients may name by their hash; by default those that clients bring themselves.
    """
    limits = limits or Limits()
    app = FastAPI(title="Aetherius", docs_url=None, redoc_url=None, openapi_url=None)
    explain_errors(app, {error: status for room in rooms for error, status in room.statuses.items()})
    app.add_middleware(Door, max_body=limits.body)
    mount_graphql(app, services, tokens, limits, persisted, origins)
    allow_origins(app, origins)
    app.include_router(health_router(services))
    for room in rooms:
        app.include_router(room.router, prefix=REST)

    @app.get(f"{REST}/openapi.json", include_in_schema=False)
    async def described(user: User = Depends(signed_in(tokens))) -> Response:  # noqa: B008  # as FastAPI wants it
        return json_answer(await anyio.to_thread.run_sync(app.openapi))

    return app
