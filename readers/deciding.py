"""Readers that react to events by deciding further ones: process managers. Decisions, state rows and checkpoint are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from psycopg.abc import Params, QueryNoTemplate
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.event_store.pending import Page
from aetherius.readers.errors import UnsavedDecisionsError
from aetherius.readers.followed_log import FollowedLog
from aetherius.readers.state import Committed
from aetherius.readers.unit import Select, Unit


class ProcessManager(Protocol):
    """Reacts to events by deciding further ones. Any exception but an ``InfrastructureError`` marks the event as poison."""

    @property
    def name(self) -> str:
        """Names its checkpoint: never rename."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads (`domain.event.topics_of`); empty for all."""

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Change aggregates taken from `unit` and save them there. Called in a thread; may be called again for the same events."""


class Deciding:
    """The reader that a process manager makes."""

    def __init__(self, manager: ProcessManager, select: Select | None = None) -> None:
        """`select`: what its ``unit.select`` asks (`StateRows.select`); not needed by one that never does."""
        self._manager = manager
        self._select = select or self._refused
        self.name, self.topics = manager.name, manager.topics

    def commit(self, log: FollowedLog, page: Page, after: int, /) -> Committed:
        """See `Reader`.

        Raises:
            UnsavedDecisionsError: it decided, and did not save.
        """
        unit = Unit(log, self._select)
        if page.events:
            self._manager.react(page.events, unit)
        if unsaved := unit.unsaved:
            raise UnsavedDecisionsError(self.name, [f"{each.stream} {each.id}" for each in unsaved])
        log.transact(self.name, page.next_position, unit.pending, unit.write, after=after)
        return Committed(position=page.next_position, batch=page.events, decided=unit.pending)

    def _refused(self, query: QueryNoTemplate, params: Params | None = None) -> list[TupleRow]:
        raise RuntimeError(f"{self.name} reads state rows: give it `select`")
