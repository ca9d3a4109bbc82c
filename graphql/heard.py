"""How far a subscription has come, told by the one that follows the log to the transport that sends heartbeats: so that a client whose filter finds nothing can
resume near the log's end, not where it began."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass
class Heard:
    """Of one operation."""

    passed: int | None = None
    """Everything up to here was sent, or is not wanted: the position to go on after."""
    payload: int | None = None
    """Of the payload that is on its way."""


HEARD: Final[ContextVar[Heard]] = ContextVar("heard")
"""Set by a transport, in the task that an operation runs in."""


def heard() -> Heard:
    """The present operation's; one that nobody reads, if no transport asks."""
    return HEARD.get(None) or Heard()
