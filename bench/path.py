"""The whole path: events by NATS, as an agent packs them, through ingest, log and Postgres read model, to a GraphQL subscriber.

The same `serve` processes that production runs, on one machine. Throughput: a burst is published as fast as JetStream takes it, and the rate is that at
which the subscriber saw all of it. Latency: a steady stream well below that rate, from the moment in an event (its publication) to its arrival.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from aetherius.cli.demo.api import Api
from aetherius.cli.folder import DataFolder
from aetherius.cli.platform import Platform, PlatformOptions
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.event import EventMessage, Labels, Severity, encode_lines
from aetherius.domain.wire.identity import observation_id
from aetherius.runtime.credentials import Credentials
from aetherius.runtime.nats_connection import connect

CLUSTER = "bench"
PACK = 100
BURST = 60_000
STEADY_RATE = 2_000
STEADY_SECONDS = 10
_WITHIN = 180.0
_EVENTS = """subscription Events($after: Position) {
  eventPages(after: $after, filter: {clusterId: "bench"}) { position events { occurredAt reason } }
}"""
_READ_MODEL = "SELECT position FROM aetherius.checkpoints WHERE name = 'events'"


async def measure(limit: float) -> list[dict[str, Any]]:
    """The row `path.subscription`; `limit` is the rate of `append.copy` in the same run."""
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        folder = DataFolder(Path(name))
        folder.root.chmod(0o711)
        async with Platform(folder, PlatformOptions(user="bench")) as platform:
            (path,) = await platform.enroll(CLUSTER)
            await platform.serve()
            return await _measure(platform, Credentials.load(path), limit)


async def _measure(platform: Platform, credentials: Credentials, limit: float) -> list[dict[str, Any]]:
    async with (
        connect(
            credentials.nats_url,
            "bench",
            user=credentials.user,
            password=credentials.password,
            inbox_prefix=credentials.inbox_prefix,
        ) as nats,
        Api(platform.graphql_url, platform.token) as api,
    ):
        publisher = Publisher(nats.jetstream(timeout=30))
        await _warm_up(publisher, api)
        rate, stored = await _burst(publisher, api, platform.postgres.dsn)
        latencies = await _steady(publisher, api)
    in_order = sorted(latencies)
    row = {
        "name": "path.subscription",
        "value": round(rate, 1),
        "unit": "events/s",
        "reference": "append.copy",
        "ratio": round(rate / limit, 4),
        "p50_ms": round(statistics.median(in_order) * 1000, 2),
        "p99_ms": round(in_order[int(len(in_order) * 0.99)] * 1000, 2),
    }
    return [row, {**row, "name": "path.read_model", "value": round(stored, 1), "ratio": round(stored / limit, 4)}]


class Publisher:
    """Publishes packs as an agent does."""

    def __init__(self, js: Any) -> None:
        self._js = js
        self._sequence = 0
        self._agent = f"bench-{uuid4().hex[:8]}"

    async def pack(self, size: int = PACK) -> None:
        """One message of `size` events, confirmed."""
        events = list(self._events(size))
        sent = {headers.BATCH: str(size), headers.MESSAGE_ID: f"{self._agent}-{self._sequence}"}
        await self._js.publish(subjects.event(CLUSTER), encode_lines(events), headers=sent)

    def _events(self, size: int) -> Iterator[EventMessage]:
        for _ in range(size):
            self._sequence += 1
            now = datetime.now(UTC)
            yield EventMessage(
                id=str(observation_id(CLUSTER, now, f"{self._agent}-{self._sequence}", "1")),
                cluster_id=CLUSTER,
                timestamp=now,
                source="kubelet",
                severity=Severity.LOW,
                reason="Pulled",
                message="Container image already present on machine and can be accessed by the pod",
                namespace="shop",
                labels=Labels(kind="Pod", name=f"web-{self._sequence % 50}", owner_kind="Deployment", owner_name="web"),
                agent_id=self._agent,
                epoch=1,
                sequence=self._sequence,
            )


async def _warm_up(publisher: Publisher, api: Api) -> None:
    after = await api.head()
    await publisher.pack()
    async with asyncio.timeout(30):
        await _count(api, after, PACK)


async def _burst(publisher: Publisher, api: Api, dsn: str) -> tuple[float, float]:
    """Events a second that the subscriber saw, and that the read model had."""
    after, begun = await api.head(), time.monotonic()
    seeing = asyncio.create_task(_count(api, after, BURST))
    storing = asyncio.create_task(_until_stored(dsn, after + BURST))
    for _ in range(0, BURST, PACK * 10):
        await asyncio.gather(*(publisher.pack() for _ in range(10)))
    async with asyncio.timeout(_WITHIN):
        stored_at = await storing
        seen_at = await seeing
    return BURST / (seen_at - begun), BURST / (stored_at - begun)


async def _steady(publisher: Publisher, api: Api) -> list[float]:
    """Seconds from an event's publication to its arrival."""
    count, interval = STEADY_RATE * STEADY_SECONDS, PACK / STEADY_RATE
    latencies: list[float] = []
    seeing = asyncio.create_task(_count(api, await api.head(), count, latencies))
    for _ in range(count // PACK):
        due = time.monotonic() + interval
        await publisher.pack()
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    async with asyncio.timeout(_WITHIN):
        await seeing
    return latencies


async def _count(api: Api, after: int, wanted: int, latencies: list[float] | None = None) -> float:
    """When the subscriber had seen so many events."""
    seen = 0
    async for payload in api.subscribe(_EVENTS, after=after):
        arrived, now = payload["eventPages"]["events"], datetime.now(UTC)
        seen += len(arrived)
        if latencies is not None:
            latencies += [(now - datetime.fromisoformat(event["occurredAt"])).total_seconds() for event in arrived]
        if seen >= wanted:
            break
    return time.monotonic()


async def _until_stored(dsn: str, position: int) -> float:
    """When the read model of events had taken in everything up to a position."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            found = await (await connection.execute(_READ_MODEL)).fetchone()
            if found and found[0] >= position:
                return time.monotonic()
            await asyncio.sleep(0.02)
