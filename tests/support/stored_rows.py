"""Every row that the read models hold, as PostgreSQL prints it."""

from __future__ import annotations

import psycopg
from psycopg.rows import TupleRow

from replay_oracle import LISTS


def all_rows(dsn: str) -> dict[str, list[TupleRow]]:
    with psycopg.connect(dsn) as connection:
        return {
            name: connection.execute(f"SELECT t::text FROM read_models.{name} AS t ORDER BY valid_from, id").fetchall()
            for name in (*LISTS, "events_intervals")
        }
