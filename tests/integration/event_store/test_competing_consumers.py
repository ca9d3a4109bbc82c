"""Side effects shared by replicas: each event at least once, those of a key in order, whatever dies; what cannot be done is parked, listed, tried again."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from aetherius.cli.tables import create_tables
from aetherius.domain.agent import GapDetected
from aetherius.domain.event import topics_of
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.competing_consumer import CompetingConsumer, Delivery, Retry
from aetherius.readers.deliveries import Deliveries
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from event_builders import CAUSE, NOON
from postgres_site import kill

pytestmark = pytest.mark.anyio

TOPICS = topics_of([GapDetected])
QUICK = Retry(first=0.02, longest=0.1, attempts=3)
KEYS, EVENTS = 12, 25
REPLICA = """
import asyncio, sys
from pathlib import Path
import psycopg
from aetherius.domain.agent import GapDetected
from aetherius.domain.event import topics_of
from aetherius.readers.competing_consumer import CompetingConsumer, Retry
from aetherius.readers.deliveries import Deliveries
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.subscription import LogSignal
dsn = sys.argv[1]

async def main():
    receiver = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    lock = asyncio.Lock()
    async def effect(delivery):
        event = delivery.event.event
        if event.first == 13:
            raise ValueError("thirteen")
        if event.first % 5 == 0 and delivery.attempt == 1:
            raise OSError("not at once")
        await asyncio.sleep(0.003)
        async with lock:
            await receiver.execute("INSERT INTO received (id, stream, version) VALUES (%s, %s, %s)",
                (delivery.id, delivery.event.stream_id, delivery.event.version))
    with Log(dsn) as log, Deliveries(dsn) as deliveries:
        async with LogSignal(dsn, poll_interval=0.2) as signal:
            consumer = CompetingConsumer("test", log, signal, deliveries, effect, topics_of([GapDetected]),
                retry=Retry(first=0.02, longest=0.1, attempts=3), keys=4, events=5, lease=1.0)
            await consumer.run(asyncio.Event())
asyncio.run(main())
"""


def gaps(stream: UUID, numbers: range) -> list[Pending]:
    """Events of one stream; `first` is its number."""
    return [
        Pending(stream, number, GapDetected(cluster_id="c", epoch=1, first=number, last=number), NOON, CAUSE)
        for number in numbers
    ]


@pytest.fixture
def deliveries(log: Log, dsn: str) -> Iterator[Deliveries]:
    with Deliveries(dsn) as deliveries:
        yield deliveries


@asynccontextmanager
async def consuming(
    dsn: str, log: Log, deliveries: Deliveries, effect: Callable[[Delivery], Awaitable[None]], retry: Retry = QUICK
) -> AsyncIterator[None]:
    """One replica at work; stopped at the end."""
    stop = asyncio.Event()
    async with asyncio.timeout(120), LogSignal(dsn) as signal, asyncio.TaskGroup() as tasks:
        consumer = CompetingConsumer("test", log, signal, deliveries, effect, TOPICS, retry=retry, lease=2.0)
        tasks.create_task(consumer.run(stop))
        yield
        stop.set()


async def until(holds: Callable[[], object]) -> None:
    while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # what other processes do
        await asyncio.sleep(0.02)


def left(deliveries: Deliveries) -> int:
    return sum(each.waiting for each in deliveries.backlogs())


async def test_replicas_killed_in_the_midst_lose_nothing_and_keep_the_order_of_each_key(
    log: Log, dsn: str, deliveries: Deliveries
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE received (at bigserial PRIMARY KEY, id uuid, stream uuid, version bigint)")
    streams = [uuid4() for _ in range(KEYS)]
    async with asyncio.timeout(120), two_replicas(dsn) as replicas:
        for turn in range(5):
            for stream in streams:
                await asyncio.to_thread(log.append, gaps(stream, range(turn * 5 + 1, turn * 5 + 6)))
            before = received(dsn)
            if turn < 3:  # later all stand before their thirteenth
                await until(lambda before=before: received(dsn) >= before + 5)  # type: ignore[misc]
            replicas[turn % 2].kill()
            await replicas[turn % 2].wait()
            replicas[turn % 2] = await a_replica(dsn)
        await until(lambda: len(deliveries.parked()) == KEYS and left(deliveries) == KEYS * (EVENTS - 12))
        parked = deliveries.parked("test")
        assert min(each.attempts for each in parked) == 3  # a death in the midst of an attempt counts as one
        assert {each.error for each in parked} == {"ValueError: thirteen"}
        assert {each.behind for each in parked} == {EVENTS - 13}
        for each in parked:
            deliveries.drop("test", each.position, "unlucky")
        await until(lambda: left(deliveries) == 0)
    of_stream, ids = deliveries_received(dsn)
    assert set(of_stream) == set(streams)
    for stream in streams:
        assert first_seen(of_stream[stream]) == [*range(1, 13), *range(14, EVENTS + 1)]
    assert all(len(given) == 1 for given in ids.values())
    assert [each.reason for each in deliveries.dropped()] == ["unlucky"] * KEYS


@asynccontextmanager
async def two_replicas(dsn: str) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    replicas = [await a_replica(dsn) for _ in range(2)]
    try:
        yield replicas
    finally:
        for replica in replicas:
            replica.kill()
            await replica.wait()


async def a_replica(dsn: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return await asyncio.create_subprocess_exec(sys.executable, "-c", REPLICA, dsn, env=environment)


def received(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM received").fetchone()
        assert row
        return int(row[0])


def deliveries_received(dsn: str) -> tuple[dict[UUID, list[int]], dict[tuple[UUID, int], set[UUID]]]:
    """The versions of each stream as they came, and under which ids each event came."""
    of_stream: dict[UUID, list[int]] = defaultdict(list)
    ids: dict[tuple[UUID, int], set[UUID]] = defaultdict(set)
    with psycopg.connect(dsn) as connection:
        for id, stream, version in connection.execute("SELECT id, stream, version FROM received ORDER BY at"):
            of_stream[stream].append(version)
            ids[stream, version].add(id)
    return of_stream, ids


def first_seen(versions: list[int]) -> list[int]:
    return list(dict.fromkeys(versions))


async def test_deliveries_go_on_after_postgresql_was_killed(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / f"postgres-{uuid4().hex}")
    dsn = await server.start()
    done: dict[UUID, list[int]] = defaultdict(list)
    enough = asyncio.Event()

    async def effect(delivery: Delivery) -> None:
        await asyncio.sleep(0.005)
        done[delivery.event.stream_id].append(delivery.event.version)
        if sum(map(len, done.values())) > 50:
            enough.set()

    streams = [uuid4() for _ in range(6)]
    try:
        create_tables(dsn)
        with Log(dsn, timeout=2) as log, Deliveries(dsn, timeout=2) as deliveries:
            log.append([each for stream in streams for each in gaps(stream, range(1, 41))])
            async with consuming(dsn, log, deliveries, effect):
                await enough.wait()
                kill(server)
                await server.stop()
                await server.start()
                await until(lambda: all(40 in done[stream] for stream in streams))
                await until(lambda: left(deliveries) == 0)
    finally:
        await server.stop()
    assert all(first_seen(done[stream]) == list(range(1, 41)) for stream in streams)
