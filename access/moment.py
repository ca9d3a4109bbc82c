"""Moments that a question may be of: past ones only, as what is still to come would change the answer later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from aetherius.access.errors import InvalidArgumentError
from aetherius.event_store.log import Log

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=2)
_LATEST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)


def aware(time: datetime, field: str) -> datetime:
    """The time, if it has a zone, and lies within the calendar in any. Raises ``InvalidArgumentError``."""
    if time.tzinfo is None:
        raise InvalidArgumentError(field, "give the time with its zone, as in 2026-11-23T12:00:00Z")
    if not _EARLIEST < time < _LATEST:
        raise InvalidArgumentError(field, "lies outside of the years 1 to 9999")
    return time


def known_position(log: Log, position: int, field: str) -> int:
    """The position, if the log has it or it is 0. Blocks.

    Raises:
        InvalidArgumentError: it is negative, or the log ends before it.
    """
    if position < 0:
        raise InvalidArgumentError(field, "must not be negative")
    if position > (head := log.head()):
        raise InvalidArgumentError(field, f"the log ends at {head}", head)
    return position


def position_by(log: Log, time: datetime, field: str) -> int:
    """The last position that was recorded by a time. Blocks.

    Raises:
        InvalidArgumentError: the time has no zone, is none of the calendar's, or is not past by the database's clock.
    """
    moment = log.moment(aware(time, field))
    if not moment.past:
        raise InvalidArgumentError(field, f"is not past: the log ends at {moment.head}", moment.head)
    return moment.position
