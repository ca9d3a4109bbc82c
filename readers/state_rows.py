"""Reads of the tables that process managers keep: a few connections of their own, each read on its own."""

from __future__ import annotations

import psycopg
from psycopg.abc import Params, QueryNoTemplate
from psycopg.rows import TupleRow, tuple_row
from psycopg_pool import ConnectionPool

from aetherius.readers.errors import ReadersUnavailableError


class StateRows:
    """A small pool; thread-safe."""

    def __init__(self, dsn: str, *, pool_size: int = 2, timeout: float = 10.0) -> None:
        """`timeout`: seconds that a caller waits for a free connection."""
        self._pool = ConnectionPool(
            dsn,
            kwargs={"autocommit": True, "row_factory": tuple_row, "connect_timeout": 5},
            min_size=1,
            max_size=pool_size,
            timeout=timeout,
            name="state_rows",
            open=True,
        )

    def select(self, query: QueryNoTemplate, params: Params | None = None) -> list[TupleRow]:
        """The rows of a query.

        Raises:
            ReadersUnavailableError: PostgreSQL does not answer; safe to repeat.
        """
        try:
            with self._pool.connection() as connection:
                return connection.execute(query, params).fetchall()
        except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
            self._pool.check()
            raise ReadersUnavailableError(f"state rows do not answer: {exc}") from exc

    def close(self) -> None:
        """Let every connection go."""
        self._pool.close(timeout=5)
