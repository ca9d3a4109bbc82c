"""Which revisions of Deployments were once available: remembered, because a ReplicaSet that was scaled down does not say so any more."""

from __future__ import annotations

import time
from typing import Final

from aetherius.edge_agent.database import Database

MAX_REMEMBERED: Final = 50_000
"""ReplicaSets; a Deployment keeps ten old ones by default."""


class AvailableRevisions:
    """ReplicaSets, by uid, that had an available replica. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as rows:
            self._known = {uid for (uid,) in rows.execute("SELECT uid FROM available_revisions")}

    def note(self, uid: str) -> None:
        """It is available now."""
        if uid in self._known:
            return
        with self._database.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO available_revisions VALUES (?, ?)", (uid, time.time()))
            self._known.add(uid)
            if len(self._known) > MAX_REMEMBERED:
                (oldest,) = rows.execute("SELECT uid FROM available_revisions ORDER BY at LIMIT 1").fetchone()
                rows.execute("DELETE FROM available_revisions WHERE uid = ?", (oldest,))
                self._known.discard(oldest)

    def forget(self, uid: str) -> None:
        """It is gone."""
        if uid in self._known:
            with self._database.transaction() as rows:
                rows.execute("DELETE FROM available_revisions WHERE uid = ?", (uid,))
                self._known.discard(uid)

    def was_available(self, uid: str) -> bool:
        """Whether this agent has ever seen it available."""
        return uid in self._known
