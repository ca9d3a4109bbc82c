"""The runner and its place in the log, on a log of a list: batches, lost races, conflicts, poison, and another server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.agent import GapDetected
from aetherius.domain.event import Cause, Recorded, Unreadable
from aetherius.event_store.errors import (
    CheckpointConflictError,
    LogUnavailableError,
    PositionAheadError,
    VersionConflictError,
)
from aetherius.event_store.pending import Page, Pending
from aetherius.event_store.subscription import LogSignal
from aetherius.readers.followed_log import FollowedLog
from aetherius.readers.place import IDLE_GAP
from aetherius.readers.runner import Runner
from aetherius.readers.state import Committed, ReaderStatus

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOPIC = "Agent.GapDetected.v1"


class ListedLog:
    """As much of a log as a runner needs. `meanwhile` is called before each transaction."""

    def __init__(self, count: int = 0) -> None:
        self.events = [recorded(position) for position in range(1, count + 1)]
        self.checkpoints: dict[str, int] = {}
        self.incarnation = 1
        self.end: int | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def head(self) -> int:
        return self.end if self.end is not None else len(self.events)

    def checkpoint(self, name: str, /) -> int:
        return self.checkpoints.get(name, 0)

    def read_page(self, after: int, limit: int, topics: Sequence[str] = (), /) -> Page:
        found = [each for each in self.events if each.position > after][:limit]
        return Page(found, found[-1].position if len(found) == limit else max(after, self.head()))

    def transact(
        self,
        name: str,
        position: int,
        pending: Sequence[Pending] = (),
        rows: Callable[[Cursor[TupleRow]], None] | None = None,
        *,
        after: int | None = None,
    ) -> int | None:
        self.meanwhile()
        if after != self.checkpoint(name):
            raise CheckpointConflictError(name, position)
        self.checkpoints[name] = position
        return None

    def load(self, cls: Any, id: UUID, /) -> Any:
        raise AssertionError("no aggregates here")

    def stream(self, id: UUID, /) -> list[Recorded]:
        raise AssertionError("no streams here")


class Taker:
    """A reader that takes batches, or fails at a position."""

    def __init__(self, *, topics: Sequence[str] = (TOPIC,), poison: int = 0) -> None:
        self.name, self.topics = "taker", topics
        self.poison = poison
        self.taken: list[list[int]] = []
        self.fails: list[Exception] = []

    def commit(self, log: FollowedLog, page: Page, after: int, /) -> Committed:
        positions = [each.position for each in page.events]
        if self.fails:
            raise self.fails.pop(0)
        if self.poison in positions:
            raise ValueError("poison")
        log.transact(self.name, page.next_position, after=after)
        self.taken.append(positions)
        return Committed(position=page.next_position, batch=page.events)


def recorded(position: int, *, readable: bool = True) -> Recorded:
    event = GapDetected(cluster_id="c", epoch=1, first=position, last=position)
    unreadable = Unreadable(topic=TOPIC, reason="of a newer version", state="{}")
    return Recorded(
        position=position,
        stream_id=uuid4(),
        version=1,
        event=event if readable else unreadable,
        occurred_at=NOON,
        cause=Cause(actor="system:test"),
    )


def a_runner(log: ListedLog, taker: Taker, max_batch: int = 4) -> Runner:
    return Runner(log, taker, LogSignal("dbname=none"), max_batch=max_batch)


def drain(runner: Runner) -> ReaderStatus:
    for _ in range(1000):
        if runner.step() is None:
            return runner.state.status
    raise AssertionError("it never came to an end")


def test_it_takes_the_log_in_batches_and_then_waits() -> None:
    log, taker = ListedLog(10), Taker()
    assert drain(a_runner(log, taker)) is ReaderStatus.WAITING
    assert taker.taken == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert log.checkpoints == {"taker": 10}


def test_a_lost_race_is_gone_on_from_where_the_winner_is() -> None:
    log, taker = ListedLog(10), Taker()
    log.meanwhile = lambda: log.checkpoints.setdefault("taker", 3)
    assert drain(a_runner(log, taker)) is ReaderStatus.WAITING
    assert taker.taken == [[4, 5, 6, 7], [8, 9, 10]]


def test_a_conflict_of_versions_is_decided_again_and_after_a_hundred_taken_for_poison() -> None:
    log, taker = ListedLog(2), Taker()
    taker.fails = [VersionConflictError(UUID(int=1), 1)] * 99
    assert drain(a_runner(log, taker)) is ReaderStatus.WAITING
    assert taker.taken == [[1, 2]]
    log, taker = ListedLog(2), Taker()
    taker.fails = [VersionConflictError(UUID(int=1), 1)] * 200
    assert drain(a_runner(log, taker)) is ReaderStatus.PARKED


def test_poison_is_found_by_halving_and_what_stands_before_it_is_taken() -> None:
    log, taker = ListedLog(20), Taker(poison=7)
    runner = a_runner(log, taker, 16)
    assert drain(runner) is ReaderStatus.PARKED
    assert [position for batch in taker.taken for position in batch] == [1, 2, 3, 4, 5, 6]
    assert (runner.state.poison_position, runner.state.poison_topic, runner.state.position) == (7, TOPIC, 6)
    assert runner.step() is None, "it stays there"


def test_an_event_that_cannot_be_read_parks_who_asked_for_it_after_what_stands_before() -> None:
    log, taker = ListedLog(6), Taker()
    log.events[3] = recorded(4, readable=False)
    runner = a_runner(log, taker, 16)
    assert drain(runner) is ReaderStatus.PARKED
    assert (taker.taken, log.checkpoints["taker"], runner.state.poison_position) == ([[1, 2, 3]], 3, 4)


def test_who_asks_for_everything_is_given_an_event_that_cannot_be_read() -> None:
    log, taker = ListedLog(6), Taker(topics=())
    log.events[3] = recorded(4, readable=False)
    assert drain(a_runner(log, taker, 16)) is ReaderStatus.WAITING
    assert taker.taken == [[1, 2, 3, 4, 5, 6]]


def test_a_checkpoint_past_the_logs_end_is_told_and_stays_wrong_when_the_log_has_grown() -> None:
    log, taker = ListedLog(10), Taker()
    log.checkpoints["taker"], log.end = 10, 5
    runner = a_runner(log, taker)
    with pytest.raises(PositionAheadError):
        runner.step()
    log.end = None
    log.events.append(recorded(11))
    with pytest.raises(PositionAheadError):
        runner.step()
    log.checkpoints["taker"] = 2  # it was rebuilt
    drain(runner)
    assert taker.taken[0] == [3, 4, 5, 6]


def test_what_was_read_of_another_server_is_not_used() -> None:
    log, taker = ListedLog(3), Taker()
    runner = a_runner(log, taker)
    drain(runner)
    log.events[1:] = []  # restored to its first event, and the checkpoint with it
    log.checkpoints["taker"], log.incarnation = 1, 2
    assert drain(runner) is ReaderStatus.WAITING
    log.events += [recorded(2), recorded(3)]
    drain(runner)
    assert taker.taken == [[1, 2, 3], [2, 3]]


def test_what_the_world_refuses_is_raised_and_done_again_from_the_checkpoint() -> None:
    log, taker = ListedLog(3), Taker()
    taker.fails = [LogUnavailableError("away")]
    runner = a_runner(log, taker)
    with pytest.raises(LogUnavailableError):
        runner.step()
    assert drain(runner) is ReaderStatus.WAITING
    assert taker.taken == [[1, 2, 3]]


def test_the_checkpoint_follows_a_log_without_events_for_it_now_and_then() -> None:
    log, taker = ListedLog(), Taker()
    runner = a_runner(log, taker)
    log.end = IDLE_GAP - 1
    assert runner.step() is None
    assert "taker" not in log.checkpoints
    log.end = IDLE_GAP
    assert runner.step() is not None
    assert log.checkpoints["taker"] == IDLE_GAP
