"""The wall clock, as everything that needs one takes it: by argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the time: an argument, so that tests give their own."""


def utc_now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)
