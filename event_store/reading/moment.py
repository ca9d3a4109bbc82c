"""A recorded time, as the log sees it."""

from __future__ import annotations

import msgspec


class Moment(msgspec.Struct, frozen=True):
    """What a time is to the log."""

    position: int
    """The last one that was recorded at or before it; 0 if none was."""
    head: int
    """The log's end."""
    past: bool
    """By the database's clock: nothing will be recorded at or before it any more."""
