"""What an aggregate is: a stream's state, folded from its events, and the rules that decide the next ones.

A public method decides (it may raise a `DomainError`, and then nothing happened); `evolve` changes state and can refuse nothing, so replay never
fails. Plain classes over msgspec events instead of a library's base class: see docs/decisions/0002-events-are-structs.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from aetherius.domain.event import Event, Unreadable


class Aggregate:
    """State of one stream. `pending` holds what was decided and not yet stored, each with the time it happened."""

    stream: ClassVar[str]
    """Kind of the streams, the first word of their topics."""

    def __init__(self, id: UUID) -> None:
        self.id = id
        self.version = 0
        self.pending: list[tuple[Event, datetime]] = []

    def evolve(self, event: Event) -> None:
        """Change state by an event. Never raises on an event of its own stream."""
        raise NotImplementedError

    def record(self, event: Event, at: datetime) -> None:
        """Take a decided event: apply it now, store it when the aggregate is saved."""
        self._apply(event)
        self.pending.append((event, at))

    def collect(self) -> list[tuple[int, Event, datetime]]:
        """Hand over the pending events with their versions, and forget them."""
        first = self.version - len(self.pending) + 1
        collected = [(first + i, event, at) for i, (event, at) in enumerate(self.pending)]
        self.pending = []
        return collected

    @classmethod
    def replay(cls, id: UUID, events: Iterable[Event]) -> Self:
        """The aggregate after these events, which are its stream from the start.

        Raises:
            UnreadableEventError: one of them is of a newer version: what the aggregate is now is not known here.
        """
        aggregate = cls(id)
        for event in events:
            if isinstance(event, Unreadable):
                raise event.error
            aggregate._apply(event)
        return aggregate

    def _apply(self, event: Event) -> None:
        self.evolve(event)
        self.version += 1
