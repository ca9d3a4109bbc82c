"""What readers are told and what they tell: one row each in `read_models.readers`, exchanged twice a second by each process that drives readers.

So that `aetherius projections` sees from another process where a reader stands and why it is parked, and can pause and resume it by name. Orders are kept:
a reader that is paused stays so over restarts. One connection and one round trip a process, however many readers it drives.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import psycopg
from psycopg import Connection

from aetherius.readers.state import ReaderState
from aetherius.readers.tables import statement
from aetherius.runtime.in_words import in_words

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two exchanges: how long an order is on its way at most."""
_HEARTBEAT = 5.0
"""Seconds after which a state is told again although it is the same."""


class Order(msgspec.Struct, frozen=True):
    """What a reader is told. `resumes`: how often it was told to go on."""

    paused: bool = False
    resumes: int = 0


class ReaderControl:
    """Of one process. `run` is a task of the process; a database that is away delays orders and nothing else."""

    def __init__(self, dsn: str, *, interval: float = INTERVAL) -> None:
        """`interval`: seconds between two exchanges."""
        self._dsn = dsn
        self._interval = interval
        self._orders: dict[str, Order] = {}
        self._readers: dict[str, Callable[[], ReaderState]] = {}
        self._told: dict[str, tuple[ReaderState, float]] = {}
        self._connection: Connection[Any] | None = None
        self._thread = anyio.CapacityLimiter(1)
        self._changed = asyncio.Event()
        self.is_known = False
        """Orders were asked for once: until then a reader does not begin, as it may be paused."""

    def register(self, name: str, state: Callable[[], ReaderState]) -> None:
        """Have a reader's state told from now on."""
        self._readers[name] = state

    def order(self, name: str) -> Order:
        """The last one known."""
        return self._orders.get(name, Order())

    async def changed(self) -> None:
        """Return when any order has changed."""
        await self._changed.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Exchange until `stop` is set, and once more then."""
        try:
            while not stop.is_set():
                await self._attempt()
                try:
                    async with asyncio.timeout(self._interval):
                        await stop.wait()
                except TimeoutError:
                    pass
            await self._attempt()
        finally:
            if self._connection:
                self._connection.close()

    async def _attempt(self) -> None:
        try:
            orders = await anyio.to_thread.run_sync(self.exchange, limiter=self._thread)
        except psycopg.Error as exc:
            logger.warning("orders to readers are away, going on: %s", in_words(exc))
            if self._connection:
                self._connection.close()
            self._connection = None
            return
        if orders != self._orders or not self.is_known:
            self._orders, self.is_known = orders, True
            self._changed.set()
            self._changed = asyncio.Event()

    def exchange(self) -> dict[str, Order]:
        """Tell what is new, and ask for all orders; in this thread."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=5)
            self._connection.execute("SET synchronous_commit = off; SET statement_timeout = '10s'")
            self._told.clear()
        if news := self._news():
            columns = [
                (
                    each.name,
                    each.status.value,
                    each.position,
                    each.error[:4000],
                    each.poison_position,
                    each.poison_topic,
                )
                for each in news
            ]
            self._connection.execute(
                statement("readers_report"), [list(column) for column in zip(*columns, strict=True)]
            )
        rows = self._connection.execute(statement("readers_orders")).fetchall()
        return {name: Order(paused, resumes) for name, paused, resumes in rows}

    def _news(self) -> list[ReaderState]:
        now = time.monotonic()
        news = []
        for name, state in self._readers.items():
            current = state()
            told, at = self._told.get(name, (None, 0.0))
            if current != told or now - at >= _HEARTBEAT:
                self._told[name] = current, now
                news.append(current)
        return news
