"""Which cluster an event is about: the one it names, else the one that the first event of its stream names.

Events of a stream that names none (a strategy that was selected, a definition that was published) concern every cluster: a filter by cluster lets them pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from aetherius.domain.event import Event, Recorded

NO_CLUSTER: Final = ""
_KEPT: Final = 50_000

FirstEvents = Callable[[list[UUID]], Sequence[Recorded]]
"""The first events of some decided streams, as far as there are any."""


def named_cluster(event: Event) -> str | None:
    """The cluster that an event names itself."""
    named = getattr(event, "cluster_id", None) or getattr(getattr(event, "target", None), "cluster_id", None)
    return named if isinstance(named, str) else None


class Clusters:
    """Remembers the clusters of streams. Thread-safe: what two threads learn at once is the same."""

    def __init__(self) -> None:
        self._of_stream: dict[UUID, str] = {}

    def of(self, events: Sequence[Recorded], first_events: FirstEvents) -> list[str]:
        """The cluster of each event, `NO_CLUSTER` for one that concerns all of them."""
        named = [named_cluster(recorded.event) for recorded in events]
        unknown = {
            recorded.stream_id
            for recorded, cluster in zip(events, named, strict=True)
            if cluster is None and recorded.stream_id not in self._of_stream
        }
        found = {
            first.stream_id: named_cluster(first.event) or NO_CLUSTER
            for first in (first_events(list(unknown)) if unknown else ())
        }
        known = self._of_stream
        answer = [
            cluster or known.get(recorded.stream_id) or found.get(recorded.stream_id, NO_CLUSTER)
            for recorded, cluster in zip(events, named, strict=True)
        ]
        self._remember(found)
        return answer

    def _remember(self, found: dict[UUID, str]) -> None:
        if len(self._of_stream) + len(found) > _KEPT:
            self._of_stream = {}
        self._of_stream.update(found)
