"""Rows of a read model straight from recorded events, for live feeds: no projection in between, so no lag to race with."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic
from uuid import UUID

import anyio.to_thread

from aetherius.domain.event import Recorded
from aetherius.event_store.log import Log
from aetherius.projections.read_model import R, ReadModel

_KEPT = 256


class RowsOfEvents(Generic[R]):
    """For one follower, who hands in every event of the model's topics in order from some position on."""

    def __init__(self, log: Log, model: ReadModel[R]) -> None:
        self._log = log
        self._model = model
        self._rows: OrderedDict[UUID, R | None] = OrderedDict()

    async def after(self, recorded: Recorded) -> R | None:
        """The row as this event left it."""
        if self._model.immutable:
            return self._model.evolve(None, recorded)
        key = self._model.key(recorded)
        if key in self._rows:
            row = self._model.evolve(self._rows.pop(key), recorded)
        else:
            row = await anyio.to_thread.run_sync(self._replay, key, recorded)
        self._rows[key] = row
        if len(self._rows) > _KEPT:
            self._rows.popitem(last=False)
        return row

    def _replay(self, key: UUID, last: Recorded) -> R | None:
        row: R | None = None
        for recorded in self._history(key, last):
            row = self._model.evolve(row, recorded)
        return row

    def _history(self, key: UUID, last: Recorded) -> list[Recorded]:
        """Every event that concerns the row up to `last`: its stream, and what other streams say of it since it began."""
        stream = self._log.stream(key)
        own = [recorded for recorded in stream if recorded.position <= last.position and recorded.is_readable]
        if not own:
            return [last]
        kind = own[0].event.topic.partition(".")[0]
        others = [topic for topic in self._model.topics if topic.partition(".")[0] != kind]
        return sorted([*own, *self._said_elsewhere(key, own[0].position, last.position, others)], key=_position)

    def _said_elsewhere(self, key: UUID, after: int, upto: int, topics: list[str]) -> list[Recorded]:
        found: list[Recorded] = []
        while topics and after < upto:
            page = self._log.read_page(after, 500, topics, upto)
            found += [recorded for recorded in page.readable if self._model.key(recorded) == key]
            if len(page) < 500:
                break
            after = page.next_position
        return found


def _position(recorded: Recorded) -> int:
    return recorded.position
