"""Errors of the projections: leaves of the tree in `domain/errors.py`.

DomainError
+-- InvalidCursorError       a page cursor that this list did not give out
+-- ReadModelParkedError     an event could not be taken into a read model
+-- RebuildRunsError         the read model is being built already
+-- CompactedError           the versions of that moment were removed
+-- InvalidQueryError        a search breaks a rule
InfrastructureError
+-- ReadModelUnavailableError   PostgreSQL does not answer, or the tables are missing
+-- ReadModelBehindError        the read model has not come as far as the answer needs
+-- SearchUnavailableError      the search server does not answer, or takes no writes
+-- SearchMovedError            the index was swapped, or lost, while a batch was on its way
"""

from __future__ import annotations

from aetherius.domain.errors import DomainError, InfrastructureError


class InvalidCursorError(DomainError):
    """A cursor is malformed or belongs to another list. Attributes: `cursor`, `model`."""

    def __init__(self, cursor: str, model: str) -> None:
        super().__init__(f"cursor {cursor[:64]!r} is not one of {model}")
        self.cursor = cursor
        self.model = model


class ReadModelParkedError(DomainError):
    """A read model met an event it cannot take. Attributes: `model`, `reason` (with the position)."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(f"{model} is parked at {reason}")
        self.model = model
        self.reason = reason


class RebuildRunsError(DomainError):
    """Another process builds, verifies or compacts it. Attribute: `model`."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} is being built, verified or compacted by another process: wait for its end")
        self.model = model


class CompactedError(DomainError):
    """Versions that were superseded before `position` were removed, so what was at `as_of` is not known any more. A rebuild brings them back. Attributes:
    `as_of`, `position`."""

    def __init__(self, as_of: int, position: int) -> None:
        super().__init__(
            f"versions from before position {position} were removed: this list cannot tell what was at {as_of}; a rebuild brings them back"
        )
        self.as_of = as_of
        self.position = position


class ReadModelUnavailableError(InfrastructureError):
    """The read models do not answer; safe to repeat."""


class ReadModelBehindError(InfrastructureError):
    """A read model lags behind; ask again. Attributes: `model`, `position` (needed), `at` (where it is)."""

    def __init__(self, model: str, position: int, at: int) -> None:
        super().__init__(f"{model} is at position {at}, the answer needs {position}: ask again")
        self.model = model
        self.position = position
        self.at = at


class InvalidQueryError(DomainError):
    """A search cannot be answered as it stands. Attributes: `field` (with a path into it), `rule`."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class SearchUnavailableError(InfrastructureError):
    """The search server does not answer, is overloaded, or takes no writes; safe to repeat."""


class SearchMovedError(InfrastructureError):
    """The index that a batch went to does not serve any more, or has lost what it held: the batch is done again from where the index stands."""
