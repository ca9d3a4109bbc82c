"""Readers that fold events into rows, in the transaction that moves their checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.event_store.pending import Page
from aetherius.readers.followed_log import FollowedLog
from aetherius.readers.state import Committed


class Projector(Protocol):
    """Folds events into rows. No clock, no network, no table but its own: reading from position 0 again gives the same rows."""

    @property
    def name(self) -> str:
        """Names its checkpoint and its tables: never rename."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads (`domain.event.topics_of`); empty for all."""

    def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
        """Write what the events change, inside the transaction that moves the checkpoint. Must not commit."""


class Projecting:
    """The reader that a projector makes."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self.name, self.topics = projector.name, projector.topics

    def commit(self, log: FollowedLog, page: Page, after: int, /) -> Committed:
        """See `Reader`."""
        rows = partial(self._projector.apply, page.events) if page.events else None
        log.transact(self.name, page.next_position, rows=rows, after=after)
        return Committed(position=page.next_position, batch=page.events)
