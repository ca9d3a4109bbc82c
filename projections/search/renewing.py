"""An index that an older version of the product filled is made again by itself, beside the one that serves: questions are cut into words as documents are."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import psycopg
from psycopg import AsyncConnection

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.projections.errors import ReadModelUnavailableError, RebuildRunsError, SearchUnavailableError
from aetherius.projections.search.opening import SearchServer
from aetherius.projections.search.rebuilding import live_generation, rebuild
from aetherius.projections.search.words import VERSION

logger = logging.getLogger(__name__)

PAUSE: Final = 30.0
"""Seconds until it is tried again: what keeps a rebuild from going on takes a while to end."""


async def renew(dsn: str, log: Log, server: SearchServer, pause: float = PAUSE) -> None:
    """Return once the index that serves is of today's words. What is away meanwhile is waited for; of replicas one does the work."""
    while True:
        try:
            if await is_current(dsn, server):
                return
            logger.warning("the search index was filled by an older version: it is made again, and serves until then")
            await rebuild(dsn, log, server)
        except (SearchUnavailableError, ReadModelUnavailableError, LogUnavailableError, RebuildRunsError) as exc:
            logger.warning("the search index is not made again yet: %s", exc)
            await asyncio.sleep(pause)


async def is_current(dsn: str, server: SearchServer) -> bool:
    """Whether the index that serves is of today's words.

    Raises:
        SearchUnavailableError, ReadModelUnavailableError: safe to repeat.
    """
    return await server.generations(await serving(dsn, server.backend)).words() == VERSION


async def serving(dsn: str, backend: str) -> int:
    """The generation that serves. Raises ``ReadModelUnavailableError``."""
    try:
        async with await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            return await live_generation(connection.cursor(), backend)
    except psycopg.OperationalError as exc:
        raise ReadModelUnavailableError(f"PostgreSQL does not answer: {exc}") from exc
