"""What a process that uses the log tells Prometheus about it. Names and their meaning: docs/operations/log.md; a renamed metric breaks alarms elsewhere.

The numbers live in the process's registry, as is Prometheus's custom; `exposition` asks the log anew for each scrape.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from aetherius.event_store.anchor_metrics import measure_anchors
from aetherius.event_store.errors import LogUnavailableError, UnknownPositionError

if TYPE_CHECKING:
    from aetherius.event_store.log import Log

logger = logging.getLogger(__name__)

APPEND_SECONDS: Final = Histogram(
    "aetherius_log_append_seconds",
    "Time of one append to the log, its commit and the wait for the log's lock included",
    ["kind"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
_UP: Final = Gauge("aetherius_log_up", "1 while the log answers")
_HEAD: Final = Gauge("aetherius_log_head", "Last position of the log: events appended since its beginning")
_CLOCK_AHEAD: Final = Gauge("aetherius_log_clock_ahead_seconds", "Last recorded time minus the database's clock")
_TIMELINE: Final = Gauge("aetherius_log_timeline", "Number of the log's timeline; one more after each restore")
_UNCONFIRMED: Final = Gauge(
    "aetherius_log_restore_unconfirmed",
    "1 when PostgreSQL was restored or promoted, and `aetherius log restored` was not run",
)
_POSITION: Final = Gauge("aetherius_reader_position", "Last position that a reader has taken in", ["reader"])
_LAG: Final = Gauge("aetherius_reader_lag_events", "Log head minus the reader's position", ["reader"])
_LAG_SECONDS: Final = Gauge(
    "aetherius_reader_lag_seconds",
    "Age of the first event that the reader has not taken in; 0 if there is none",
    ["reader"],
)
_PARKED: Final = Gauge("aetherius_reader_parked", "1 while a reader stands before an event it cannot take", ["reader"])
_AHEAD: Final = Gauge("aetherius_reader_ahead", "1 while a reader's checkpoint lies past the log's end", ["reader"])

ARCHIVED_EVENTS: Final = Counter("aetherius_archived_events", "Events that were moved into the archive by this process")
ARCHIVED_BYTES: Final = Counter("aetherius_archived_bytes", "Bytes of the objects that hold them and their proofs")

_positions: dict[str, int] = {}


def note_reader(name: str, position: int, *, parked: bool = False, ahead: bool = False) -> None:
    """Note where a reader of this process stands."""
    _positions[name] = position
    _POSITION.labels(name).set(position)
    _PARKED.labels(name).set(parked)
    _AHEAD.labels(name).set(ahead)


def forget_readers() -> None:
    """Note that no reader runs in this process any more: another replica may tell of them now."""
    _positions.clear()
    for gauge in (_POSITION, _LAG, _LAG_SECONDS, _PARKED, _AHEAD):
        gauge.clear()


def exposition(log: Log) -> bytes:
    """All metrics of the process, in Prometheus's text format. Blocking; while the log is away they say so."""
    try:
        standing = log.standing()
    except LogUnavailableError as exc:
        logger.debug("no metrics of the log: %s", exc)
        _UP.set(0)
        measure_anchors(None)
        return generate_latest()
    _UP.set(1)
    _HEAD.set(standing.head)
    measure_anchors(standing.head)
    _CLOCK_AHEAD.set(max(0.0, standing.clock_ahead))
    _TIMELINE.set(standing.timeline)
    _UNCONFIRMED.set(not standing.confirmed)
    for name, position in list(_positions.items()):
        _LAG.labels(name).set(max(0, standing.head - position))
        _LAG_SECONDS.labels(name).set(_age(log, position + 1) if position < standing.head else 0.0)
    return generate_latest()


def _age(log: Log, position: int) -> float:
    """Seconds since the log recorded a position; 0 if it cannot be told now."""
    try:
        return max(0.0, (datetime.now(UTC) - log.recorded_at(position)).total_seconds())
    except (LogUnavailableError, UnknownPositionError):
        return 0.0
