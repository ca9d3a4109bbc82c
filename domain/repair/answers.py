"""What agents answer to typed actions, as JSON: the shapes that several actions share."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Name = Annotated[str, msgspec.Meta(max_length=253, min_length=1)]


class WorkloadRef(msgspec.Struct, frozen=True, kw_only=True):
    """A workload by name."""

    kind: Name
    namespace: Name
    name: Name


class RepairAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Output of an action that changed something, or, simulated, says what it would change."""

    action: str
    changed: bool
    """False when the object was as wanted already (a repeated command)."""
    summary: str
    undo_action: str = ""
    undo_parameters: dict[str, Any] = {}
    generation: int = 0
    warnings: list[str] = []
    """What a person should know of it."""
    changes: list[str] = []
    """What changes, field by field: `path: before -> after`; values that may be secret are left out."""
    affected: list[str] = []
    """Whom it touches besides the object itself, as `namespace/kind/name`."""
    seen: list[str] = []
    """Simulated: the facts that it stands on."""
    neighbours: list[str] = []
    """Executed: workloads beside it that were well before, as `Kind/namespace/name@generation`."""


class OutdatedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Output of an action that changed nothing, because what its plan stood on is different by now."""

    outdated: str
    """Which facts, and how."""


class VerificationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Output of a verification."""

    verified: bool
    summary: str
    observed: dict[str, Any] = {}
