"""One reader of the log for many followers: each gets what it wants, all of it and once; none slows another; a slow one is told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from aetherius.cli.tables import create_tables
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.reading.filtered import wanted
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.fan_out import Batch, FanOut
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from event_builders import a_command, report

pytestmark = pytest.mark.anyio

WRITER = """
import random, sys
from event_builders import a_choice, a_command, a_gap, report
from aetherius.event_store.log import Log
chance = random.Random(int(sys.argv[2]))
with Log(sys.argv[1]) as log:
    for turn in range(int(sys.argv[3])):
        cluster = chance.choice(["berlin", "oslo", "rare"] if turn % 10 == 0 else ["berlin", "oslo"])
        if turn % 5:
            log.ingest([report(cluster).stored() for _ in range(chance.choice([1, 20, 60]))])
        else:
            log.append([*a_command(cluster), a_gap(cluster), *([a_choice()] if turn % 50 == 0 else [])])
"""


@asynccontextmanager
async def followed(dsn: str, log: Log) -> AsyncIterator[FanOut]:
    """A fan-out at work."""
    async with LogSignal(dsn) as signal_:
        fan_out = FanOut(log, signal_)
        running = asyncio.create_task(fan_out.run())
        yield fan_out
        running.cancel()
        await asyncio.wait({running})


async def collect(
    batches: AsyncGenerator[Batch, None], until: Callable[[], int | None], slow: bool = False
) -> list[int]:
    """Positions, until everything up to a position was seen: asks for it again after each batch."""
    seen: list[int] = []
    async with aclosing(batches):
        async for batch in batches:
            assert batch.events[-1].position <= batch.position
            seen += [recorded.position for recorded in batch.events]
            if slow:
                await asyncio.sleep(0.05)
            if (end := until()) is not None and seen[-1] >= end:
                return seen
    raise AssertionError("it ended")


async def test_each_follower_gets_exactly_what_it_wants_while_processes_write_and_one_is_killed(
    log: Log, dsn: str
) -> None:
    filters = [
        wanted(),
        wanted(clusters=["rare"]),
        wanted(clusters=["oslo", "rare"]),
        wanted(["Command.Dispatched.v1"]),
        wanted(["Command.Dispatched.v1", "ClusterEvent.Reported.v1"], ["berlin"]),
    ]
    end: list[int] = []
    async with asyncio.timeout(120), followed(dsn, log) as fan_out, asyncio.TaskGroup() as tasks:
        followers = {
            (filter, number): tasks.create_task(
                collect(fan_out.follow(0, filter), lambda: end[0] if end else None, slow=number == 2)
            )
            for filter in filters
            for number in range(3)
        }
        writers = [await a_writer(dsn, seed) for seed in "12"]
        victim = await a_writer(dsn, "3")
        while await asyncio.to_thread(log.head) < 500:  # noqa: ASYNC110  # what other processes do
            await asyncio.sleep(0.01)
        victim.kill()
        await victim.wait()
        assert [await writer.wait() for writer in writers] == [0, 0]
        end.append(await asyncio.to_thread(the_last, log))
    everything = log.read(0, 100_000)
    clusters = log.clusters_of(everything)
    for (filter, _), follower in followers.items():
        expected = [
            each.position
            for each, cluster in zip(everything, clusters, strict=True)
            if (not filter.topics or each.event.topic in filter.topics)
            and (not filter.clusters or cluster in (*filter.clusters, ""))
        ]
        assert follower.result() == expected


async def a_writer(dsn: str, seed: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, dsn, seed, "150", env=environment)


def the_last(log: Log) -> int:
    """Something that every filter wants stands at the log's end."""
    log.append([*a_command("rare"), *a_command("oslo"), *a_command("berlin")])
    return log.head() - 5


async def test_followers_do_not_notice_that_the_server_was_killed(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / f"postgres-{uuid4().hex}")
    dsn = await server.start()
    try:
        create_tables(dsn)
        with Log(dsn, timeout=2) as log:
            async with asyncio.timeout(120), followed(dsn, log) as fan_out, asyncio.TaskGroup() as tasks:
                last: list[int] = []
                followers = [
                    tasks.create_task(collect(fan_out.follow(0, filter), lambda: last[0] if last else None))
                    for filter in (wanted(), wanted(clusters=["oslo"]), wanted(["ClusterEvent.Reported.v1"]))
                    for _ in range(5)
                ]
                for _ in range(20):
                    await asyncio.to_thread(log.append, [report("oslo") for _ in range(10)])
                pid = int((server.data_dir / "cluster" / "postmaster.pid").read_text().split()[0])
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(LogUnavailableError):
                    await append_for_ever(log)
                await server.stop()
                await server.start()
                last.append(await until_stored(log, [report("oslo")]))
            for follower in followers:
                assert follower.result() == list(range(1, last[0] + 1))
    finally:
        await server.stop()


async def append_for_ever(log: Log) -> None:
    while True:
        await asyncio.to_thread(log.append, [report("oslo")])


async def until_stored(log: Log, pending: list[Pending]) -> int:
    while True:
        try:
            return await asyncio.to_thread(log.append, pending)
        except LogUnavailableError:
            continue
