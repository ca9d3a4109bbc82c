"""Reading long stretches of the log fast: PostgreSQL sends each page as one value, and makes the next while one is used.

A page is one statement, hence one snapshot: it has no gaps, as events become visible in order of position.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8

from aetherius.domain.event import Recorded, decode
from aetherius.event_store.tables import Tables

StoredRow = tuple[int, bytes, int, str, bytes]
"""An event as it is stored: position, the 16 bytes of the stream's id, version, topic, state."""

_HEAD = Struct(">q16sqii")
"""Position, stream id, version, lengths of topic and state, which follow."""


def stored_pages(
    connection: Connection[Any], tables: Tables, after: int, upto: int, size: int
) -> Iterator[list[StoredRow]]:
    """The events between two positions in pages of `size`, until there are no more. The connection is in use until the end."""
    with connection.pipeline() as pipeline:
        coming = _ask(connection, tables, after, upto, size)
        while True:
            last, page = coming.fetchone() or (0, b"")
            pipeline.sync()  # no transaction stays open while the page is used
            if not page:
                return
            coming = _ask(connection, tables, last, upto, size)
            yield _parsed(page)


def recorded_of(row: StoredRow) -> Recorded:
    """The event in a stored row."""
    position, stream_id, version, topic, state = row
    event, occurred_at, cause = decode(topic, state)
    return Recorded(
        position=position,
        stream_id=UUID(bytes=stream_id),
        version=version,
        event=event,
        occurred_at=occurred_at,
        cause=cause,
    )


def _ask(connection: Connection[Any], tables: Tables, after: int, upto: int, size: int) -> Cursor[Any]:
    """Send the question. In a pipeline nothing waits for its answer."""
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(tables.statement("stored_page"), (Int8(after), Int8(upto), Int8(size)), prepare=True)


def _parsed(page: bytes) -> list[StoredRow]:
    head, size, topics = _HEAD.unpack_from, _HEAD.size, dict[bytes, str]()
    rows: list[StoredRow] = []
    at, end = 0, len(page)
    while at < end:
        position, stream_id, version, topic_size, state_size = head(page, at)
        state_at = at + size + topic_size
        topic = page[at + size : state_at]
        if topic not in topics:
            topics[topic] = topic.decode()
        at = state_at + state_size
        rows.append((position, stream_id, version, topics[topic], page[state_at:at]))
    return rows
