"""The logs that the contract suite runs on, each with a table of numbers that a transaction may write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, Self

import psycopg
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.event_store import schema
from aetherius.event_store.log import Log
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.ports import EventLog
from aetherius.event_store.subscription import LogSignal
from sealed_state import SEALING

Write = Callable[[Cursor[TupleRow]], None]


class LogSite(Protocol):
    """An empty log and its table."""

    log: EventLog

    def keeping(self, *numbers: int) -> Write:
        """Writes numbers into the table, for `transact`."""

    def numbers(self) -> list[int]:
        """What the table holds, sorted."""

    def signal(self) -> AbstractAsyncContextManager[LogSignal]:
        """Wakes who follows the log."""


class MemorySite:
    """In memory."""

    def __init__(self) -> None:
        self.memory = MemoryLog(sealing=SEALING)
        self.log: EventLog = self.memory
        self._table: dict[int, int] = self.memory.table()

    def keeping(self, *numbers: int) -> Write:
        def write(_: Cursor[TupleRow]) -> None:
            self._table.update({number: number for number in numbers})

        return write

    def numbers(self) -> list[int]:
        return sorted(self._table)

    @asynccontextmanager
    async def signal(self) -> AsyncIterator[LogSignal]:
        signal = LogSignal("")
        waking = asyncio.create_task(_wake(signal))
        try:
            yield signal
        finally:
            waking.cancel()
            await asyncio.wait({waking})


class PostgresSite:
    """On PostgreSQL."""

    def __init__(self, dsn: str) -> None:
        schema.create(dsn)
        self._postgres = Log(dsn, sealing=SEALING)
        self.log: EventLog = self._postgres
        self._dsn = dsn
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE numbers (n int)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._postgres.close()

    def keeping(self, *numbers: int) -> Write:
        def write(cursor: Cursor[Any]) -> None:
            cursor.executemany("INSERT INTO numbers VALUES (%s)", [(number,) for number in numbers])

        return write

    def numbers(self) -> list[int]:
        with psycopg.connect(self._dsn) as connection:
            return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY n").fetchall()]

    def signal(self) -> LogSignal:
        return LogSignal(self._dsn, poll_interval=0.05)


async def _wake(signal: LogSignal) -> None:
    """As a poll would: a log in memory tells nobody that it has grown."""
    while True:
        await asyncio.sleep(0.005)
        signal.wake()
