"""Errors of whoever asks over HTTP: leaves of the tree in `domain/errors.py`.

DomainError
+-- InvalidArgumentError    an argument breaks a rule
|   +-- PositionAheadError  a position that the log does not have yet
+-- ForbiddenError          the user's role does not allow it
+-- UnknownThingError       no such node or stream
+-- NoTokenError            nobody known asks
InfrastructureError
+-- TokensFileError         the file of tokens is missing or malformed
+-- StoppingError           this process ends: connect again
"""

from __future__ import annotations

from pathlib import Path

from aetherius.domain.errors import DomainError, InfrastructureError


class InvalidArgumentError(DomainError):
    """Attributes: `field` (the argument, with a path into it), `rule`; of a moment that is not past, `head` (the log's end)."""

    def __init__(self, field: str, rule: str, head: int | None = None) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
        if head is not None:
            self.head = head


class PositionAheadError(InvalidArgumentError):
    """The log ends before a position to go on after: it was restored to an earlier point, or is another one. Attributes: `field`, `rule`, `head`."""

    def __init__(self, field: str, head: int) -> None:
        super().__init__(field, f"the log ends at {head}", head)


class NoTokenError(DomainError):
    """Nobody known asks."""

    def __init__(self) -> None:
        super().__init__("a bearer token is needed")


class ForbiddenError(DomainError):
    """Attributes: `field` (what was asked for), `role` (that it needs)."""

    def __init__(self, field: str, role: str) -> None:
        super().__init__(f"{field} needs the role {role}")
        self.field = field
        self.role = role


class UnknownThingError(DomainError):
    """Attributes: `field` (the argument that names it), `name`."""

    def __init__(self, field: str, name: str) -> None:
        super().__init__(f"{field}: there is no {name}")
        self.field = field
        self.name = name


class TokensFileError(InfrastructureError):
    """Attributes: `path`, `rule`."""

    def __init__(self, path: Path, rule: str) -> None:
        super().__init__(f"tokens file {path}: {rule}")
        self.path = path
        self.rule = rule


class StoppingError(InfrastructureError):
    """The process ends. Connect again, and go on after the last position seen."""

    def __init__(self) -> None:
        super().__init__("this server is stopping: connect again, and go on after the last position seen")
