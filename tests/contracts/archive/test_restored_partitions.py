"""Archived partitions that are tables again, and what an interruption leaves half done: nobody who reads the log sees a difference."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from aetherius.domain.wire.identity import milliseconds
from aetherius.event_store.archive import catalogue
from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.archive.errors import (
    NotArchivedError,
)
from aetherius.event_store.archive.partition_table import seal
from aetherius.event_store.archive.reading import ARCHIVED
from aetherius.event_store.archive.restoring import release, restore
from aetherius.event_store.errors import LogDamagedError, UnplaceableEventError
from aetherius.event_store.log import Log
from aetherius.event_store.upkeep.partitions import Partition, create, partitions
from archive_site import NOW, START, archive, everything, fill, names, observation


class TestRestoring:
    def test_a_restored_partition_is_read_from_its_table(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        before = everything(log)
        name, *_ = archive(dsn, folder)
        restore(dsn, name)
        restore(dsn, name)
        everything(log)  # now it is known to be attached
        (folder / _object(dsn, name)).rename(folder / "away")
        ARCHIVED.forget()

        assert name in names(dsn)
        assert everything(log) == before
        with pytest.raises(UnplaceableEventError):
            log.ingest([observation(99_999, START + timedelta(hours=3))])

        (folder / "away").rename(folder / _object(dsn, name))
        release(dsn, name)
        release(dsn, name)
        assert name not in names(dsn)
        assert everything(log) == before

    def test_a_round_leaves_what_was_restored(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        name, *_ = archive(dsn, folder)
        restore(dsn, name)
        assert archive(dsn, folder) == []
        assert name in names(dsn)

    def test_what_was_detached_and_not_yet_removed_is_loaded_anew(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        before = everything(log)
        name, *_ = interrupted(dsn, folder)
        assert name not in names(dsn)
        assert restore(dsn, name).restored
        assert name in names(dsn)
        assert everything(log) == before
        assert everything(log) == before

    def test_a_detach_that_is_pending_is_finished_first(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        before = everything(log)
        name, *_ = archive(dsn, folder)
        restore(dsn, name)
        leave_detaching(dsn, name)
        assert restore(dsn, name).restored
        assert name in names(dsn)
        assert everything(log) == before

    def test_what_was_never_taken_away_is_kept(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        before = everything(log)
        with Archiver(dsn, folder.as_uri()) as archiver, psycopg.connect(dsn, autocommit=True) as connection:
            due = partitions(connection)[0]
            archiver.move_edge(due)
            archiver.seal(due)
            archiver.copy(due)
        assert restore(dsn, due.name).restored
        assert everything(log) == before

    def test_what_is_not_archived_cannot_be_restored(self, log: Log, dsn: str) -> None:
        with pytest.raises(NotArchivedError, match="observed_19990101"):
            restore(dsn, "observed_19990101")


class TestHalfDone:
    def test_an_empty_partition_that_is_detaching_is_removed_and_stops_nothing(
        self, log: Log, dsn: str, folder: Path
    ) -> None:
        fill(log)
        before = everything(log)
        with psycopg.connect(dsn, autocommit=True) as connection:
            empty = Partition(0, milliseconds(START - timedelta(days=300)), "observed_19700101")
            create(connection, empty)
            seal(connection, empty)
        leave_detaching(dsn, empty.name)
        assert len(archive(dsn, folder)) > 1
        assert not tables(dsn, "^observed_19700101")
        assert everything(log) == before

    def test_a_restored_table_that_somebody_took_away_is_read_from_its_object(
        self, log: Log, dsn: str, folder: Path
    ) -> None:
        fill(log)
        before = everything(log)
        name, other, *_ = archive(dsn, folder)
        for each in (name, other):
            restore(dsn, each)
        everything(log)
        leave_detaching(dsn, name)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"DROP TABLE aetherius.{other}")
        archive(dsn, folder)
        assert not tables(dsn, f"^({name}|{other})$")
        assert everything(log) == before

    def test_a_table_that_differs_from_what_is_archived_is_not_removed(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        with Archiver(dsn, folder.as_uri()) as archiver, psycopg.connect(dsn, autocommit=True) as connection:
            due = partitions(connection)[0]
            archiver.move_edge(due)
            archiver.seal(due)
            archiver.copy(due)
            connection.execute(
                f"DELETE FROM aetherius.{due.name} WHERE notification_id = (SELECT max(notification_id) FROM aetherius.{due.name})"
            )
        with pytest.raises(LogDamagedError, match=due.name):
            archive(dsn, folder)
        assert due.name in names(dsn)


def interrupted(dsn: str, folder: Path) -> list[str]:
    """Archive what is due, but for removing the detached tables."""

    class Interrupted(Archiver):
        def drop(self, partition: Partition) -> None:
            pass

    with Interrupted(dsn, folder.as_uri()) as archiver:
        return [done.name for done in archiver.run(185, NOW, accepted_days=14)]


def leave_detaching(dsn: str, name: str) -> None:
    """Begin to detach a partition, and do not end it."""
    with psycopg.connect(dsn) as reader, psycopg.connect(dsn, autocommit=True) as connection:
        reader.execute("SELECT count(*) FROM aetherius.observed")
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(f"ALTER TABLE aetherius.observed DETACH PARTITION aetherius.{name} CONCURRENTLY")
    assert name not in names(dsn)


def tables(dsn: str, like: str) -> list[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [row[0] for row in connection.execute("SELECT relname FROM pg_class WHERE relname ~ %s", (like,))]


def _object(dsn: str, name: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return catalogue.one(connection, name).events_object
