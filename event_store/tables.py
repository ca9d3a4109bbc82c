"""Names of the log's tables in one schema, and the SQL on them (`sql/*.sql`, one statement each; `migrations/*.sql` make them).

Names are data, so that the library's contract suites can run on tables of their own; the product always uses `LOG`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from aetherius.runtime.sql_files import sql_file, sql_texts

OBSERVED = "observed"
"""What clusters reported: high volume, can be archived."""
DECIDED = "decided"
"""What people and the platform decided: kept for ever."""
EVENT_TABLES = (OBSERVED, DECIDED)

APPEND_LOCK = 0x6165746865726C67
"""Advisory lock that every append holds until its commit: positions become visible in order. Changing it lets old and new writers interleave."""
BULK_LOCK = 0x6165746865726275
"""Advisory lock that bulk appends hold besides, taken first: of them only one at a time stands in the queue for `APPEND_LOCK`, so that a decision waits for
no more than one."""
PARTITION_LOCK = 0x6165746865727074

POSITION_INDEX = "_position"
"""How the names of the unique indexes on positions end."""

_OBSERVED_STREAMS = ("ClusterEvent.", "Topology.")
_MIGRATIONS: Final = {
    name: SQL(text) for name, text in sql_texts(files("aetherius.event_store").joinpath("migrations"))
}


class Tables(msgspec.Struct, frozen=True):
    """One schema with a ledger, checkpoints and any number of event tables."""

    schema: str = "aetherius"
    checkpoints: str = "checkpoints"
    channel: str = "aetherius_log"
    """NOTIFY channel, woken by each append."""

    def statement(self, name: str, events: str = DECIDED) -> Composed:
        """The statement of file `sql/<name>.sql`, on event table `events`."""
        return _statement(self, name, events)


LOG = Tables()


def table_of(topic: str) -> str:
    """The event table of a topic, by the kind of its stream."""
    return OBSERVED if topic.startswith(_OBSERVED_STREAMS) else DECIDED


def migrated(
    tables: Tables, text: SQL, decided: str | None = DECIDED, observed: str | None = OBSERVED
) -> list[Composed]:
    """What a migration's text becomes. One on `{decided}` or `{observed}` is for that event table, one on `{events}` for each; None: there is none such."""
    marked: dict[str, list[str | None]] = {
        "{decided}": [decided],
        "{observed}": [observed],
        "{events}": [decided, observed],
    }
    for mark, event_tables in marked.items():
        if mark in text.as_string():
            return [text.format(**_names(tables, each)) for each in event_tables if each]
    return [text.format(**_names(tables, DECIDED))]


@cache
def migration(name: str) -> SQL:
    """The text of file `migrations/<name>.sql`."""
    return _MIGRATIONS[f"{name}.sql"]


def migrations() -> list[SQL]:
    """The texts of all migrations, in order: for tables of other names than the product's."""
    return list(_MIGRATIONS.values())


@cache
def _statement(tables: Tables, name: str, events: str) -> Composed:
    return text_of(name).format(**_names(tables, events))


@cache
def _names(tables: Tables, events: str) -> dict[str, Composable]:
    return {
        "schema": Identifier(tables.schema),
        "events": Identifier(tables.schema, events),
        "decided": Identifier(tables.schema, events),
        "observed": Identifier(tables.schema, events),
        "append": Identifier(tables.schema, f"append_{events}"),
        "ledger": Identifier(tables.schema, "ledger"),
        "checkpoints": Identifier(tables.schema, tables.checkpoints),
        "partitioning": Identifier(tables.schema, "partitioning"),
        "contents": Identifier(tables.schema, "contents"),
        "channel": Identifier(tables.channel),
        "position_index": Identifier(f"{events}{POSITION_INDEX}"),
        "topic_index": Identifier(f"{events}_topic"),
        "time_index": Identifier("ledger_time"),
        "append_lock": Literal(APPEND_LOCK),
    }


def text_of(name: str) -> SQL:
    """The text of file `sql/<name>.sql`."""
    return sql_file("aetherius.event_store", name)
