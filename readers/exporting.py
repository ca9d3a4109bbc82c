"""Readers that carry events to a store that takes no part in our transactions: the store has a page for good before the checkpoint moves past it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.event_store.pending import Page
from aetherius.readers.followed_log import FollowedLog
from aetherius.readers.state import Committed


class Exporter(Protocol):
    """Carries events elsewhere. It may be given events again, and must make repeats harmless."""

    @property
    def name(self) -> str:
        """Names its checkpoint: never rename."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads (`domain.event.topics_of`); empty for all."""

    def export(self, batch: Sequence[Recorded], upto: int) -> Callable[[Cursor[TupleRow]], None]:
        """Return once the events up to position `upto` are stored for good. What it returns is called inside the transaction that moves the checkpoint, and must not commit.

        Raises:
            InfrastructureError: the store is away; the batch is done again, as often as it takes. Any other exception marks an event as poison.
        """


class Exporting:
    """The reader that an exporter makes."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self.name, self.topics = exporter.name, exporter.topics

    def commit(self, log: FollowedLog, page: Page, after: int, /) -> Committed:
        """See `Reader`."""
        stored = self._exporter.export(page.events, page.next_position)
        log.transact(self.name, page.next_position, rows=stored, after=after)
        return Committed(position=page.next_position, batch=page.events)
