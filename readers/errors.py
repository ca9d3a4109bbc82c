"""Errors of the readers of the log: leaves of the tree in `domain/errors.py`.

DomainError
+-- UnsavedDecisionsError     a process manager changed an aggregate and did not save it
+-- UnknownReaderError        nobody by this name reads the log
InfrastructureError
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
