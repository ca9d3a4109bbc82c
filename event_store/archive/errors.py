"""Errors of the archive: leaves of the tree in `domain/errors.py`.

DomainError
+-- NotArchivedError           no such partition is archived
+-- ArchiveStoppedError        the archiver was asked to stop
+-- RetentionTooShortError     events could still arrive for what would be archived
InfrastructureError
+-- ArchiveUnavailableError    an object cannot be had, now or with these credentials
+-- ArchiveDamagedError        an object is not what was archived
+-- LogUnavailableError
    +-- ArchiveBusyError       another process changes the archive, or reads what is to be detached
"""

from __future__ import annotations

from aetherius.domain.errors import DomainError, InfrastructureError
from aetherius.event_store.errors import LogUnavailableError


class NotArchivedError(DomainError):
    """No partition of this name is in the archive; nothing was changed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"partition {name}: not archived; `aetherius archive list` shows what is")
        self.name = name


class ArchiveStoppedError(DomainError):
    """The archiver was asked to stop before it was done; the next round goes on."""

    def __init__(self, name: str) -> None:
        super().__init__(f"stopped at partition {name}")


class RetentionTooShortError(DomainError):
    """Events that are still accepted would have no place; nothing was changed."""

    def __init__(self, days: int, accepted: float) -> None:
        super().__init__(f"retention: {days} days is less than the {accepted:g} days in which late events are accepted")


class ArchiveUnavailableError(InfrastructureError):
    """An object of the archive, or the place where it lies, does not answer. Nothing was skipped; safe to repeat."""

    def __init__(self, url: str, name: str, reason: str) -> None:
        super().__init__(f"archive {url}: {name or 'the place'} cannot be had: {reason}")
        self.url = url
        self.object = name


class ArchiveDamagedError(InfrastructureError):
    """An object of the archive is not what was archived: restore it from a copy, and audit."""

    def __init__(self, url: str, name: str, reason: str) -> None:
        super().__init__(f"archive {url}: {name} is damaged: {reason}")
        self.url = url
        self.object = name


class ArchiveBusyError(LogUnavailableError):
    """Another process changes the archive, or somebody reads what is to be detached; safe to repeat later."""
