"""Which observations held at a moment, found the slow way: over all reports that were known at a position. Knows nothing of read models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Recorded


def holding(history: Sequence[Recorded], occurred: datetime, position: int) -> list[UUID]:
    """The last report of each subject by a moment, as was known at a position; latest first."""
    last: dict[tuple[Any, ...], Recorded] = {}
    for recorded in history:
        event = recorded.event
        if not isinstance(event, Reported) or recorded.position > position or recorded.occurred_at > occurred:
            continue
        subject = (event.cluster_id, event.namespace, event.labels.kind, event.labels.name, event.reason)
        if subject not in last or _when(recorded) >= _when(last[subject]):
            last[subject] = recorded
    return [each.stream_id for each in sorted(last.values(), key=_when, reverse=True)]


def _when(recorded: Recorded) -> tuple[datetime, int]:
    return recorded.occurred_at, recorded.position
