"""Ids of observations: the same thing seen twice gets the same id, so that a repeat meets the log's primary key.

The layout is UUIDv7's, so ids sort by time and inserts stay local: 48 bits of milliseconds, then a hash instead of random bits.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

_MAX_MILLISECONDS = (1 << 48) - 1
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def observation_id(cluster_id: str, at: datetime, *what: object) -> str:
    """The id of what happened in a cluster at a moment, named by parts such as an object's UID and its series count."""
    named = "\x1f".join((cluster_id, *map(str, what)))
    digest = int.from_bytes(hashlib.sha256(named.encode()).digest()[:10], "big")
    milliseconds = min(max(int(at.timestamp() * 1000), 0), _MAX_MILLISECONDS)
    high, low = (digest >> 62) & 0xFFF, digest & ((1 << 62) - 1)
    return str(UUID(int=milliseconds << 80 | _VERSION | high << 64 | _VARIANT | low))
