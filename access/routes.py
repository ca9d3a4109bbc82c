"""How a room's REST routes are found: one protocol, whatever the room is, so that `api/rooms.py` names each in one line.

A room opens what its routes need, gives them, and closes it again when the process ends:

    @asynccontextmanager
    async def routes(settings: RoomSettings, reach: Reach) -> AsyncIterator[RoomRoutes]:
        async with ...:
            yield RoomRoutes(router)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from fastapi import APIRouter

from aetherius.access.signing_in import SignedIn
from aetherius.domain.errors import AetheriusError
from aetherius.event_store.log import Log
from aetherius.projections.queries import ReadModels


@dataclass(frozen=True)
class Reach:
    """What the process lends to every room's routes."""

    log: Log
    models: ReadModels
    signed_in: SignedIn
    """A dependency: who asks."""


@dataclass(frozen=True)
class RoomRoutes:
    """Routes below /api/v1."""

    router: APIRouter
    statuses: Mapping[type[AetheriusError], int] = field(default_factory=dict)
    """Of the room's errors that are neither simply the client's (400) nor ours (503)."""


Routes = Callable[[Reach], AbstractAsyncContextManager[RoomRoutes]]
