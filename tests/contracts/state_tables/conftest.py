"""The orchestrator's state tables, in memory and on PostgreSQL, with the log whose transactions write them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.event_store.memory import MemoryLog
from aetherius.orchestrator import state_tables
from aetherius.readers.state_rows import StateRows
from state_table_site import TableSite, no_rows

TABLES = [
    f"aetherius.{name}"
    for name in (
        "checkpoints",
        "correlated_subjects",
        "workflow_wakeups",
        "open_analyses",
        "approval_deadlines",
        "raised_limits",
    )
]


@pytest.fixture(scope="module")
def prepared(postgres: str) -> Iterator[Callable[[], TableSite]]:
    """Makes sites on one database for the whole module: each empties its tables."""
    name = f"test_{uuid.uuid4().hex}"
    dsn = make_conninfo(postgres, dbname=name)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        create_tables(dsn)
        rows = StateRows(dsn)
        with Log(dsn) as log:

            def emptied() -> TableSite:
                with psycopg.connect(dsn) as connection:
                    connection.execute(f"TRUNCATE {', '.join(TABLES)}")
                return TableSite(log, state_tables.on_postgres(), rows.select)

            yield emptied
        rows.close()
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["memory", "postgres"])
def site(request: pytest.FixtureRequest) -> Iterator[TableSite]:
    if request.param == "memory":
        memory = MemoryLog()
        yield TableSite(memory, state_tables.in_memory(memory), no_rows)
    else:
        prepared: Callable[[], TableSite] = request.getfixturevalue("prepared")
        yield prepared()
