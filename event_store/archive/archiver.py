"""The archiver: moves old partitions of `observed` into the archive, step by step, so that a death at any moment loses nothing and repeats nothing.

For one partition: the edge moves (nothing of that time is accepted any more), the partition is sealed (nothing can be added), its rows and proofs are written,
read back and compared with the ledger, entered in the catalogue (from then on readers find them there), and only then is the table detached and dropped. Every step
looks first at what is done already, so the next round goes on where the last one ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import psycopg
from psycopg.rows import tuple_row

from aetherius.event_store.archive import catalogue, partition_table
from aetherius.event_store.archive.catalogue import ArchivedPartition
from aetherius.event_store.archive.errors import ArchiveStoppedError, ArchiveUnavailableError, RetentionTooShortError
from aetherius.event_store.archive.parquet import footer_of, write_entries, write_events
from aetherius.event_store.archive.partition_table import exclusive, explained, table_state
from aetherius.event_store.archive.place import Place, make_folder, place_of
from aetherius.event_store.archive.verification import ArchivedObjects, check, check_table
from aetherius.event_store.errors import LogDamagedError
from aetherius.event_store.ledger import Entry
from aetherius.event_store.metrics import ARCHIVED_BYTES, ARCHIVED_EVENTS
from aetherius.event_store.tables import LOG
from aetherius.event_store.upkeep import partitions
from aetherius.event_store.upkeep.partitions import Partition

logger = logging.getLogger(__name__)

_AT_ONCE: Final = {"audit_events": 2000, "partition_entries": 8}
"""Rows in memory: an entry of the ledger has a leaf for every event of its batch."""


class Archiver:
    """Archives partitions over a connection of its own. Use as `with Archiver(dsn, url) as archiver`."""

    def __init__(self, dsn: str, url: str, *, stopped: Callable[[], bool] = bool) -> None:
        """Connect, and become the only archiver. `stopped` is asked at every event: what is half done then is done again by the next one.

        Raises:
            LogUnavailableError: PostgreSQL does not answer.
            ArchiveBusyError: another archiver is at work.
            ArchiveUnavailableError: no URL of a folder or bucket; or what the catalogue says to lie there does not, as where a disk is not mounted.
        """
        self._stopped = stopped
        self._connection = exclusive(dsn)
        try:
            self._place: Place = self._found(url)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def run(self, retain_days: int, now: datetime, *, accepted_days: float) -> list[ArchivedPartition]:
        """Archive every partition whose last moment is longer ago than `retain_days`; those archived, the oldest first. One that is damaged stays, and keeps
        no other one.

        Raises:
            RetentionTooShortError: fewer days than late events are accepted for (`accepted_days`).
            LogDamagedError: an event is not what the ledger recorded; names the first such position, when all that is sound is archived.
            ArchiveStoppedError: `stopped` said yes.
            ArchiveUnavailableError, LogUnavailableError: safe to repeat.
        """
        if retain_days < accepted_days:
            raise RetentionTooShortError(retain_days, accepted_days)
        with explained():
            self.finish()
            return self._archive_all(self._due(now - timedelta(days=retain_days)))

    def _archive_all(self, due: Sequence[Partition]) -> list[ArchivedPartition]:
        done: list[ArchivedPartition | None] = []
        damaged: list[LogDamagedError] = []
        for each in due:
            try:
                done.append(self.archive(each))
            except LogDamagedError as exc:
                logger.error("%s stays in the database: %s", each.name, exc)
                damaged.append(exc)
        if damaged:
            raise damaged[0]
        return [each for each in done if each]

    def archive(self, partition: Partition) -> ArchivedPartition | None:
        """All steps for one partition; None if it was empty and is only removed.

        Raises:
            LogDamagedError: see `run`; and if it is archived already, but its table is not what was: it stays.
        """
        done = self._catalogued(partition)
        if done is None:
            self.move_edge(partition)
            self.seal(partition)
            done = self.copy(partition)
        elif done.restored:
            return done
        else:
            self.seal(partition)
            check_table(self._connection, done)
        self.detach(partition)
        self.drop(partition)
        return done

    def finish(self) -> None:
        """End what an earlier round, or a person, left half detached. A restored table that somebody took away is read from its object again."""
        for each in catalogue.archived(self._connection):
            state = table_state(self._connection, each.partition) if each.restored else None
            if each.restored and not (state and state.attached and not state.detaching):
                catalogue.mark_restored(self._connection, each.name, False)
        partition_table.finish_detaching(self._connection)
        partition_table.drop_empty(self._connection)

    def _due(self, before: datetime) -> list[Partition]:
        """The attached ones that ended before a moment, and what an earlier round left half done."""
        done = {each.name: each for each in catalogue.archived(self._connection)}
        due = {
            each.name: each
            for each in partitions.partitions(self._connection)
            if each.ends and each.ends <= before and each.name not in done
        }
        due |= {
            name: each.partition
            for name, each in done.items()
            if not each.restored and table_state(self._connection, each.partition) is not None
        }
        return sorted(due.values())

    def _found(self, url: str) -> Place:
        """The place. A folder is made if nothing was ever archived in it, and not otherwise: it would hide that the true one is not there."""
        with explained():
            there = [each for each in catalogue.archived(self._connection) if each.url == url]
        if not there:
            make_folder(url)
        place = place_of(url)
        if there:
            place.open(max(there, key=lambda each: each.archived_at).events_object)
        return place

    def move_edge(self, partition: Partition) -> None:
        """From now on nothing of its time is accepted. Never moves back."""
        assert partition.ends
        self._connection.execute(LOG.statement("archive_edge_move"), (partition.ends, partition.ends))

    def seal(self, partition: Partition) -> None:
        """Nothing can be added from now on."""
        partition_table.seal(self._connection, partition)

    def copy(self, partition: Partition) -> ArchivedPartition | None:
        """Write its rows and proofs to the archive, read them back, compare them with the ledger, and enter them in the catalogue.

        Needs room in the temporary folder for both objects, twice.
        """
        try:
            with TemporaryDirectory(prefix="aetherius-archive-") as folder:
                written = self.write(partition, Path(folder))
                if written is None:
                    return None
                self.store(written, Path(folder))
                self.verify(written, Path(folder))
        except OSError as exc:
            raise ArchiveUnavailableError(self._place.url, partition.name, f"the temporary folder: {exc}") from exc
        self.enter(written)
        ARCHIVED_EVENTS.inc(written.rows)
        ARCHIVED_BYTES.inc(written.events_size + written.ledger_size)
        logger.info("archived %s: %d events, %d bytes", written.name, written.rows, written.events_size)
        return written

    def write(self, partition: Partition, folder: Path) -> ArchivedPartition | None:
        """Make the files; None if it has no rows."""
        events, entries = folder / "events", folder / "ledger"
        with self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            rows, first, last = self._fetch("partition_span", partition)[0]
            if not rows:
                return None
            write_events(events, partition.name, self._stream("audit_events", partition))
            found = self._stream("partition_entries", partition, first, last)
            write_entries(entries, partition.name, map(_entry, found))
        events_hash, ledger_hash, footer = _hash(events), _hash(entries), footer_of(events)
        return ArchivedPartition(
            name=partition.name,
            first=partition.first,
            end=partition.end,
            rows=rows,
            first_position=first,
            last_position=last,
            url=self._place.url,
            events_object=f"{partition.name}-{events_hash.hex()[:16]}.parquet",
            events_size=events.stat().st_size,
            events_sha256=events_hash,
            footer_size=len(footer),
            footer_sha256=sha256(footer).digest(),
            ledger_object=f"{partition.name}-{ledger_hash.hex()[:16]}.ledger.parquet",
            ledger_size=entries.stat().st_size,
            ledger_sha256=ledger_hash,
            archived_at=datetime.now(UTC),
        )

    def store(self, written: ArchivedPartition, folder: Path) -> None:
        """Put the files where they belong."""
        self._place.put(written.events_object, folder / "events")
        self._place.put(written.ledger_object, folder / "ledger")

    def verify(self, written: ArchivedPartition, folder: Path) -> None:
        """Read both objects back, and compare every event with the ledger of the database.

        Raises:
            LogDamagedError: an event is not what was recorded.
            ArchiveDamagedError: what came back is not what was stored.
        """
        check(self._connection, written, ArchivedObjects.fetched(written, folder), self._stopped)

    def enter(self, written: ArchivedPartition) -> None:
        """From now on readers find it in the catalogue."""
        catalogue.add(self._connection, written)

    def detach(self, partition: Partition) -> None:
        """Take the table out of `observed`. Raises ``ArchiveBusyError``."""
        partition_table.detach(self._connection, partition)

    def drop(self, partition: Partition) -> None:
        """Remove the table."""
        partition_table.drop(self._connection, partition)

    def _catalogued(self, partition: Partition) -> ArchivedPartition | None:
        return next((each for each in catalogue.archived(self._connection) if each.name == partition.name), None)

    def _fetch(self, statement: str, partition: Partition, *values: object) -> list[Any]:
        cursor = self._connection.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(LOG.statement(statement, partition.name), values or None).fetchall()

    def _stream(self, statement: str, partition: Partition, *values: object) -> Iterator[Any]:
        with psycopg.ServerCursor(self._connection, statement, row_factory=tuple_row) as cursor:
            cursor.itersize = _AT_ONCE[statement]
            cursor.execute(LOG.statement(statement, partition.name), values or None, binary=True)
            for row in cursor:
                if self._stopped():
                    raise ArchiveStoppedError(partition.name)
                yield row


def _entry(row: Any) -> Entry:
    return Entry(**dict(zip(Entry.__struct_fields__, row, strict=True)))


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()
