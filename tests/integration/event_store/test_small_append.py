"""Appends in one round trip, whose leaves are hashed under a guess; and who waits for whom when bulk and single appends meet."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import Connection

from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.errors import VersionConflictError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.tables import APPEND_LOCK, BULK_LOCK


class Events(Protocol):
    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending: ...
    def reports(self, count: int) -> list[StoredEvent]: ...


def test_batches_of_every_shape_by_two_writers_in_turn_pass_the_audit(log: Log, events: Events, dsn: str) -> None:
    with Log(dsn) as other:
        for size in [*range(1, 18), 31, 32, 33, 100, 255, 256, 257]:
            for writer in (log, other, other):
                writer.append([events.decided(uuid4(), 1, number) for number in range(size)])
            other.ingest(events.reports(size))
    with psycopg.connect(dsn) as connection:
        report = audit.verify(connection)
    assert (report.intact, report.entries) == (True, 96)


def test_a_stream_goes_on_where_it_ends_and_nowhere_else(log: Log, events: Events) -> None:
    id, other = uuid4(), uuid4()
    log.append([events.decided(id, 1), events.decided(other, 1), events.decided(id, 2)])
    log.append([events.decided(id, 3)])
    for version in (1, 3, 5):
        with pytest.raises(VersionConflictError):
            log.append([events.decided(id, version)])
    with pytest.raises(VersionConflictError):
        log.append([events.decided(other, 2), events.decided(other, 4)])
    assert log.head() == 4
    assert [recorded.version for recorded in log.stream(id)] == [1, 2, 3]


def test_a_decision_passes_bulk_appends_that_wait(log: Log, events: Events, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as watch, psycopg.connect(dsn) as running, ThreadPoolExecutor(4) as pool:
        for lock in (BULK_LOCK, APPEND_LOCK):  # as a bulk append does
            running.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
        bulk = []
        for waiting in (1, 2):
            bulk.append(pool.submit(log.ingest, events.reports(1000)))
            until(lambda waiting=waiting: len(waiters(watch)) == waiting)  # type: ignore[misc]  # a default holds the loop's value
        decision = pool.submit(log.append, [events.decided(uuid4())])
        until(lambda: waiters(watch).count(APPEND_LOCK) == 1)
        running.rollback()
        assert decision.result(10) == 1
        assert [each.result(10) for each in bulk] == [1000, 1000]


def waiters(connection: Connection[Any]) -> list[int]:
    """The advisory locks that somebody waits for."""
    rows = connection.execute(
        "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    ).fetchall()
    return [row[0] for row in rows]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
