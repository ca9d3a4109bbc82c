"""What occurs where in the log: for each topic of `observed` and each cluster, the stretches of positions that hold such an event.

A filter that matches rarely reads only those stretches. The table is small (one row for a key and 16,384 positions, if the key occurs there at all), is written
lazily by `contents_index.py`, and is only ever a hint: a stretch may be named for nothing, and what lies behind the index's checkpoint is scanned. Why not an
index on the log itself: docs/decisions/0011-filtered-reading.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

CHECKPOINT: Final = "log_contents"
"""Everything up to here is in the table."""

_STRETCH_BITS: Final = 8
"""A stretch is 256 positions: few enough to be scanned for one event, enough that a key's row is worth it."""
_CHUNK_BITS: Final = _STRETCH_BITS + 6
"""A row holds 64 stretches, one bit each: what a bigint has."""
_SIGN: Final = 1 << 63
_ALL: Final = 1 << 64

Stretch = tuple[int, int]
"""First and last position."""


def topic_key(topic: str) -> str:
    """The key of a topic of `observed`."""
    return f"t:{topic}"


def cluster_key(cluster: str) -> str:
    """The key of a cluster; of "" for events that concern all of them."""
    return f"c:{cluster}"


class Contents:
    """Gathers what occurs in a batch of events."""

    def __init__(self) -> None:
        self._stretches: dict[tuple[str, int], int] = {}

    def add(self, keys: Iterable[str], position: int) -> None:
        """Note that an event of these keys stands at a position."""
        chunk, bit = position >> _CHUNK_BITS, 1 << ((position >> _STRETCH_BITS) & 63)
        for key in keys:
            self._stretches[key, chunk] = self._stretches.get((key, chunk), 0) | bit

    def columns(self) -> tuple[list[str], list[int], list[int]]:
        """Keys, chunks and stretches for the table, in its order: writers that lock rows in one order do not block each other for ever."""
        rows = sorted(self._stretches.items())
        return (
            [key for (key, _), _ in rows],
            [chunk for (_, chunk), _ in rows],
            [bits - _ALL if bits & _SIGN else bits for _, bits in rows],
        )


def chunk_of(position: int) -> int:
    """The chunk that a position lies in."""
    return position >> _CHUNK_BITS


def end_of_chunk(chunk: int) -> int:
    """The last position of a chunk."""
    return ((chunk + 1) << _CHUNK_BITS) - 1


def stretches_of(rows: Sequence[tuple[int, int]], after: int, upto: int) -> list[Stretch]:
    """The stretches that rows of the table (chunk, bits) name, joined where they touch, as far as they lie behind `after` and not behind `upto`."""
    joined: list[Stretch] = []
    for first, last in _named(rows):
        first, last = max(first, after + 1), min(last, upto)
        if first > last:
            continue
        if joined and joined[-1][1] + 1 == first:
            first = joined.pop()[0]
        joined.append((first, last))
    return joined


def _named(rows: Sequence[tuple[int, int]]) -> Iterator[Stretch]:
    for chunk, bits in rows:
        left = bits % _ALL
        while left:
            lowest = left & -left
            first = (chunk << _CHUNK_BITS) + ((lowest.bit_length() - 1) << _STRETCH_BITS)
            yield first, first + (1 << _STRETCH_BITS) - 1
            left ^= lowest
