"""Whoever changes the archive may die at any moment, and PostgreSQL with it: the next round goes on, nothing is lost and nothing comes twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag
from typing import Any
from uuid import UUID

import psycopg
import pytest

from aetherius.domain.event import Recorded
from aetherius.domain.wire.identity import milliseconds
from aetherius.event_store import schema
from aetherius.event_store.archive import catalogue
from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.archive.errors import ArchiveBusyError
from aetherius.event_store.archive.reading import ARCHIVED
from aetherius.event_store.archive.restoring import release, restore
from aetherius.event_store.archive.verification import verify
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.upkeep import partitions
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from archive_killer import Killer, Moment
from archive_site import NOW, START, archive, audited, decision, everything, fill, observation
from processes import eventually

EMPTY = "observed_19700101"
"""The oldest partition, which has no rows: it is only removed, and comes first."""
STEPS = (
    ("move_edge", 1),
    ("move_edge", 2),
    ("seal", 1),
    ("seal", 2),
    ("write", 2),
    ("store", 1),
    ("put", 1),
    ("put", 2),
    ("verify", 1),
    ("enter", 1),
    ("detach", 1),
    ("detach", 2),
    ("drop", 1),
    ("drop", 2),
)
ARCHIVING = [Moment("archive", step, call, after) for step, call in STEPS for after in (False, True)]
RESTORING = [Moment("restore", step, 1, after) for step in ("_load", "_attach") for after in (False, True)]
RELEASING = [Moment("release", step, 1, after) for step in ("detach", "drop") for after in (False, True)]


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer.running() as killer:
        yield killer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    with filled(dsn) as log:
        yield log


@contextmanager
def filled(dsn: str) -> Iterator[Log]:
    """A log of some weeks that are due, behind an empty partition."""
    schema.create(dsn)
    ARCHIVED.forget()
    with psycopg.connect(dsn) as connection:
        oldest = partitions.Partition(0, milliseconds(START - timedelta(days=300)), EMPTY)
        partitions.create(connection, oldest)
    with Log(dsn) as log:
        fill(log, weeks=3, each=16)
        yield log


@contextmanager
def busy(log: Log) -> Iterator[list[UUID]]:
    """The streams of what is appended meanwhile, while somebody reads all of the log again and again."""
    appended: list[UUID] = []
    over = Flag()

    def append() -> None:
        number = 1_000_000
        while not over.wait(0.01):
            number += 1
            seen, decided = observation(number, NOW - timedelta(weeks=1)), decision(number)
            log.ingest([seen])
            log.append([decided])
            appended.extend((UUID(str(seen.originator_id)), decided.stream_id))

    def read() -> None:
        while not over.wait(0.01):
            events = everything(log)
            assert [event.position for event in events] == list(range(1, len(events) + 1))

    with ThreadPoolExecutor(2) as beside:
        running = [beside.submit(append), beside.submit(read)]
        try:
            eventually(lambda: appended or any(each.done() for each in running), "an append")
            yield appended
        finally:
            over.set()
        for each in running:
            each.result()


def go_on(dsn: str, folder: Path) -> None:
    """The next round, as soon as PostgreSQL has noticed that the last archiver is gone."""

    def probe() -> bool:
        try:
            archive(dsn, folder)
        except ArchiveBusyError:
            return False
        return True

    eventually(probe, "the archiver goes on")


def due(dsn: str) -> dict[str, tuple[int]]:
    """How many rows each partition has that is to be archived."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        ended = [
            each for each in partitions.partitions(connection) if each.ends and each.ends < NOW - timedelta(weeks=20)
        ]
        counts = {
            each.name: connection.execute(f"SELECT count(*) FROM aetherius.{each.name}").fetchall()[0] for each in ended
        }
    return {name: count for name, count in counts.items() if count != (0,)}


def check_whole(log: Log, dsn: str, before: list[Recorded], appended: list[UUID]) -> None:
    """Every event once, in each way to read; nothing is wrong in the log."""
    after = everything(log, 100)
    assert after[: len(before)] == before
    assert sorted(event.stream_id for event in after) == sorted([event.stream_id for event in before] + appended)
    stored = [(row[0], UUID(bytes=row[1])) for page in log.stored(0, size=50) for row in page]
    assert stored == [(event.position, event.stream_id) for event in after]
    assert all(log.stream(event.stream_id) == [event] for event in before)
    report = audited(dsn)
    assert (report.findings, report.events) == ([], len(after))


def check_archived(dsn: str, expected: dict[str, tuple[int]]) -> None:
    """The catalogue has all of it, each object is whole, and no table is left behind."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = catalogue.archived(connection)
        assert {each.name: (each.rows,) for each in found} == expected
        assert not any(each.restored for each in found)
        assert [verify(connection, each) for each in found] == [each.rows for each in found]
        attached = {each.name for each in partitions.partitions(connection)}
        named = connection.execute("SELECT relname FROM pg_class WHERE relname ~ '^observed_[0-9]+$'").fetchall()
        assert {name for (name,) in named} == attached
        assert not attached & {EMPTY, *expected}
        assert connection.execute("SELECT count(*) FROM pg_inherits WHERE inhdetachpending").fetchone() == (0,)


@pytest.mark.parametrize("moment", ARCHIVING, ids=str)
def test_the_archiver_dies(moment: Moment, killer: Killer, log: Log, dsn: str, folder: Path) -> None:
    before, expected = everything(log), due(dsn)
    assert len(expected) > 1
    with busy(log) as appended:
        killer.kill_at(moment, dsn, folder.as_uri())
        go_on(dsn, folder)
    check_whole(log, dsn, before, appended)
    check_archived(dsn, expected)


@pytest.mark.parametrize("moment", [*RESTORING, *RELEASING], ids=str)
def test_a_restore_or_release_dies(moment: Moment, killer: Killer, log: Log, dsn: str, folder: Path) -> None:
    before, expected = everything(log), due(dsn)
    archive(dsn, folder)
    name = min(expected)
    if moment.work == "release":
        restore(dsn, name)
    with busy(log) as appended:
        killer.kill_at(moment, dsn, folder.as_uri(), name)
        eventually(lambda: restored(dsn, name), "it is restored")
    check_whole(log, dsn, before, appended)
    release(dsn, name)
    check_whole(log, dsn, before, appended)
    check_archived(dsn, expected)


def restored(dsn: str, name: str) -> bool:
    try:
        return restore(dsn, name).restored
    except ArchiveBusyError:
        return False


@pytest.mark.parametrize("pending", [EMPTY, "one with events"])
def test_a_detach_is_cut_off(pending: str, log: Log, dsn: str, folder: Path) -> None:
    before, expected = everything(log), due(dsn)
    if pending != EMPTY:
        with Archiver(dsn, folder.as_uri()) as archiver, psycopg.connect(dsn) as connection:
            assert archiver.archive(partitions.partitions(connection)[0]) is None
    with cut_off(dsn, folder), psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()"
        )
    assert detaching(dsn)
    check_whole(log, dsn, before, [])
    if pending != EMPTY:
        assert restored(dsn, min(expected))
        check_whole(log, dsn, before, [])
        release(dsn, min(expected))
    go_on(dsn, folder)
    check_whole(log, dsn, before, [])
    check_archived(dsn, expected)


def test_postgresql_dies_while_a_partition_is_detached(open_folder: Path, folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "killed")
    dsn = asyncio.run(server.start())
    try:
        with filled(dsn) as log:
            before, expected = everything(log), due(dsn)
            with cut_off(dsn, folder):
                kill(server)
        asyncio.run(server.stop())
        dsn = asyncio.run(server.start())
        with Log(dsn) as log:
            check_whole(log, dsn, before, [])
            go_on(dsn, folder)
            check_whole(log, dsn, before, [])
        check_archived(dsn, expected)
    finally:
        asyncio.run(server.stop())


@contextmanager
def cut_off(dsn: str, folder: Path) -> Iterator[None]:
    """While the archiver waits for a reader, half way through a detach; what is done then must end it."""
    with closing(psycopg.connect(dsn)) as reader, ThreadPoolExecutor(1) as beside:
        archiving = beside.submit(stubborn, dsn, folder, reader)
        eventually(lambda: detaching(dsn) or archiving.done(), "a detach is pending")
        yield
        with pytest.raises(LogUnavailableError):
            archiving.result()


def detaching(dsn: str) -> bool:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return bool(connection.execute("SELECT FROM pg_inherits WHERE inhdetachpending").fetchall())


def stubborn(dsn: str, folder: Path, reader: psycopg.Connection[Any]) -> None:
    """Archive what is due, while a reader begins to read just before the first detach, and does not end."""

    class Hindered(Archiver):
        def detach(self, partition: partitions.Partition) -> None:
            reader.execute("SELECT count(*) FROM aetherius.observed").fetchall()
            super().detach(partition)

    with Hindered(dsn, folder.as_uri()) as archiver:
        archiver.run(185, NOW, accepted_days=14)


def kill(server: EmbeddedPostgres) -> None:
    """The server's first process: the others end when they miss it."""
    os.kill(int((server.data_dir / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
