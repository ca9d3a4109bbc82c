"""Events of the log that this version cannot read: each is told of, once a topic in the process's log, always in its metrics.

During a roll-out older processes read what newer ones write: docs/decisions/0017-unreadable-events.md says what each kind of reader makes of it.
"""

from __future__ import annotations

import logging
from typing import Final

from prometheus_client import Counter

logger = logging.getLogger(__name__)

UNREADABLE: Final = Counter(
    "aetherius_log_unreadable_events", "Times that this process read an event that its version cannot read", ["topic"]
)
_told: set[str] = set()


def note_unreadable(position: int, topic: str, reason: Exception) -> None:
    """Tell of one."""
    UNREADABLE.labels(topic).inc()
    if topic not in _told:
        _told.add(topic)
        logger.warning("this version cannot read %s, as at position %d: %s", topic, position, reason)
