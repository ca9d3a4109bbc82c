"""The unit of work of one batch: the aggregates a process manager changes, each loaded once, and all that it decided.

Nothing is stored until the runner commits the unit: events, state rows and checkpoint together, or none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from psycopg import Cursor
from psycopg.abc import Params, QueryNoTemplate
from psycopg.rows import TupleRow

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Cause, Recorded
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.event_store.pending import Pending

A = TypeVar("A", bound=Aggregate)
Write = Callable[[Cursor[TupleRow]], object]
Select = Callable[[QueryNoTemplate, Params | None], list[TupleRow]]


class Streams(Protocol):
    """The part of the log that a unit reads (``event_store.log.Log``)."""

    def load(self, cls: type[A], id: UUID, /) -> A:
        """The aggregate as it is. Raises ``StreamNotFoundError``."""

    def stream(self, id: UUID, /) -> list[Recorded]:
        """The events of a stream, empty if there are none."""


class Unit:
    """Aggregates and decisions of one batch. Not thread-safe: one batch, one thread."""

    def __init__(self, streams: Streams, select: Select) -> None:
        self._streams = streams
        self._select = select
        self._aggregates: dict[UUID, Aggregate] = {}
        self._pending: list[Pending] = []
        self._writes: list[Write] = []

    def get(self, cls: type[A], id: UUID) -> A:
        """The aggregate, the same object for the whole batch; a new one of version 0 when its stream does not exist.

        Raises:
            LogUnavailableError: let it pass, the runner tries the batch again.
        """
        known = self._aggregates.get(id)
        if known is None:
            known = self._aggregates[id] = self._load(cls, id)
        if not isinstance(known, cls):
            raise TypeError(f"stream {id} is a {known.stream} in this batch, asked for as a {cls.stream}")
        return known

    def history(self, id: UUID) -> list[Recorded]:
        """The stored events of a stream, with their causes; without what this batch decided."""
        return self._streams.stream(id)

    def save(self, aggregate: Aggregate, cause: Cause) -> Sequence[Pending]:
        """Take over what the aggregate decided, to be stored in the order of the calls; what was taken.

        Save after each event reacted to, so that every decision carries its own cause. Does nothing when nothing is pending.
        """
        self._aggregates.setdefault(aggregate.id, aggregate)
        taken = [Pending(aggregate.id, version, event, at, cause) for version, event, at in aggregate.collect()]
        self._pending += taken
        return taken

    def rows(self, write: Write) -> None:
        """Write state rows of the process manager's own in the same transaction; calls run in order. Must not commit."""
        self._writes.append(write)

    def select(self, query: QueryNoTemplate, params: Params | None = None) -> list[TupleRow]:
        """Read state rows as they are before this batch. Only this reader may write them: then a lost race is refused at the commit."""
        return self._select(query, params)

    @property
    def pending(self) -> Sequence[Pending]:
        """What was saved so far, in the order it will be stored."""
        return tuple(self._pending)

    @property
    def unsaved(self) -> Sequence[Aggregate]:
        """Aggregates with decisions that nobody saved: a mistake of the process manager."""
        return [aggregate for aggregate in self._aggregates.values() if aggregate.pending]

    def write(self, cursor: Cursor[TupleRow]) -> None:
        """Write the state rows; the runner calls it inside the transaction."""
        for write in self._writes:
            write(cursor)

    def _load(self, cls: type[A], id: UUID) -> A:
        try:
            return self._streams.load(cls, id)
        except StreamNotFoundError:
            return cls(id)
