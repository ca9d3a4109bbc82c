"""Keeps the table of what occurs where in the log (`contents.py`) some thousand positions behind the log's end, in batches: an append pays nothing for it.

Replicas may run beside: the checkpoint moves in the transaction of the rows, so each stretch of the log is taken in once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Final
from uuid import UUID

import anyio
import anyio.to_thread
import msgspec
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.event_store.errors import CheckpointConflictError, LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.metrics import note_reader
from aetherius.event_store.reading.catch_up import StoredRow
from aetherius.event_store.reading.clusters import NO_CLUSTER
from aetherius.event_store.reading.contents import CHECKPOINT, Contents, cluster_key, topic_key
from aetherius.event_store.tables import LOG, OBSERVED, table_of

logger = logging.getLogger(__name__)

STEP: Final = 4096
"""Positions that are taken in at once, and how far the table may lag behind: half of what a reader scans anyway."""
_POLL: Final = 1.0
_RETRY: Final = 5.0


class _Named(msgspec.Struct, gc=False):
    cluster_id: str = NO_CLUSTER


class _State(msgspec.Struct, gc=False):
    data: _Named


_states = msgspec.json.Decoder(_State)


class ContentsIndex:
    """One task of a process. `step` does one batch."""

    def __init__(self, log: Log, *, step: int = STEP) -> None:
        """`step`: positions in a batch."""
        self._log = log
        self._step = step
        self._thread = anyio.CapacityLimiter(1)

    async def run(self, stop: asyncio.Event) -> None:
        """Index until `stop` is set. Waits while PostgreSQL is away."""
        stopping = asyncio.create_task(stop.wait(), name=f"{CHECKPOINT} stop")
        while not stop.is_set():
            pause = _POLL
            try:
                if await anyio.to_thread.run_sync(self.step, limiter=self._thread):
                    continue
            except LogUnavailableError as exc:
                logger.warning("what occurs where in the log is not taken down, trying again: %s", exc)
                pause = _RETRY
            await asyncio.wait({stopping}, timeout=pause)

    def step(self) -> int:
        """Take in what there is, if that is at least a step; how many positions were.

        Raises:
            LogUnavailableError: safe to repeat.
        """
        checkpoint, head = self._log.checkpoint(CHECKPOINT), self._log.head()
        note_reader(CHECKPOINT, checkpoint, ahead=checkpoint > head)
        if head - checkpoint < self._step:
            return 0
        done = checkpoint
        try:
            with closing(self._log.stored(checkpoint, head, size=self._step)) as pages:
                for page in pages:
                    self._take(page, done)
                    done = page[-1][0]
        except CheckpointConflictError:
            logger.debug("another replica takes down what occurs where")
        return done - checkpoint

    def _take(self, page: Sequence[StoredRow], after: int) -> None:
        contents = self._contents(page)

        def write(rows: Cursor[TupleRow]) -> None:
            rows.execute(LOG.statement("contents_add"), contents.columns())

        self._log.transact(CHECKPOINT, page[-1][0], rows=write, after=after)

    def _contents(self, page: Sequence[StoredRow]) -> Contents:
        contents = Contents()
        others: list[StoredRow] = []
        for row in page:
            position, _, _, topic, state = row
            if table_of(topic) == OBSERVED and (cluster := _named(state)):
                contents.add(_keys(topic, cluster), position)
            else:
                others.append(row)
        events = [self._recorded(row) for row in others]
        for event, cluster in zip(events, self._log.clusters_of(events) if events else (), strict=True):
            contents.add(_keys(event.event.topic, cluster), event.position)
        return contents

    def _recorded(self, row: StoredRow) -> Recorded:
        position, stream_id, version, topic, state = row
        return self._log.sealing.recorded((position, UUID(bytes=stream_id), version, topic, state))


def _named(state: bytes) -> str:
    """The cluster that a report names; "" if it is sealed."""
    try:
        return _states.decode(state).data.cluster_id
    except msgspec.ValidationError:
        return NO_CLUSTER


@lru_cache(4096)
def _keys(topic: str, cluster: str) -> Iterable[str]:
    by_cluster = cluster_key(cluster)
    return (topic_key(topic), by_cluster) if table_of(topic) == OBSERVED else (by_cluster,)
