"""What a resolver works with: the services of the process, who asks, and loaders that turn many small questions into few."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import anyio.to_thread
from strawberry.fastapi import BaseContext
from strawberry.types.info import Info as _Info

from aetherius.access.errors import ForbiddenError
from aetherius.access.user import Role, User
from aetherius.domain.keyring import is_sealed
from aetherius.event_store.log import Log
from aetherius.graphql.breathing import Breath
from aetherius.graphql.feed import Feed
from aetherius.graphql.loaders import Loaders
from aetherius.projections.queries import ReadModels

T = TypeVar("T")


class Services:
    """One of each a process."""

    def __init__(self, log: Log, models: ReadModels, feed: Feed, *, threads: int, heartbeat: float = 15.0) -> None:
        """
        Args:
            threads: blocking calls at a time, as many as the log has connections.
            heartbeat: seconds between heartbeats of subscriptions.
        """
        self.log = log
        self.models = models
        self.feed = feed
        self.heartbeat = heartbeat
        self.limiter = anyio.CapacityLimiter(threads)
        self.breath = Breath()


class Context(BaseContext):
    """Of one request, or of one WebSocket."""

    def __init__(self, services: Services, user: User | None) -> None:
        super().__init__()
        self.services = services
        self.user = user
        self.log = services.log
        self.models = services.models
        self.feed = services.feed
        self.breath = services.breath
        self.loaders = Loaders(services.models)
        self.last_event_id: int | None = None
        """The position that a browser's stream of events goes on after."""
        self.open_cost = 0
        """Of the subscriptions that run on this connection."""

    def show(self, text: str, place: UUID) -> str:
        """A secret that is stored in a stream, for who may see it; for others, or without its key, a note in its stead."""
        if not is_sealed(text):
            return text
        if self.user is None or not self.user.secrets:
            return "[hidden: the token does not show secrets]"
        return self.services.log.sealing.keys.show(text, place)

    async def blocking(self, call: Callable[..., T], *args: object) -> T:
        """Call the log in a thread."""
        return await anyio.to_thread.run_sync(call, *args, limiter=self.services.limiter)

    def operator(self, field: str) -> User:
        """Who asks, if they may decide. Raises ``ForbiddenError``."""
        if self.user is None or self.user.role is not Role.OPERATOR:
            raise ForbiddenError(field, Role.OPERATOR)
        return self.user


Info = _Info[Context, None]
