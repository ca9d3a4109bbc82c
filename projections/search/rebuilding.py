"""The index made again from the first event, as a new generation beside the one that serves, which is then swapped in one action; and parked documents tried again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import anyio.to_thread
import psycopg
from psycopg import AsyncConnection, AsyncCursor

from aetherius.event_store.log import Log
from aetherius.projections.errors import ReadModelUnavailableError, RebuildRunsError
from aetherius.projections.search.documents import Documents
from aetherius.projections.search.index import Rejected, SearchIndex
from aetherius.projections.search.indexer import NAME
from aetherius.projections.search.opening import SearchServer
from aetherius.projections.search.parked import Parked, columns_of, unpark
from aetherius.projections.tables import general
from aetherius.runtime.lingering_lock import taken_within_async

logger = logging.getLogger(__name__)

PAGE: Final = 2_000
_NEAR: Final = 4_000
"""Events that may still be missing when the swap begins: the live indexer waits for them."""
Progress = Callable[[int, int], None]


class _Building:
    """A generation that is on its way."""

    def __init__(self, log: Log, index: SearchIndex, progress: Progress | None) -> None:
        self._log = log
        self._index = index
        self._progress = progress
        self._documents = Documents(log)
        self.position = 0
        self.rejected: list[Rejected] = []

    async def load(self, upto: int) -> None:
        """Take in the events up to a position."""
        while self.position < upto:
            page = await anyio.to_thread.run_sync(self._log.read_page, self.position, PAGE, (), upto)
            documents = await anyio.to_thread.run_sync(self._documents.of, page.events)
            self.rejected += await self._index.index(documents, page.next_position)
            self.position = page.next_position
            if self._progress:
                self._progress(self.position, upto)


async def rebuild(dsn: str, log: Log, server: SearchServer, progress: Progress | None = None) -> int:
    """Make the index again, and serve it; the position it came to. Searches are answered from the old one until then, and from the new one afterwards.

    Raises:
        RebuildRunsError: another process builds or verifies it.
        SearchUnavailableError: the server is away; safe to repeat, from the beginning.
        ReadModelUnavailableError: PostgreSQL is away; safe to repeat.
    """
    async with held(dsn) as connection:
        cursor = connection.cursor()
        await cursor.execute(general("search_generation_begin"), (server.backend,))
        generation = await live_generation(cursor, server.backend) + 1
        beside = server.generations(generation)
        await beside.drop()  # of a rebuild that was cut off
        await beside.prepare()
        building = _Building(log, beside, progress)
        while (head := await anyio.to_thread.run_sync(log.head)) - building.position > _NEAR:
            await building.load(head)
        async with connection.transaction():
            await _swap(cursor, server, building, log, beside)
        for old in range(1, generation):
            await server.generations(old).drop()
        return building.position


async def _swap(
    cursor: AsyncCursor[Any], server: SearchServer, building: _Building, log: Log, beside: SearchIndex
) -> None:
    """In one transaction: keep the live indexer waiting, come as far as it is, serve, and have it go on with the new generation."""
    await cursor.execute(general("checkpoint_begin"), (NAME,))
    await cursor.execute(general("checkpoint_hold"), (NAME,))
    row = await cursor.fetchone()
    head = await anyio.to_thread.run_sync(log.head)
    await building.load(max(min(row[0] if row else 0, head), building.position) or head)
    await beside.refresh()
    await cursor.execute(general("search_generation_set"), (beside.generation, server.backend))
    await cursor.execute(general("search_parked_clear"))
    await cursor.execute(general("search_parked_add"), columns_of(building.rejected))
    await cursor.execute(general("checkpoint_set"), (building.position, NAME))
    await cursor.execute(general("reader_resume"), (NAME,))
    await beside.serve()


async def retry(dsn: str, log: Log, server: SearchServer, documents: Sequence[Parked]) -> list[Rejected]:
    """Make parked documents again and send them; the ones that are refused again stay parked.

    Raises:
        SearchUnavailableError: safe to repeat.
    """
    refused: list[Rejected] = []
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        index = server.generations(await live_generation(connection.cursor(), server.backend))
    await index.prepare()
    for each in documents:
        read = partial(log.read, each.position - 1, 1, (), each.position)
        made = Documents(log).of(await anyio.to_thread.run_sync(read))
        meant = [document for document in made if document.id == each.document_id]
        if again := await index.index(meant, 0):
            refused += again
        else:
            await anyio.to_thread.run_sync(unpark, dsn, each)
    return refused


async def live_generation(cursor: AsyncCursor[Any], backend: str) -> int:
    """The generation that serves."""
    await cursor.execute(general("search_generation"), (backend,))
    row = await cursor.fetchone()
    return int(row[0]) if row else 1


async def _locked(connection: AsyncConnection[Any]) -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s::int, hashtext(%s))", (0x61657472, NAME))
    row = await cursor.fetchone()
    return bool(row and row[0])


@asynccontextmanager
async def held(dsn: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection that holds the index: nobody else builds or verifies it meanwhile. Raises ``RebuildRunsError``."""
    try:
        async with await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            if not await taken_within_async(partial(_locked, connection)):
                raise RebuildRunsError(NAME)
            yield connection
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise ReadModelUnavailableError(f"PostgreSQL does not answer: {exc}") from exc
