"""Which versions a batch claims, and whether they follow what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from aetherius.event_store.errors import VersionConflictError
from aetherius.event_store.writing.appending import Versions
from aetherius.event_store.writing.group_commit import Batch, Outcome


def claim(batch: Batch, versions: Versions) -> None:
    """Check each event's version against its stream's last one, and move `versions` on if all hold."""
    claimed: Versions = {}
    for event in batch:
        stream_id = stream_id_of(event)
        last = claimed[stream_id] if stream_id in claimed else versions[stream_id]
        if event.originator_version != last + 1:
            raise VersionConflictError(stream_id, event.originator_version)
        claimed[stream_id] = last + 1
    versions.update(claimed)


def expected(events: Sequence[StoredEvent]) -> Versions | None:
    """The version that each stream must end with for the events to follow it; None if they do not follow one another."""
    expected: Versions = {}
    last: Versions = {}
    for event in events:
        stream_id, version = stream_id_of(event), event.originator_version
        before = last.get(stream_id)
        if version < 1 or (before is not None and version != before + 1):
            return None
        if before is None:
            expected[stream_id] = version - 1
        last[stream_id] = version
    return expected


def ends(position: int, batches: Sequence[Batch]) -> Sequence[Outcome]:
    """The last position of each batch, the first of which follows `position`."""
    return list(accumulate((len(batch) for batch in batches), initial=position))[1:]


def stream_id_of(event: StoredEvent) -> UUID:
    assert isinstance(event.originator_id, UUID)
    return event.originator_id


def distinct(stored: Sequence[StoredEvent]) -> list[StoredEvent]:
    seen: dict[tuple[UUID | str, int], StoredEvent] = {}
    for event in stored:
        seen.setdefault((event.originator_id, event.originator_version), event)
    return list(seen.values())
