"""Search indices on real servers, each test's of its own: an index of names of its own on Elasticsearch, or one in a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from elasticsearch import AsyncElasticsearch

from aetherius.domain.cluster_event import Reported
from aetherius.event_store.log import Log
from aetherius.projections import schema
from aetherius.projections.search.document import Document
from aetherius.projections.search.documents import Documents, event_document_id
from aetherius.projections.search.elasticsearch import ElasticsearchIndex
from aetherius.projections.search.index import SearchIndex
from aetherius.projections.search.opening import SearchServer, search_server
from aetherius.projections.search.postgres import PostgresIndex, pool_of
from aetherius.projections.search.verifying import VerifiedIndex, verify
from aetherius.projections.settings import ProjectionsSettings
from processes import eventually
from sealed_state import KEYS_TEXT

PROCESS: Final = Path(__file__).parents[1] / "integration" / "projections" / "searching_process.py"

Generations = Callable[[int], SearchIndex]
"""The index of a generation; 0 is whichever serves."""


@asynccontextmanager
async def on_elasticsearch(url: str) -> AsyncIterator[Generations]:
    prefix = f"test{uuid4().hex[:10]}"
    async with AsyncElasticsearch(url, request_timeout=60, max_retries=0) as client:
        yield lambda generation: ElasticsearchIndex(client, prefix, generation)
        await client.indices.delete(index=f"{prefix}-g*")
        await client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}-search")


@asynccontextmanager
async def on_postgres(dsn: str) -> AsyncIterator[Generations]:
    async with pool_of(dsn) as pool:
        yield lambda generation: PostgresIndex(pool, generation)


class SearchSite:
    """A log with the search index that is kept of it, in a process that can be killed, on one server or the other."""

    def __init__(self, dsn: str, log: Log, url: str = "") -> None:
        self.dsn = dsn
        self.log = log
        self.prefix = f"test{uuid4().hex[:10]}"
        self.settings = ProjectionsSettings(
            dsn, state_keys=KEYS_TEXT, elasticsearch_url=url, elasticsearch_prefix=self.prefix
        )
        schema.create(dsn)

    @contextmanager
    def indexing(self, batch: int = 50) -> Iterator[subprocess.Popen[bytes]]:
        """The process, killed at the end of the block, or before."""
        words = [sys.executable, str(PROCESS), self.dsn, str(batch)]
        words += [self.settings.elasticsearch_url, self.prefix] if self.settings.elasticsearch_url else []
        process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def until_caught_up(self, within: float = 120.0) -> None:
        """Wait until the index holds all that the log does."""
        head = self.log.head()
        eventually(lambda: self.log.checkpoint("search") >= head, f"the index at {head}", within)

    @asynccontextmanager
    async def server(self) -> AsyncIterator[SearchServer]:
        """The search server, from here."""
        async with search_server(self.settings) as server:
            yield server

    async def documents(self) -> list[Document]:
        """Every one that can be found, by position."""
        async with self.server() as server:
            live = server.generations(0)
            await live.refresh()
            return [
                each
                for after in range(0, self.log.head(), 1000)
                for each in await live.window(after, after + 1000, 10_000)
            ]

    async def must_be_whole(self) -> None:
        """Every event of the log is in the index, once, and nothing else; and it is what a replay makes."""
        events = self.log.read(0, 100_000)
        found = [each.id for each in await self.documents()]
        assert len(found) == len(set(found))
        wanted = {str(e.stream_id) if isinstance(e.event, Reported) else event_document_id(e) for e in events}
        incidents = {str(e.stream_id) for e in events if e.event.topic.startswith("Incident.")}
        assert set(found) == wanted | incidents
        async with self.server() as server:
            verified = await verify(self.dsn, self.log, server)
        assert verified.count == 0, await self._told(verified)
        assert verified.position == events[-1].position

    async def _told(self, verified: VerifiedIndex) -> str:
        """What differs, and where it may come from: for whoever reads a failed test."""
        by_id = {each.id: each for each in await self.documents()}
        wanted = {each.id: each for each in Documents(self.log).of(self.log.read(0, 100_000))}
        told = [f"{each}: {by_id.get(each.id)} instead of {wanted.get(each.id)}" for each in verified.differences[:3]]
        return f"{verified.count} of {verified.documents} differ up to {verified.position}: " + "; ".join(told)
