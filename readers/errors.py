"""Errors of the readers of the log: leaves of the tree in `domain/errors.py`.

DomainError
+-- UnsavedDecisionsError     a process manager changed an aggregate and did not save it
+-- UnknownReaderError        nobody by this name reads the log
+-- NotParkedError            no delivery stands parked at this position
InfrastructureError
+-- FanOutClosedError         the process stops: follow on elsewhere
+-- DestinationAwayError      where deliveries go does not answer: all of them wait
+-- ReadersUnavailableError   what readers keep in PostgreSQL (state rows, orders, where they stand) does not answer
"""

from __future__ import annotations

from collections.abc import Sequence

from aetherius.domain.errors import DomainError, InfrastructureError


class UnsavedDecisionsError(DomainError):
    """Decisions would have been lost; nothing was written. Attributes: `reader`, `streams` (kind and id of each)."""

    def __init__(self, reader: str, streams: Sequence[str]) -> None:
        super().__init__(f"{reader} decided and did not save: {', '.join(streams)}")
        self.reader = reader
        self.streams = streams


class UnknownReaderError(DomainError):
    """Attributes: `name`, `known`."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no reader {name!r}: there are {', '.join(known) or 'none'}")
        self.name = name
        self.known = known


class ReadersUnavailableError(InfrastructureError):
    """PostgreSQL does not answer for what readers keep there; safe to repeat."""


class FanOutClosedError(InfrastructureError):
    """This process does not follow the log any more. Go on elsewhere, after the last position seen."""

    def __init__(self) -> None:
        super().__init__("the log is not followed here any more")


class NotParkedError(DomainError):
    """No delivery of the subscription stands parked at this position: it was retried or dropped, or never was. Nothing was changed."""

    def __init__(self, subscription: str, position: int) -> None:
        super().__init__(f"{subscription}: nothing is parked at position {position}")
        self.subscription = subscription
        self.position = position


class DestinationAwayError(InfrastructureError):
    """Where a subscription delivers to does not answer, whatever is delivered: everything waits, and it counts as no attempt. Raised by an effect."""
