"""Many subscribers on one real server, some of whom read nothing, while reports come in: nothing is lost, and the server's memory has a bound.

Here 200 for some seconds; `make test-subscribers` has a thousand (AETHERIUS_TEST_SUBSCRIBERS).
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aetherius.access.tokens import write_tokens
from aetherius.access.user import Role, User
from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.runtime.ports import free_port
from graphql_client import READER
from processes import Started, eventually
from sealed_state import KEYS_TEXT
from subscribers import Stalled, Subscriber

pytestmark = pytest.mark.anyio

SUBSCRIBERS = int(os.environ.get("AETHERIUS_TEST_SUBSCRIBERS", "200"))
CLUSTERS = SUBSCRIBERS // 10
STALLED = SUBSCRIBERS // 10
TICKS = 200 if SUBSCRIBERS <= 200 else 1000
"""Appends of the writer, 20 a second, each of 25 reports of one cluster."""
BURST = 24_000 if SUBSCRIBERS <= 200 else 150_000
"""Reports of a cluster that nobody asks for by name, in the midst of it: more than the server may keep for those who do not read."""
MEMORY = 150 * 2**20
"""Bytes that the server may grow by once all are connected."""
WITHIN = 300 if SUBSCRIBERS <= 200 else 900
"""Seconds until it hangs: ten times what an idle machine takes."""
WRITER = """
import sys, time
from event_builders import report
from aetherius.event_store.log import Log
clusters, ticks, burst = map(int, sys.argv[2:5])
with Log(sys.argv[1]) as log:
    for tick in range(ticks):
        due = time.monotonic() + 0.05
        log.ingest([report(f"cluster-{tick % clusters}").stored() for _ in range(25)])
        if tick == ticks // 2:
            for _ in range(burst // 4000):
                log.ingest([report("loud").stored() for _ in range(4000)])
        time.sleep(max(0.0, due - time.monotonic()))
"""


@pytest.fixture
def server(dsn: str, tmp_path: Path) -> Iterator[tuple[Started, int, int]]:
    """`aetherius serve api`, its port, and that of its metrics."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    create_tables(dsn)
    tokens = tmp_path / "tokens.json"
    write_tokens(tokens, {READER: User("rita", Role.READER)})
    port, health = free_port(), free_port()
    environment = {
        "AETHERIUS_POSTGRES_DSN": dsn,
        "AETHERIUS_TOKENS_FILE": str(tokens),
        "AETHERIUS_STATE_KEYS": KEYS_TEXT,
        "AETHERIUS_GRAPHQL_PORT": str(port),
        "AETHERIUS_GRAPHQL_HEALTH_PORT": str(health),
        "AETHERIUS_GRAPHQL_MAX_SUBSCRIPTIONS": str(2 * SUBSCRIBERS),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    started = Started(("serve", "api"), tmp_path / "api.log", environment, module="small_buffers")
    try:
        eventually(lambda: answers(port) or not started.alive, "the server's socket")
        assert started.alive, started.said()
        yield started, port, health
    finally:
        started.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def stalled() -> Iterator[list[Stalled]]:
    """Clients who do not read: whatever becomes of the test, they hang up."""
    silent: list[Stalled] = []
    yield silent
    for each in silent:
        each.close()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(WITHIN + 60)
async def test_nothing_is_lost_and_memory_has_a_bound(
    server: tuple[Started, int, int], dsn: str, stalled: list[Stalled]
) -> None:
    started, port, health = server
    reading = [
        Subscriber(port, READER, f"cluster-{number % CLUSTERS}", sse=number % 2 == 0)
        for number in range(SUBSCRIBERS - STALLED - 1)
    ]
    everything = Subscriber(port, READER, None, sse=False)
    async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as tasks:
        running = []
        for number, subscriber in enumerate([*reading, everything]):
            running.append(tasks.create_task(subscriber.run(leave_after=30 if number % 10 == 0 else 0)))
            if number % 20 == 0:
                await asyncio.sleep(0.02)
        for _ in range(STALLED):
            stalled.append(await asyncio.to_thread(Stalled, port, READER))
        await asyncio.to_thread(until_live, health, SUBSCRIBERS)
        writer = await start_writer(dsn)
        await until(lambda: all(each.positions for each in reading[:CLUSTERS]))
        begun = resident(started.pid)
        peak = tasks.create_task(peak_of(started.pid, writer))
        assert await writer.wait() == 0
        expected = await asyncio.to_thread(positions_by_cluster, dsn)
        all_of_them = sorted(position for positions in expected.values() for position in positions)
        await until(lambda: all(len(each.positions) >= len(expected[each.cluster or ""]) for each in reading))
        await until(lambda: len(everything.positions) >= len(all_of_them))
        back = stalled[: len(stalled) // 4]
        await asyncio.gather(*(each.read(lambda seen: len(seen) >= len(all_of_them)) for each in back))
        assert (await asyncio.to_thread(metrics, health))["aetherius_fan_out_dropped_total"] >= STALLED
        grown = max(await peak, resident(started.pid)) - begun
        for task in running:
            task.cancel()
    for subscriber in reading:
        assert subscriber.positions == expected[subscriber.cluster or ""]
    assert everything.positions == all_of_them
    assert all(silent.positions == all_of_them for silent in back)
    assert sum(subscriber.connections > 1 for subscriber in reading) >= len(reading) // 12
    sys.stdout.write(
        f"\n{SUBSCRIBERS} subscribers, {len(all_of_them)} reports: {begun / 2**20:.0f} MiB, {grown / 2**20:+.0f}\n"
    )
    assert grown < MEMORY


def metrics(port: int) -> dict[str, float]:
    """What the server tells Prometheus."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def until_live(health: int, count: int) -> None:
    """Wait until so many follow live: whoever does not read while it still catches up by itself is never too slow for the fan-out."""
    live = 'aetherius_fan_out_followers{state="live"}'
    eventually(lambda: metrics(health).get(live, 0) >= count, f"{count} live followers", WITHIN)


async def start_writer(dsn: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = (dsn, str(CLUSTERS), str(TICKS), str(BURST))
    return await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, *words, env=environment)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # what hundreds of tasks gather
        await asyncio.sleep(0.1)


async def peak_of(pid: int, writer: asyncio.subprocess.Process) -> int:
    """The most memory that a process held while another one ran."""
    most = 0
    while writer.returncode is None:
        most = max(most, resident(pid))
        await asyncio.sleep(0.5)
    return most


def resident(pid: int) -> int:
    """Bytes of memory of the process that serves: the child of the guard that we started, or it itself."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def positions_by_cluster(dsn: str) -> dict[str, list[int]]:
    with Log(dsn) as log:
        found: dict[str, list[int]] = defaultdict(list)
        position = 0
        while page := log.read(position, 5000):
            for recorded, cluster in zip(page, log.clusters_of(page), strict=True):
                found[cluster].append(recorded.position)
            position = page[-1].position
        return found
