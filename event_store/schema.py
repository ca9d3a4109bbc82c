"""The log's tables: what `aetherius migrate` makes of them, and what the log's users see to at their start."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from psycopg import Connection
from psycopg.errors import InvalidSchemaName, UndefinedTable

from aetherius.event_store.reading import timeline
from aetherius.event_store.tables import LOG, migrated
from aetherius.event_store.upkeep import partitions
from aetherius.event_store.upkeep.upgrade import is_plain, partition_observed
from aetherius.runtime.migrations.migrate import migrate
from aetherius.runtime.migrations.room import Room


class _Declared:
    """What is made by code: partitions of the next weeks, and the first timeline."""

    def missing(self, connection: Connection[Any]) -> list[str]:
        """In words. Partitions that are wanting ahead are none: agent managers make them too."""
        lacking = ["partitions instead of one table"] if is_plain(connection) else []
        try:
            lacking += [] if lacking or partitions.partitions(connection) else ["partitions"]
            return lacking + ([] if timeline.timelines(connection) else ["the first timeline"])
        except (UndefinedTable, InvalidSchemaName):
            return ["partitions", "the first timeline"]

    def make(self, connection: Connection[Any]) -> None:
        """All of it, where it is missing."""
        partition_observed(connection)
        partitions.make_ahead(connection)
        timeline.begin(connection)


ROOM: Final = Room.of("event_store", filled=partial(migrated, LOG), declared=_Declared())


def create(dsn: str) -> None:
    """Migrate the log alone: for tools and tests that need no other tables. Raises what `migrate` does."""
    migrate(dsn, [ROOM])
