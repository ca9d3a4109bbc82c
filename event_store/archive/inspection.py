"""The archive as an audit sees it: every object against the catalogue, every event that can be read, and of what cannot be read, where it would stand.

Nothing that an object holds may end the audit: what is damaged is told, and the rest is read on. One that is not what the catalogue says is first read by a process
of its own (`probe.py`). Only who rules the catalogue and the archive both could still make the audit die: that is no secret way to pass one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec

from aetherius.domain.wire.identity import milliseconds_of
from aetherius.event_store.archive.catalogue import ArchivedPartition
from aetherius.event_store.archive.errors import ArchiveDamagedError, ArchiveUnavailableError
from aetherius.event_store.archive.in_turn import in_turn
from aetherius.event_store.archive.place import place_of
from aetherius.event_store.archive.probe import survives
from aetherius.event_store.archive.reading import Row
from aetherius.event_store.ledger import Entry

if TYPE_CHECKING:
    from aetherius.event_store.archive.parquet import EventsObject

_ENTRIES_AT_ONCE: Final = 500
UNREADABLE: Final = (ArchiveDamagedError, ArchiveUnavailableError, OSError, ValueError, TypeError, OverflowError)
"""What damaged Parquet makes of its reader, besides our own errors."""


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with an object."""

    unreadable: bool
    """It, or a part of it, cannot be read; else it is not what the catalogue or the ledger says."""
    position: int
    detail: str


class Copy(msgspec.Struct, frozen=True):
    """An event in an object of the archive."""

    row: Row
    partition: ArchivedPartition

    @property
    def where(self) -> str:
        """The object."""
        return where(self.partition)


def where(partition: ArchivedPartition) -> str:
    """The object that holds a partition's events, by its full name."""
    return f"{partition.url}/{partition.events_object}"


class Inspection:
    """Reads each object once. `fault` is told what is wrong with it, before the events of that part are given."""

    def __init__(
        self,
        partitions: Sequence[ArchivedPartition],
        fault: Callable[[Fault], None],
        held: Callable[[list[int]], dict[int, bytes]],
    ) -> None:
        """`held`: hashes of the ledger's entries that end at some positions."""
        self.partitions = partitions
        self._by_time = sorted(partitions, key=lambda each: each.first)
        self._fault = fault
        self._held = held
        self._dark: list[tuple[int, int, int]] = []
        self.missed = 0
        """Positions for which `may_hold` said yes."""

    @property
    def dark_rows(self) -> int:
        """Events that could not be read."""
        return sum(rows for _, _, rows in self._dark)

    def may_hold(self, position: int) -> bool:
        """Whether the event of this position may be among those that could not be read."""
        dark = any(first <= position <= last for first, last, _ in self._dark)
        self.missed += dark
        return dark

    def lacks(self, row: Row) -> ArchivedPartition | None:
        """The partition whose object should hold this observation, if what it holds was read."""
        time = milliseconds_of(row[1])
        at = bisect_right(self._by_time, time, key=lambda each: each.first)
        if at == 0 or time >= self._by_time[at - 1].end:
            return None
        return None if any(first <= row[0] <= last for first, last, _ in self._dark) else self._by_time[at - 1]

    def copies(self) -> Iterator[tuple[int, Copy]]:
        """Every event that can be read, in order of position. Memory: a group of events for each object that is under way."""
        return in_turn((each.first_position, lambda each=each: self._copies(each)) for each in self.partitions)  # type: ignore[misc]

    def _copies(self, partition: ArchivedPartition) -> Iterator[tuple[int, Copy]]:
        self._check_ledger(partition)
        if not self._is_noted(partition) and not survives(partition.url, partition.events_object):
            self._darken_all(partition, "the reader dies of it")
            return
        events = self._opened(partition)
        if events is None:
            return
        rows = 0
        for index, (first, last, count) in enumerate(events.spans()):
            group = self._group(partition, events, index)
            rows += count
            if group is None:
                self._darken(partition, first, last, count, "a group of events")
                continue
            for row in group:
                yield row[0], Copy(row, partition)
        if rows != partition.rows:
            self._tell(partition, f"it holds {rows} events, the catalogue says {partition.rows}")

    def _is_noted(self, partition: ArchivedPartition) -> bool:
        """Whether the object is the one that the catalogue names."""
        try:
            found = place_of(partition.url).hash_of(partition.events_object)
        except UNREADABLE:
            return True  # opening it says so
        if found != partition.events_sha256:
            self._tell(partition, f"its SHA-256 is {found.hex()}, the catalogue says {partition.events_sha256.hex()}")
        return found == partition.events_sha256

    def _check_ledger(self, partition: ArchivedPartition) -> None:
        """The object of proofs, against catalogue and ledger."""
        name = f"{partition.url}/{partition.ledger_object}"
        try:
            with TemporaryDirectory(prefix="aetherius-audit-") as folder:
                path = Path(folder) / "ledger"
                with path.open("wb") as file:
                    found = place_of(partition.url).fetch(partition.ledger_object, file)
                if found != partition.ledger_sha256:
                    detail = f"{name}: its SHA-256 is {found.hex()}, the catalogue says {partition.ledger_sha256.hex()}"
                    self._fault(Fault(False, partition.first_position, detail))
                else:
                    self._check_entries(path, name)
        except UNREADABLE as exc:
            self._fault(Fault(True, partition.first_position, f"{name}: {_first_line(exc)}"))

    def _check_entries(self, path: Path, name: str) -> None:
        from aetherius.event_store.archive.parquet import read_entries

        entries: Iterator[Entry] = read_entries(path)
        while some := list(islice(entries, _ENTRIES_AT_ONCE)):
            held = self._held([entry.last for entry in some])
            for entry in some:
                if held.get(entry.last) != entry.hash:
                    self._fault(Fault(False, entry.last, f"{name}: this entry is not the ledger's"))

    def _opened(self, partition: ArchivedPartition) -> EventsObject | None:
        """The object; None if it cannot be read at all."""
        try:
            return opened(partition.url, partition.events_object, checked=True)
        except UNREADABLE as exc:
            self._darken_all(partition, _first_line(exc))
            return None

    def _group(self, partition: ArchivedPartition, events: EventsObject, index: int) -> list[Row] | None:
        """The events of a group. One with a wrong checksum is read without: then each event shows whether it is the one that was changed."""
        if (rows := readable(events, index)) is not None:
            return rows
        try:
            return readable(opened(partition.url, partition.events_object, checked=False), index)
        except UNREADABLE:
            return None

    def _darken_all(self, partition: ArchivedPartition, why: str) -> None:
        self._darken(partition, partition.first_position, partition.last_position, partition.rows, why)

    def _darken(self, partition: ArchivedPartition, first: int, last: int, rows: int, why: str) -> None:
        self._dark.append((first, last, rows))
        detail = f"{where(partition)}: {why}; {rows} events between positions {first} and {last} could not be read"
        self._fault(Fault(True, first, detail))

    def _tell(self, partition: ArchivedPartition, detail: str) -> None:
        self._fault(Fault(False, partition.first_position, f"{where(partition)}: {detail}"))


def opened(url: str, name: str, *, checked: bool) -> EventsObject:
    """An object of events; raises one of `UNREADABLE`. `checked`: refuse pages whose checksum is wrong."""
    from aetherius.event_store.archive.parquet import EventsObject

    return EventsObject(place_of(url).open(name), url, name, checked=checked)


def readable(events: EventsObject, index: int) -> list[Row] | None:
    """The events of a group, if all of it can be read and is what events are made of."""
    try:
        rows = events.group(index)
    except (*UNREADABLE, AttributeError):
        return None
    right = all(isinstance(row[2], int) and isinstance(row[3], str) and isinstance(row[4], bytes) for row in rows)
    return rows if right else None


def _first_line(exc: Exception) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
