"""What a replica of the orchestrator works with, in memory: the log, rows that a test lays out, a broker that keeps what is published, and queues filled by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast
from unittest.mock import Mock

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError

from aetherius.event_store.log import Log
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.subscription import LogSignal
from aetherius.orchestrator.context import Context
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.readers.state_rows import StateRows
from sealed_state import SEALING


class MemoryBroker:
    """Keeps what is published; while it is away nothing is confirmed."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, dict[str, str]]] = []
        self.is_away = False

    def jetstream(self, **_: Any) -> MemoryBroker:
        return self

    async def publish(self, subject: str, payload: bytes, *, headers: dict[str, str]) -> None:
        if self.is_away:
            raise NatsTimeoutError
        self.published.append((subject, payload, headers))


class MemoryRows:
    """Answers every question with the rows that a test laid out."""

    def __init__(self) -> None:
        self.found: list[tuple[Any, ...]] = []

    def select(self, query: object, params: object = None) -> list[tuple[Any, ...]]:
        return self.found


class MemoryQueue:
    """In place of `work_queue`: a test hands over messages, and says when it is opened."""

    def __init__(
        self,
        context: Context,
        name: str,
        subject: str,
        handle: Callable[[Msg], Awaitable[None]],
        refill: Callable[[], Awaitable[None]],
    ) -> None:
        self._handle = handle
        self.opened = refill

    async def bring(self, payload: bytes) -> None:
        """A message comes."""
        await self._handle(cast(Msg, Mock(data=payload, subject="work.test")))


class MemoryOrchestrator:
    """Of one replica."""

    def __init__(self, **settings: Any) -> None:
        self.log = MemoryLog(sealing=SEALING)
        self.rows, self.broker, self.signal = MemoryRows(), MemoryBroker(), LogSignal("")
        self.context = Context(
            OrchestratorSettings(postgres_dsn="", nats_url="", **settings),
            cast(Log, self.log),
            self.signal,
            cast(StateRows, self.rows),
            cast(Client, self.broker),
        )
