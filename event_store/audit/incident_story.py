"""Which events tell an incident's story: its stream, what carries its correlation id, and the observations it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from aetherius.domain.event import Recorded
from aetherius.domain.incident import EventsCorrelated, Incident, Opened, Reopened
from aetherius.event_store.errors import StreamNotFoundError
from aetherius.event_store.sealing import PLAIN, Sealing
from aetherius.event_store.tables import DECIDED, OBSERVED

_IDS_AT_ONCE = 1000


def positions_of(
    fetch: Callable[..., list[Any]],
    stream: Callable[..., Iterator[Any]],
    archived: Callable[[list[UUID]], list[Any]],
    incident: UUID,
    sealing: Sealing = PLAIN,
) -> list[int]:
    """The positions, in order.

    Args:
        fetch: rows of a statement (`evidence_of_stream`, `evidence_of_ids`).
        archived: rows of some observations, from the archive.
        stream: the same row by row, for what may be many (`evidence_mentioning`).

    Raises:
        StreamNotFoundError: there is no such incident.
    """
    own = [sealing.recorded(row) for row in fetch("evidence_of_stream", incident)]
    if not own or not isinstance(own[0].event, Opened):
        raise StreamNotFoundError(Incident.stream, incident)
    positions = {event.position for event in own}
    observations = [id for event in own for id in _signs(event)]
    for start in range(0, len(observations), _IDS_AT_ONCE):
        ids = observations[start : start + _IDS_AT_ONCE]
        positions.update(row[0] for row in fetch("evidence_of_ids", ids, events=OBSERVED))
        positions.update(row[0] for row in archived(ids))
    positions.update(_correlated(stream, own[0]))
    return sorted(positions)


def _correlated(stream: Callable[..., Iterator[Any]], opened: Recorded) -> Iterator[int]:
    """Positions of decisions with the incident's correlation id. Observations carry none: they are there before the story is."""
    story = opened.cause.correlation_id or opened.id
    mention = f'"corr":"{story}"'.encode()
    for position, state in stream("evidence_mentioning", DECIDED, 1, mention):
        if state.find(mention) < _data_starts(state):  # in the envelope, not in what the event says
            yield position


def _data_starts(state: bytes) -> int:
    at = bytes(state).find(b',"data":')
    return at if at >= 0 else len(state)


def _signs(recorded: Recorded) -> list[UUID]:
    match recorded.event:
        case Opened(event_id=id) | Reopened(event_id=id):
            return [id]
        case EventsCorrelated(ids=ids):
            return ids
        case _:
            return []
