"""What a runner tells about itself: where its reader stands, and what was just committed."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from aetherius.domain.event import Recorded
from aetherius.event_store.pending import Pending


class ReaderStatus(enum.StrEnum):
    """`waiting`: has read all there is. `parked`: met an event it cannot take, and stays there until it is resumed or restarted. `paused`: told to stand still.
    `ahead`: its checkpoint lies past the log's end, which was restored to an earlier point; it goes on once it was rebuilt."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    BACKING_OFF = "backing_off"
    PARKED = "parked"
    PAUSED = "paused"
    AHEAD = "ahead"


class ReaderState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reader is."""

    name: str
    status: ReaderStatus = ReaderStatus.STARTING
    position: int = 0
    """Everything up to here was taken in."""
    error: str = ""
    """Why it backs off or is parked."""
    poison_position: int | None = None
    """The event it cannot take, when that is known."""
    poison_topic: str = ""


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """One batch is done. Empty when only the place in the log was found again."""

    position: int
    batch: Sequence[Recorded] = ()
    decided: Sequence[Pending] = ()
    """Events that a process manager appended with it."""
