"""What an operator asks of the log first: how large it is, how fast it grows, how it is divided, and who is behind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import tuple_row

from aetherius.event_store.archive.catalogue import archived
from aetherius.event_store.tables import DECIDED, LOG
from aetherius.event_store.upkeep.partitions import Partition, partitioning, partitions


class ReaderStatus(msgspec.Struct, frozen=True):
    """A checkpoint, and how many events lie after it."""

    name: str
    position: int
    lag: int
    """Below 0: it knows more than the log, which was restored to an earlier point."""


class LogStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The log at a moment. Sizes are bytes, with indexes."""

    head: int
    """The last position: events that were ever stored."""
    last_recorded_at: datetime | None
    last_minute: int
    """Events recorded in it."""
    last_hour: int
    observed_size: int
    decided_size: int
    ledger_size: int
    partition_days: int
    """Width of new partitions."""
    archive_edge: datetime | None
    """Observations before it are archived."""
    archived_partitions: int
    archived_events: int
    archived_size: int
    """Of their files."""
    partitions: list[Partition]
    readers: list[ReaderStatus]

    @property
    def size(self) -> int:
        """Of all together."""
        return self.observed_size + self.decided_size + self.ledger_size


def status(connection: Connection[Any]) -> LogStatus:
    """Ask. Rows of partitions are PostgreSQL's estimate."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor = connection.cursor(row_factory=tuple_row)
        names = tuple(f"{LOG.schema}.{table}" for table in (DECIDED, "ledger"))
        row = cursor.execute(LOG.statement("status"), names).fetchone()
        assert row is not None, "one row always"
        head, minute_ago, hour_ago, last_recorded_at, decided_size, ledger_size = row
        there, how = partitions(connection), partitioning(connection)
        gone = archived(connection)
        checkpoints = cursor.execute(LOG.statement("checkpoints")).fetchall()
    return LogStatus(
        head=head,
        last_recorded_at=last_recorded_at,
        last_minute=head - minute_ago,
        last_hour=head - hour_ago,
        observed_size=sum(partition.size for partition in there),
        decided_size=decided_size,
        ledger_size=ledger_size,
        partition_days=how.days,
        archive_edge=how.archive_edge,
        archived_partitions=len(gone),
        archived_events=sum(each.rows for each in gone),
        archived_size=sum(each.events_size + each.ledger_size for each in gone),
        partitions=there,
        readers=[ReaderStatus(name, position, head - position) for name, position in checkpoints],
    )
