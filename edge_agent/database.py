"""The agent's state on disk: one SQLite file in its state folder. Blocking calls: short ones, but made from threads.

WAL with `synchronous=NORMAL`: a killed agent loses nothing, a machine that loses power may lose the last moments. What that can break is repaired at the
next start (see `Spool`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spool (sequence INTEGER PRIMARY KEY, rank INTEGER NOT NULL, bytes INTEGER NOT NULL, event BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS spool_by_rank ON spool (rank, sequence);
CREATE TABLE IF NOT EXISTS seen (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS failing (uid TEXT PRIMARY KEY, about BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commands (id TEXT PRIMARY KEY, nonce TEXT NOT NULL, state TEXT NOT NULL, at REAL NOT NULL, result BLOB);
CREATE INDEX IF NOT EXISTS commands_by_nonce ON commands (nonce);
CREATE TABLE IF NOT EXISTS available_revisions (uid TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revision_terms (uid TEXT PRIMARY KEY, lasted REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bad_revisions (uid TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""


class Database:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)  # events and outputs of commands are nobody else's business
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(failing)")}
        if "about" not in columns:  # made by an older agent: what it remembered has no names
            self._connection.executescript("DROP TABLE failing;" + _SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; waits for other threads."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Release the file; the object is of no use afterwards."""
        with self._lock:
            self._connection.close()
