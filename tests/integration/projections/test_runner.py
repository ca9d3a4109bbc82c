"""The batched runner on a real log: once each, in one transaction, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster import Cluster
from aetherius.domain.event import Cause, Recorded, topics_of
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.deciding import Deciding
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from aetherius.readers.state import Committed, ReaderStatus
from aetherius.readers.state_rows import StateRows
from aetherius.readers.unit import Unit

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="system:test")
AGENT, CLUSTER = UUID(int=7), UUID(int=8)
Tallied = psycopg.Connection[TupleRow]


class Tally:
    """A projector that keeps the position of every gap it sees. A gap of epoch 666 is poison."""

    topics = topics_of([GapDetected])

    def __init__(self, name: str = "tally") -> None:
        self.name = name

    def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
        for recorded in batch:
            assert isinstance(recorded.event, GapDetected)
            if recorded.event.epoch == 666:
                raise ValueError("epoch of the beast")
            rows.execute("INSERT INTO tally VALUES (%s, %s)", (self.name, recorded.position))


class ClusterOfAgent:
    """A process manager: each gap reported by an agent becomes a new label of its cluster."""

    name = "cluster_of_agent"
    topics = topics_of([GapDetected])

    def __init__(self, rival: Log | None = None) -> None:
        self.rival = rival

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        for recorded in batch:
            cluster = unit.get(Cluster, CLUSTER)
            self._interfere()
            labels = {**cluster.labels, str(recorded.version): "gap"}
            cluster.configure("1.37", labels, recorded.occurred_at)
            unit.save(cluster, recorded.cause.then("system:test", recorded.id))
            unit.rows(lambda rows, at=recorded.position: rows.execute("INSERT INTO tally VALUES ('pm', %s)", (at,)))  # type: ignore[misc]

    def _interfere(self) -> None:
        if rival := self.rival:
            self.rival = None
            cluster = Cluster(CLUSTER)
            cluster.join("c1", "1.36", NOON)
            rival.save(cluster, CAUSE)


@pytest.fixture
def tally(dsn: str, log: Log) -> Iterator[Tallied]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE tally (reader text, position bigint, PRIMARY KEY (reader, position))")
        yield connection


def gaps(log: Log, count: int, *, epoch: int = 1, stream: UUID = AGENT) -> None:
    known = len(log.stream(stream))
    log.append([
        Pending(stream, known + n, GapDetected(cluster_id="c1", epoch=epoch, first=n, last=n), NOON, CAUSE)
        for n in range(1, count + 1)
    ])  # fmt: skip


def seen(tally: Tallied, reader: str = "tally") -> list[int]:
    return [row[0] for row in tally.execute("SELECT position FROM tally WHERE reader = %s ORDER BY 1", (reader,))]


def drain(runner: Runner) -> None:
    while runner.step() is not None:
        pass


@pytest.fixture
async def signal(dsn: str, log: Log) -> AsyncIterator[LogSignal]:
    async with LogSignal(dsn) as signal:
        yield signal


@pytest.fixture
def idle(dsn: str) -> LogSignal:
    """A signal that nobody listens with: for runners that are stepped by hand."""
    return LogSignal(dsn)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110  # a database has no event to wait for
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_a_runner_catches_up_follows_and_stops(log: Log, tally: Tallied, signal: LogSignal) -> None:
    gaps(log, 30)
    stop, told = asyncio.Event(), list[int]()

    async def note(committed: Committed) -> None:
        told.append(committed.position)

    runner = Runner(log, Projecting(Tally()), signal, max_batch=7, after_commit=note)
    running = asyncio.create_task(runner.run(stop))
    await until(lambda: len(seen(tally)) == 30)
    gaps(log, 5)
    await until(lambda: len(seen(tally)) == 35 and runner.state.status is ReaderStatus.WAITING)
    stop.set()
    async with asyncio.timeout(120):
        await running
    assert seen(tally) == list(range(1, 36))
    assert told[:4] == [7, 14, 21, 28]
    assert log.checkpoint("tally") == 35


@pytest.mark.anyio
async def test_two_replicas_never_apply_an_event_twice(log: Log, tally: Tallied, signal: LogSignal) -> None:
    stop = asyncio.Event()
    runners = [Runner(log, Projecting(Tally()), signal, max_batch=size) for size in (3, 11, 2000)]
    async with asyncio.TaskGroup() as tasks:
        for runner in runners:
            tasks.create_task(runner.run(stop))
        for _ in range(40):
            await asyncio.to_thread(gaps, log, 10)
        await until(lambda: len(seen(tally)) == 400)
        stop.set()
    assert seen(tally) == list(range(1, 401))
    assert all(runner.state.status is not ReaderStatus.PARKED for runner in runners)


def test_a_replica_with_a_longer_batch_does_not_overtake_a_shorter(log: Log, tally: Tallied, idle: LogSignal) -> None:
    class Overtaken(ClusterOfAgent):
        def __init__(self, other: Runner) -> None:
            super().__init__()
            self.other = other

        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            self.other.step()  # commits four of the ten that we have read
            super().react(batch, unit)

    gaps(log, 10)
    drain(Runner(log, Deciding(Overtaken(Runner(log, Deciding(ClusterOfAgent()), idle, max_batch=4))), idle))
    assert seen(tally, "pm") == list(range(1, 11))
    assert len(log.load(Cluster, CLUSTER).labels) == log.load(Cluster, CLUSTER).version == 10


def test_a_batch_cut_off_before_its_commit_leaves_nothing_and_is_done_again(
    log: Log, tally: Tallied, idle: LogSignal, dsn: str
) -> None:
    class Cut(Tally):
        def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
            super().apply(batch, rows)
            pid = rows.execute("SELECT pg_backend_pid()").fetchone()
            tally.execute("SELECT pg_terminate_backend(%s)", pid)

    gaps(log, 10)
    with pytest.raises(LogUnavailableError):
        Runner(log, Projecting(Cut()), idle).step()
    assert (seen(tally), log.checkpoint("tally")) == ([], 0)
    drain(Runner(log, Projecting(Tally()), idle))
    assert seen(tally) == list(range(1, 11))


@pytest.mark.anyio
async def test_a_poison_event_parks_its_reader_after_what_came_before_and_no_other(
    log: Log, tally: Tallied, signal: LogSignal, caplog: pytest.LogCaptureFixture
) -> None:
    class Blind(Tally):
        def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
            rows.executemany("INSERT INTO tally VALUES ('blind', %s)", [(each.position,) for each in batch])

    gaps(log, 20)
    gaps(log, 1, epoch=666)
    gaps(log, 20)
    stop = asyncio.Event()
    poisoned, healthy = Runner(log, Projecting(Tally()), signal), Runner(log, Projecting(Blind("blind")), signal)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(poisoned.run(stop))
        tasks.create_task(healthy.run(stop))
        await until(lambda: poisoned.state.status is ReaderStatus.PARKED and len(seen(tally, "blind")) == 41)
        stop.set()
    assert seen(tally) == list(range(1, 21))
    assert poisoned.state.poison_position == 21
    assert "epoch of the beast" in poisoned.state.error
    assert "PARKED at position 21 (Agent.GapDetected.v1)" in caplog.text


def test_a_process_managers_events_rows_and_checkpoint_are_one(log: Log, tally: Tallied, idle: LogSignal) -> None:
    gaps(log, 3)
    drain(Runner(log, Deciding(ClusterOfAgent()), idle))
    reactions = log.stream(CLUSTER)
    assert [each.position for each in reactions] == [4, 5, 6]
    assert reactions[2].cause.causation_id == log.stream(AGENT)[2].id
    assert seen(tally, "pm") == [1, 2, 3]
    assert log.checkpoint("cluster_of_agent") == 3


def test_a_process_manager_that_fails_writes_nothing(log: Log, tally: Tallied, idle: LogSignal) -> None:
    class Failing(ClusterOfAgent):
        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            super().react(batch, unit)
            unit.rows(lambda rows: rows.execute("SELECT 1 / 0"))

    gaps(log, 1)
    runner = Runner(log, Deciding(Failing()), idle)
    drain(runner)
    assert runner.state.status is ReaderStatus.PARKED
    assert (log.stream(CLUSTER), seen(tally, "pm"), log.checkpoint("cluster_of_agent")) == ([], [], 0)


def test_a_conflict_makes_the_process_manager_decide_again(log: Log, tally: Tallied, idle: LogSignal) -> None:
    gaps(log, 2)
    manager = ClusterOfAgent(rival=log)
    drain(Runner(log, Deciding(manager), idle))
    assert [type(each.event).__name__ for each in log.stream(CLUSTER)] == ["Registered", "Configured", "Configured"]
    assert log.load(Cluster, CLUSTER).cluster_id == "c1"
    assert seen(tally, "pm") == [1, 2]


def test_a_decision_that_nobody_saves_parks_the_process_manager(log: Log, tally: Tallied, idle: LogSignal) -> None:
    class Forgetful(ClusterOfAgent):
        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            unit.get(Cluster, CLUSTER).configure("1.37", {}, NOON)

    gaps(log, 1)
    runner = Runner(log, Deciding(Forgetful()), idle)
    drain(runner)
    assert "UnsavedDecisionsError" in runner.state.error


def test_a_process_manager_reads_its_own_rows(log: Log, tally: Tallied, idle: LogSignal, dsn: str) -> None:
    found: list[object] = []

    class Reading(ClusterOfAgent):
        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            found.append(unit.select("SELECT count(*) FROM tally WHERE reader = %s", ("pm",))[0][0])
            super().react(batch, unit)

    gaps(log, 4)
    state_rows = StateRows(dsn)
    drain(Runner(log, Deciding(Reading(), state_rows.select), idle, max_batch=2))
    state_rows.close()
    assert found == [0, 2]
