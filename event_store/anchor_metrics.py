"""How far the log is anchored, for Prometheus: an anchor that is not noted leaves what came since open to be rewritten unseen, and nothing else would tell.

What it means, and when to be alarmed: docs/operations/log.md.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from prometheus_client import Gauge

_AGE: Final = Gauge("aetherius_anchor_age_seconds", "Seconds since the log's head was last anchored", ["place"])
_MISSING: Final = Gauge("aetherius_anchor_missing_events", "Positions that are not anchored yet", ["place"])

_since: dict[str, float] = {}
_anchored: dict[str, int] = {}
_lock: Final = threading.Lock()
"""Rounds end in threads of their own: one may end after this process was told to forget."""


def expect_anchors(place: str) -> None:
    """Note that heads are to be anchored in a place (`file`, `bucket`) from now on: until the first one is, the age counts from here."""
    with _lock:
        _since[place] = time.monotonic()


def note_anchored(place: str, position: int) -> None:
    """Note that the place holds the log's head, which is this position; nothing, if no anchors are expected there any more."""
    with _lock:
        if place in _since:
            _since[place] = time.monotonic()
            _anchored[place] = position


def forget_anchors() -> None:
    """Note that this process anchors nothing any more: another replica may tell of it now."""
    with _lock:
        _since.clear()
        _anchored.clear()
        _AGE.clear()
        _MISSING.clear()


def measure_anchors(head: int | None) -> None:
    """Bring the metrics up to date. `head`: the log's last position, None while it is away."""
    now = time.monotonic()
    with _lock:
        for place, since in _since.items():
            _AGE.labels(place).set(now - since)
            if head is not None and place in _anchored:
                _MISSING.labels(place).set(max(0, head - _anchored[place]))
