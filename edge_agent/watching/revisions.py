"""Which revisions of Deployments worked, and for how long: remembered, because a ReplicaSet that was scaled down does not say so any more.

A moment of availability proves nothing: a container that dies of a full heap after half a minute is available for half a minute, again and again. So the
longest time without a break counts. What a repair had to take back counts as bad until it has worked for long since.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from aetherius.edge_agent.database import Database

MAX_REMEMBERED: Final = 50_000
"""ReplicaSets; a Deployment keeps ten old ones by default."""


class AvailableRevisions:
    """ReplicaSets, by uid, that had an available replica. Safe to use from several threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        self._database = database
        self._clock = clock
        self._since: dict[str, float] = {}
        """Where it is available now, as far as we know: since when without a break, in this agent's own life."""
        with database.transaction() as rows:
            self._known = {uid for (uid,) in rows.execute("SELECT uid FROM available_revisions")}
            self._lasted: dict[str, float] = dict(rows.execute("SELECT uid, lasted FROM revision_terms"))
            self._bad = {uid for (uid,) in rows.execute("SELECT uid FROM bad_revisions")}

    def note(self, uid: str) -> None:
        """It is available now."""
        self._since.setdefault(uid, self._clock())
        if uid in self._known:
            return
        with self._database.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO available_revisions VALUES (?, ?)", (uid, self._clock()))
            self._known.add(uid)
            if len(self._known) > MAX_REMEMBERED:
                (oldest,) = rows.execute("SELECT uid FROM available_revisions ORDER BY at LIMIT 1").fetchone()
                rows.execute("DELETE FROM available_revisions WHERE uid = ?", (oldest,))
                self._known.discard(oldest)

    def note_unavailable(self, uid: str) -> None:
        """It is not available now: what it lasted is remembered."""
        if uid not in self._since:
            return
        lasted = self.available_for(uid)
        del self._since[uid]
        self._remember(uid, lasted)

    def note_bad(self, uid: str) -> None:
        """A repair took it back: what it did before proves nothing any more."""
        with self._database.transaction() as rows:
            rows.execute("INSERT OR REPLACE INTO bad_revisions VALUES (?, ?)", (uid, self._clock()))
            self._bad.add(uid)
            self._since.pop(uid, None)
        self._remember(uid, 0.0)

    def forget(self, uid: str) -> None:
        """It is gone."""
        self._since.pop(uid, None)
        if uid in self._known or uid in self._bad or uid in self._lasted:
            with self._database.transaction() as rows:
                for table in ("available_revisions", "revision_terms", "bad_revisions"):
                    rows.execute(f"DELETE FROM {table} WHERE uid = ?", (uid,))  # noqa: S608 - our own names
            self._known.discard(uid)
            self._bad.discard(uid)
            self._lasted.pop(uid, None)

    def was_available(self, uid: str) -> bool:
        """Whether this agent has ever seen it available."""
        return uid in self._known

    def available_for(self, uid: str) -> float:
        """The longest time, in seconds, for which it was available without a break; 0 where nobody saw it last."""
        since = self._since.get(uid)
        now = self._clock() - since if since is not None else 0.0
        return max(now, self._lasted.get(uid, 0.0))

    def is_bad(self, uid: str, proven_after: float) -> bool:
        """Whether a repair took it back, and it has not worked for so many seconds since."""
        return uid in self._bad and self.available_for(uid) < proven_after

    def _remember(self, uid: str, lasted: float) -> None:
        with self._database.transaction() as rows:
            rows.execute("INSERT OR REPLACE INTO revision_terms VALUES (?, ?)", (uid, lasted))
            self._lasted[uid] = lasted
