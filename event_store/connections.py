"""The pool of connections to the log, and what its failures mean."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Lock
from typing import Any, Final

import psycopg
from psycopg import Connection, errors
from psycopg.rows import TupleRow, tuple_row
from psycopg_pool import ConnectionPool

from aetherius.event_store.errors import LogDamagedError, LogUnavailableError
from aetherius.event_store.tables import LOG, POSITION_INDEX

logger = logging.getLogger(__name__)

BOUNDED_BY_SERVER: Final = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 20000"
"""A client that vanished without a word is noticed by the server within about 20 s, not after the two hours of the system's default; its locks go free."""
_SETTINGS: Final = (
    "SET idle_in_transaction_session_timeout = '60s'; SET TimeZone = 'UTC'; SET client_min_messages = warning; "
    + BOUNDED_BY_SERVER
)
LOCK_TIMEOUT: Final = 20.0
"""Seconds that a statement waits for a lock."""
STUCK_AFTER: Final = 10.0
"""Seconds without a word from a writer that holds the log's lock, after which one that has waited for `LOCK_TIMEOUT` ends its session: a host that vanished
is noticed by the keepalives, a process that was frozen, or a proxy that forwards no more, by nothing else."""
CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A server that vanished without a word is noticed within about 20 s."""


class Connections:
    """A pool in autocommit mode with tuple rows. Connects in the background: making one does not wait, using one does."""

    def __init__(
        self,
        dsn: str,
        *,
        size: int,
        timeout: float,
        lock_timeout: float = LOCK_TIMEOUT,
        stuck_after: float = STUCK_AFTER,
    ) -> None:
        """`timeout`: seconds that a caller waits for a free connection."""
        self._lock_timeout, self._stuck_after = lock_timeout, stuck_after
        self.size = size
        """Connections at most."""
        self._noting = Lock()
        self._server: datetime | None = None
        self.incarnation = 0
        """Rises when a connection meets another server than the one before: restarted, promoted or restored. Noted before its first answer."""
        self._pool: ConnectionPool[Connection[TupleRow]] = ConnectionPool(
            dsn,
            kwargs={"autocommit": True, "row_factory": tuple_row, **CONNECT},
            min_size=1,
            max_size=size,
            timeout=timeout,
            max_idle=300,
            configure=self._configure,
            name="event_log",
            open=True,
        )

    @contextmanager
    def connection(self) -> Iterator[Connection[TupleRow]]:
        """A connection; a transaction left open by an error is rolled back.

        One that finds no partition for a row is closed besides: what it knows of the partitions may be stale (`partitions.settle`). A new one knows all that
        were there before it.

        Raises:
            LogUnavailableError: PostgreSQL is away, refuses, or took too long.
            LogDamagedError: the next position is taken.
        """
        try:
            with self._pool.connection() as connection:
                try:
                    yield connection
                except errors.CheckViolation:
                    connection.close()
                    raise
        except errors.LockNotAvailable as exc:
            self._end_stuck_writers()
            raise LogUnavailableError(f"the log does not answer: {exc}") from exc
        except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
            if not self._pool.closed:
                self._pool.check()  # a restarted server leaves the whole pool dead: find the others now, not one a caller
            raise LogUnavailableError(f"the log does not answer: {exc}") from exc
        except errors.UniqueViolation as exc:
            if (exc.diag.constraint_name or "").endswith(POSITION_INDEX):
                raise LogDamagedError(f"ledger and tables disagree, run the audit: {exc}") from exc
            raise
        except (errors.UndefinedTable, errors.InvalidSchemaName) as exc:
            raise LogUnavailableError("the log's tables are missing: run `aetherius migrate`") from exc

    def _end_stuck_writers(self) -> None:
        """End the session of who holds the log's lock, if nothing came from it for long: what it had begun is rolled back, as if it had died."""
        with suppress(psycopg.Error), self._pool.connection() as connection:
            ended = connection.execute(LOG.statement("stuck_writers_end"), (self._stuck_after,)).fetchall()
            for pid, _ in ended:
                logger.warning("a writer held the log's lock and said no more: its session %d was ended", pid)

    def _configure(self, connection: Connection[TupleRow]) -> None:
        connection.execute(f"SET lock_timeout = {int(self._lock_timeout * 1000)}; {_SETTINGS}".encode())
        row = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
        with self._noting:
            if row and row[0] != self._server:
                self._server = row[0]
                self.incarnation += 1

    def close(self) -> None:
        """Close every connection; callers that wait for one get ``LogUnavailableError``."""
        self._pool.close(timeout=5)
