"""Partitions of `observed`: made ahead, on demand and at once, refused beyond the edges, and made of a log that had none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import Connection, sql

from aetherius.domain.event import decode
from aetherius.domain.wire.identity import TIME_SHIFT, milliseconds, observation_id
from aetherius.event_store import schema
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.connections import Connections
from aetherius.event_store.errors import UnplaceableEventError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.status import status
from aetherius.event_store.upkeep import partitions
from aetherius.event_store.upkeep.partitions import FARTHEST, Partition
from processes import eventually

WEEK = timedelta(days=7)


class Events(Protocol):
    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending: ...
    def observed(self, stream_id: UUID | None = None, number: int = 0) -> Pending: ...


@pytest.fixture
def connection(log: Log, dsn: str) -> Any:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def at(events: Events) -> Callable[[datetime, int], list[StoredEvent]]:
    """Builds so many reports of a moment."""

    def build(moment: datetime, count: int) -> list[StoredEvent]:
        return [events.observed(UUID(observation_id("c1", moment, uuid4()))).stored() for _ in range(count)]

    return build


Reports = Callable[[datetime, int], list[StoredEvent]]


def now() -> datetime:
    return datetime.now(UTC)


def holding(connection: Connection[Any], moment: datetime) -> list[Partition]:
    return [each for each in partitions.partitions(connection) if each.first <= milliseconds(moment) < each.end]


def test_the_partitions_of_the_next_weeks_are_there_from_the_start(connection: Connection[Any]) -> None:
    there = partitions.partitions(connection)
    assert len(there) == partitions.AHEAD + 1
    assert all(before.end == after.first for before, after in pairwise(there))
    assert {each.end - each.first for each in there} == {WEEK // timedelta(milliseconds=1)}
    assert there[0].first <= milliseconds(now()) < there[0].end


def test_making_them_again_makes_nothing(log: Log) -> None:
    assert log.make_partitions() == []


@pytest.mark.parametrize("count", [1, 100, 1000])
def test_late_events_get_their_partition_and_are_stored(
    log: Log, connection: Connection[Any], at: Reports, count: int
) -> None:
    late = now() - timedelta(days=100)
    assert holding(connection, late) == []
    assert log.ingest([*at(late, count), *at(now(), count)]) == 2 * count
    assert log.head() == 2 * count
    (partition,) = holding(connection, late)
    row = connection.execute(f"SELECT count(*) FROM aetherius.{partition.name}").fetchone()
    assert row == (count,)
    assert audit.verify(connection).intact


def test_late_events_of_many_weeks_from_many_writers_are_all_stored(
    log: Log, connection: Connection[Any], at: Reports, dsn: str
) -> None:
    weeks = [now() - n * WEEK for n in range(10, 16)]

    def write(_: int) -> int:
        with Log(dsn, pool_size=1) as own:
            return sum(own.ingest(at(week, 70)) for week in weeks)

    with ThreadPoolExecutor(4) as writers:
        assert sum(writers.map(write, range(4))) == 4 * 6 * 70
    assert [len(holding(connection, week)) for week in weeks] == [1] * 6
    assert [recorded.position for recorded in log.read(0, 2000)] == list(range(1, 1681))
    assert audit.verify(connection).intact


def test_a_partition_is_made_while_an_append_is_under_way(
    log: Log, connection: Connection[Any], at: Reports, dsn: str
) -> None:
    (stored,) = at(now(), 1)
    with psycopg.connect(dsn) as other:
        other.execute(
            "INSERT INTO aetherius.observed VALUES (1000, %s, 1, 'x', '')", (stored.originator_id,)
        )  # not yet committed
        connection.execute("SET lock_timeout = '2s'")
        assert len(partitions.make_room(connection, [UUID(observation_id("c", now() - 9 * WEEK))])) == 1


def test_a_known_late_event_is_dropped(log: Log, at: Reports) -> None:
    late = at(now() - 20 * WEEK, 200)
    assert log.ingest(late[:100]) == 100
    assert log.ingest(late) == 100


def test_observations_before_the_archives_edge_are_refused(log: Log, connection: Connection[Any], at: Reports) -> None:
    edge = now() - 30 * WEEK
    assert log.archive_edge() is None
    connection.execute("UPDATE aetherius.partitioning SET archive_edge = %s", (edge,))
    assert log.archive_edge() == edge
    with pytest.raises(UnplaceableEventError, match="archive's edge"):
        log.ingest([*at(now(), 1), *at(edge - timedelta(seconds=1), 1)])
    assert log.head() == 0
    assert log.ingest(at(edge + timedelta(seconds=1), 1)) == 1


def test_what_is_far_ahead_is_refused_and_its_neighbours_are_stored(log: Log, events: Events) -> None:
    good, late, bad = (
        events.observed(UUID(observation_id("c", moment)))
        for moment in (now(), now() - 40 * WEEK, now() + FARTHEST + WEEK)
    )

    def append(pending: Pending) -> bool:
        try:
            log.append([pending])
        except UnplaceableEventError:
            return False
        return True

    with ThreadPoolExecutor(3) as callers:
        assert list(callers.map(append, [good, bad, late])) == [True, False, True]
    assert log.head() == 2


def test_a_new_width_fits_itself_between_what_is_there(log: Log, connection: Connection[Any], at: Reports) -> None:
    log.ingest(at(now() - 10 * WEEK, 1))
    (wide,) = holding(connection, now() - 10 * WEEK)
    log.make_partitions(days=4)
    moments = [datetime.fromtimestamp(ms / 1000, UTC) for ms in (wide.first - 1, wide.end)]
    for moment in moments:
        log.ingest(at(moment, 1))
    before, after = (holding(connection, moment)[0] for moment in moments)
    assert (before.end, after.first) == (wide.first, wide.end)
    assert {before.end - before.first <= 4 * 86_400_000, after.end - after.first <= 4 * 86_400_000} == {True}


def test_a_partition_that_was_detached_is_not_made_again(log: Log, connection: Connection[Any], at: Reports) -> None:
    log.ingest(at(now() - 10 * WEEK, 1))
    (old,) = holding(connection, now() - 10 * WEEK)
    connection.execute(
        sql.SQL("ALTER TABLE aetherius.observed DETACH PARTITION aetherius.{}").format(sql.Identifier(old.name))
    )
    with pytest.raises(UnplaceableEventError, match="detached"):
        log.ingest(at(now() - 10 * WEEK, 1))


def test_a_stretch_of_the_log_is_read_page_by_page_as_it_is_stored(
    log: Log, at: Reports, events: Events, dsn: str
) -> None:
    assert list(log.stored(0)) == []
    for week in (0, 20, 10):
        log.ingest(at(now() - week * WEEK, 130))
        log.append([events.decided(uuid4()), events.decided(uuid4())])
    whole = log.read(0, 1000)
    keys = [(r.position, r.stream_id.bytes, r.version, r.event.topic) for r in whole]
    for size in (7, 100, 1000):
        rows = [row for page in log.stored(0, size=size) for row in page]
        assert [row[:4] for row in rows] == keys
        assert [decode(row[3], row[4])[0] for row in rows] == [recorded.event for recorded in whole]
    assert [len(page) for page in log.stored(0, size=100)] == [100, 100, 100, 96]
    assert [row[:4] for page in log.stored(131, 262, size=7) for row in page] == keys[131:262]
    with Log(dsn, pool_size=1, timeout=1) as small:
        pages = small.stored(0, size=10)
        (first, *_) = next(pages)
        assert first[:2] == (1, whole[0].stream_id.bytes)
        pages.close()
        assert small.head() == 396, "closing it gives the connection back"


def test_the_status_tells_of_partitions_rates_and_readers(log: Log, connection: Connection[Any], at: Reports) -> None:
    log.ingest([*at(now(), 100), *at(now() - 20 * WEEK, 100)])
    log.transact("reader", 150)
    found = status(connection)
    assert (found.head, found.last_minute, found.last_hour, found.archive_edge) == (200, 200, 200, None)
    assert [(each.name, each.position, each.lag) for each in found.readers] == [("reader", 150, 50)]
    assert found.partitions == partitions.partitions(connection)
    assert found.size > found.observed_size == sum(each.size for each in found.partitions) > 0


class TestUpgrade:
    """A log of version 0.1: `observed` is a plain table."""

    @pytest.fixture
    def plain(self, log: Log, connection: Connection[Any]) -> Connection[Any]:
        for statement in (
            "DROP TABLE aetherius.observed, aetherius.partitioning, aetherius.migrations",
            """CREATE TABLE aetherius.observed (notification_id bigint NOT NULL, originator_id uuid NOT NULL, originator_version bigint NOT NULL,
            topic text NOT NULL, state bytea NOT NULL, PRIMARY KEY (originator_id, originator_version))""",
            "CREATE UNIQUE INDEX observed_position ON aetherius.observed (notification_id)",
        ):
            connection.execute(statement)
        return connection

    def names(self, connection: Connection[Any]) -> Sequence[str]:
        return [each.name for each in partitions.partitions(connection)]

    def test_the_table_becomes_the_oldest_partition(
        self, log: Log, plain: Connection[Any], at: Reports, events: Events, dsn: str
    ) -> None:
        log.ingest([*at(now() - 60 * WEEK, 100), *at(now(), 100)])
        log.append([events.decided(uuid4())])
        before = [(r.position, r.stream_id) for r in log.read(0, 1000)]
        schema.create(dsn)
        assert [(r.position, r.stream_id) for r in log.read(0, 1000)] == before
        (oldest,) = holding(plain, now() - 60 * WEEK)
        assert oldest.begins is None
        assert holding(plain, now()) == [oldest]
        assert self.names(plain)[0] == oldest.name == "observed_oldest"
        assert len(self.names(plain)) == partitions.AHEAD + 1
        assert log.ingest([*at(now(), 100), *at(now() + WEEK, 100)]) == 200
        schema.create(dsn)
        report = audit.verify(plain)
        assert (report.intact, report.events) == (True, 401)

    def test_ids_without_a_time_go_last(self, log: Log, plain: Connection[Any], events: Events, dsn: str) -> None:
        log.ingest([events.observed(uuid4()).stored() for _ in range(100)])
        schema.create(dsn)
        assert self.names(plain)[-1] == "observed_untimed"
        assert partitions.partitions(plain)[-1].ends is None
        assert audit.verify(plain).intact

    def test_an_empty_log_is_upgraded_too(self, log: Log, plain: Connection[Any], at: Reports, dsn: str) -> None:
        schema.create(dsn)
        assert log.ingest(at(now(), 3)) == 3

    def test_replicas_that_start_together_upgrade_once(
        self, log: Log, plain: Connection[Any], at: Reports, dsn: str
    ) -> None:
        log.ingest(at(now(), 10))
        with ThreadPoolExecutor(4) as replicas:
            list(replicas.map(lambda _: schema.create(dsn), range(4)))
        assert self.names(plain).count("observed_oldest") == 1
        assert log.ingest(at(now(), 1)) == 1


def test_a_connection_that_found_no_partition_is_not_used_again(log: Log, dsn: str) -> None:
    """What it remembers of the partitions may be stale for good: see ``Connections.connection``."""
    connections = Connections(dsn, size=1, timeout=10)
    unplaced = UUID(int=milliseconds(now() - 20 * WEEK) << TIME_SHIFT)
    with connections.connection() as connection:
        before = connection.info.backend_pid
    with pytest.raises(psycopg.errors.CheckViolation), connections.connection() as connection:
        connection.execute("INSERT INTO aetherius.observed VALUES (1, %s, 1, 't', '')", (unplaced,))
    with connections.connection() as connection:
        assert connection.info.backend_pid != before
    connections.close()


@pytest.mark.parametrize("together", [1, 3])
def test_late_single_appends_at_once_are_all_stored(log: Log, at: Reports, events: Events, together: int) -> None:
    """Group commit makes room for the batches that it took together."""
    weeks = [now() - n * WEEK for n in range(30, 30 + 6 * together)]
    with ThreadPoolExecutor(6 * together) as writers:
        late = [events.observed(UUID(observation_id("c1", week, uuid4()))) for week in weeks]
        positions = list(writers.map(lambda each: log.append([each]), late))
    assert sorted(positions) == list(range(1, len(weeks) + 1))


def test_a_dump_that_keeps_the_table_open_keeps_no_late_event_out(
    log: Log, at: Reports, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(dsn) as dump:
        dump.execute("LOCK TABLE aetherius.observed IN ACCESS SHARE MODE")
        assert log.ingest(at(now() - 40 * WEEK, 3)) == 3
    assert "while somebody keeps the table open" in caplog.text
    assert len(log.read(0, 10)) == 3


def test_an_append_beside_one_that_makes_a_partition_waits_for_it_and_is_stored(
    log: Log, connection: Connection[Any], at: Reports, dsn: str
) -> None:
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'aetherius.observed'::regclass"
    with psycopg.connect(dsn, autocommit=True) as making, ThreadPoolExecutor(1) as beside:
        with making.transaction():
            assert partitions.make_room(making, [UUID(observation_id("c", now() - 50 * WEEK))])
            waiting = beside.submit(log.ingest, at(now(), 2))
            eventually(lambda: connection.execute(waits).fetchone() == (1,), "the append waiting for the table")
            assert not waiting.done()
        assert waiting.result(10) == 2
