"""How fast the search index takes documents: `search.bulk`, the indexer's own way to Elasticsearch, beside the plain client's bulk of the same documents with the same
versions, in turns. A real server, fetched by `make elasticsearch`; without one the row is left out, and it says so.

`search.bulk` is from events, as they are read from the log, to documents that are stored for good, with the mark: making documents is in it. `search.postgres` is the same
to PostgreSQL's full text.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from elasticsearch import AsyncElasticsearch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause, Recorded
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.projections.search.document import Document
from aetherius.projections.search.documents import Documents
from aetherius.projections.search.elasticsearch import ElasticsearchIndex, month_of
from aetherius.projections.search.index import SearchIndex
from aetherius.projections.search.postgres import PostgresIndex, pool_of
from elasticsearch_server import ElasticsearchServer, missing_parts

EVENTS = 20_000
BATCH = 2_000
ROUNDS = 5
_OPTIONS = "-Xms512m -Xmx512m"
_START = datetime(2026, 11, 1, tzinfo=UTC)


async def measure(dsn: str) -> list[dict[str, Any]]:
    """The rows; `dsn`: of a PostgreSQL server with a schema `read_models` or none."""
    batches = [_batch(start) for start in range(0, EVENTS, BATCH)]
    if missing := missing_parts():
        sys.stdout.write(f"search.bulk is LEFT OUT, there is no Elasticsearch: {', '.join(missing)}\n")
        return []
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        await asyncio.to_thread(Path(name).chmod, 0o711)
        server = ElasticsearchServer(Path(name) / "node", _OPTIONS)
        try:
            async with AsyncElasticsearch(await server.start(), request_timeout=120, max_retries=0) as client:
                return await _measure(client, dsn, batches)
        finally:
            await server.stop()


async def _measure(client: AsyncElasticsearch, dsn: str, batches: list[list[Recorded]]) -> list[dict[str, Any]]:
    plain: list[float] = []
    ours: list[float] = []
    postgres: list[float] = []
    latencies: list[float] = []
    for round in range(ROUNDS + 1):  # the first one warms up
        index = ElasticsearchIndex(client, f"bench{round}", 1)
        await index.prepare()
        ratio = [await _plainly(client, f"bench{round}", batches), await _indexed(index, batches, latencies)]
        async with pool_of(dsn) as pool:
            table = PostgresIndex(pool, round + 1)
            await table.prepare()
            full_text = await _indexed(table, batches, [])
            await table.drop()
        await index.drop()
        if round:
            plain.append(ratio[0])
            ours.append(ratio[1])
            postgres.append(full_text)
    shares = [own / limit for own, limit in zip(ours, plain, strict=True)]
    return [
        _row("search.plain_client", statistics.median(plain), 1.0, []),
        _row("search.bulk", statistics.median(ours), statistics.median(shares), latencies),
        _row(
            "search.postgres", statistics.median(postgres), statistics.median(postgres) / statistics.median(plain), []
        ),
    ]


async def _plainly(client: AsyncElasticsearch, prefix: str, batches: Sequence[list[Recorded]]) -> float:
    """Documents a second by the client as its guide says: dictionaries, with an external version. Making the documents is not timed."""
    name = f"{prefix}-g9-{month_of(int(_START.timestamp() * 1000))}"
    prepared = [[msgspec.to_builtins(each) for each in _documents(batch)] for batch in batches]
    gc.collect()
    begun = time.perf_counter()
    for documents in prepared:
        operations: list[Any] = []
        for each in documents:
            place = {"_id": each["id"], "version": each["position"], "version_type": "external"}
            operations += ({"index": place}, each)
        answer = await client.bulk(index=name, operations=operations, filter_path="errors,items.*.error")
        assert not answer["errors"]
    took = time.perf_counter() - begun
    await client.indices.delete(index=name)
    return EVENTS / took


async def _indexed(index: SearchIndex, batches: Sequence[list[Recorded]], latencies: list[float]) -> float:
    """Documents a second from events to the index, as the indexer does it: making the next ones waits for the last ones."""
    made = Documents(None)  # type: ignore[arg-type]  # of reports it asks no log
    gc.collect()
    begun = time.perf_counter()
    for batch in batches:
        sent = time.perf_counter()
        assert not await index.index(made.of(batch), batch[-1].position)
        latencies.append(time.perf_counter() - sent)
    return EVENTS / (time.perf_counter() - begun)


def _documents(batch: Sequence[Recorded]) -> list[Document]:
    return Documents(None).of(batch)  # type: ignore[arg-type]  # of reports it asks no log


def _batch(start: int) -> list[Recorded]:
    return [_recorded(number) for number in range(start + 1, start + BATCH + 1)]


def _recorded(number: int) -> Recorded:
    at = _START + timedelta(milliseconds=40 * number)
    event = Reported(
        cluster_id=f"cluster-{number % 20}",
        source="kubelet",
        severity=(Severity.LOW, Severity.MEDIUM, Severity.HIGH)[number % 3],
        reason=("Pulled", "BackOff", "Unhealthy", "OOMKilled")[number % 4],
        message=f"Back-off {number % 997}s restarting failed container web in pod web-{number % 5000} of release {number % 31}",
        namespace=f"shop-{number % 40}",
        labels=Labels(kind="Pod", name=f"web-{number % 5000}", node=f"node-{number % 50}", owner_name="web"),
        agent_id="bench",
        epoch=1,
        sequence=number,
    )
    id = UUID(observation_id("bench", at, "bench", number))
    cause = Cause(actor="agent:bench")
    return Recorded(position=number, stream_id=id, version=1, event=event, occurred_at=at, cause=cause)


def _row(name: str, value: float, ratio: float, latencies: list[float]) -> dict[str, Any]:
    in_order = sorted(latencies) or [0.0]
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "documents/s",
        "reference": "search.plain_client",
        "ratio": round(ratio, 4),
        "p50_ms": round(statistics.median(in_order) * 1000, 2),
        "p99_ms": round(in_order[int(len(in_order) * 0.99)] * 1000, 2),
    }
