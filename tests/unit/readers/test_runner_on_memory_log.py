"""The runner on a log in memory: in order, once, again when the world was in the way, and parked where it cannot go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.agent import Agent, GapDetected, WentOffline
from aetherius.domain.errors import InfrastructureError
from aetherius.domain.event import Recorded
from aetherius.event_store.errors import PositionAheadError
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.subscription import LogSignal
from aetherius.readers import place
from aetherius.readers.deciding import Deciding
from aetherius.readers.exporting import Exporting
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from aetherius.readers.state import Committed, ReaderStatus
from aetherius.readers.unit import Unit
from event_builders import CAUSE, NOON, a_choice, a_gap, report


class AwayError(InfrastructureError):
    """A store does not answer."""


class Numbers:
    """Keeps the positions that it reads, as rows."""

    name = "numbers"

    def __init__(self, log: MemoryLog, topics: Sequence[str] = (GapDetected.topic,)) -> None:
        self.topics = topics
        self.rows: dict[int, str] = log.table()
        self.batches: list[int] = []
        self.refuses: Callable[[Recorded], None] = lambda recorded: None

    def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
        self.batches.append(len(batch))
        for recorded in batch:
            assert recorded.position not in self.rows, "applied twice"
            self.refuses(recorded)
            self.rows[recorded.position] = recorded.event.topic


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def numbers(log: MemoryLog) -> Numbers:
    return Numbers(log)


@pytest.fixture
def runner(log: MemoryLog, numbers: Numbers) -> Runner:
    return Runner(log, Projecting(numbers), LogSignal(""), max_batch=4)


def drain(runner: Runner) -> None:
    while runner.step() is not None:
        pass


class TestInOrder:
    def test_everything_is_taken_in_once_and_in_batches(self, log: MemoryLog, numbers: Numbers, runner: Runner) -> None:
        log.append([a_gap("c1") for _ in range(10)])
        drain(runner)
        assert sorted(numbers.rows) == list(range(1, 11))
        assert numbers.batches == [4, 4, 2]
        assert (log.checkpoint("numbers"), runner.state.status) == (10, ReaderStatus.WAITING)

    def test_what_it_does_not_want_is_skimmed_and_noted_after_a_while(
        self, log: MemoryLog, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(place, "IDLE_GAP", 5)
        log.append([a_choice() for _ in range(4)])
        assert runner.step() is None
        assert (log.checkpoint("numbers"), runner.state.position) == (0, 4)
        log.append([a_choice()])
        assert runner.step() == Committed(position=5, batch=[])
        assert log.checkpoint("numbers") == 5

    def test_it_goes_on_where_another_one_stopped(self, log: MemoryLog, numbers: Numbers, runner: Runner) -> None:
        log.append([a_gap("c1") for _ in range(3)])
        log.transact("numbers", 2)
        drain(runner)
        assert sorted(numbers.rows) == [3]

    def test_a_replica_that_was_faster_is_followed(self, log: MemoryLog, numbers: Numbers, runner: Runner) -> None:
        log.append([a_gap("c1")])
        drain(runner)
        log.append([a_gap("c1") for _ in range(3)])
        log.transact("numbers", 3, after=1)
        assert runner.step() == Committed(position=1)
        drain(runner)
        assert sorted(numbers.rows) == [1, 4]

    def test_a_checkpoint_that_was_reset_is_begun_again(self, log: MemoryLog, numbers: Numbers, runner: Runner) -> None:
        log.append([a_gap("c1")])
        drain(runner)
        log.reset_checkpoint("numbers")
        numbers.rows.clear()
        log.append([a_gap("c1")])
        drain(runner)
        assert sorted(numbers.rows) == [1, 2]


class TestPoison:
    def test_it_stands_before_the_one_event_that_it_cannot_take(
        self, log: MemoryLog, numbers: Numbers, runner: Runner
    ) -> None:
        def refuse(recorded: Recorded) -> None:
            if recorded.position == 3:
                raise ValueError("too odd")

        numbers.refuses = refuse
        log.append([a_gap("c1") for _ in range(5)])
        drain(runner)
        state = runner.state
        assert (state.status, state.poison_position, state.poison_topic) == (
            ReaderStatus.PARKED,
            3,
            GapDetected.topic,
        )
        assert "too odd" in state.error
        assert sorted(numbers.rows) == [1, 2]
        assert runner.step() is None

    def test_what_this_version_cannot_read_parks_who_asked_for_it(self, log: MemoryLog) -> None:
        numbers = Numbers(log, (GapDetected.topic, "Agent.Teleported.v1"))
        runner = Runner(log, Projecting(numbers), LogSignal(""))
        log.append([a_gap("c1")])
        log.ingest([StoredEvent(uuid4(), 1, "Agent.Teleported.v1", a_gap("c1").stored().state)])
        log.append([a_gap("c1")])
        drain(runner)
        assert (runner.state.status, runner.state.poison_position) == (ReaderStatus.PARKED, 2)
        assert sorted(numbers.rows) == [1]

    def test_decisions_that_nobody_saved_park(self, log: MemoryLog) -> None:
        class Forgetful:
            name, topics = "forgetful", (GapDetected.topic,)

            def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
                unit.get(Agent, batch[0].stream_id).detect_gap(1, 1, 1, NOON)

        runner = Runner(log, Deciding(Forgetful()), LogSignal(""))
        log.append([a_gap("c1")])
        drain(runner)
        assert "decided and did not save" in runner.state.error

    def test_rows_without_a_place_to_read_them_park(self, log: MemoryLog) -> None:
        class Asking:
            name, topics = "asking", (GapDetected.topic,)

            def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
                unit.select("SELECT 1")

        runner = Runner(log, Deciding(Asking()), LogSignal(""))
        log.append([a_gap("c1")])
        drain(runner)
        assert "reads state rows" in runner.state.error


class Echo:
    """Answers each gap with another event of its stream; a rival may be faster."""

    name, topics = "echo", (GapDetected.topic,)

    def __init__(self) -> None:
        self.rival: Callable[[Recorded], object] = lambda recorded: None

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        for recorded in batch:
            agent = unit.get(Agent, recorded.stream_id)
            agent.record(WentOffline(cluster_id="c1", last_heartbeat=NOON), NOON)
            self.rival(recorded)
            unit.save(agent, recorded.cause.then("system:echo", recorded.id))


def interfere(log: MemoryLog, id: UUID) -> None:
    """Another writer is first."""
    agent = log.load(Agent, id)
    agent.record(WentOffline(cluster_id="c1", last_heartbeat=NOON), NOON)
    log.save(agent, CAUSE)


class TestDecisions:
    def test_they_are_told_with_their_batch(self, log: MemoryLog) -> None:
        runner = Runner(log, Deciding(Echo()), LogSignal(""))
        log.append([a_gap("c1")])
        committed = runner.step()
        assert committed is not None
        assert [type(pending.event) for pending in committed.decided] == [WentOffline]
        assert log.head() == 2

    def test_a_lost_race_is_decided_again(self, log: MemoryLog) -> None:
        echo = Echo()
        runner = Runner(log, Deciding(echo), LogSignal(""))
        log.append([gap := a_gap("c1")])

        def rival(recorded: Recorded) -> None:
            echo.rival = lambda recorded: None
            interfere(log, gap.stream_id)

        echo.rival = rival
        assert runner.step() == Committed(position=0)
        assert runner.step() is not None
        assert [recorded.version for recorded in log.stream(gap.stream_id)] == [1, 2, 3]

    def test_races_that_are_lost_for_ever_park(self, log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
        echo = Echo()
        runner = Runner(log, Deciding(echo), LogSignal(""))
        log.append([gap := a_gap("c1")])

        def rival(recorded: Recorded) -> None:
            interfere(log, gap.stream_id)

        echo.rival = rival
        drain(runner)
        assert runner.state.status is ReaderStatus.PARKED


class TestTheWorld:
    def test_a_store_that_is_away_is_tried_again(self, log: MemoryLog) -> None:
        class Shelf:
            name, topics = "shelf", ()
            is_away = True
            kept: list[int] = []

            def export(self, batch: Sequence[Recorded], upto: int) -> Callable[[Cursor[TupleRow]], None]:
                if self.is_away:
                    raise AwayError
                self.kept += [recorded.position for recorded in batch]
                return lambda rows: None

        shelf = Shelf()
        runner = Runner(log, Exporting(shelf), LogSignal(""))
        log.append([report("c1"), a_gap("c1")])
        with pytest.raises(AwayError):
            runner.step()
        shelf.is_away = False
        drain(runner)
        assert (shelf.kept, log.checkpoint("shelf")) == ([1, 2], 2)

    def test_a_log_that_was_restored_to_before_the_checkpoint_is_not_read(
        self, log: MemoryLog, numbers: Numbers, runner: Runner
    ) -> None:
        log.append([a_gap("c1") for _ in range(3)])
        drain(runner)
        log.restore(1)
        with pytest.raises(PositionAheadError):
            runner.step()
        log.append([a_gap("c1") for _ in range(2)])
        with pytest.raises(PositionAheadError):  # the log is as long again, of other events
            runner.step()

    def test_a_log_that_was_restored_to_behind_the_checkpoint_is_read_from_there(
        self, log: MemoryLog, numbers: Numbers, runner: Runner
    ) -> None:
        log.append([a_gap("c1"), a_choice(), a_choice()])
        assert runner.step() == Committed(position=3, batch=log.at([1]))
        log.append([a_choice()])
        runner.step()
        log.restore(3)
        log.append([a_gap("c1")])
        drain(runner)
        assert sorted(numbers.rows) == [1, 4]


@pytest.mark.anyio
class TestRunning:
    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110  # a runner tells nobody of its state
                await asyncio.sleep(0.001)

    async def test_it_reads_until_it_is_stopped_and_tells_of_each_commit(self, log: MemoryLog) -> None:
        numbers, signal, stop = Numbers(log), LogSignal(""), asyncio.Event()
        told: list[int] = []

        async def after_commit(committed: Committed) -> None:
            told.append(committed.position)
            raise ValueError("a hint that fails")

        runner = Runner(log, Projecting(numbers), signal, after_commit=after_commit)
        running = asyncio.create_task(runner.run(stop))
        log.append([a_gap("c1")])
        await self.until(lambda: runner.state.status is ReaderStatus.WAITING)
        log.append([a_gap("c1")])
        signal.wake()
        await self.until(lambda: len(told) == 2)
        stop.set()
        await running
        assert (told, sorted(numbers.rows)) == ([1, 2], [1, 2])

    async def test_it_waits_for_a_world_that_comes_back(self, log: MemoryLog) -> None:
        numbers, stop = Numbers(log), asyncio.Event()

        def refuse(recorded: Recorded) -> None:
            numbers.refuses = lambda recorded: None
            raise AwayError

        numbers.refuses = refuse
        runner = Runner(log, Projecting(numbers), LogSignal(""))
        log.append([a_gap("c1")])
        running = asyncio.create_task(runner.run(stop))
        await self.until(lambda: runner.state.status is ReaderStatus.WAITING)
        stop.set()
        await running
        assert sorted(numbers.rows) == [1]

    async def test_one_that_is_parked_goes_on_once_a_replica_came_past(
        self, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("aetherius.readers.runner._LOOK_AGAIN", 0.01)
        numbers, stop = Numbers(log), asyncio.Event()

        def refuse(recorded: Recorded) -> None:
            raise ValueError("too odd")

        numbers.refuses = refuse
        signal = LogSignal("")
        runner = Runner(log, Projecting(numbers), signal)
        log.append([a_gap("c1")])
        running = asyncio.create_task(runner.run(stop))
        await self.until(lambda: runner.state.status is ReaderStatus.PARKED)
        log.transact("numbers", 1)
        signal.wake()
        await self.until(lambda: runner.state.status is ReaderStatus.WAITING)
        stop.set()
        await running

    async def test_a_log_that_ends_too_early_is_waited_for(self, log: MemoryLog) -> None:
        runner, stop = Runner(log, Projecting(Numbers(log)), LogSignal("")), asyncio.Event()
        log.transact("numbers", 5)
        running = asyncio.create_task(runner.run(stop))
        await self.until(lambda: runner.state.status is ReaderStatus.AHEAD)
        stop.set()
        await running
