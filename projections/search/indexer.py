"""The indexer: the reader of the log that keeps the search index. Its checkpoint moves after the index has said that the documents are stored.

A crash between the two makes it send a batch again, which changes nothing (external versions). What the index refuses for itself is parked in the transaction that moves the
checkpoint, and the rest goes on. An index that has lost what it held (another server, an older snapshot) is told by its mark: then the log is read from the beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import anyio.from_thread
import psycopg
from psycopg import Connection, Cursor

from aetherius.domain.event import Recorded
from aetherius.event_store.log import Log
from aetherius.projections.errors import SearchMovedError, SearchUnavailableError
from aetherius.projections.search.documents import Documents
from aetherius.projections.search.index import Rejected, SearchIndex
from aetherius.projections.search.metrics import INDEXED, WAITS
from aetherius.projections.search.parked import note_parked, park
from aetherius.projections.tables import general

logger = logging.getLogger(__name__)

NAME: Final = "search"
"""Of its checkpoint."""
T = TypeVar("T")
Generations = Callable[[int], SearchIndex]
"""The index of a generation; 0: whichever serves."""


class SearchIndexer:
    """An `Exporter`. Called in a thread of anyio's; the index works in the event loop."""

    name = NAME
    topics: Sequence[str] = ()

    def __init__(self, log: Log, dsn: str, backend: str, generations: Generations) -> None:
        """
        Args:
            backend: names the server's kind; each has generations of its own.
        """
        self._log = log
        self._dsn = dsn
        self._backend = backend
        self._generations = generations
        self._documents = Documents(log)
        self._connection: Connection[Any] | None = None
        self._index: SearchIndex | None = None

    def export(self, batch: Sequence[Recorded], upto: int) -> Callable[[Cursor[Any]], None]:
        """See `Exporter`."""
        documents = self._documents.of(batch)
        try:
            index = self._current()
            rejected = _awaited(partial(index.index, documents, upto))
        except SearchUnavailableError:
            WAITS.inc()
            self._index = None  # it may be another one, or have lost something, when it is back
            raise
        INDEXED.inc(len(documents))
        for each in rejected:
            logger.error("document %s is parked: %s", each.document.id, each.reason)
        return partial(self._end, index.generation, rejected)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection:
            self._connection.close()

    def _current(self) -> SearchIndex:
        """The index of the generation that serves, known to be what it was."""
        generation = self._generation()
        if self._index is None or self._index.generation != generation:
            index = self._generations(generation)
            _awaited(index.prepare)
            _awaited(index.serve)
            self._require_whole(index)
            self._index = index
        return self._index

    def _require_whole(self, index: SearchIndex) -> None:
        checkpoint = self._log.checkpoint(NAME)  # before the mark, which a replica may move meanwhile
        mark = _awaited(index.mark)
        if mark >= checkpoint:
            return
        logger.error(
            "the search index holds what was up to %d, and was told of all up to %d: it was lost or restored. The log is read again",
            mark,
            checkpoint,
        )
        self._log.reset_checkpoint(NAME)
        raise SearchMovedError(f"the search index holds {mark} of {checkpoint} positions")

    def _generation(self) -> int:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=5)
                self._connection.execute(general("search_generation_begin"), (self._backend,))
                note_parked(self._connection.cursor())
            row = self._connection.execute(general("search_generation"), (self._backend,)).fetchone()
        except psycopg.OperationalError as exc:
            self.close()
            raise SearchUnavailableError(f"it is not known which index serves: {exc}") from exc
        return int(row[0]) if row else 1

    def _end(self, generation: int, rejected: Sequence[Rejected], rows: Cursor[Any]) -> None:
        """In the checkpoint's transaction: the index must still be the one that serves."""
        found = rows.execute(general("search_generation_hold"), (self._backend,)).fetchone()
        if found is None or found[0] != generation:
            raise SearchMovedError(f"generation {generation} of the search index does not serve any more")
        park(rejected, rows)


def _awaited(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return anyio.from_thread.run(call)
