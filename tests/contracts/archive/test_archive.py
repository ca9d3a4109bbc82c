"""Old partitions in the archive are part of the log: every way to read gives the same as before, live and archived as one."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.event_store.archive import catalogue, partition_table
from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.archive.errors import (
    ArchiveBusyError,
    ArchiveDamagedError,
    ArchiveStoppedError,
    ArchiveUnavailableError,
    RetentionTooShortError,
)
from aetherius.event_store.archive.parquet import EventsObject
from aetherius.event_store.archive.place import Place
from aetherius.event_store.archive.reading import ARCHIVED, checked
from aetherius.event_store.archive.verification import verify
from aetherius.event_store.errors import LogDamagedError, UnplaceableEventError
from aetherius.event_store.log import Log
from aetherius.event_store.upkeep.partitions import partitions
from archive_site import NOW, START, archive, decision, everything, fill, names, observation


class TestReading:
    def test_the_log_reads_the_same_before_and_after(self, log: Log, dsn: str, url: str) -> None:
        head = fill(log)
        before = everything(log)
        assert len(before) == head

        done = archive(dsn, url)

        assert len(done) >= 2
        assert not set(done) & set(names(dsn))
        assert everything(log) == before
        assert log.head() == head
        assert [row[0] for page in log.stored(0, size=50) for row in page] == list(range(1, head + 1))
        assert log.at([1, 2, head]) == [before[0], before[1], before[-1]]

    def test_each_stream_is_found(self, log: Log, dsn: str, url: str) -> None:
        fill(log)
        before = everything(log)
        archive(dsn, url)
        assert all(log.stream(event.stream_id) == [event] for event in before)

    def test_pages_begin_and_end_anywhere(self, log: Log, dsn: str, url: str) -> None:
        head = fill(log)
        before = everything(log)
        archive(dsn, url)
        for after in range(0, head, 13):
            for limit, upto in ((1, None), (7, after + 5), (100, None), (1000, head - 3)):
                page = log.read_page(after, limit, upto=upto)
                end = head if upto is None else min(head, upto)
                assert page.events == before[after : min(after + limit, end)] if end > after else not page.events

    def test_filters_by_topic_and_cluster_see_archived_events(self, log: Log, dsn: str, url: str) -> None:
        fill(log)
        log.ingest([observation(10_000, START + timedelta(hours=1), cluster="rare")])
        before = everything(log)
        archive(dsn, url)
        observed = [event for event in before if isinstance(event.event, Reported)]
        assert log.read(0, 10_000, [Reported.topic]) == observed
        rare = log.read_page(0, 10_000, [Reported.topic], clusters=["rare"]).events
        assert [event.event.cluster_id for event in rare if isinstance(event.event, Reported)] == ["rare"]

    def test_a_reader_that_began_before_misses_nothing(self, log: Log, dsn: str, url: str) -> None:
        head = fill(log)
        pages = log.stored(0, size=5)
        read = [row[0] for row in next(pages)]
        with ThreadPoolExecutor(1) as beside:
            archiving = beside.submit(archive, dsn, url)
            while not archiving.done():  # a reader that goes on is in nobody's way
                read += [row[0] for row in next(pages, [])]
        read += [row[0] for page in pages for row in page]
        assert len(archiving.result()) > 1
        assert read == list(range(1, head + 1))


class TestSealing:
    def test_nothing_gets_into_what_is_archived(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        known, new = everything(log)[0], observation(99_999, START + timedelta(hours=3))
        archive(dsn, folder)
        with pytest.raises(UnplaceableEventError, match="before the archive's edge"):
            log.ingest([new])
        with pytest.raises(UnplaceableEventError, match="before the archive's edge"):
            log.ingest([observation(known.event.sequence, known.occurred_at)])  # type: ignore[attr-defined]

    def test_what_is_sealed_refuses_before_it_is_gone(self, log: Log, dsn: str, folder: Path) -> None:
        head = fill(log)
        with Archiver(dsn, folder.as_uri()) as archiver, psycopg.connect(dsn, autocommit=True) as connection:
            due = partitions(connection)[0]
            archiver.move_edge(due)
            archiver.seal(due)
            with pytest.raises(UnplaceableEventError):
                log.ingest([observation(99_999, START + timedelta(hours=3))])
        assert log.head() == head

    def test_a_retention_within_acceptance_is_refused(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log, weeks=1)
        with pytest.raises(RetentionTooShortError, match="13 days is less than the 14 days"):
            archive(dsn, folder, retain_days=13)
        assert log.archive_edge() is None

    def test_nothing_young_is_archived(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        assert archive(dsn, folder, now=START + timedelta(days=20)) == []
        assert log.archive_edge() is None


class TestStopping:
    def test_it_stops_between_two_events_and_the_next_one_goes_on(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        before = everything(log)
        asked = iter(range(1000))
        with (
            Archiver(dsn, folder.as_uri(), stopped=lambda: next(asked) >= 70) as archiver,
            pytest.raises(ArchiveStoppedError),
        ):
            archiver.run(185, NOW, accepted_days=14)
        assert everything(log) == before
        assert archive(dsn, folder)
        assert everything(log) == before

    def test_no_room_for_its_files_is_an_error_of_the_archive(
        self, log: Log, dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        head = fill(log)
        monkeypatch.setattr("tempfile.tempdir", str(folder / "missing"))
        with pytest.raises(ArchiveUnavailableError, match="the temporary folder"):
            archive(dsn, folder)
        assert len(everything(log)) == head

    def test_only_its_owner_reads_a_folder_that_it_makes(self, log: Log, dsn: str, tmp_path: Path) -> None:
        fill(log, weeks=1)
        archive(dsn, tmp_path / "made")
        assert (tmp_path / "made").stat().st_mode & 0o077 == 0


class TestDamage:
    def test_a_partition_with_a_changed_event_stays_and_is_named(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        with psycopg.connect(dsn, autocommit=True) as connection:
            due = partitions(connection)[0]
            changed = connection.execute(
                f"UPDATE aetherius.{due.name} SET state = state || ' ' "
                f"WHERE notification_id = (SELECT max(notification_id) FROM aetherius.{due.name}) RETURNING notification_id"
            ).fetchall()[0][0]
        with pytest.raises(LogDamagedError, match=f"position {changed} "):
            archive(dsn, folder)
        assert due.name in names(dsn)
        assert len(everything(log)) == log.head()

    def test_a_damaged_partition_keeps_no_other_one(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        whole = names(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            due = partitions(connection)[0]
            connection.execute(f"UPDATE aetherius.{due.name} SET state = state || ' '")
        with pytest.raises(LogDamagedError):
            archive(dsn, folder)
        with psycopg.connect(dsn, autocommit=True) as connection:
            done = [each.name for each in catalogue.archived(connection)]
        assert len(done) > 1
        assert set(names(dsn)) == set(whole) - set(done)
        assert due.name in names(dsn)

    def test_a_changed_object_is_found(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        archive(dsn, folder)
        with psycopg.connect(dsn, autocommit=True) as connection:
            first = catalogue.archived(connection)[0]
            assert verify(connection, first) == first.rows
            for name in (first.events_object, first.ledger_object):
                path = folder / name
                whole = path.read_bytes()
                path.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
                with pytest.raises(ArchiveDamagedError, match=name):
                    verify(connection, first)
                path.write_bytes(whole)

    def test_an_object_that_is_gone_is_named_and_nothing_is_skipped(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        archive(dsn, folder)
        shutil.move(folder, folder.with_name("elsewhere"))
        ARCHIVED.forget()
        with pytest.raises(ArchiveUnavailableError, match="observed_"):
            everything(log)
        shutil.move(folder.with_name("elsewhere"), folder)
        assert len(everything(log)) == log.head()


class TestBesideOthers:
    def test_appends_go_on_while_a_reader_keeps_a_partition_from_being_sealed(
        self, log: Log, dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(log, weeks=2)
        monkeypatch.setattr(partition_table, "_TRIES", 3)
        with psycopg.connect(dsn) as reader, ThreadPoolExecutor(1) as beside:
            reader.execute("SELECT count(*) FROM aetherius.observed").fetchall()
            archiving = beside.submit(archive, dsn, folder)
            appended = 0
            while not archiving.done():
                log.append([decision(1000 + appended)])
                log.ingest([observation(1000 + appended, START + timedelta(days=10))])
                appended += 1
            with pytest.raises(ArchiveBusyError, match="sealed in the next round"):
                archiving.result()
        assert appended > 1
        assert archive(dsn, folder)


class TestPlace:
    def test_a_folder_that_is_gone_is_not_made_again(self, log: Log, dsn: str, folder: Path) -> None:
        fill(log)
        archive(dsn, folder)
        folder.rename(folder.with_name("unmounted"))
        with pytest.raises(ArchiveUnavailableError):
            archive(dsn, folder)
        with pytest.raises(ArchiveUnavailableError, match="mounted"):
            Place(folder.as_uri())
        assert not folder.exists()

    def test_a_folder_that_holds_nothing_of_what_is_archived_gets_nothing(
        self, log: Log, dsn: str, folder: Path
    ) -> None:
        fill(log)
        archive(dsn, folder)
        folder.rename(folder.with_name("unmounted"))
        folder.mkdir()
        with pytest.raises(ArchiveUnavailableError, match="observed_"):
            archive(dsn, folder)
        assert not list(folder.iterdir())

    def test_a_put_does_not_make_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        (tmp_path / "file").write_bytes(b"x")
        place = Place((tmp_path / "there").as_uri())
        (tmp_path / "there").rmdir()
        with pytest.raises(ArchiveUnavailableError):
            place.put("a", tmp_path / "file")
        assert not (tmp_path / "there").exists()


class TestFooter:
    def test_no_changed_byte_of_a_footer_reaches_the_library(
        self, log: Log, dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(log)
        archive(dsn, folder)
        with psycopg.connect(dsn, autocommit=True) as connection:
            first = catalogue.archived(connection)[0]
        path = folder / first.events_object
        whole = path.read_bytes()
        assert checked(first).size == len(whole)
        for at in range(len(whole) - first.footer_size, len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(ArchiveDamagedError, match="footer"):
                checked(first)
        path.write_bytes(whole[:-1])
        ARCHIVED.forget()
        with pytest.raises(ArchiveDamagedError, match="bytes, not"):
            everything(log)

    def test_what_is_no_parquet_is_damaged(self, tmp_path: Path) -> None:
        for content in (b"", b"PAR1", b"PAR1" * 10, b"x" * 1000):
            (tmp_path / "file").write_bytes(content)
            with pytest.raises(ArchiveDamagedError):
                EventsObject(tmp_path / "file", "file:///x", "file")


def test_empty_partitions_just_go(log: Log, dsn: str, folder: Path) -> None:
    fill(log, weeks=1)
    with psycopg.connect(dsn, autocommit=True) as connection:
        oldest = partitions(connection)[0].name
    with Archiver(dsn, folder.as_uri()) as archiver:
        archiver.run(185, NOW + timedelta(days=400), accepted_days=14)
    assert oldest not in names(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert all(each.rows for each in catalogue.archived(connection))
