"""The rooms whose REST routes are mounted below /api/v1: a new one is one line here, and one file in the room."""

from __future__ import annotations

from functools import partial

from aetherius.access.routes import Routes
from aetherius.api import audit_routes, search_routes
from aetherius.api.settings import ApiSettings


def room_routes(settings: ApiSettings) -> tuple[Routes, ...]:
    """Each opens what its routes need."""
    return (
        partial(audit_routes.routes, settings),
        partial(search_routes.routes, settings),
    )
