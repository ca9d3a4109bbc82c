"""The log as other rooms use it, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import make_conninfo

from aetherius.domain.agent import Agent, Registered
from aetherius.domain.event import Cause
from aetherius.event_store import schema
from aetherius.event_store.errors import (
    CheckpointConflictError,
    LogDamagedError,
    LogUnavailableError,
    StreamNotFoundError,
    UnknownPositionError,
    VersionConflictError,
)
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.tables import APPEND_LOCK

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="user:ann", correlation_id=UUID(int=7), causation_id=UUID(int=8), traceparent="00-ab-cd-01")


class Events(Protocol):
    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending: ...
    def observed(self, stream_id: UUID | None = None, number: int = 0) -> Pending: ...
    def reports(self, count: int) -> list[StoredEvent]: ...


def registered(epoch: int = 1) -> Registered:
    return Registered(
        cluster_id="c1", agent_id="a1", epoch=epoch, agent_version="1", kubernetes_version="1.37", capabilities=[]
    )


def an_agent(id: UUID, *epochs: int) -> Agent:
    agent = Agent(id)
    for epoch in epochs:
        agent.record(registered(epoch), NOON)
    return agent


def test_a_saved_aggregate_loads_as_it_was(log: Log) -> None:
    id = uuid4()
    assert log.save(an_agent(id, 1, 2), CAUSE) == 2
    agent = log.load(Agent, id)
    assert (agent.version, agent.epoch, agent.pending) == (2, 2, [])


def test_an_event_comes_back_with_its_envelope(log: Log) -> None:
    id = uuid4()
    log.save(an_agent(id, 1), CAUSE)
    (recorded,) = log.stream(id)
    assert (recorded.position, recorded.version, recorded.stream_id) == (1, 1, id)
    assert (recorded.event, recorded.occurred_at, recorded.cause) == (registered(1), NOON, CAUSE)


def test_an_aggregate_loads_as_of_a_version_and_as_of_a_position(log: Log, events: Events) -> None:
    id = uuid4()
    log.save(an_agent(id, 1), CAUSE)
    log.append([events.decided(uuid4())])
    agent = log.load(Agent, id)
    agent.record(registered(2), NOON)
    log.save(agent, CAUSE)
    assert log.load(Agent, id, version=1).epoch == 1
    assert log.load(Agent, id, position=2).epoch == 1
    assert log.load(Agent, id, position=3).epoch == 2


def test_a_missing_stream_is_named(log: Log) -> None:
    id = uuid4()
    with pytest.raises(StreamNotFoundError, match=str(id)):
        log.load(Agent, id)


def test_the_second_of_two_writers_is_refused_and_writes_nothing(log: Log, events: Events) -> None:
    id = uuid4()
    log.append([events.decided(id, 1)])
    with pytest.raises(VersionConflictError) as refused:
        log.append([events.decided(uuid4(), 1), events.decided(id, 1)])
    assert (refused.value.stream_id, refused.value.version) == (id, 1)
    assert log.head() == 1


def test_a_version_that_leaves_a_gap_is_refused(log: Log, events: Events) -> None:
    with pytest.raises(VersionConflictError):
        log.append([events.decided(uuid4(), 2)])
    assert log.head() == 0


def test_events_go_to_the_table_of_their_kind_and_read_back_in_order(log: Log, events: Events, dsn: str) -> None:
    id = uuid4()
    log.append([events.decided(id, 1), events.observed(), events.decided(id, 2), events.observed()])
    assert [r.position for r in log.read(0, 10)] == [1, 2, 3, 4]
    assert [r.event.topic.partition(".")[0] for r in log.read(0, 10)] == ["Agent", "ClusterEvent"] * 2
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT notification_id FROM aetherius.observed ORDER BY 1").fetchall()
    assert rows == [(2,), (4,)]


@pytest.mark.parametrize("count", [1, 63, 64, 2000])
def test_a_batch_of_any_size_is_stored_in_order(log: Log, events: Events, count: int) -> None:
    stored = events.reports(count)
    assert log.ingest(stored) == count
    read = log.read(0, count + 1)
    assert [r.position for r in read] == list(range(1, count + 1))
    assert [r.stream_id for r in read] == [event.originator_id for event in stored]


def test_a_large_batch_of_both_tables_is_stored_in_order(log: Log, events: Events) -> None:
    batch = [events.decided(uuid4()) if n % 3 else events.observed() for n in range(150)]
    log.append(batch)
    assert [r.stream_id for r in log.read(0, 200)] == [pending.stream_id for pending in batch]


def test_ingest_drops_what_it_knows_and_what_comes_twice(log: Log, events: Events) -> None:
    stored = events.reports(200)
    assert log.ingest(stored[:100]) == 100
    assert log.ingest([*stored[50:150], *stored[140:150]]) == 50
    assert log.ingest(stored[:150]) == 0
    assert [r.stream_id for r in log.read(0, 1000)] == [event.originator_id for event in stored[:150]]
    assert log.head() == 150


def test_a_page_ends_at_its_limit_or_at_the_head(log: Log, events: Events) -> None:
    log.ingest(events.reports(10))
    page = log.read_page(0, 4)
    assert (len(page), page.next_position) == (4, 4)
    assert log.read_page(8, 4).next_position == 10
    assert log.read_page(10, 4).next_position == 10
    assert [r.position for r in log.read(2, 100, upto=5)] == [3, 4, 5]
    assert log.read_page(2, 100, upto=5).next_position == 5


def test_a_filter_that_matches_nothing_still_moves_to_the_head(log: Log, events: Events) -> None:
    log.ingest(events.reports(10))
    page = log.read_page(0, 4, ["Agent.GapDetected.v1"])
    assert (page.events, page.next_position) == ([], 10)


def test_a_filter_takes_only_its_topics_from_both_tables(log: Log, events: Events) -> None:
    log.append([events.decided(uuid4()), events.observed()])
    log.save(an_agent(uuid4(), 1), CAUSE)
    topics = ["Agent.GapDetected.v1", "ClusterEvent.Reported.v1"]
    assert [r.position for r in log.read(0, 10, topics)] == [1, 2]
    assert [r.position for r in log.read(0, 10, ["Agent.Registered.v1", "Agent.GapDetected.v1"])] == [1, 3]
    assert log.read_page(0, 1, ["Agent.Registered.v1", "Agent.GapDetected.v1"]).next_position == 1


def test_recorded_times_lead_to_positions_and_back(log: Log, events: Events) -> None:
    log.append([events.decided(uuid4()), events.decided(uuid4())])
    first = log.recorded_at(1)
    log.append([events.decided(uuid4())])
    assert log.recorded_at(2) == first < log.recorded_at(3)
    assert log.position_at(first) == 2
    assert log.position_at(first - timedelta(microseconds=1)) == 0
    assert log.position_at(log.recorded_at(3)) == 3
    with pytest.raises(UnknownPositionError):
        log.recorded_at(4)


class TestTransact:
    def rows(self, *values: int) -> Any:
        def write(cursor: psycopg.Cursor[Any]) -> None:
            for value in values:
                cursor.execute("INSERT INTO numbers VALUES (%s)", (value,))

        return write

    def numbers(self, dsn: str) -> Sequence[int]:
        with psycopg.connect(dsn) as connection:
            return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY n").fetchall()]

    @pytest.fixture(autouse=True)
    def a_table(self, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE numbers (n int)")

    def test_rows_events_and_checkpoint_are_one(self, log: Log, events: Events, dsn: str) -> None:
        id = uuid4()
        assert log.transact("p", 5, [events.decided(id)], self.rows(1)) == 1
        assert (log.checkpoint("p"), self.numbers(dsn), log.head()) == (5, [1], 1)
        with pytest.raises(VersionConflictError):
            log.transact("p", 6, [events.decided(id)], self.rows(2))
        assert (log.checkpoint("p"), self.numbers(dsn), log.head()) == (5, [1], 1)

    def test_the_same_position_is_applied_once(self, log: Log, events: Events, dsn: str) -> None:
        log.transact("p", 5, (), self.rows(1))
        for position in (5, 4):
            with pytest.raises(CheckpointConflictError):
                log.transact("p", position, [events.decided(uuid4())], self.rows(2))
        assert (self.numbers(dsn), log.head()) == ([1], 0)

    def test_two_replicas_at_once_apply_once(self, log: Log, events: Events, dsn: str) -> None:
        def apply(value: int) -> bool:
            try:
                log.transact("p", 5, [events.decided(uuid4())], self.rows(value))
            except CheckpointConflictError:
                return False
            return True

        with ThreadPoolExecutor(4) as replicas:
            assert sum(replicas.map(apply, range(4))) == 1
        assert (len(self.numbers(dsn)), log.head()) == (1, 1)

    def test_without_events_the_lock_of_the_log_is_not_taken(self, log: Log, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (APPEND_LOCK,))
            log.transact("p", 1, (), self.rows(1))
        assert self.numbers(dsn) == [1]

    def test_an_error_of_the_rows_undoes_all(self, log: Log, events: Events) -> None:
        def refuse(cursor: psycopg.Cursor[Any]) -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            log.transact("p", 1, [events.decided(uuid4())], refuse)
        assert (log.checkpoint("p"), log.head()) == (0, 0)

    def test_a_checkpoint_moves_only_from_where_its_owner_read(self, log: Log) -> None:
        log.transact("p", 5, after=0)
        for after in (0, 4):
            with pytest.raises(CheckpointConflictError):
                log.transact("p", 9, after=after)
        log.transact("p", 9, after=5)
        assert log.checkpoint("p") == 9

    def test_a_replica_does_not_bring_a_reset_checkpoint_back(self, log: Log) -> None:
        log.transact("p", 5, after=0)
        log.reset_checkpoint("p")
        with pytest.raises(CheckpointConflictError):
            log.transact("p", 9, after=5)
        assert log.checkpoint("p") == 0

    def test_a_reset_checkpoint_starts_again(self, log: Log) -> None:
        log.transact("p", 5)
        log.reset_checkpoint("p")
        log.transact("p", 1)
        assert log.checkpoint("p") == 1


class TestGroupCommit:
    def test_one_conflict_among_many_fails_that_one_only(self, log: Log, events: Events) -> None:
        taken = uuid4()
        log.append([events.decided(taken)])

        def append(n: int) -> bool:
            try:
                log.append([events.decided(taken if n == 20 else uuid4(), 1, n)])
            except VersionConflictError:
                return False
            return True

        with ThreadPoolExecutor(32) as callers:
            outcomes = list(callers.map(append, range(64)))
        assert [n for n, stored in enumerate(outcomes) if not stored] == [20]
        assert log.head() == 64

    def test_of_appends_to_one_stream_at_once_one_wins(self, log: Log, events: Events) -> None:
        id = uuid4()

        def append(n: int) -> int:
            try:
                return log.append([events.decided(id, 1, n)])
            except VersionConflictError:
                return 0

        with ThreadPoolExecutor(16) as callers:
            assert sorted(callers.map(append, range(16))) == [0] * 15 + [1]

    def test_many_callers_share_a_commit(self, log: Log, events: Events, dsn: str) -> None:
        with ThreadPoolExecutor(32) as callers:
            list(callers.map(lambda n: log.append([events.decided(uuid4(), 1, n)]), range(320)))
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT count(*) FROM aetherius.ledger").fetchone()
        assert row is not None
        assert row[0] < 160


def test_a_log_whose_ledger_ends_too_early_takes_nothing_more(log: Log, events: Events, dsn: str) -> None:
    log.append([events.decided(uuid4())])
    log.ingest(events.reports(100))
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM aetherius.ledger WHERE last > 1")
    with pytest.raises(LogDamagedError):
        log.ingest(events.reports(70))
    assert log.head() == 1


def test_a_log_without_tables_says_what_is_missing(dsn: str) -> None:
    with Log(dsn) as log, pytest.raises(LogUnavailableError, match="tables are missing"):
        log.head()


def test_a_log_without_a_server_is_unavailable(dsn: str) -> None:
    with Log(make_conninfo(dsn, port="1"), timeout=0.2) as log, pytest.raises(LogUnavailableError):
        log.head()


def test_a_closed_log_takes_nothing_more(log: Log, events: Events) -> None:
    log.append([events.decided(uuid4())])
    log.close()
    with pytest.raises(LogUnavailableError):
        log.append([events.decided(uuid4())])
    with pytest.raises(LogUnavailableError):
        log.head()


def test_replicas_that_start_together_all_find_the_tables(dsn: str) -> None:
    with ThreadPoolExecutor(6) as replicas:
        list(replicas.map(lambda _: schema.create(dsn), range(6)))
