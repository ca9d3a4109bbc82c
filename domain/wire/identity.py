"""Ids of observations: the same thing seen twice gets the same id, so that a repeat meets the log's primary key.

The layout is UUIDv7's, so ids sort by time and inserts stay local: 48 bits of milliseconds, then a hash instead of random bits. The log's partitions
are ranges of these ids.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

TIME_SHIFT = 80
"""Bits of an id below its milliseconds."""

_MAX_MILLISECONDS = (1 << 48) - 1
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def observation_id(cluster_id: str, at: datetime, *what: object) -> str:
    """The id of what happened in a cluster at a moment, named by parts such as an object's UID and its series count."""
    named = "\x1f".join((cluster_id, *map(str, what)))
    digest = int.from_bytes(hashlib.sha256(named.encode()).digest()[:10], "big")
    high, low = (digest >> 62) & 0xFFF, digest & ((1 << 62) - 1)
    return str(UUID(int=milliseconds(at) << TIME_SHIFT | _VERSION | high << 64 | _VARIANT | low))


def milliseconds(at: datetime) -> int:
    """A moment as an id holds it: milliseconds since 1970, no less than 0 and no more than 48 bits."""
    return min(max(int(at.timestamp() * 1000), 0), _MAX_MILLISECONDS)


def milliseconds_of(id: UUID) -> int:
    """The time in an id of this layout."""
    return id.int >> TIME_SHIFT
