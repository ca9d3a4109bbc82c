"""How fast events get from NATS into the log, each exactly once, by the real `serve agent_manager` in processes of its own.

A burst waits in the stream while the consumer is paused; the rate is that from the first commit (or fetch) to the last. `ingest.packed` has 100 events a
message, as agents send them, and its limit is raw COPY. `ingest.single` has one event a message; its limit is a bare nats-py loop, in a process of its own
too, which fetches and acknowledges the same messages and does nothing else. No replica leads meanwhile: the bench holds the leader's lock.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from aetherius.agent_manager.intake.ingest import CONSUMER
from aetherius.cli.tables import create_tables
from aetherius.domain.keyring import new_key
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.event import EventMessage, Labels, RawData, Severity, encode_lines
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.upkeep.leadership import LOCK
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.jetstream.streams import EVENTS, ensure_streams
from aetherius.runtime.nats_connection import connect

CLUSTER = "bench"
PACK = 100
PACKED_EVENTS = 120_000
SINGLE_EVENTS = 25_000
ROUNDS = 3
REPLICAS = 1
_WITHIN: Final = 60.0
_HEAD = "SELECT coalesce(max(last), 0) FROM aetherius.ledger"
_FETCH = 500


async def measure(limit: float) -> list[dict[str, Any]]:
    """The rows `ingest.packed` and `ingest.single`; `limit` is the rate of `append.copy` in the same run. About 20 s."""
    async with _site() as site:
        async with site.serving(REPLICAS):
            packed = [await site.stored(PACK, PACKED_EVENTS) for _ in range(ROUNDS)]
        pulled, singles = [], []
        for _ in range(ROUNDS):
            pulled.append(await site.pulled(SINGLE_EVENTS))
            async with site.serving(REPLICAS):
                singles.append(await site.stored(1, SINGLE_EVENTS))
    ratio = statistics.median(single / bare for single, bare in zip(singles, pulled, strict=True))
    rate = statistics.median(packed)
    return [
        _row("ingest.packed", rate, "append.copy", rate / limit),
        _row("ingest.pull", statistics.median(pulled), "ingest.pull", 1.0),
        _row("ingest.single", statistics.median(singles), "ingest.pull", ratio),
    ]


def _row(name: str, rate: float, reference: str, ratio: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(rate, 1),
        "unit": "events/s",
        "reference": reference,
        "ratio": round(ratio, 4),
        "p50_ms": 0.0,
        "p99_ms": 0.0,
    }


class _Site:
    """Servers of the benchmark's own, and what is sent through them."""

    def __init__(self, dsn: str, url: str, js: JetStreamContext, key: Path) -> None:
        self._js = js
        self._dsn = dsn
        self._environment = {
            **os.environ,
            "AETHERIUS_POSTGRES_DSN": dsn,
            "AETHERIUS_NATS_URL": url,
            "AETHERIUS_SIGNING_KEY_FILE": str(key),
            "AETHERIUS_STATE_KEYS": f"bench:{new_key()}",
        }

    @asynccontextmanager
    async def serving(self, replicas: int) -> AsyncIterator[None]:
        """So many agent managers, which have each stored something."""
        words = (sys.executable, "-m", "aetherius.cli.main", "serve", "agent_manager", "--log-level", "WARNING")
        started = [await asyncio.create_subprocess_exec(*words, env=self._environment) for _ in range(replicas)]
        try:
            await self.stored(PACK, 20 * PACK)
            yield
        finally:
            for each in started:
                each.terminate()
            await asyncio.gather(*(each.wait() for each in started))

    async def stored(self, pack: int, count: int) -> float:
        """Events a second from the stream into the log."""
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            await self._fill(pack, count)
            start = await _head(connection)
            await self._js.resume_consumer(EVENTS, CONSUMER)
            async with asyncio.timeout(_WITHIN):
                first = await _head_past(connection, start)
                begun = time.perf_counter()
                await _head_past(connection, start + count - 1)
            return (start + count - first) / (time.perf_counter() - begun)

    async def pulled(self, count: int) -> float:
        """Messages a second that a bare loop takes and acknowledges."""
        await self._fill(1, count)
        words = (sys.executable, __file__, "pull", str(count))
        puller = await asyncio.create_subprocess_exec(
            *words, env=self._environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert puller.stdin is not None
        assert puller.stdout is not None
        async with asyncio.timeout(_WITHIN):
            await puller.stdout.readline()
            await self._js.resume_consumer(EVENTS, CONSUMER)
            puller.stdin.write(b"go\n")
            rate = float(await puller.stdout.readline())
            await puller.wait()
        return rate

    async def _fill(self, pack: int, count: int) -> None:
        """Put a burst into the stream while nobody is given anything."""
        await self._js.add_consumer(EVENTS, _consumer())
        await self._js.pause_consumer(EVENTS, CONSUMER, (datetime.now(UTC) + timedelta(hours=1)).isoformat())
        messages = [_message(pack) for _ in range(count // pack)]
        for start in range(0, len(messages), 200):
            await asyncio.gather(*(self._publish(*each) for each in messages[start : start + 200]))

    async def _publish(self, payload: bytes, sent: dict[str, str]) -> None:
        await self._js.publish(subjects.event(CLUSTER), payload, headers=sent)


async def _head_past(connection: psycopg.AsyncConnection[Any], position: int) -> int:
    """The log's head, once it is past a position."""
    while (head := await _head(connection)) <= position:  # noqa: ASYNC110  # another process writes it
        await asyncio.sleep(0.005)
    return head


async def _head(connection: psycopg.AsyncConnection[Any]) -> int:
    found = await (await connection.execute(_HEAD)).fetchone()
    assert found is not None
    return int(found[0])


def _consumer() -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=CONSUMER,
        filter_subject=subjects.AGENT_EVENTS,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=30.0,
        max_ack_pending=8 * _FETCH,
    )


def _message(size: int) -> tuple[bytes, dict[str, str]]:
    """One message as an agent sends it, and its headers."""
    events = [_event() for _ in range(size)]
    return encode_lines(events), {headers.BATCH: str(size), headers.MESSAGE_ID: events[0].id}


def _event() -> EventMessage:
    """An event whose stored bytes are about 600."""
    now, key = datetime.now(UTC), uuid4().hex
    return EventMessage(
        id=str(observation_id(CLUSTER, now, key, "1")),
        cluster_id=CLUSTER,
        timestamp=now,
        source="kubelet",
        severity=Severity.LOW,
        reason="BackOff",
        message="Back-off restarting failed container app in pod web-7c5ddbdf54-x2x9q_shop",
        namespace="shop",
        labels=Labels(
            kind="Pod", name="web-7c5ddbdf54-x2x9q", node="node-1", owner_kind="Deployment", owner_name="web"
        ),
        raw_data=RawData(count=3, first_timestamp=now, last_timestamp=now, container="app", memory_limit="64Mi"),
        agent_id="bench-agent",
        epoch=1,
        sequence=1,
        uid=key,
        resource_version="1234567",
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aetherius-bench-") as name:
        Path(name).chmod(0o711)  # the server, run as another user by root, must reach its data
        yield Path(name)


@asynccontextmanager
async def _site() -> AsyncIterator[_Site]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder())
        postgres, nats = EmbeddedPostgres(folder / "postgres"), EmbeddedNats(folder / "nats")
        stack.push_async_callback(postgres.stop)
        dsn = await postgres.start()
        create_tables(dsn)
        stack.push_async_callback(nats.stop)
        client = await stack.enter_async_context(connect(await nats.start(), "bench"))
        js = client.jetstream(timeout=30)
        await ensure_streams(js)
        leader = await stack.enter_async_context(await psycopg.AsyncConnection.connect(dsn, autocommit=True))
        await leader.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        yield _Site(dsn, nats.url, js, folder / "key.pem")


async def _pull(count: int) -> None:
    """The bare loop: what any ingest by this client must at least do."""
    async with connect(os.environ["AETHERIUS_NATS_URL"], "bench") as nats:
        subscription = await nats.jetstream().pull_subscribe_bind(CONSUMER, EVENTS)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        first = await _pull_some(subscription)
        begun, left = time.perf_counter(), count - first
        while left > 0:
            left -= await _pull_some(subscription)
        sys.stdout.write(f"{(count - first) / (time.perf_counter() - begun)}\n")


async def _pull_some(subscription: JetStreamContext.PullSubscription) -> int:
    messages = await subscription.fetch(_FETCH, timeout=5)
    for message in messages:
        await message.ack()
    return len(messages)


def main(words: Sequence[str]) -> None:
    """Measure and print; with `pull N` be the bare loop."""
    if words[:1] == ["pull"]:
        asyncio.run(_pull(int(words[1])))
        return
    for row in asyncio.run(measure(float(words[0]) if words else 1.0)):
        sys.stdout.write(
            f"{row['name']:<14} {row['value']:>10,.0f} {row['unit']}  {row['ratio']:.1%} of {row['reference']}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
