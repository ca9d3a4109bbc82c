"""Errors of the log: leaves of the tree in `domain/errors.py`.

DomainError
+-- VersionConflictError      another writer was first: load again, decide again
+-- CheckpointConflictError   another replica has done this already
+-- StreamNotFoundError       no such stream (or none yet at that time)
+-- UnknownPositionError      the log has no such position
+-- UnplaceableEventError     the time in an observation's id is archived already, or far in the future
+-- AnotherTimelineError     the position is of a time that the log was restored to before
InfrastructureError
+-- LogUnavailableError       PostgreSQL does not answer, or too late
|   +-- ServerChangedError    another PostgreSQL answers than before: begin again from the checkpoint
+-- PositionAheadError       the log ends before the position: it was restored to an earlier point
+-- LogDamagedError           ledger and tables disagree: audit, do not retry
+-- LeadershipLostError       the session that holds the leader's lock is gone
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


class AnotherTimelineError(DomainError):
    """The position belongs to events that the log lost when it was restored, or to another log.

    What was derived from positions past `shared` must be thrown away. Attributes: `position`, `timeline` (the one it came with), `current`, `shared`
    (the last position that both have).
    """

    def __init__(self, position: int, timeline: UUID, current: UUID, shared: int) -> None:
        super().__init__(
            f"position {position} is of timeline {timeline}, of which this log has only what is up to {shared}: drop what you know past it, and go on "
            f"after {shared} on timeline {current}"
        )
        self.position = position
        self.timeline = timeline
        self.current = current
        self.shared = shared


class PositionAheadError(InfrastructureError):
    """The log ends before a position that somebody has read: it was restored to an earlier point, or is another one. Attributes: `position`, `head`."""

    def __init__(self, position: int, head: int) -> None:
        super().__init__(
            f"position {position} was read, but the log ends at {head}: it was restored to an earlier point"
        )
        self.position = position
        self.head = head


class ServerChangedError(LogUnavailableError):
    """Another PostgreSQL server answers than before (restarted, promoted or restored): what was read ahead of a checkpoint may not hold any more."""

    def __init__(self) -> None:
        super().__init__("another PostgreSQL server answers: reading on from the checkpoint")


class LeadershipLostError(InfrastructureError):
    """This replica does not lead any more: PostgreSQL, or the way to it, is away. Safe to try again."""
