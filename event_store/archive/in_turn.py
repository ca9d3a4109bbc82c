"""Merges sorted sources that are opened when their turn comes, and not before: of a long archive only what is under way is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush, heapreplace
from typing import TypeVar

T = TypeVar("T")

Source = tuple[int, Callable[[], Iterator[tuple[int, T]]]]
"""The first position of a source, and how to open it: pairs of a position and what stands there, in order."""


def in_turn(sources: Iterable[Source[T]]) -> Iterator[tuple[int, T]]:
    """What the sources hold, in order of position; each is opened before anything at or behind its first position is given."""
    waiting = sorted(((first, number, opened) for number, (first, opened) in enumerate(sources)), reverse=True)
    heap: list[tuple[int, int, T, Iterator[tuple[int, T]]]] = []
    while waiting or heap:
        while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
            _, number, opened = waiting.pop()
            items = opened()
            if head := next(items, None):
                heappush(heap, (head[0], number, head[1], items))
        if not heap:
            continue
        position, number, item, items = heap[0]
        yield position, item
        if head := next(items, None):
            heapreplace(heap, (head[0], number, head[1], items))
        else:
            heappop(heap)
