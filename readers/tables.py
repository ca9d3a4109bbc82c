"""The tables that readers keep beside the log, and the SQL on them (`sql/*.sql`, one statement each)."""

from __future__ import annotations

from typing import Final

from psycopg.sql import Composed, Identifier

from aetherius.event_store.tables import LOG
from aetherius.runtime.sql_files import sql_file

SCHEMA: Final = "read_models"
"""Where orders to readers and their standing lie: the read models' schema, as the first readers were projections. Never rename."""
MIGRATION_LOCK: Final = 0x6165746865727270
"""Advisory lock of whoever makes tables."""


def statement(name: str) -> Composed:
    """The statement of file `sql/<name>.sql`."""
    return sql_file("aetherius.readers", name).format(
        schema=Identifier(SCHEMA),
        log=Identifier(LOG.schema),
        checkpoints=Identifier(LOG.schema, LOG.checkpoints),
        ledger=Identifier(LOG.schema, "ledger"),
        deliveries=Identifier(LOG.schema, "deliveries"),
        delivery_keys=Identifier(LOG.schema, "delivery_keys"),
    )
