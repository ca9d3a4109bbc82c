"""Reading long stretches of the log fast: PostgreSQL sends a hundred events and more as one row of long values. (Longer ones cost its allocator more than they save.)

A page is one statement, hence one snapshot: it has no gaps, as events become visible in order of position.
"""

from __future__ import annotations

from collections.abc import Generator
from struct import Struct
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8

from aetherius.event_store.tables import Tables

StoredRow = tuple[int, bytes, int, str, bytes]
"""An event as it is stored: position, the 16 bytes of the stream's id, version, topic, state."""

_HEADS = Struct(">q16sqii")
"""Position, stream id, version, lengths of topic (in characters) and state."""


def stored_pages(
    connection: Connection[Any], tables: Tables, after: int, upto: int, size: int
) -> Generator[list[StoredRow], None, None]:
    """The events between two positions in pages of `size`, until there are no more. PostgreSQL makes the next page while one is used."""
    with connection.pipeline() as pipeline:
        coming = _ask(connection, tables, after, upto, size)
        while parts := coming.fetchall():
            pipeline.sync()  # ends a transaction: none lasts longer than a page
            coming = _ask(connection, tables, _last(parts), upto, size)
            rows: list[StoredRow] = []
            for part in parts:
                _take(rows, *part)
            yield rows


def _ask(connection: Connection[Any], tables: Tables, after: int, upto: int, size: int) -> Cursor[Any]:
    """Send the question. In a pipeline nothing waits for its answer."""
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(tables.statement("stored_page"), (Int8(after), Int8(upto), Int8(size)), prepare=True)


def _last(parts: list[Any]) -> int:
    heads: bytes = parts[-1][0]
    position: int = _HEADS.unpack_from(heads, len(heads) - _HEADS.size)[0]
    return position


def _take(rows: list[StoredRow], heads: bytes, topics: str, states: bytes) -> None:
    topic_at = state_at = 0
    for position, stream_id, version, topic_size, state_size in _HEADS.iter_unpack(heads):
        topic_end, state_end = topic_at + topic_size, state_at + state_size
        rows.append((position, stream_id, version, topics[topic_at:topic_end], states[state_at:state_end]))
        topic_at, state_at = topic_end, state_end
