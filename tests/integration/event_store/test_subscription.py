"""Following the log while others write it, and through the death of its server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.event_store import schema
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Page, Pending
from aetherius.event_store.subscription import LogSignal, Subscription
from aetherius.event_store.tables import DECIDED as DECIDED_TABLE
from aetherius.event_store.tables import LOG
from aetherius.runtime.embedded_postgres import EmbeddedPostgres

pytestmark = pytest.mark.anyio

DECIDED = "Agent.GapDetected.v1"
WRITTEN = 6000
"""Events of each writing process."""
WRITER = """
import random, sys
from datetime import UTC, datetime
from uuid import UUID, uuid4
from eventsourcing.persistence import StoredEvent
from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause, encode
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending

chance, left = random.Random(int(sys.argv[2])), int(sys.argv[3])
at, cause = datetime(2026, 11, 23, tzinfo=UTC), Cause(actor="system:test")
gap = GapDetected(cluster_id="c", epoch=1, first=1, last=1)
report = encode(Reported(cluster_id="c", source="s", severity=Severity.LOW, reason="r", message="m",
    labels=Labels(kind="Pod", name="p"), agent_id="a", epoch=1, sequence=1), at, cause)
with Log(sys.argv[1]) as log:
    while left:
        count = min(left, chance.choice([1, 1, 2, 30, 100, 300]))
        left -= count
        if chance.random() < 0.5:
            log.append([Pending(uuid4(), 1, gap, at, cause) for _ in range(count)])
        else:
            log.ingest([StoredEvent(UUID(observation_id("c", at, uuid4())), 1, Reported.topic, report) for _ in range(count)])
"""


class Events(Protocol):
    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending: ...
    def observed(self, stream_id: UUID | None = None, number: int = 0) -> Pending: ...


async def collect(subscription: Subscription, until: int) -> list[int]:
    """Positions, in the order in which they came, up to position `until`."""
    positions: list[int] = []
    async for page in subscription:
        positions += [recorded.position for recorded in page]
        if positions[-1] >= until:
            break
    return positions


async def test_a_notification_wakes_long_before_the_poll(log: Log, events: Events, dsn: str) -> None:
    async with asyncio.timeout(120), LogSignal(dsn, poll_interval=3600) as signal_:
        await signal_.wait(0)  # listening
        following = asyncio.create_task(collect(Subscription(log, signal_), until=1))
        await asyncio.to_thread(log.append, [events.decided(uuid4())])
        assert await following == [1]


async def test_an_error_of_the_reader_passes_through_as_it_is(dsn: str) -> None:
    async def fail() -> None:
        async with LogSignal(dsn) as signal_:
            await signal_.wait(0)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await fail()


async def test_a_signal_that_ended_ends_its_readers(dsn: str) -> None:
    async with asyncio.timeout(120):
        async with LogSignal(dsn) as signal_:
            pass
        with pytest.raises(asyncio.CancelledError):
            await signal_.wait(-1)


async def test_a_page_has_no_hole_when_both_tables_grow_between_its_two_looks(
    log: Log, events: Events, dsn: str
) -> None:
    log.append([events.observed()])
    found: list[Future[Page]] = []

    def begin_reading(cursor: Cursor[TupleRow]) -> None:
        """Called in the midst of the append: the reader has looked at one table, and waits for the other."""
        cursor.execute(f"LOCK TABLE {LOG.schema}.{DECIDED_TABLE} IN ACCESS EXCLUSIVE MODE")
        found.append(pool.submit(log.read_page, 0, 100))
        with psycopg.connect(dsn, autocommit=True) as other:
            while not other.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not found[0].done()

    with ThreadPoolExecutor(1) as pool:
        both = [events.observed(), events.decided(uuid4())]
        await asyncio.to_thread(log.transact, "test", 1, both, begin_reading)
        first = found[0].result(20)
    later = log.read_page(first.next_position, 100)
    assert [each.position for each in [*first, *later]] == [1, 2, 3]


async def test_two_writing_processes_and_a_tailing_reader_see_every_position_in_order(log: Log, dsn: str) -> None:
    async with asyncio.timeout(120), LogSignal(dsn) as signal_, asyncio.TaskGroup() as tasks:
        everything = tasks.create_task(collect(Subscription(log, signal_, limit=97), until=2 * WRITTEN))
        writers = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, dsn, seed, str(WRITTEN)) for seed in "12"
        ]
        assert [await writer.wait() for writer in writers] == [0, 0]
    assert everything.result() == list(range(1, 2 * WRITTEN + 1))
    with psycopg.connect(dsn) as connection:
        assert audit.verify(connection).intact


async def test_the_log_comes_back_after_its_server_was_killed(open_folder: Path, events: Events) -> None:
    server = EmbeddedPostgres(open_folder / f"postgres-{uuid4().hex}")
    dsn = await server.start()
    try:
        schema.create(dsn)
        async with asyncio.timeout(120), LogSignal(dsn) as signal_:
            with Log(dsn, timeout=2) as log:
                await asyncio.to_thread(log.append, [events.decided(uuid4()) for _ in range(20)])
                positions: list[int] = []
                following = asyncio.create_task(gather(Subscription(log, signal_), positions))
                os.kill(int((server.data_dir / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
                with pytest.raises(LogUnavailableError):
                    await append_for_ever(log, events)  # its children outlive the postmaster for a moment
                await server.stop()
                await server.start()
                last = await until_stored(log, events.decided(uuid4()))
                while not positions or positions[-1] < last:
                    await signal_.wait(signal_.count)
                assert positions == list(range(1, last + 1))
                following.cancel()
    finally:
        await server.stop()


async def gather(subscription: Subscription, positions: list[int]) -> None:
    async for page in subscription:
        positions += [recorded.position for recorded in page]


async def append_for_ever(log: Log, events: Events) -> None:
    while True:
        await asyncio.to_thread(log.append, [events.decided(uuid4())])


async def until_stored(log: Log, pending: Pending) -> int:
    """Append until the log is there again, as a service does."""
    while True:
        try:
            return await asyncio.to_thread(log.append, [pending])
        except LogUnavailableError:
            continue
