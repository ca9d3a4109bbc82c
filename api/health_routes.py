"""`/healthz`: the process lives; `/readyz`: log and read models answer. Without a token."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from aetherius.domain.errors import InfrastructureError
from aetherius.graphql.context import Services
from aetherius.projections.models import CLUSTERS


def health_router(services: Services) -> APIRouter:
    """The two routes."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether log and read models answer."""
        try:
            head = await services.feed.head()
            await services.models.rows(CLUSTERS, [])
        except InfrastructureError as exc:
            return JSONResponse({"status": "unavailable", "reason": type(exc).__name__}, 503)
        return JSONResponse({"status": "ok", "head": head})

    return router
