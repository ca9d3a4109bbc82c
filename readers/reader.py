"""What a runner drives: something that takes in the log page by page, and commits what it makes of a page together with its checkpoint.

There are three kinds, each with its own way to commit: `projecting.py` (events to rows), `deciding.py` (events to further events) and `exporting.py`
(events to a store that is not ours). What each wraps is plain and synchronous: it opens no connection, knows no checkpoint and no other reader. A
batch may be offered again after a failure or a lost race: then nothing of the first time was kept, so a reader holds no state of its own between batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aetherius.event_store.pending import Page
from aetherius.readers.followed_log import FollowedLog
from aetherius.readers.state import Committed


class Reader(Protocol):
    """One of the three."""

    @property
    def name(self) -> str:
        """Names its checkpoint."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads; empty for all, those that this version does not know included."""

    def commit(self, log: FollowedLog, page: Page, after: int, /) -> Committed:
        """Take in a page that was read after checkpoint `after`, and move the checkpoint to its end, in one transaction or not at all.

        Raises:
            InfrastructureError: the world said no; safe to repeat.
            CheckpointConflictError: another replica was first; nothing was written.
            VersionConflictError: another writer changed a stream; decide again.
            Exception: any other one means that an event of the page cannot be taken.
        """
