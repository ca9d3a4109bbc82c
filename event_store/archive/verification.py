"""Checks what lies in the archive: every event against its leaf, every entry against the ledger of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import tuple_row

from aetherius.event_store import ledger
from aetherius.event_store.archive.catalogue import ArchivedPartition
from aetherius.event_store.archive.errors import ArchiveDamagedError, ArchiveStoppedError
from aetherius.event_store.archive.parquet import EventsObject, Row, read_entries
from aetherius.event_store.archive.partition_table import table_state
from aetherius.event_store.archive.place import check_hash, place_of
from aetherius.event_store.errors import LogDamagedError
from aetherius.event_store.ledger import Entry
from aetherius.event_store.tables import LOG

_AT_ONCE = 500


class ArchivedObjects(msgspec.Struct, frozen=True):
    """Copies of the objects of one partition."""

    events: Path
    ledger: Path

    @classmethod
    def fetched(cls, archived: ArchivedPartition, folder: Path) -> ArchivedObjects:
        """Copy them into a folder.

        Raises:
            ArchiveUnavailableError: one cannot be had.
            ArchiveDamagedError: one is not what the catalogue noted.
        """
        place = place_of(archived.url)
        objects = cls(folder / "events.fetched", folder / "ledger.fetched")
        for path, name, noted in (
            (objects.events, archived.events_object, archived.events_sha256),
            (objects.ledger, archived.ledger_object, archived.ledger_sha256),
        ):
            with path.open("wb") as file:
                check_hash(place, name, place.fetch(name, file), noted)
        return objects


def verify(connection: Connection[Any], archived: ArchivedPartition) -> int:
    """Fetch the objects of a partition, and compare every event with the ledger; how many. Needs room for them in the temporary folder.

    Raises:
        ArchiveUnavailableError, ArchiveDamagedError: see there.
        LogDamagedError: an event is not what the ledger recorded; names the position.
    """
    with TemporaryDirectory(prefix="aetherius-archive-") as folder:
        check(connection, archived, ArchivedObjects.fetched(archived, Path(folder)))
    return archived.rows


def check(
    connection: Connection[Any],
    archived: ArchivedPartition,
    objects: ArchivedObjects,
    stopped: Callable[[], bool] = bool,
) -> None:
    """Compare every event with its leaf, and the entries that hold the leaves with the ledger. See `verify`. Raises ``ArchiveStoppedError`` too."""
    rows = EventsObject(objects.events, archived.url, archived.events_object).rows()
    leaves = _leaves(_held(connection, read_entries(objects.ledger)))
    count, last = 0, 0
    for row in rows:
        if stopped():
            raise ArchiveStoppedError(archived.name)
        if row[0] <= last:
            raise ArchiveDamagedError(archived.url, archived.events_object, f"position {row[0]} follows {last}")
        count, last = count + 1, row[0]
        if not _is(row, leaves):
            raise LogDamagedError(f"what is stored at position {last} is not what was recorded there: run the audit")
    if count != archived.rows:
        raise ArchiveDamagedError(archived.url, archived.events_object, f"holds {count} events, not {archived.rows}")


def check_table(connection: Connection[Any], archived: ArchivedPartition) -> None:
    """Compare the table of an archived partition, if it is still there, with the catalogue, before it is removed.

    Raises:
        LogDamagedError: it has more, fewer or other rows.
    """
    if table_state(connection, archived.partition) is None:
        return
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    found = cursor.execute(LOG.statement("partition_span", archived.name)).fetchone()
    noted = (archived.rows, archived.first_position, archived.last_position)
    if found != noted:
        raise LogDamagedError(
            f"partition {archived.name}: its table has {_span(*found or ())}, the archive has {_span(*noted)}: neither is removed"
        )


def _span(rows: int = 0, first: int = 0, last: int = 0) -> str:
    return f"{rows} events from position {first} to {last}"


def _held(connection: Connection[Any], entries: Iterator[Entry]) -> Iterator[Entry]:
    """The entries that are those of the ledger, and sound."""
    while some := list(islice(entries, _AT_ONCE)):
        held = _hashes(connection, [entry.last for entry in some])
        for entry in some:
            if held.get(entry.last) != entry.hash or not _sound(entry):
                raise LogDamagedError(
                    f"the entry that ends at position {entry.last} is not the ledger's: run the audit"
                )
            yield entry


def _sound(entry: Entry) -> bool:
    root = ledger.merkle_root(list(ledger.split_leaves(entry.leaves)))
    fields = (entry.prev_hash, entry.first, entry.last, entry.n, entry.recorded_at, root)
    return len(entry.leaves) == entry.n * ledger.HASH_SIZE and ledger.chain_hash(*fields) == entry.hash


def _leaves(entries: Iterator[Entry]) -> Iterator[tuple[int, bytes]]:
    for entry in entries:
        yield from enumerate(ledger.split_leaves(entry.leaves), entry.first)


def _is(row: Row, leaves: Iterator[tuple[int, bytes]]) -> bool:
    for position, leaf in leaves:
        if position == row[0]:
            return row[2] >= 0 and ledger.leaf(*row) == leaf
        if position > row[0]:
            break
    return False


def _hashes(connection: Connection[Any], positions: list[int]) -> dict[int, bytes]:
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    return dict(cursor.execute(LOG.statement("audit_anchors"), (positions,)).fetchall())
