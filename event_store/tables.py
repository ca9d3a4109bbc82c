"""Names of the log's tables in one schema, and the SQL on them (`sql/*.sql`, one statement each).

Names are data, so that the library's contract suites can run on tables of their own; the product always uses `LOG`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from psycopg.sql import SQL, Composed, Identifier

OBSERVED = "observed"
"""What clusters reported: high volume, can be archived."""
DECIDED = "decided"
"""What people and the platform decided: kept for ever."""
EVENT_TABLES = (OBSERVED, DECIDED)

APPEND_LOCK = 0x6165746865726C67
"""Advisory lock that every append holds until its commit: positions become visible in order. Changing it lets old and new writers interleave."""
MIGRATION_LOCK = 0x6165746865726D67

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


def creation(tables: Tables, events: str, *, by_topic: bool) -> list[Composed]:
    """The statements that make the schema around event table `events`, in order; with `by_topic` also an index by topic."""
    names = [f"create/{file.stem}" for file in sorted((_SQL / "create").glob("*.sql"))]
    if by_topic:
        names.append("create_topic_index")
    return [tables.statement(name, events) for name in names]


@cache
def _statement(tables: Tables, name: str, events: str) -> Composed:
    text = (_SQL / f"{name}.sql").read_text(encoding="utf-8").strip()
    return SQL(text).format(  # from our own files, never from outside
        schema=Identifier(tables.schema),
        events=Identifier(tables.schema, events),
        ledger=Identifier(tables.schema, "ledger"),
        checkpoints=Identifier(tables.schema, tables.checkpoints),
        channel=Identifier(tables.channel),
        position_index=Identifier(f"{events}{POSITION_INDEX}"),
        topic_index=Identifier(f"{events}_topic"),
        time_index=Identifier("ledger_time"),
    )
