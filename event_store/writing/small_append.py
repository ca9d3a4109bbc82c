"""A small append in one round trip: a function in the database takes the lock, chains the ledger and stores (`migrations/0004_append.pre.sql`).

The leaves are hashed here, before the lock is asked for, under the guess that nobody else has written since the last append of this process. If
somebody has, the function hashes them again with the true positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from struct import Struct
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8

from aetherius.event_store.ledger import leaf_start, merkle_root
from aetherius.event_store.tables import Tables

SMALL = 256
"""Events that are stored so at most: with more, COPY's round trips cost less than the arrays."""

_HEADER = Struct(">iiIii").pack
_LENGTH = Struct(">i").pack
_NUMBER = Struct(">iq").pack
_UUID_LENGTH = _LENGTH(16)


class _Array(bytes):
    """A PostgreSQL array in its binary format."""


class _Uuids(_Array): ...


class _Numbers(_Array): ...


class _Texts(_Array): ...


class _Byteas(_Array): ...


def store_small(
    connection: Connection[Any],
    tables: Tables,
    table: str,
    events: Sequence[StoredEvent],
    *,
    guess: int,
    streams: Mapping[UUID, int],
    checkpoint: tuple[str, int] | None = None,
) -> int:
    """Store the events in `table`, commit, and return their last position; -1 if the checkpoint is not below its position, and nothing was written.

    Args:
        guess: the log's last position, as far as is known.
        streams: the versions that streams must end with.

    Raises:
        UniqueViolation: a stream does not end so, or a key is taken; nothing was written.
    """
    leaves = _leaves(guess + 1, events)
    name, position = checkpoint or (None, None)
    values = (
        name,
        None if position is None else Int8(position),
        _uuids(streams),
        _numbers(streams.values()),
        Int8(guess),
        b"".join(leaves),
        merkle_root(leaves),
        _uuids(event.originator_id for event in events),  # type: ignore[misc]  # ids are UUIDs here
        _numbers(event.originator_version for event in events),
        _Texts(_array(25, [event.topic.encode() for event in events])),
        _Byteas(_array(17, [event.state for event in events])),
    )
    cursor = connection.cursor(row_factory=tuple_row, binary=True)
    row = cursor.execute(_call(tables, table), values, prepare=True).fetchone()
    assert row is not None, "a function returns one row"
    last: int = row[0]
    return last


@cache
def _call(tables: Tables, table: str) -> bytes:
    return tables.statement("append", table).as_bytes()  # once: it takes as long as packing the values


def _leaves(first: int, events: Sequence[StoredEvent]) -> list[bytes]:
    starts: dict[str, tuple[bytes, Callable[..., bytes]]] = {}
    leaves = []
    for position, event in enumerate(events, first):
        if event.topic not in starts:
            topic = event.topic.encode()
            starts[event.topic] = topic, leaf_start(len(topic))
        topic, start = starts[event.topic]
        image = start(0, position, event.originator_id.bytes, event.originator_version, len(topic), topic)  # type: ignore[union-attr]  # a UUID
        leaves.append(sha256(image + event.state).digest())
    return leaves


def _uuids(ids: Iterable[UUID]) -> _Uuids:
    parts = [_UUID_LENGTH + id.bytes for id in ids]
    return _Uuids(_start(2950, len(parts)) + b"".join(parts))


def _numbers(numbers: Iterable[int]) -> _Numbers:
    parts = [_NUMBER(8, number) for number in numbers]
    return _Numbers(_start(20, len(parts)) + b"".join(parts))


def _array(oid: int, values: Sequence[bytes]) -> bytes:
    parts = [_start(oid, len(values))]
    for value in values:
        parts += _LENGTH(len(value)), value
    return b"".join(parts)


def _start(oid: int, size: int) -> bytes:
    """Dimensions, no NULLs, the elements' type, and of the one dimension size and first index. An empty array has no dimension."""
    return _HEADER(1, 0, oid, size, 1) if size else _HEADER(0, 0, oid, 0, 0)[:12]


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer | None:
        return bytes(obj)


def _register(array: type[_Array], array_oid: int) -> None:
    psycopg.adapters.register_dumper(array, type(f"{array.__name__}Dumper", (_ArrayDumper,), {"oid": array_oid}))


for _array_type, _oid in ((_Uuids, 2951), (_Numbers, 1016), (_Texts, 1009), (_Byteas, 1001)):
    _register(_array_type, _oid)
