"""A cache that forgets what was least lately used, and counts for Prometheus how often it knew the answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from aetherius.graphql.metrics import CACHE_LOOKUPS

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Of one event loop. `name` is its label."""

    def __init__(self, name: str, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._hits = CACHE_LOOKUPS.labels(name, "hit")
        self._misses = CACHE_LOOKUPS.labels(name, "miss")

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def get(self, key: K, make: Callable[[], V]) -> V:
        """What was kept for a key, or is made now. What `make` raises is not kept."""
        if key in self._kept:
            self._hits.inc()
            self._kept.move_to_end(key)
            return self._kept[key]
        self._misses.inc()
        made = make()
        self.put(key, made)
        return made

    def find(self, key: K) -> V | None:
        """What was kept for a key."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value; the one used longest ago makes room."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
