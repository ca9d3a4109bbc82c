"""How an aggregate is changed outside a process manager: load it, let it decide, save what it decided as the next step of its story. Blocking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Cause, Recorded
from aetherius.event_store.errors import StreamNotFoundError, VersionConflictError
from aetherius.event_store.ports import Saves

A = TypeVar("A", bound=Aggregate)
_ATTEMPTS = 5


def change(log: Saves, cls: type[A], id: UUID, actor: str, decide: Callable[[A], object]) -> int:
    """Change an aggregate; the position of its last event. What follows from the decision keeps the story of the stream.

    Raises:
        StreamNotFoundError: there is no such aggregate.
        DomainError: it refused. Nothing was written.
        VersionConflictError: others were faster, several times over. Nothing was written; safe to repeat.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _change(log, cls, id, actor, decide)
        except VersionConflictError:
            continue
    return _change(log, cls, id, actor, decide)


def begin_or_change(log: Saves, cls: type[A], id: UUID, actor: str, decide: Callable[[A], object]) -> int:
    """As `change`, of an aggregate that need not be there yet; 0 where there is still none. Raises what `change` does, but for a missing stream."""
    for _ in range(_ATTEMPTS):
        try:
            return _change(log, cls, id, actor, decide) if log.stream(id) else _begin(log, cls(id), actor, decide)
        except VersionConflictError:
            continue
    return _change(log, cls, id, actor, decide)


def _begin(log: Saves, aggregate: A, actor: str, decide: Callable[[A], object]) -> int:
    decide(aggregate)
    if not aggregate.pending:
        return 0
    return log.save(aggregate, Cause(actor=actor, correlation_id=aggregate.id))


def _change(log: Saves, cls: type[A], id: UUID, actor: str, decide: Callable[[A], object]) -> int:
    history = log.stream(id)
    if not history or history[0].event.topic.partition(".")[0] != cls.stream:
        raise StreamNotFoundError(cls.stream, id)
    aggregate = cls.replay(id, [recorded.event for recorded in history])
    decide(aggregate)
    if not aggregate.pending:
        return history[-1].position
    return log.save(aggregate, _cause(history[-1], actor))


def _cause(last: Recorded, actor: str) -> Cause:
    return last.cause.then(actor, last.id)
