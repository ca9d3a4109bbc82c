"""Archived events, read as part of the log: rows as the tables would give them, from the objects that the catalogue names.

Two ways to be right while partitions come and go:

- inside one snapshot (`event_store/reading/snapshot.py`), the tables and the catalogue are of one moment (`ArchivedEvents`, with the catalogue's rows);
- with one statement after another, the live tables are read first and the catalogue after them, so that what was detached in between is found there
  (`ArchiveView`).

Either way rows of a partition that is catalogued and still attached come from both, and are taken once, by position.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from heapq import merge
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from psycopg import Connection

from aetherius.event_store.archive import catalogue
from aetherius.event_store.archive.catalogue import ArchivedPartition
from aetherius.event_store.archive.errors import ArchiveDamagedError
from aetherius.event_store.archive.in_turn import in_turn
from aetherius.event_store.archive.place import RangeFile, place_of
from aetherius.event_store.tables import LOG

if TYPE_CHECKING:
    from aetherius.event_store.archive.parquet import EventsObject

Row = tuple[int, UUID, int, str, bytes]
"""position, stream id, version, topic, state"""
Stretch = tuple[int, int]
"""First and last position."""
Keep = Callable[[Row], bool]
K = TypeVar("K")
V = TypeVar("V")

_OPEN: Final = 16
"""Objects whose footer is kept."""
_GROUPS: Final = 6
"""Groups of events that are kept as rows: some megabytes each."""


class ArchivedEvents:
    """Reads objects, and keeps a few of their parts. Thread-safe; one for a process is enough (`ARCHIVED`).

    Every method may raise ``ArchiveUnavailableError`` or ``ArchiveDamagedError``: nothing is skipped.
    """

    def __init__(self) -> None:
        self._keeping = Lock()
        self._objects: OrderedDict[tuple[str, str], EventsObject] = OrderedDict()
        self._groups: OrderedDict[tuple[str, str, int], list[Row]] = OrderedDict()

    def between(self, partitions: Iterable[ArchivedPartition], first: int, last: int) -> Iterator[Row]:
        """The events of a range of positions, both ends included, in order. Memory: a group of events for each partition that is under way."""
        sources = [(max(first, each.first_position), self._source(each, first, last)) for each in partitions]
        return (row for _, row in in_turn(sources))

    def within(
        self, partitions: Sequence[ArchivedPartition], stretches: Iterable[Stretch], limit: int, keep: Keep | None
    ) -> list[Row]:
        """The first `limit` events of some stretches (in order, apart from each other) that are to be kept."""
        found = (row for first, last in stretches for row in self.between(partitions, first, last))
        return list(islice(filter(keep, found) if keep else found, limit))

    def at(self, partitions: Iterable[ArchivedPartition], positions: Sequence[int]) -> list[Row]:
        """The events at some positions, in order."""
        wanted = sorted(set(positions))
        found = (self._at(each, position) for each in partitions for position in wanted)
        return sorted(row for row in found if row)

    def of_streams(self, partitions: Iterable[ArchivedPartition], ids: Sequence[UUID]) -> list[Row]:
        """The events of some streams, in order of position."""
        found: list[Row] = []
        for each in partitions:
            wanted = {id for id in ids if each.may_hold(id)}
            if wanted:
                for index in self._object(each).groups_of(list(wanted)):
                    found += [row for row in self._group(each, index) if row[1] in wanted]
        return sorted(found)

    def _source(self, partition: ArchivedPartition, first: int, last: int) -> Callable[[], Iterator[tuple[int, Row]]]:
        return lambda: ((row[0], row) for row in self._between(partition, first, last))

    def _between(self, partition: ArchivedPartition, first: int, last: int) -> Iterator[Row]:
        if partition.last_position < first or partition.first_position > last:
            return
        for index in self._object(partition).groups_between(first, last):
            rows = self._group(partition, index)
            yield from rows[bisect_left(rows, first, key=_position) : bisect_right(rows, last, key=_position)]

    def _at(self, partition: ArchivedPartition, position: int) -> Row | None:
        return next(self._between(partition, position, position), None)

    def _object(self, partition: ArchivedPartition) -> EventsObject:
        key = (partition.url, partition.events_object)
        with self._keeping:
            if known := self._objects.get(key):
                self._objects.move_to_end(key)
                return known
        opened = _open(partition)
        with self._keeping:
            return _kept(self._objects, key, opened, _OPEN)

    def _group(self, partition: ArchivedPartition, index: int) -> list[Row]:
        key = (partition.url, partition.events_object, index)
        with self._keeping:
            if (known := self._groups.get(key)) is not None:
                self._groups.move_to_end(key)
                return known
        rows = self._object(partition).group(index)
        with self._keeping:
            return _kept(self._groups, key, rows, _GROUPS)

    def forget(self) -> None:
        """Keep nothing: an audit reads what is there now."""
        with self._keeping:
            self._objects.clear()
            self._groups.clear()


ARCHIVED: Final = ArchivedEvents()
"""Of this process."""


class ArchiveView:
    """What of the archive one reader of the log has to read besides the tables, when it reads statement by statement. Thread-safe."""

    def __init__(self, events: ArchivedEvents = ARCHIVED) -> None:
        self._events = events
        self.known: dict[str, int] = {}
        """Partitions that were restored when the catalogue was last read, and which restore it was. Take it before the live tables are read."""

    def ask(self, connection: Connection[Any], first: int, last: int) -> Any:
        """Ask the catalogue for a range of positions, after the live tables were asked; in a pipeline this costs no round trip."""
        return connection.cursor(binary=True).execute(LOG.statement("archived_between"), (first, last))

    def ask_for(self, connection: Connection[Any], time: int) -> Any:
        """Ask the catalogue for a time that an id holds."""
        return connection.cursor(binary=True).execute(LOG.statement("archived_at_time"), (time, time))

    def missing(self, asked: Any, known: dict[str, int]) -> list[ArchivedPartition]:
        """The partitions to read besides: all that are catalogued, but for those that were attached all the time since `known`."""
        found = catalogue.from_rows(asked.fetchall())
        if not found:
            return found
        self.known = self.known | {each.name: each.restores if each.restored else 0 for each in found}
        return [each for each in found if not (each.restored and known.get(each.name) == each.restores)]

    def within(
        self,
        partitions: Sequence[ArchivedPartition],
        live: list[Row],
        stretches: Sequence[Stretch],
        limit: int,
        keep: Keep | None = None,
    ) -> list[Row]:
        """The first `limit` events of the stretches, from the tables (as far as they gave them) and the archive."""
        if not partitions:
            return live
        if len(live) == limit:  # what lies behind the last of them is not asked for
            last = live[-1][0]
            stretches = [(first, min(end, last)) for first, end in stretches if first <= last]
        return merged(live, self._events.within(partitions, stretches, limit, keep), limit)

    def at(self, partitions: Sequence[ArchivedPartition], positions: Sequence[int]) -> list[Row]:
        """The events at some positions, in order."""
        return self._events.at(partitions, positions) if partitions else []

    def of_stream(self, partitions: Sequence[ArchivedPartition], id: UUID) -> list[Row]:
        """The events of a stream."""
        return self._events.of_streams(partitions, [id]) if partitions else []


def merged(live: Iterable[Row], archived: Iterable[Row], limit: int | None = None) -> list[Row]:
    """Both in order of position, each position once."""
    return list(islice(single(merge(live, archived, key=_position)), limit))


def single(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows in order of position, each position once."""
    last = 0
    for row in rows:
        if row[0] != last:
            last = row[0]
            yield row


def _open(partition: ArchivedPartition) -> EventsObject:
    from aetherius.event_store.archive.parquet import EventsObject  # a tenth of a second, paid by who reads the archive

    return EventsObject(checked(partition), partition.url, partition.events_object)


def checked(partition: ArchivedPartition) -> RangeFile:
    """The object of a partition, whose footer is the one that was written: the library that reads it may end the process over another.

    Raises:
        ArchiveUnavailableError: it cannot be had.
        ArchiveDamagedError: its size or its footer is another.
    """
    name, place = partition.events_object, place_of(partition.url)
    file = place.open(name)
    if file.size != partition.events_size:
        raise ArchiveDamagedError(place.url, name, f"it has {file.size} bytes, not {partition.events_size}")
    footer = place.range(name, file.size - partition.footer_size, partition.footer_size)
    if sha256(footer).digest() != partition.footer_sha256:
        raise ArchiveDamagedError(place.url, name, "its footer is not the one that was written")
    return file


def _kept(kept: OrderedDict[K, V], key: K, value: V, most: int) -> V:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
    return value


def _position(row: Any) -> int:
    position: int = row[0]
    return position
