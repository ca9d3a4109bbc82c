"""The part of the log that a runner uses (``event_store.log.Log``): pages after a position, checkpoints, and one transaction for what came of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.event_store.pending import Page, Pending
from aetherius.readers.unit import Streams


class FollowedLog(Streams, Protocol):
    """Every method may raise ``LogUnavailableError``, and may be repeated then. What each promises: ``event_store.log.Log``."""

    @property
    def incarnation(self) -> int:
        """Rises when another server answers than before."""

    def head(self) -> int:
        """The last position."""

    def checkpoint(self, name: str, /) -> int:
        """The last position that `name` has done; 0 if it never did one."""

    def read_page(self, after: int, limit: int, topics: Sequence[str] = (), /) -> Page:
        """Up to `limit` events of some topics (all if none) after a position, and where to read on."""

    def transact(
        self,
        name: str,
        position: int,
        pending: Sequence[Pending] = (),
        rows: Callable[[Cursor[TupleRow]], None] | None = None,
        *,
        after: int | None = None,
    ) -> int | None:
        """In one transaction: move checkpoint `name` from `after` up to `position`, write rows, append events.

        Raises:
            CheckpointConflictError: another replica was first; nothing was written.
            VersionConflictError: another writer changed a stream; nothing was written.
        """
