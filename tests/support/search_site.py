"""Search indices on real servers, each test's of its own: an index of names of its own on Elasticsearch, or one in a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from aetherius.projections.search.elasticsearch import ElasticsearchIndex
from aetherius.projections.search.index import SearchIndex
from aetherius.projections.search.postgres import PostgresIndex, pool_of
from elasticsearch import AsyncElasticsearch

Generations = Callable[[int], SearchIndex]
"""The index of a generation; 0 is whichever serves."""


@asynccontextmanager
async def on_elasticsearch(url: str) -> AsyncIterator[Generations]:
    prefix = f"test{uuid4().hex[:10]}"
    async with AsyncElasticsearch(url, request_timeout=20, max_retries=0) as client:
        yield lambda generation: ElasticsearchIndex(client, prefix, generation)
        await client.indices.delete(index=f"{prefix}-g*")
        await client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}-search")


@asynccontextmanager
async def on_postgres(dsn: str) -> AsyncIterator[Generations]:
    async with pool_of(dsn) as pool:
        yield lambda generation: PostgresIndex(pool, generation)
