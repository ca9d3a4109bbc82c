"""Errors of the log: leaves of the tree in `domain/errors.py`.

DomainError
+-- VersionConflictError      another writer was first: load again, decide again
+-- CheckpointConflictError   another replica has done this already
+-- StreamNotFoundError       no such stream (or none yet at that time)
+-- UnknownPositionError      the log has no such position
+-- UnplaceableEventError     the time in an observation's id is archived already, or far in the future
InfrastructureError
+-- LogUnavailableError       PostgreSQL does not answer, or too late
+-- LogDamagedError           ledger and tables disagree: audit, do not retry
"""

from __future__ import annotations

from uuid import UUID

from aetherius.domain.errors import DomainError, InfrastructureError


class VersionConflictError(DomainError):
    """The stream does not end just before the version that the writer claims; nothing was written."""

    def __init__(self, stream_id: UUID, version: int) -> None:
        super().__init__(f"stream {stream_id}: version {version} does not follow what is stored")
        self.stream_id = stream_id
        self.version = version


class CheckpointConflictError(DomainError):
    """The checkpoint is already at this position or past it; nothing was written."""

    def __init__(self, name: str, position: int) -> None:
        super().__init__(f"checkpoint {name}: already at {position} or past it")
        self.name = name
        self.position = position


class StreamNotFoundError(DomainError):
    """The log holds no event of this stream up to the version or position asked for."""

    def __init__(self, stream: str, stream_id: UUID) -> None:
        super().__init__(f"{stream} {stream_id}: not in the log")
        self.stream = stream
        self.stream_id = stream_id


class UnknownPositionError(DomainError):
    """No batch of the ledger holds this position."""

    def __init__(self, position: int) -> None:
        super().__init__(f"position {position}: not in the log")
        self.position = position


class UnplaceableEventError(DomainError):
    """No partition may take this observation; nothing was written."""

    def __init__(self, stream_id: UUID, rule: str) -> None:
        super().__init__(f"observation {stream_id}: the time in its id is {rule}")
        self.stream_id = stream_id


class LogUnavailableError(InfrastructureError):
    """The log does not answer.

    Reads may be repeated. A write may have been stored: load the stream before repeating it (a repeat then meets `VersionConflictError`);
    repeating `ingest` and `transact` is safe.
    """


class LogDamagedError(InfrastructureError):
    """The next position is taken: the ledger ends before its tables do. Nothing was written, and nothing can be until that is repaired."""
