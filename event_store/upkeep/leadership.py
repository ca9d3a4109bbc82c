"""Leadership: of all replicas one does what must be done by one alone, as long as its session holds an advisory lock of PostgreSQL.

A replica that dies, or is cut off, loses its session and with it the lock; another takes over within about a second. For that moment two may lead:
so everything a leader does is also safe to be done twice (versions, checkpoints, message ids).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg
from psycopg import AsyncConnection

from aetherius.event_store.errors import LeadershipLostError
from aetherius.runtime.steady import steadily

logger = logging.getLogger(__name__)

LOCK: Final = 0x6165_6167_656E_746D
"""The advisory lock. Changing it lets old and new replicas lead side by side."""
_ANSWER_WITHIN: Final = 5.0
"""Seconds for the session to show that it lives."""


class Leadership:
    """Runs `lead` while this replica is the leader, and again when it becomes it again. `lead` is cancelled when leadership is lost."""

    def __init__(self, dsn: str, lead: Callable[[], Awaitable[None]], interval: float) -> None:
        """`interval`: seconds between attempts, and between checks."""
        self._dsn = dsn
        self._lead = lead
        self._interval = interval

    async def run(self) -> None:
        """Try to lead, for ever."""
        await steadily("leadership", self._term)

    async def _term(self) -> None:
        try:
            async with await AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=5) as session:
                while not await self._acquired(session):  # noqa: ASYNC110  # another process holds it
                    await asyncio.sleep(self._interval)
                logger.info("leading")
                await self._govern(session)
        except psycopg.OperationalError as exc:
            raise LeadershipLostError(str(exc)) from exc

    async def _govern(self, session: AsyncConnection) -> None:
        leading = asyncio.ensure_future(self._lead())
        try:
            while not leading.done():
                await asyncio.wait({leading}, timeout=self._interval)
                async with asyncio.timeout(_ANSWER_WITHIN):
                    await session.execute("SELECT 1")
            leading.result()
        finally:
            leading.cancel()
            await asyncio.wait({leading})

    async def _acquired(self, session: AsyncConnection) -> bool:
        row = await (await session.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))).fetchone()
        return row is not None and bool(row[0])
