"""Names of the log's tables in one schema, and the SQL on them (`sql/*.sql`, one statement each).

Names are data, so that the library's contract suites can run on tables of their own; the product always uses `LOG`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

import msgspec
from psycopg.sql import SQL, Composed, Identifier, Literal

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
MIGRATION_LOCK = 0x6165746865726D67
PARTITION_LOCK = 0x6165746865727074

POSITION_INDEX = "_position"
"""How the names of the unique indexes on positions end."""

_OBSERVED_STREAMS = ("ClusterEvent.", "Topology.")
_SQL = Path(__file__).with_name("sql")


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


def creation(tables: Tables) -> list[Composed]:
    """The statements that make the schema and what all its event tables share, in order."""
    return _all(tables, "create", DECIDED)


def creation_of(tables: Tables, events: str) -> list[Composed]:
    """The statements that make event table `events`, in order."""
    return [*_all(tables, "create_events", events), tables.statement("append_function", events)]


def _all(tables: Tables, folder: str, events: str) -> list[Composed]:
    return [tables.statement(f"{folder}/{file.stem}", events) for file in sorted((_SQL / folder).glob("*.sql"))]


@cache
def _statement(tables: Tables, name: str, events: str) -> Composed:
    names = {
        "schema": Identifier(tables.schema),
        "events": Identifier(tables.schema, events),
        "append": Identifier(tables.schema, f"append_{events}"),
        "ledger": Identifier(tables.schema, "ledger"),
        "checkpoints": Identifier(tables.schema, tables.checkpoints),
        "partitioning": Identifier(tables.schema, "partitioning"),
        "contents": Identifier(tables.schema, "contents"),
        "deliveries": Identifier(tables.schema, "deliveries"),
        "delivery_keys": Identifier(tables.schema, "delivery_keys"),
        "channel": Identifier(tables.channel),
        "position_index": Identifier(f"{events}{POSITION_INDEX}"),
        "topic_index": Identifier(f"{events}_topic"),
        "time_index": Identifier("ledger_time"),
        "append_lock": Literal(APPEND_LOCK),
    }
    return SQL(text_of(name)).format(**names)  # from our own files, never from outside


@cache
def text_of(name: str) -> LiteralString:
    """The text of file `sql/<name>.sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8").strip()
