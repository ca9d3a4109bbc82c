"""The objects of the archive: Parquet (zstd), events in order of position in groups of some thousand, and the entries of the ledger that prove them.

A reader needs nothing of ours to use them: positions, stream ids, versions, topics and states are columns, and an entry's leaves are the hashes that
docs/event-log.md tells. The same rows always make the same bytes, so an object can be named by its content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from aetherius.event_store.archive.errors import ArchiveDamagedError
from aetherius.event_store.ledger import Entry

Row = tuple[int, UUID, int, str, bytes]
"""position, stream id, version, topic, state"""

FORMAT: Final = b"aetherius.archive.v1"
GROUP: Final = 8192
"""Events in a group, which is read whole: some megabytes."""
_END: Final = 8
"""Bytes behind the footer: its length, and what every file ends with."""
_UNREADABLE: Final = (pa.ArrowException, KeyError, AttributeError, OSError, ValueError)
"""What damage makes of its reader."""
_ENTRIES: Final = 64
"""Entries in a group: a leaf is 32 bytes, an entry has some thousand."""

_EVENTS: Final = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("stream_id", pa.binary(16), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("topic", pa.string(), nullable=False),
        pa.field("state", pa.binary(), nullable=False),
    ]
)
_LEDGER: Final = pa.schema(
    [
        pa.field("first", pa.int64(), nullable=False),
        pa.field("last", pa.int64(), nullable=False),
        pa.field("n", pa.int32(), nullable=False),
        pa.field("recorded_at", pa.int64(), nullable=False),
        pa.field("root", pa.binary(32), nullable=False),
        pa.field("prev_hash", pa.binary(32), nullable=False),
        pa.field("hash", pa.binary(32), nullable=False),
        pa.field("leaves", pa.binary(), nullable=False),
    ]
)


def write_events(path: Path, name: str, rows: Iterable[Row]) -> int:
    """Write the events of partition `name`, in order of position, to a file; how many. Memory: one group."""
    plain = ((position, id.bytes, version, topic, state) for position, id, version, topic, state in rows)
    return _write(path, _EVENTS, name, plain, GROUP)


def write_entries(path: Path, name: str, entries: Iterable[Entry]) -> int:
    """Write the entries of the ledger that hold them, in order, to a file; how many."""
    return _write(path, _LEDGER, name, (tuple(getattr(each, f.name) for f in _LEDGER) for each in entries), _ENTRIES)


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries in a file, in order."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(_ENTRIES):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Entry(**dict(zip(_LEDGER.names, row, strict=True)))


def footer_of(path: Path) -> bytes:
    """The end of a Parquet file, from where its footer begins."""
    with path.open("rb") as file:
        file.seek(-_END, os.SEEK_END)
        size = int.from_bytes(file.read(4), "little") + _END
        file.seek(-size, os.SEEK_END)
        return file.read()


class EventsObject:
    """The events of one partition, in a file or an object. Thread-safe."""

    def __init__(self, file: Any, url: str, name: str, *, checked: bool = True) -> None:
        """`file`: a path, or anything that can be read and sought; `url` and `name` are for errors; `checked`: refuse pages whose checksum is wrong.

        Raises:
            ArchiveDamagedError: no such file. Not every damage to the footer shows itself so, and some ends the process: see `reading.checked`.
            ArchiveUnavailableError: it cannot be had.
        """
        self._where = (url, name)
        self._reading = Lock()
        try:
            self._file = pq.ParquetFile(file, page_checksum_verification=checked, pre_buffer=True)
            self._check()
            self._groups = [self._bounds(index) for index in range(self._file.num_row_groups)]
        except _UNREADABLE as exc:
            raise self._damaged(exc) from exc

    def spans(self) -> list[tuple[int, int, int]]:
        """First and last position of each group, and how many events it holds."""
        counts = [self._file.metadata.row_group(index).num_rows for index in range(len(self._groups))]
        return [(first, last, count) for (first, last, _, _), count in zip(self._groups, counts, strict=True)]

    def groups_between(self, first: int, last: int) -> list[int]:
        """The groups that may hold a position of the range."""
        return [
            index for index, (lowest, highest, _, _) in enumerate(self._groups) if lowest <= last and highest >= first
        ]

    def groups_of(self, ids: Sequence[UUID]) -> list[int]:
        """The groups that may hold one of these streams."""
        wanted = [id.bytes for id in ids]
        return [
            index
            for index, (_, _, lowest, highest) in enumerate(self._groups)
            if any(lowest <= id <= highest for id in wanted)
        ]

    def group(self, index: int) -> list[Row]:
        """The events of a group, in order. Raises ``ArchiveDamagedError``."""
        try:
            with self._reading:
                table = self._file.read_row_group(index)
            columns = [column.to_pylist() for column in table.columns]
        except _UNREADABLE as exc:
            raise self._damaged(exc) from exc
        columns[1] = [UUID(bytes=id) for id in columns[1]]
        return list(zip(*columns, strict=True))

    def rows(self) -> Iterator[Row]:
        """All events, in order. Memory: one group."""
        for index in range(len(self._groups)):
            yield from self.group(index)

    def _check(self) -> None:
        schema = self._file.schema_arrow
        if (schema.metadata or {}).get(b"format") != FORMAT or not schema.equals(_EVENTS):
            raise KeyError("no events of an archive")

    def _bounds(self, index: int) -> tuple[int, int, bytes, bytes]:
        group = self._file.metadata.row_group(index)
        if [group.column(at).physical_type for at in (0, 1)] != ["INT64", "FIXED_LEN_BYTE_ARRAY"]:
            raise KeyError("the statistics are of other columns")  # reading them would end the process
        positions, ids = group.column(0).statistics, group.column(1).statistics
        return positions.min, positions.max, ids.min, ids.max

    def _damaged(self, exc: Exception) -> ArchiveDamagedError:
        return ArchiveDamagedError(*self._where, f"{type(exc).__name__}: {exc}")


def _write(path: Path, schema: Any, name: str, rows: Iterable[tuple[Any, ...]], at_once: int) -> int:
    schema = schema.with_metadata({b"format": FORMAT, b"partition": name.encode()})
    total, remaining = 0, iter(rows)
    keys = [each.name for each in schema if each.name not in ("state", "leaves")]
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=["topic"] if "topic" in schema.names else False,
        write_statistics=keys,
        write_page_checksum=True,
    ) as writer:
        while some := list(islice(remaining, at_once)):
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*some, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=at_once)
            total += len(some)
    return total
