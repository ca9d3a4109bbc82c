"""A release that needs more memory than the one before it: its leak or its need came with it, and a higher limit hides the first and pays for the second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.quantity import parse_memory
from aetherius.domain.repair.workload_history import RevisionSummary
from aetherius.domain.wire.analysis import Evidence

CAUSE: Final = "MemoryRegression"
FRESH: Final = timedelta(hours=24)
"""Kills that begin so soon after a release are put to its account."""


class Regression(msgspec.Struct, frozen=True):
    """The release that brought it, and the one before."""

    current: RevisionSummary
    before: RevisionSummary
    container: str

    @property
    def evidence(self) -> Evidence:
        """In words."""
        old, new = self.before.images.get(self.container, ""), self.current.images.get(self.container, "")
        return Evidence(
            source="rollout",
            finding=f"revision {self.current.revision} changed {self.container}: {old} -> {new}; revision {self.before.revision} was available under no "
            "higher limit: the release needs more, or leaks",
            weight=0.5,
        )


def regression(file: EvidenceFile, container: str, kills: Sequence[datetime]) -> Regression | None:
    """The release to whose account a container's kills are put; None where it is not fresh, brought no other image, or lowered the limit itself."""
    current, before = file.current_revision(), next(iter(file.earlier_available()), None)
    if current is None or before is None or not _is_fresh(current, kills):
        return None
    images = (before.images.get(container), current.images.get(container))
    if None in images or images[0] == images[1] or _lowered(container, before, current):
        return None
    return Regression(current, before, container)


def _is_fresh(current: RevisionSummary, kills: Sequence[datetime]) -> bool:
    try:
        made = datetime.fromisoformat(current.created_at)
    except ValueError:
        return False
    return bool(kills) and made.tzinfo is not None and timedelta(0) <= min(kills) - made <= FRESH


def _lowered(container: str, before: RevisionSummary, current: RevisionSummary) -> bool:
    """Or set where there was none; not known counts as not lowered: then a person decides."""
    old, new = before.memory_limits.get(container), current.memory_limits.get(container)
    if old is None or new is None or not new:
        return False
    try:
        return not old or parse_memory(new) < parse_memory(old)
    except InvalidMessageError:
        return False
